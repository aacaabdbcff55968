"""Configuration of the learning from a teacher."""

from __future__ import annotations

from dataclasses import dataclass

from speakersdk.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherConfig:
    """The teacher of a run and the weights of its losses.

    Attributes:
        table: file of ``speakersdk-train teacher``; empty means no teacher.
        weight: weight of one minus the cosine between the teacher's embedding of the clean segment
            around a crop and a linear map of the student's embedding of the augmented crop.
        pair_weight: weight of the mean squared difference between the student's and the teacher's
            cosines of all pairs of a batch.
        speaker_share: share of the voice's mean embedding in the target of a segment.
        speaker_share_of: corpora whose targets have that share; empty means all.
    """

    table: str = ""
    weight: float = 30.0
    pair_weight: float = 0.0
    speaker_share: float = 0.0
    speaker_share_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.weight, self.pair_weight) < 0 or not 0 <= self.speaker_share <= 1:
            raise ConfigError(
                "expected teacher weights of 0 or more and speaker_share in [0, 1], got "
                f"{self.weight}, {self.pair_weight} and {self.speaker_share}"
            )
