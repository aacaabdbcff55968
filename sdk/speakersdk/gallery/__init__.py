"""Galleries: search for a voice among many voiceprints."""
