"""Diarization: who speaks when in a recording, for enrolled and unknown speakers."""
