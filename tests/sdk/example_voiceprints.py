"""Voiceprints without audio, for tests of what stores and compares them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from speakersdk.voiceprint.voiceprint import Voiceprint

EMBEDDING_DIM = 64


def example_voiceprint(name: str = "ann", *, direction: int = 0, **changes: Any) -> Voiceprint:
    """Make a voiceprint of one recording.

    Args:
        name: name of the speaker.
        direction: index of the only component that is not zero.
        changes: fields of the voiceprint that have another value.
    """
    voiceprint = Voiceprint(
        name=name,
        model_name="tdnn-test",
        model_sha256="ab" * 32,
        temperature=1.0,
        exemplars=np.eye(EMBEDDING_DIM)[[direction]],
        speech_s=np.array([2.5]),
        created_utc="2026-11-22T14:00:00+00:00",
    )
    return dataclasses.replace(voiceprint, **changes)
