"""Adoption: a published speaker encoder becomes a model file that takes the waveform."""
