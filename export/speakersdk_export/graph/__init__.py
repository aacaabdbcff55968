"""Edits of an ONNX graph."""
