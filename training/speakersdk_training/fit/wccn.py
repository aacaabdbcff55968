"""Centering and within-class covariance normalization of a finished encoder, in its last layer.

The directions in which the recordings of one speaker differ are damped. A linear map of the
embeddings does this, which is folded into the last layer: the encoder costs as much as before.

Source: A. Hatch, S. Kajarekar and A. Stolcke, "Within-class covariance normalization for SVM-based
speaker recognition", 2006, with the shrinkage of section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.checkpoint import make_encoder, read_checkpoint, save_changed
from speakersdk_training.config import SHORTEST_CROP_S, config_from_dict
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.bank import read_bank
from speakersdk_training.models.tdnn import TdnnEncoder

_BATCH = 64  # segments


@dataclass(frozen=True, slots=True, kw_only=True)
class WccnConfig:
    """The strength of the normalization, and the segments on which it is fitted.

    Attributes:
        shrinkage: weight of the identity in the covariance; 1 means only centering.
        segment_s: length of a segment in seconds.
        per_speaker: largest number of segments of a speaker.
    """

    shrinkage: float = 0.8
    segment_s: float = 3.0
    per_speaker: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.shrinkage <= 1 or self.per_speaker < 2:
            raise TrainingError(
                "expected a shrinkage above 0 and at most 1, and 2 segments of a speaker or more, "
                f"got {self.shrinkage:g} and {self.per_speaker}"
            )
        if self.segment_s < SHORTEST_CROP_S:
            raise TrainingError(
                f"expected segments of {SHORTEST_CROP_S} s or more, got {self.segment_s:g} s"
            )


def normalize_encoder(
    checkpoint: Path, output: Path, *, device: torch.device, wccn: WccnConfig
) -> None:
    """Normalize the embeddings of an encoder on its training audio; write a new checkpoint.

    Args:
        checkpoint: checkpoint of `fit`.
        output: the checkpoint to write, for `speakersdk-export`.
        device: device of the embeddings.
        wccn: strength and segments.

    Raises:
        TrainingError: the encoder is not a TDNN, or the audio has too few segments.
    """
    content: dict[str, Any] = read_checkpoint(checkpoint)
    config = config_from_dict(content["config"])
    encoder = make_encoder(config)
    if not isinstance(encoder, TdnnEncoder):
        raise TrainingError(
            f"expected run.encoder = tdnn in {checkpoint}, got {config.run.encoder}"
        )
    encoder.load_state_dict(content["averaged"])
    encoder.eval().to(device)
    bank = read_bank(replace(config.data, speech_labels=""), device=device)
    embeddings, speakers = embed_segments(encoder, bank, wccn)
    fold(
        encoder,
        mean=embeddings.mean(dim=0),
        matrix=normalization(embeddings, speakers, shrinkage=wccn.shrinkage),
    )
    save_changed(output, content, config, encoder.state_dict())


@torch.no_grad()
def embed_segments(
    encoder: TdnnEncoder, bank: AudioBank, wccn: WccnConfig
) -> tuple[Tensor, Tensor]:
    """Embed segments that are spread evenly over the audio of each speaker, without overlap.

    Returns:
        Embeddings (N, D) float64 before scaling, and (N,) int64 rows of the bank.
    """
    size = round(wccn.segment_s * encoder.frontend.config.sample_rate_hz)
    counts = (bank.length // size).clamp(max=wccn.per_speaker)
    speaker = torch.repeat_interleave(torch.arange(len(counts), device=bank.device), counts)
    within = torch.arange(len(speaker), device=bank.device) - (counts.cumsum(0) - counts)[speaker]
    gap = (bank.length - size)[speaker] // (counts[speaker] - 1).clamp(min=1)
    middle = within * gap + size // 2
    rows = [
        encoder.embed(bank.segments(speaker[batch], middle[batch], size)).double()
        for batch in torch.arange(len(speaker), device=bank.device).split(_BATCH)  # type: ignore[no-untyped-call]
    ]
    return torch.cat(rows), speaker


def normalization(embeddings: Tensor, speakers: Tensor, *, shrinkage: float) -> Tensor:
    """Compute the inverse square root of the shrunk covariance within speakers.

    Args:
        embeddings: (N, D) float64 before scaling; they are compared by their direction.
        speakers: (N,) int64 numbers of the speakers.
        shrinkage: weight of the identity.

    Returns:
        (D, D) float64, symmetric.

    Raises:
        TrainingError: no speaker has two embeddings.
    """
    directions = functional.normalize(embeddings, dim=1)
    _, speakers, counts = torch.unique(speakers, return_inverse=True, return_counts=True)
    means = torch.zeros(len(counts), directions.shape[1], dtype=directions.dtype)
    means = means.to(directions.device).index_add(0, speakers, directions) / counts[:, None]
    count = counts[speakers]
    has_several = count > 1
    if not has_several.any():
        raise TrainingError(
            "expected several segments of a speaker, got at most one of each; take shorter segments"
        )
    # A mean over few segments is close to each of them.
    unbiased = (count / (count - 1).clamp(min=1)).sqrt()[:, None]
    differences = (unbiased * (directions - means[speakers]))[has_several]
    covariance = differences.T @ differences
    covariance /= covariance.trace() / len(covariance)
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    values, vectors = torch.linalg.eigh((1 - shrinkage) * covariance + shrinkage * identity)
    result: Tensor = (vectors * values.rsqrt()) @ vectors.T
    return result


@torch.no_grad()
def fold(encoder: TdnnEncoder, *, mean: Tensor, matrix: Tensor) -> None:
    """Change an encoder so that its embedding e becomes matrix (e - mean).

    Args:
        encoder: an encoder in eval mode.
        mean: (D,) float64.
        matrix: (D, D) float64.
    """
    norm = encoder.embedding_norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    offset = norm.bias.double() - norm.running_mean.double() * scale
    encoder.embedding.weight.copy_(matrix @ (scale[:, None] * encoder.embedding.weight.double()))
    norm.bias.copy_(matrix @ (offset - mean))
    # From here on, the norm only adds its bias.
    norm.weight.fill_(1.0)
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
