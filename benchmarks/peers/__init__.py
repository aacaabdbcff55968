"""Encoders by others: Resemblyzer itself, and published ones rebuilt for their speed."""
