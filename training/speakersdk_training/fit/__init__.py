"""A training run: crops, objective, and the loop."""
