"""Benchmarks of recordings in which several people speak."""
