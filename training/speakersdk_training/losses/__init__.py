"""Losses: margin softmax over speakers, the papers' pairwise KL with hinge, and alternatives."""
