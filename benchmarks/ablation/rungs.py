"""The rungs of `seed_ablation.py`: from the question's system to the papers' and beyond."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.ablation.features import SEGMENT_FRAMES
from speakersdk_training.data.speaker_draws import SamplerConfig
from speakersdk_training.losses.jensen_shannon import JensenShannonConfig
from speakersdk_training.losses.margin_softmax import MarginSoftmaxConfig
from speakersdk_training.losses.pair_likelihood import PairLikelihoodConfig
from speakersdk_training.losses.pairwise_kl import PairwiseKlConfig
from speakersdk_training.losses.prototypical import PrototypicalConfig
from speakersdk_training.models.blstm import BlstmConfig, paper_blstm, seed_blstm

LossConfig = (
    PairwiseKlConfig
    | PairLikelihoodConfig
    | JensenShannonConfig
    | MarginSoftmaxConfig
    | PrototypicalConfig
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One method of training.

    Attributes:
        name: name in tables and files.
        change: description of the difference from the previous rung.
        network: sizes of the network.
        loss: options of the loss; those of Prototypical and GE2E are the same, and `ge2e` selects
            one.
        broadcasts: the original defect: (B, 1) labels and (B,) distances give (B, B).
        sampler: sampler of the speakers of a batch.
        batch_size: number of crops per batch.
        segment_frames: frames of a crop, and of the segments over which an embedding is averaged.
        fixed_crop: whether each sentence has a single crop, instead of a new one each time.
        learning_rate: learning rate of Adam.
        is_scheduled: whether the rate has a warm-up and a cosine decay, instead of being constant.
        ge2e: whether the loss is GE2E instead of prototypical.
    """

    name: str
    change: str
    network: BlstmConfig
    loss: LossConfig
    sampler: SamplerConfig
    batch_size: int = 100
    broadcasts: bool = False
    segment_frames: int = SEGMENT_FRAMES
    fixed_crop: bool = False
    learning_rate: float = 1e-3
    is_scheduled: bool = False
    ge2e: bool = False


PAPER = "paper's system"
OURS = "our default"


def ladder(num_speakers: int, *, units: int | None = None) -> list[Rung]:
    """Return the rungs in order; each changes only what its `change` describes.

    Args:
        num_speakers: c, which determines the papers' dense layers.
        units: units of every LSTM in place of the published 128 and 256, for small runs.
    """
    alternating = SamplerConfig(kind="alternating")
    asked = Rung(
        name="as asked",
        change="the question's code: (B,) distances against (B, 1) labels",
        network=_resized(seed_blstm(), units),
        loss=PairwiseKlConfig(
            output="raw",
            smoothing="clip",
            direction="pq",
            hinge_on="sum",
            margin=1.0,
            pairs="two_branch",
        ),
        sampler=alternating,
        batch_size=128,
        broadcasts=True,
        fixed_crop=True,
        learning_rate=0.01,
    )
    fixed = replace(asked, name="shapes fixed", change="(B,) labels", broadcasts=False)
    both = replace(
        fixed,
        name="both directions",
        change="KL(p||q) + KL(q||p)",
        loss=replace(fixed.loss, direction="symmetric"),
    )
    softplus = replace(
        both,
        name="softplus",
        change="softplus layers, output and hinge, epsilon added; learning rate 0.001",
        network=_resized(seed_blstm("softplus"), units),
        loss=replace(both.loss, output="softplus", hinge="softplus", smoothing="add"),
        learning_rate=1e-3,
    )
    softmax = replace(
        softplus,
        name="softmax",
        change="softmax output, a hinge for each direction",
        loss=replace(softplus.loss, output="softmax", hinge="relu", hinge_on="each_direction"),
    )
    all_pairs = replace(
        softmax,
        name="all pairs",
        change="random crops of random speakers, every pair of 100",
        loss=replace(softmax.loss, pairs="all"),
        sampler=SamplerConfig(kind="weighted"),
        batch_size=100,
        fixed_crop=False,
    )
    network = replace(
        all_pairs,
        name="paper's network",
        change="256/256, then 10 c, 5 c and c outputs, linear",
        network=_resized(paper_blstm(num_speakers), units),
    )
    papers = replace(
        network,
        name=PAPER,
        change="margin 3, epsilon 1e-16",
        loss=replace(network.loss, margin=3.0, epsilon=1e-16),
    )
    balanced = replace(
        papers,
        name="balanced pairs",
        change="25 speakers x 4, both kinds of pairs weigh the same; epsilon 1e-7, scheduled rate",
        loss=PairwiseKlConfig(balance=True),
        sampler=SamplerConfig(kind="grouped", per_speaker=4),
        is_scheduled=True,
    )
    ours = replace(
        balanced,
        name=OURS,
        change="additive angular margin softmax on the last states, input norm, no dense layers",
        network=replace(papers.network, dense=(), input_norm=True),
        loss=MarginSoftmaxConfig(),
        sampler=SamplerConfig(kind="weighted"),
    )
    longer = replace(ours, name="1 s segments", change="for training and tests", segment_frames=100)
    return [
        asked, fixed, both, softplus, softmax, all_pairs, network, papers, balanced, ours, longer
    ]  # fmt: skip


def rivals(num_speakers: int, *, units: int | None = None) -> list[Rung]:
    """Return other losses on the network and batches of "balanced pairs" or of our default."""
    *_, balanced, ours, _ = ladder(num_speakers, units=units)
    bare = replace(balanced, network=ours.network)
    return [
        replace(balanced, name="MCL", change="likelihood of <p, q>", loss=PairLikelihoodConfig()),
        replace(
            balanced,
            name="Jensen-Shannon",
            change="hinge on the Jensen-Shannon divergence",
            loss=JensenShannonConfig(),
        ),
        replace(
            ours,
            name="AM softmax",
            change="additive margin on the cosine",
            loss=MarginSoftmaxConfig(margin_kind="additive"),
        ),
        replace(
            bare,
            name="prototypical",
            change="angular prototypical on the last states",
            loss=PrototypicalConfig(),
        ),
        replace(
            bare,
            name="GE2E",
            change="GE2E softmax on the last states",
            loss=PrototypicalConfig(),
            ge2e=True,
        ),
    ]


def _resized(network: BlstmConfig, units: int | None) -> BlstmConfig:
    return network if units is None else replace(network, units=units)
