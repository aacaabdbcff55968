"""Export of trained encoders to ONNX files for speakersdk, with checks of the result."""
