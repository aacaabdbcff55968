"""A detector of replayed, synthesized and vocoded speech, tested on unseen attacks."""
