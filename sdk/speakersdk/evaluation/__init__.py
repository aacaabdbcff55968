"""Trial lists, bulk embedding, and reports of error rates."""
