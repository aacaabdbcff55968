"""Speaker-disjoint splits: no speaker is on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from speakersdk_training.data.corpus import Utterance
from speakersdk_training.errors import TrainingError


def split_by_speaker(
    utterances: Iterable[Utterance], *, held_out: float
) -> tuple[list[Utterance], list[Utterance]]:
    """Split into training and held-out utterances.

    A speaker's side depends only on the hash of the name; adding data never moves a speaker.

    Args:
        utterances: utterances of any number of speakers.
        held_out: share of speakers to hold out, in (0, 1).

    Returns:
        the training utterances and the held-out utterances.
    """
    if not 0 < held_out < 1:
        raise TrainingError(f"expected held_out in (0, 1), got {held_out}")
    sides: tuple[list[Utterance], list[Utterance]] = ([], [])
    for utterance in utterances:
        sides[_hash_unit(utterance.speaker) < held_out].append(utterance)
    return sides


def _hash_unit(name: str) -> float:
    """Return a number in [0, 1) that depends only on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
