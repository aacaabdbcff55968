"""Live streams: audio goes in, updates with verdicts come out."""
