"""Weights of a deeper encoder that computes the same embeddings as a trained one.

New residual blocks begin as identities: the last norm of their branch has weight 0, and their
inputs are outputs of a ReLU. Source: T. Chen et al., "Net2Net", 2016, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import torch
from torch import Tensor

from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder

_LAYER = re.compile(r"(blocks\.\d+|front\.layers\.\d+|front\.norms\.\d+)\.")


def grown_weights(
    trained: dict[str, Tensor],
    config: TdnnConfig,
    encoder: TdnnEncoder,
    *,
    new_blocks: Collection[int],
) -> dict[str, Tensor]:
    """Return weights with which a deeper encoder computes the embeddings of a trained one.

    In the 2-D front, the blocks that the trained encoder lacks are the last ones of each stage.

    Args:
        trained: weights of the trained encoder.
        config: sizes of the trained encoder.
        encoder: the deeper encoder, whose own random weights the new blocks keep.
        new_blocks: residual blocks in time (counted from 1) that the trained encoder lacks.
    """
    taken, silent = _time_blocks(encoder.config, new_blocks)
    taken_front, silent_front = _front_layers(config, encoder.config)
    taken |= taken_front
    weights = {}
    for name, own in encoder.state_dict().items():
        layer = _LAYER.match(name)
        if layer is None:
            weights[name] = trained.get(name, own)
        elif layer[1] in taken:
            weights[name] = trained.get(taken[layer[1]] + name.removeprefix(layer[1]), own)
        else:
            weights[name] = torch.zeros_like(own) if name in silent | silent_front else own
    return weights


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
