"""Live streams: verification of audio that arrives in chunks."""
