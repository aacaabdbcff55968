"""The time and memory of the model, streams, the scorer and fresh processes."""
