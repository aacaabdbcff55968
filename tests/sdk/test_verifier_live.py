"""The verifier's live side: streams and the microphone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pytest

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import ClosedError, ConfigError
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

    monkeypatch.setattr("speakersdk.streaming.listening.Microphone", Recorded)
    voiceprint = verifier.enroll(voices["slt"].enroll, name="slt")
    with pytest.raises(ConfigError, match="at least one voiceprint"):
        verifier.listen([], device="usb")  # at once, not at the first update
    updates = list(verifier.listen([voiceprint], device="usb"))
    assert updates[-1].speaker == "slt"
    assert updates[-1].capture == CaptureCounters(captured_s=1.0)


def test_streams_decide_at_a_rate_and_not_by_a_prior() -> None:
    verifier = Verifier(prior=0.5)
    with pytest.raises(ConfigError, match="streams decide at a false-accept rate"):
        verifier.stream_pool()


def test_a_closed_verifier_says_so_and_its_streams_go_on(voices: dict[str, Any]) -> None:
    samples = read_audio(voices["slt"].probe)
    with Verifier() as verifier:
        voiceprint = verifier.enroll(voices["slt"].enroll, name="slt")
        stream = verifier.stream([voiceprint])
    assert stream.push(samples, sample_rate_hz=16000)[-1].speaker == "slt"
    for use in (
        lambda: verifier.enroll(voices["slt"].enroll, name="slt"),
        lambda: verifier.quality(voices["slt"].enroll),
        lambda: verifier.verify(voiceprint, samples, sample_rate_hz=16000),
        lambda: verifier.identify([voiceprint], samples, sample_rate_hz=16000),
        lambda: verifier.adapt(voiceprint, samples, sample_rate_hz=16000),
        lambda: verifier.score(voiceprint, samples, sample_rate_hz=16000),
        lambda: verifier.embed(samples, sample_rate_hz=16000),
        lambda: verifier.stream([voiceprint]),
        verifier.stream_pool,
        lambda: verifier.listen([voiceprint]),
        lambda: verifier.enrollment("slt"),
        verifier.report,
        verifier.__enter__,
    ):
        with pytest.raises(ClosedError, match="open verifier, it is closed; make another"):
            use()
    verifier.close()
