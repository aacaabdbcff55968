"""Voiceprints: the value, its file format, and the folder that holds them."""

from speakersdk.voiceprint.voiceprint import check_name

__all__ = ["check_name"]
