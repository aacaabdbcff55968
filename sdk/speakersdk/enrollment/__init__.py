"""Enrollment: voiceprints from recordings or live speech."""
