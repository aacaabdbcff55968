"""Published encoders, rebuilt from their papers with random weights: for their speed alone.

Each takes (B, features, frames) log-mel features at 100 frames a second and gives (B, D); computing
the features is not counted, in their favour. `published` is what a test holds the rebuilt ones to:
parameters, and multiply-accumulates for 2 s, as the sources report them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from peers.campplus import CampPlus
from peers.ecapa import EcapaTdnn
from peers.redimnet import ReDimNetB0
from peers.resnet import ResNet34
from peers.xvector import XVector


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A published encoder.

    Attributes:
        name: for tables.
        build: makes it, with random weights.
        num_features: mel bands.
        parameters: published, in millions.
        macs_2s: published, multiply-accumulates for 200 frames in 10^9; None = not published.
        source: of the two figures.
    """

    name: str
    build: Callable[[], nn.Module]
    num_features: int
    parameters: float
    macs_2s: float | None
    source: str


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
        build=CampPlus,
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
    ),
)
