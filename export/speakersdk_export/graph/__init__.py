"""Construction and rewriting of ONNX graphs."""
