"""The `diarize` command."""
