"""Search for a voice in a gallery of voiceprints."""
