"""Joined conversations and their reference."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.conversations import TURN_S, converse, spoken
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio


@pytest.fixture
def clips(demo_clips: Path) -> dict[str, list[np.ndarray]]:
    return {
        name: [read_audio(path) for path in sorted(demo_clips.glob(f"{name}-*.flac"))]
        for name in ("slt", "rms")
    }


def test_speakers_take_turns_without_overlap(
    clips: dict[str, list[np.ndarray]], rng: np.random.Generator
) -> None:
    conversation = converse(clips, num_turns=6, rng=rng)
    assert {at.who for at in conversation.reference} == {"slt", "rms"}
    for at, later in pairwise(conversation.reference):
        assert at.from_s < at.to_s <= later.from_s
    assert conversation.reference[-1].to_s <= conversation.duration_s
    assert conversation.duration_s <= 6 * (TURN_S[1] + 1)


def test_silence_in_a_turn_is_nobodys(clips: dict[str, list[np.ndarray]]) -> None:
    silence = np.zeros(SAMPLE_RATE_HZ, np.float32)
    speech = clips["slt"][0]
    found = spoken(np.concatenate([silence, speech, silence]))
    assert found[0][0] > 0.9
    assert found[-1][1] < 1.2 + len(speech) / SAMPLE_RATE_HZ
    assert spoken(silence) == []
