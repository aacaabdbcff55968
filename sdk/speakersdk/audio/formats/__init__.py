"""Formats of audio files: where the samples lie, and what of them is missing."""
