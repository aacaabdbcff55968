"""The verifier's live side: streams and the microphone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pytest

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import ClosedError, ConfigError, InvalidAudioError
from speakersdk.verifier import Verifier


def test_listening_streams_the_microphone_and_reports_its_counters(
    verifier: Verifier, voices: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = read_audio(voices["slt"].probe)

    class Recorded:
        """Stand-in for a microphone; the real one is in tests/integration."""

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


def test_a_closed_verifier_says_so_and_its_streams_continue(voices: dict[str, Any]) -> None:
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


@pytest.mark.parametrize("rate_hz", ["16000", None, True, 1 + 0j, float("nan"), 10**12, -16000])
def test_what_is_not_a_rate_is_refused_before_and_after_the_first_chunk(
    verifier: Verifier, voices: dict[str, Any], rate_hz: Any
) -> None:
    stream = verifier.stream([verifier.enroll(voices["slt"].enroll, name="slt")])
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"expected sample_rate_hz (between|to be a number)"):
            stream.push(np.zeros(160, np.float32), sample_rate_hz=rate_hz)
        stream.push(np.zeros(160, np.float32), sample_rate_hz=np.float32(16000))


def test_arguments_of_a_wrong_type_are_named(verifier: Verifier, voices: dict[str, Any]) -> None:
    slt = verifier.enroll(voices["slt"].enroll, name="slt")
    with pytest.raises(
        TypeError,
        match=r"expected voiceprints to be a list, .*, got generator; write list",
    ):
        verifier.stream(one for one in [slt])  # type: ignore[arg-type, unused-ignore]
    for name in (None, 3, b"slt"):
        with pytest.raises(ConfigError, match="expected name to be a string, got"):
            verifier.enroll(voices["slt"].enroll, name=name)  # type: ignore[arg-type, unused-ignore]
    for rate in ("1%", True, [0.01]):
        with pytest.raises(ConfigError, match=r"expected far to be a number or None, got"):
            Verifier(far=rate)  # type: ignore[arg-type, unused-ignore]
    with pytest.raises(TypeError, match=r"expected model to be a path or None, got 0\.01"):
        Verifier(0.01)  # type: ignore[arg-type, unused-ignore]
    with pytest.raises(TypeError, match="calibration to be a string, a CalibrationProfile or None"):
        Verifier(calibration=5)  # type: ignore[arg-type, unused-ignore]
    for recording in (["slt.wav"], ("slt.wav", 16000), np.array(["slt.wav"])):
        with pytest.raises(InvalidAudioError, match="expected one recording, got text in a"):
            verifier.verify(slt, recording)  # type: ignore[arg-type, unused-ignore]
    with pytest.raises(InvalidAudioError, match=r"got dict; pass \(samples, rate\)"):
        verifier.verify(slt, {"array": [0.0], "sampling_rate": 16000})  # type: ignore[arg-type, unused-ignore]
    for recording in (slt, None):
        with pytest.raises(InvalidAudioError, match=r"expected a recording \(a path, .*\), got"):
            verifier.verify(slt, recording)  # type: ignore[arg-type, unused-ignore]
    for device in (0, None):
        with pytest.raises(ConfigError, match="expected device to be a string, got"):
            Verifier(device=device)  # type: ignore[arg-type, unused-ignore]
    for limit_s in ("3", True):
        with pytest.raises(ConfigError, match="max_duration_s to be a number or None, got"):
            Verifier(max_duration_s=limit_s)  # type: ignore[arg-type, unused-ignore]
    for capacity in (0, 4097):
        with pytest.raises(ConfigError, match="expected a capacity of 1 to 4096 streams, got"):
            verifier.stream_pool(capacity=capacity)
    for capacity in (1.5, "2", True):
        with pytest.raises(ConfigError, match="expected capacity to be a whole number"):
            verifier.stream_pool(capacity=capacity)  # type: ignore[arg-type, unused-ignore]


def test_a_verifier_prints_its_model_and_request() -> None:
    verifier = Verifier(far=0.05)
    assert repr(verifier) == f"Verifier({verifier.manifest.name}, far=0.05)"
    verifier.close()
    assert repr(verifier) == "Verifier(closed, far=0.05)"
