"""Corpora, audio in memory, and the crops of a batch."""
