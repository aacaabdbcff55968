"""The interface to onnxruntime, which no other room imports."""
