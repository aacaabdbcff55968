"""Centring and whitening of a trained encoder's embeddings, fitted on its training speakers.

Training compares embeddings of distorted crops with prototypes and asks nothing of where clean
recordings lie as a whole. Those of all speakers share a direction, and some directions vary more
than others for reasons that are no voice; both make scores of different speakers unequal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from speakersdk_training.audio_bank import AudioBank
from speakersdk_training.checkpoint import load_encoder, read_checkpoint, save_changed
from speakersdk_training.config import config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.models import TdnnEncoder
from speakersdk_training.sources import read_bank

_PER_SPEAKER = 8
_BATCH = 64
_INT16_SCALE = 32767.0
# Share of the mean variance in each direction's: those that hardly vary are not blown up.
_SHRINKAGE = 0.3

Floats = npt.NDArray[np.float64]


def whiten(checkpoint: Path, output: Path, *, device: torch.device, crop_s: float = 3.0) -> None:
    """Fit on the training audio of a checkpoint's configuration and write another one.

    Args:
        checkpoint: of `fit`.
        output: the checkpoint to write, for `speakersdk-export`.
        device: where to encode.
        crop_s: seconds of the crops that are encoded, up to eight of each speaker.

    Raises:
        TrainingError: not an encoder that can be whitened, or too little audio.
    """
    content: dict[str, Any] = read_checkpoint(checkpoint)
    config = config_from_dict(content["config"])
    encoder, _ = load_encoder(checkpoint)
    if not isinstance(encoder, TdnnEncoder):
        raise TrainingError(
            f"expected run.encoder = tdnn in {checkpoint}, got {config.run.encoder}"
        )
    if config.tdnn.whitened:
        raise TrainingError(f"{checkpoint} is whitened already")
    bank = read_bank(config.data, device=device)
    crop_samples = round(crop_s * config.frontend.sample_rate_hz)
    directions, speakers = _directions(encoder.to(device), bank, crop_samples)
    corpora = [bank.speakers[speaker].split("/")[0] for speaker in speakers]
    centre, whitening = fit_space(directions, speakers, np.array(corpora))
    space = {
        "space.centre": torch.from_numpy(centre).float(),
        "space.whitening": torch.from_numpy(whitening).float(),
    }
    whitened = replace(config, tdnn=replace(config.tdnn, whitened=True))
    save_changed(output, content, whitened, content["averaged"] | space)


def fit_space(
    directions: Floats, speakers: npt.NDArray[np.int64], corpora: npt.NDArray[np.str_]
) -> tuple[Floats, Floats]:
    """Centre (D,) and whitening (D, D) of directions; every corpus and speaker weighs the same.

    Args:
        directions: (N, D) of unit length.
        speakers: (N,) number of each row's speaker.
        corpora: (N,) corpus of each row.

    Raises:
        TrainingError: fewer than two speakers, or nobody with two rows.
    """
    numbers, row_of = np.unique(speakers, return_inverse=True)
    counts = np.bincount(row_of)
    if len(numbers) < 2 or counts.max() < 2:
        raise TrainingError(
            f"expected crops of two speakers or more, several of one, got {len(directions)} crops "
            f"of {len(numbers)}"
        )
    means = np.stack([directions[row_of == row].mean(axis=0) for row in range(len(numbers))])
    corpus_of = np.array([corpora[row_of == row][0] for row in range(len(numbers))])
    centre = np.mean([means[corpus_of == name].mean(axis=0) for name in np.unique(corpus_of)], 0)
    within = (directions - means[row_of])[counts[row_of] > 1]
    covariance = np.cov(means.T) + within.T @ within / len(within)
    mean_variance = np.trace(covariance) / len(covariance)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * mean_variance * np.eye(len(covariance))
    variances, axes = np.linalg.eigh(shrunk)
    return centre, axes @ np.diag(np.sqrt(mean_variance / variances)) @ axes.T


@torch.no_grad()
def _directions(
    encoder: TdnnEncoder, bank: AudioBank, crop_samples: int
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Directions of clean crops, and whose they are."""
    directions, speakers = [], []
    for samples, owners in _crops(bank, crop_samples):
        embeddings, _ = encoder.utterance(samples)
        directions.append(encoder.direction(embeddings).double().cpu().numpy())
        speakers.append(owners)
    if not directions:
        raise TrainingError(f"no speaker has a crop of {crop_samples} samples to train on")
    return np.concatenate(directions), np.concatenate(speakers)


def _crops(bank: AudioBank, crop_samples: int) -> Iterator[tuple[Tensor, npt.NDArray[np.int64]]]:
    """Batches of up to `_PER_SPEAKER` crops of each speaker, spread over what there is."""
    starts, owners = [], []
    for speaker, (first, length) in enumerate(
        zip(bank.first.tolist(), bank.length.tolist(), strict=True)
    ):
        count = min(length // crop_samples, _PER_SPEAKER)
        for place in np.linspace(0, length - crop_samples, count) if count else ():
            starts.append(first + int(place))
            owners.append(speaker)
    for index in range(0, len(starts), _BATCH):
        cut = [
            bank.samples[start : start + crop_samples] for start in starts[index : index + _BATCH]
        ]
        yield torch.stack(cut).float() / _INT16_SCALE, np.array(owners[index : index + _BATCH])
