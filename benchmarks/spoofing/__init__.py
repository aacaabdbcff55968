"""A detector of replayed, synthesized and vocoded speech, judged on attacks unknown to it."""
