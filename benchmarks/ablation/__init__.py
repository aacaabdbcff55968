"""Why the pairwise KL network of the question did not learn, rung by rung."""
