"""Benchmarks: one question each, run as `python -m benchmarks.<room>.<name>`."""
