"""Decisions: from log-likelihood ratio to verdict."""
