"""Comparisons of training runs: architectures, recipes, throughput."""
