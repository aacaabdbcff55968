"""The command that listens: its sources, meters and listeners."""
