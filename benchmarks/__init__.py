"""Benchmarks. Each answers one question: `python -m benchmarks.<room>.<name>`."""
