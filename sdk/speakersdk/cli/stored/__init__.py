"""Commands that change stored voiceprints."""
