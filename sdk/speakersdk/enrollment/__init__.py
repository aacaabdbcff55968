"""From recordings or live speech to a voiceprint."""
