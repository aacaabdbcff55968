"""Voiceprints: their values, their file format, and the folder that stores them."""

from speakersdk.voiceprint.names import check_name

__all__ = ["check_name"]
