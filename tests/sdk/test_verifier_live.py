"""The verifier's live side: streams and the microphone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pytest

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import ConfigError
from speakersdk.verifier import Verifier


def test_listening_streams_the_microphone_and_reports_its_counters(
    verifier: Verifier, voices: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = read_audio(voices["slt"].probe)

    class Recorded:
        """Stands in for a microphone; the real one is in tests/integration."""

        sample_rate_hz = 16000.0
        counters = CaptureCounters(captured_s=1.0)

        def __init__(self, device: str | None) -> None:
            assert device == "usb"

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def blocks(self) -> Iterator[Any]:
            yield from np.array_split(samples, 50)

    monkeypatch.setattr("speakersdk.verifier.Microphone", Recorded)
    voiceprint = verifier.enroll(voices["slt"].enroll, name="slt")
    updates = list(verifier.listen([voiceprint], device="usb"))
    assert updates[-1].speaker == "slt"
    assert updates[-1].capture == CaptureCounters(captured_s=1.0)


def test_streams_decide_at_a_rate_and_not_by_a_prior() -> None:
    verifier = Verifier(prior=0.5)
    with pytest.raises(ConfigError, match="streams decide at a false-accept rate"):
        verifier.stream_pool()
