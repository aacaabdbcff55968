"""Voiceprints: the value, its file format, and the folder that holds them."""

from speakersdk.voiceprint.names import check_name

__all__ = ["check_name"]
