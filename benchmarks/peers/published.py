"""Published encoders, rebuilt from their papers with random weights, only for their speed.

Each maps (B, features, frames) log-mel features to (B, D). The time of the features is not counted,
in their favor. A test compares the rebuilt ones with the published parameters and
multiply-accumulates for 2 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from benchmarks.peers.ecapa import EcapaTdnn
from benchmarks.peers.redimnet import ReDimNetB0
from benchmarks.peers.xvector import XVector
from speakersdk_training.teacher.campplus import CampPlus
from speakersdk_training.teacher.resnet34 import ResNet34


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A published encoder.

    Attributes:
        name: name in tables.
        build: function that makes the encoder with random weights.
        num_features: number of mel bands.
        parameters: published number of parameters in millions.
        macs_2s: published multiply-accumulates for 2 s in 10^9; None if not published.
        frames_2s: number of frames in 2 s.
        source: source of the two figures.
    """

    name: str
    build: Callable[[], nn.Module]
    num_features: int
    parameters: float
    macs_2s: float | None
    source: str
    frames_2s: int = 200


_WESPEAKER = "WeSpeaker, table of VoxCeleb results"
PEERS = (
    Peer(
        name="x-vector",
        build=XVector,
        num_features=24,
        parameters=4.2,
        macs_2s=None,
        source="Snyder et al. 2018, section 2.2",
    ),
    Peer(
        name="ECAPA-TDNN C=512",
        build=EcapaTdnn,
        num_features=80,
        parameters=6.19,
        macs_2s=1.04,
        source=_WESPEAKER,
    ),
    Peer(
        name="CAM++",
        build=partial(CampPlus, 512),
        num_features=80,
        parameters=7.18,
        macs_2s=1.15,
        source=_WESPEAKER,
    ),
    Peer(
        name="ResNet34",
        build=ResNet34,
        num_features=80,
        parameters=6.63,
        macs_2s=4.55,
        source=_WESPEAKER,
    ),
    Peer(
        name="ReDimNet-B0",
        build=ReDimNetB0,
        num_features=60,
        parameters=1.0,
        macs_2s=0.43,
        source="Yakovlev et al. 2024, table 2",
        # 200 frames would take 0.62: the published figure corresponds to a step of 15 ms, which
        # favors it.
        frames_2s=134,
    ),
)
