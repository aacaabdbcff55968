"""A training run: crops, objective and loop."""
