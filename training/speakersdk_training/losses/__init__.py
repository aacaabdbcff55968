"""Losses: margin softmax over speakers, the papers' pairwise KL with hinge, and alternatives."""

from speakersdk_training.losses.jensen_shannon import JensenShannon, JensenShannonConfig
from speakersdk_training.losses.margin_softmax import MarginSoftmax, MarginSoftmaxConfig
from speakersdk_training.losses.pair_likelihood import PairLikelihood, PairLikelihoodConfig
from speakersdk_training.losses.pair_softmax import PairSoftmax, PairSoftmaxConfig
from speakersdk_training.losses.pairwise_kl import PairwiseKl, PairwiseKlConfig
from speakersdk_training.losses.prototypical import Ge2e, Prototypical, PrototypicalConfig
from speakersdk_training.losses.symmetric_kl import symmetric_kl, symmetric_kl_matrix
from speakersdk_training.losses.teacher_cosine import TeacherCosine

__all__ = [
    "Ge2e",
    "JensenShannon",
    "JensenShannonConfig",
    "MarginSoftmax",
    "MarginSoftmaxConfig",
    "PairLikelihood",
    "PairLikelihoodConfig",
    "PairSoftmax",
    "PairSoftmaxConfig",
    "PairwiseKl",
    "PairwiseKlConfig",
    "Prototypical",
    "PrototypicalConfig",
    "TeacherCosine",
    "symmetric_kl",
    "symmetric_kl_matrix",
]
