"""The `listen` command: sources, meters and listeners."""
