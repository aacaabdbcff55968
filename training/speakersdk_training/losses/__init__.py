"""Losses on embeddings: margin softmax over speakers, and the papers' pairwise KL with hinge."""

from speakersdk_training.losses.margin_softmax import MarginSoftmax, MarginSoftmaxConfig
from speakersdk_training.losses.pair_softmax import PairSoftmax, PairSoftmaxConfig
from speakersdk_training.losses.pairwise_kl import PairwiseKl, PairwiseKlConfig
from speakersdk_training.losses.symmetric_kl import symmetric_kl, symmetric_kl_matrix

__all__ = [
    "MarginSoftmax",
    "MarginSoftmaxConfig",
    "PairSoftmax",
    "PairSoftmaxConfig",
    "PairwiseKl",
    "PairwiseKlConfig",
    "symmetric_kl",
    "symmetric_kl_matrix",
]
