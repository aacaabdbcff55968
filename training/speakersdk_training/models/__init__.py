"""The encoders, from waveform to embedding."""
