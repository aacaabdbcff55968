"""Voiceprints: their values, their file format, and the folder that stores them."""
