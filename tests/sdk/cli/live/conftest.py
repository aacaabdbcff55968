"""Fixtures of the tests of ``speakersdk listen``."""

from __future__ import annotations

from typing import Any

import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.streaming.update import StreamUpdate
from speakersdk.verifier import Verifier


@pytest.fixture(scope="session")
def updates(verifier: Verifier, voices: dict[str, Any]) -> list[StreamUpdate]:
    """All updates of a stream in which the enrolled voice speaks."""
    stream = verifier.stream([verifier.enroll(voices["slt"].enroll, name="slt")])
    return stream.push(read_audio(voices["slt"].probe), sample_rate_hz=16000)
