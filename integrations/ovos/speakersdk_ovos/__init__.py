"""Plugins of speakersdk for OpenVoiceOS."""
