"""What the model, the stream, the scorer and a fresh process cost."""
