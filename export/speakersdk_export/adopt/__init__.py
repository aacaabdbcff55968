"""Adoption: converts a published speaker encoder to a model file that takes the waveform."""
