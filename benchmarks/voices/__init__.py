"""Benchmarks of recordings with several people, or at low sample rates."""
