"""Diarization: who speaks when in a recording, of enrolled and of unknown speakers."""
