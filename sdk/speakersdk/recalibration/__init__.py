"""Calibration profiles for a user's own microphone and speakers."""
