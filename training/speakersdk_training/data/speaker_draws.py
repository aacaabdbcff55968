"""The speakers of a batch: drawn by their seconds, in groups, all different, or in pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from speakersdk.errors import ConfigError
from speakersdk_training.errors import TrainingError

SpeakerDraw = Callable[[int], Tensor]  # number of crops -> (count,) int64 speakers


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerConfig:
    """The method of drawing the speakers of a batch.

    Attributes:
        kind: weighted: each crop independently, by the square root of its speaker's seconds.
            grouped: P speakers with `per_speaker` crops each. distinct: no speaker twice.
            alternating: pairs of rows, alternately of one speaker and of two.
        per_speaker: crops K of each speaker, for kind grouped.
        groups: file of lines ``speaker group`` (Kaldi's spk2gender); the two speakers of an
            alternating pair then belong to one group. Empty means any two.
    """

    kind: Literal["weighted", "grouped", "distinct", "alternating"] = "weighted"
    per_speaker: int = 4
    groups: str = ""

    def __post_init__(self) -> None:
        if self.per_speaker < 2:
            raise ConfigError(f"expected sampler.per_speaker >= 2, got {self.per_speaker}")


def make_draw(
    config: SamplerConfig, speakers: tuple[str, ...], weights: Tensor, generator: torch.Generator
) -> SpeakerDraw:
    """Make the configured way of drawing speakers.

    Args:
        config: kind of drawing and its settings.
        speakers: names of the S speakers.
        weights: (S,) rates of drawing each speaker, on the generator's device.
        generator: random generator of all draws.
    """
    # torch.multinomial would wait for the device to check the weights.
    upto = weights.cumsum(0)

    def weighted(count: int) -> Tensor:
        draw = upto[-1] * torch.rand(
            count, generator=generator, device=weights.device, dtype=weights.dtype
        )
        return torch.searchsorted(upto, draw, right=True).clamp(max=len(weights) - 1)

    def distinct(count: int) -> Tensor:
        if count > len(speakers):
            raise TrainingError(
                f"expected at least {count} speakers for a batch without repeats, got "
                f"{len(speakers)}; lower run.batch_size"
            )
        return arrivals(weights, generator).topk(count, largest=False).indices

    def grouped(count: int) -> Tensor:
        if count % config.per_speaker:
            raise TrainingError(
                f"expected crops in groups of {config.per_speaker}, got {count}; make "
                "run.batch_size a multiple of sampler.per_speaker times the number of speeds"
            )
        return distinct(count // config.per_speaker).repeat_interleave(config.per_speaker)

    if config.kind == "alternating":
        groups = read_groups(Path(config.groups), speakers) if config.groups else None
        return AlternatingPairs(weights, generator, groups)
    return {"weighted": weighted, "distinct": distinct, "grouped": grouped}[config.kind]


def arrivals(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Draw the arrival times of events at rates `weights` of any shape; infinite at rate 0.

    The first event to arrive is a draw by weight. The first k are k draws without replacement.
    Source: P. Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir", 2006.
    """
    draw = torch.rand(
        weights.shape, generator=generator, device=weights.device, dtype=torch.float64
    )
    return -torch.log1p(-draw) / weights


class AlternatingPairs:
    """Rows 2 i and 2 i + 1 are a pair: one speaker for even i, two of one group for odd i."""

    def __init__(
        self, weights: Tensor, generator: torch.Generator, groups: Tensor | None = None
    ) -> None:
        """Prepare drawing.

        Args:
            weights: (S,) rates of drawing each speaker.
            generator: random generator of all draws, on the same device.
            groups: (S,) int64 group of each speaker; None means a single group.
        """
        self._weights, self._generator = weights, generator
        if groups is None:
            groups = torch.zeros(len(weights), dtype=torch.int64, device=weights.device)
        groups = groups.to(weights.device)
        partners = groups[:, None] == groups[None, :]
        partners.fill_diagonal_(False)
        if not bool(partners.any(dim=1).all()):
            raise TrainingError("expected at least two speakers in every group, got only one")
        self._partners = partners

    def __call__(self, count: int) -> Tensor:
        """Draw (count,) int64 speakers; the count is even."""
        if count % 2:
            raise TrainingError(f"expected an even number of crops to pair, got {count}")
        chances = self._weights.expand(count // 2, -1)
        first = arrivals(chances, self._generator).argmin(dim=1)
        second = first.clone()
        partners = self._weights * self._partners[first[1::2]]
        second[1::2] = arrivals(partners, self._generator).argmin(dim=1)
        return torch.stack([first, second], dim=1).flatten()


def read_groups(path: Path, speakers: tuple[str, ...]) -> Tensor:
    """Read the (S,) int64 group of each speaker.

    Raises:
        TrainingError: the file is missing, a line is not ``speaker group``, or a speaker has no
            group.
    """
    if not path.is_file():
        raise TrainingError(f"expected lines 'speaker group' in {path}, found no file")
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise TrainingError(f"{path}:{number}: expected 'speaker group', got {' '.join(row)!r}")
    group_of = {row[0]: row[1] for row in rows}
    missing = [speaker for speaker in speakers if speaker not in group_of]
    if missing:
        raise TrainingError(f"{path} has no group for {missing[0]} and {len(missing) - 1} others")
    names = sorted(set(group_of.values()))
    return torch.tensor([names.index(group_of[speaker]) for speaker in speakers])
