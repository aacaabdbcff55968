"""The ablation that shows why a siamese network with a pairwise KL loss did not learn."""
