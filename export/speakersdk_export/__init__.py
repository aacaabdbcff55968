"""Writes trained encoders as ONNX files that speakersdk runs, and refuses those that differ."""
