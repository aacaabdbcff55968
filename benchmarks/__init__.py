"""Benchmarks. Each answers one question: `python -m benchmarks.<folder>.<name>`."""
