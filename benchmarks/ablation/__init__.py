"""The ablation that shows why the pairwise KL network of the question did not learn."""
