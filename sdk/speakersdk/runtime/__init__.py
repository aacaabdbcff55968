"""The only door to onnxruntime."""
