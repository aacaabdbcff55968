"""Training runs compared: architectures, recipes, throughput."""
