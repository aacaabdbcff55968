"""Weights of a deeper or wider encoder that computes the same embeddings as a trained one.

New residual blocks begin as identities: the last norm of their branch has weight 0, and their
inputs are outputs of a ReLU. New channels begin with random weights, and the old channels give them
weight 0. Source: T. Chen et al., "Net2Net", 2016, section 3 (there, new channels are copies).
"""

from __future__ import annotations

import re
from collections.abc import Collection

import torch
from torch import Tensor

from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder

_LAYER = re.compile(r"(blocks\.\d+|front\.layers\.\d+|front\.norms\.\d+)\.")
_HIDDEN_OUTPUT = "hidden.project.weight"


def grown_weights(
    trained: dict[str, Tensor],
    config: TdnnConfig,
    encoder: TdnnEncoder,
    *,
    new_blocks: Collection[int],
) -> dict[str, Tensor]:
    """Return weights with which a larger encoder computes the embeddings of a trained one.

    In the 2-D front, the blocks that the trained encoder lacks are the last ones of each stage.

    Args:
        trained: weights of the trained encoder.
        config: sizes of the trained encoder.
        encoder: the larger encoder, whose own random weights the new blocks and channels keep.
        new_blocks: residual blocks in time (counted from 1) that the trained encoder lacks.
    """
    taken, silent = _time_blocks(encoder.config, new_blocks)
    taken_front, silent_front = _front_layers(config, encoder.config)
    taken |= taken_front
    silent |= silent_front
    if encoder.config.hidden_channels and not config.hidden_channels:
        silent.add(_HIDDEN_OUTPUT)
    weights = {}
    for name, own in encoder.state_dict().items():
        layer = _LAYER.match(name)
        source = name
        if layer is not None:
            source = taken.get(layer[1], "") + name.removeprefix(layer[1])
        if source in trained:
            weights[name] = _widened(trained[source], own, _parts(name, encoder.config))
        else:
            weights[name] = torch.zeros_like(own) if name in silent else own
    return weights


def _parts(name: str, config: TdnnConfig) -> tuple[int, int]:
    """Return in how many equal parts the outputs and the inputs of a layer grow.

    The pooled features are one part per group, and their statistics are means and then deviations.
    """
    groups = config.join_groups
    layer = name.rpartition(".")[0]
    return {
        "join": (groups, len(config.joined_blocks) // groups),
        "join_norm": (groups, 1),
        "pooling.attention.0": (1, groups),
        "pooling.attention.2": (groups, 1),
        "pooled_norm": (2 * groups, 1),
        "embedding": (1, 2 * groups),
        "hidden.expand": (1, 2 * groups),
        "speech.0": (1, groups),
    }.get(layer, (1, 1))


def _widened(trained: Tensor, own: Tensor, parts: tuple[int, int]) -> Tensor:
    """Put trained weights among those of a wider layer, without a new input for an old output."""
    if trained.shape == own.shape:
        return trained
    rows = _places(len(trained), len(own), parts[0])
    weights = own.clone()
    if own.ndim == 1:
        weights[rows] = trained
        return weights
    columns = _places(trained.shape[1], own.shape[1], parts[1])
    weights[rows] = 0.0
    weights[rows.unsqueeze(1), columns] = trained
    return weights


def _places(before: int, after: int, parts: int) -> Tensor:
    """Return the places of old channels: the first of each part."""
    return torch.arange(after).reshape(parts, -1)[:, : before // parts].flatten()


def _time_blocks(
    config: TdnnConfig, new_blocks: Collection[int]
) -> tuple[dict[str, str], set[str]]:
    """Return the trained block of each old block, and the norms that silence the new ones."""
    numbers = range(1, len(config.dilations) + 1)
    old = [number for number in numbers if number not in new_blocks]
    return (
        {f"blocks.{number - 1}": f"blocks.{before}" for before, number in enumerate(old)},
        {f"blocks.{number - 1}.project_norm.weight" for number in new_blocks},
    )


def _front_layers(trained: TdnnConfig, config: TdnnConfig) -> tuple[dict[str, str], set[str]]:
    """Return the trained layer of each old layer, and the norms that silence the new blocks."""
    taken: dict[str, str] = {}
    silent: set[str] = set()
    number = before = 0
    for old_blocks, blocks in zip(trained.planar_blocks, config.planar_blocks, strict=False):
        for place in range(1 + 2 * blocks):  # a strided layer, then two layers a block
            if place < 1 + 2 * old_blocks:
                for kind in ("layers", "norms"):
                    taken[f"front.{kind}.{number}"] = f"front.{kind}.{before}"
                before += 1
            elif place % 2 == 0:
                silent.add(f"front.norms.{number}.weight")
            number += 1
    return taken, silent
