"""Benchmarks of what adopted encoders and the bundled model have in common."""
