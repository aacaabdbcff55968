"""Recordings in the forms that users pass."""

from __future__ import annotations

import io
import struct
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.recordings import (
    Reading,
    check_limit,
    check_list,
    load_recording,
    open_recording,
    recording_label,
)
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import as_waveform, read_audio
from speakersdk.errors import ConfigError, InvalidAudioError
from speakersdk.verifier import Verifier


def test_a_file_and_its_samples_are_one_recording(voices: dict[str, Any]) -> None:
    path = voices["slt"].probe
    samples = load_recording(path, None)
    assert np.array_equal(samples, read_audio(path))
    assert np.array_equal(load_recording(samples, SAMPLE_RATE_HZ), samples)
    with pytest.raises(TypeError, match="sample_rate_hz is required"):
        load_recording(samples, None)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_blocks_joined_are_the_whole(rate_hz: int, rng: np.random.Generator) -> None:
    samples = rng.integers(-9000, 9000, (150001, 2)).astype(np.int16)
    blocks = list(open_recording(samples, rate_hz))
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate(blocks), load_recording(samples, rate_hz))
    np.testing.assert_array_equal(
        np.concatenate(blocks), as_waveform(samples, sample_rate_hz=rate_hz)
    )


@pytest.mark.parametrize(
    "rate",
    [
        8000, 8000.0, np.int64(8000), np.float64(8000), np.float32(8000), np.array(8000),
        Fraction(8000), Decimal(8000),
    ],
)  # fmt: skip
def test_a_pair_brings_its_rate(rate: Any, rng: np.random.Generator) -> None:
    samples = rng.integers(-9000, 9000, 8000).astype(np.int16)
    expected = as_waveform(samples, sample_rate_hz=8000)
    np.testing.assert_array_equal(load_recording((rate, samples), None), expected)  # as scipy's
    np.testing.assert_array_equal(load_recording((samples, rate), 8000), expected)  # soundfile's
    with pytest.raises(ConfigError, match="own rate of 8000 Hz, got sample_rate_hz=16000"):
        load_recording((rate, samples), 16000)


@pytest.mark.parametrize(
    "pair", [(8000,), (8000, 16000), (np.zeros(9), np.zeros(9)), (8000, np.zeros(9), 2), ()]
)
def test_other_tuples_are_refused(pair: Any) -> None:
    with pytest.raises(InvalidAudioError, match="a pair of samples and their rate"):
        load_recording(pair, None)


@pytest.mark.parametrize("rate", ["8000", None, 8000j, [8000]])
def test_what_is_not_a_rate_in_a_pair_is_named(rate: Any) -> None:
    for pair in ((rate, np.zeros(9)), (np.zeros(9), rate)):
        with pytest.raises(InvalidAudioError, match="the rate of the samples as a number, got "):
            load_recording(pair, None)


@pytest.mark.parametrize("rate", [Fraction(1, 3), Decimal("NaN"), Decimal("sNaN"), Decimal("Inf")])
def test_a_rate_that_cannot_be_is_refused(rate: Any) -> None:
    with pytest.raises(ConfigError, match="expected sample_rate_hz between 5000 and 768000, got"):
        load_recording((rate, np.zeros(9)), None)


def test_samples_in_a_tuple_must_be_an_array() -> None:
    samples = struct.unpack("<1000h", bytes(2000))  # as from the standard library's wave
    with pytest.raises(InvalidAudioError, match=r"tuple of 1000 \(int, int, int, int, \.\.\.\)"):
        load_recording(samples, 16000)  # type: ignore[arg-type, unused-ignore]


@pytest.mark.parametrize("kind", ["array", "file"])
def test_a_limit_counts_all_channels(kind: str) -> None:
    samples = np.zeros((16000, 2), np.int16)
    recording: Any = (16000, samples)
    if kind == "file":
        recording = io.BytesIO()
        sf.write(recording, samples, 16000, format="WAV")
        recording.seek(0)
    with pytest.raises(InvalidAudioError, match=r"at most 1\.5 s of audio, all channels together"):
        load_recording(recording, None, reading=Reading(limit_s=1.5))
    if kind == "file":
        recording.seek(0)
    assert len(load_recording(recording, None, reading=Reading(limit_s=2))) == 16000
    for nothing in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match="above 0 s"):
            check_limit(nothing)


def test_more_than_the_memory_is_an_error_of_the_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_memory(_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "concatenate", no_memory)
    with pytest.raises(InvalidAudioError, match=r"does not fit into memory.*open_recording"):
        load_recording(np.zeros(1600), 16000)


def test_labels_and_lists() -> None:
    assert recording_label(Path("a") / "b.wav") == str(Path("a") / "b.wav")
    assert recording_label(np.zeros(1)) == "the array"
    assert recording_label(io.BytesIO()) == "the file object"
    check_list(["a.wav"])
    check_list(((16000, np.zeros(1)), (16000, np.zeros(1))))
    singles = ("a.wav", Path("a.wav"), np.zeros(1), (16000, np.zeros(1)), io.BytesIO(), b"RIFF")
    for single in singles:
        with pytest.raises(TypeError, match=r"write \[recording\]"):
            check_list(single)


@pytest.mark.training
def test_the_rate_of_a_pair_may_be_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    samples = torch.linspace(-0.5, 0.5, 8000)
    expected = load_recording(samples, 8000)
    for rate in (torch.tensor(8000), torch.tensor(8000.0)):
        np.testing.assert_array_equal(load_recording((rate, samples), None), expected)
        np.testing.assert_array_equal(load_recording((samples, rate), None), expected)
        with pytest.raises(TypeError, match=r"write \[recording\]"):
            check_list((rate, samples))
    with pytest.raises(ConfigError, match="sample_rate_hz between"):
        load_recording((torch.tensor(3), samples), None)
    with pytest.raises(InvalidAudioError, match=r"tuple of 2 \(Tensor, Tensor\)"):
        load_recording((torch.tensor([8000]), samples), None)


def test_a_rate_with_only_files_is_refused(verifier: Verifier, voices: dict[str, Any]) -> None:
    path = voices["slt"].probe
    slt = verifier.enroll(voices["slt"].enroll, name="slt")
    guarded = Verifier(spoof_detector=lambda _: None)
    for call in (
        lambda: verifier.embed(path, sample_rate_hz=8000),
        lambda: verifier.verify(slt, path, sample_rate_hz=8000),
        lambda: guarded.verify(slt, path, sample_rate_hz=8000),
        lambda: verifier.identify([slt], path, sample_rate_hz=8000),
        lambda: verifier.diarize(path, [slt], sample_rate_hz=8000),
        lambda: verifier.adapt(slt, path, sample_rate_hz=8000),
        lambda: verifier.score(slt, path, sample_rate_hz=8000),
        lambda: verifier.score(path, path, sample_rate_hz=8000),
        lambda: verifier.quality([path], sample_rate_hz=8000),
        lambda: verifier.enroll([path, path], name="ann", sample_rate_hz=8000),
    ):
        with pytest.raises(
            ConfigError, match=r"no sample rate for a file or a voiceprint, got 8000; leave"
        ):
            call()


def test_a_rate_in_a_list_is_that_of_the_arrays(verifier: Verifier, voices: dict[str, Any]) -> None:
    first, second = voices["slt"].enroll
    mixed = [first, read_audio(second)]
    enrolled = verifier.enroll(mixed, name="slt", sample_rate_hz=SAMPLE_RATE_HZ)
    from_files = verifier.enroll([first, second], name="slt")
    np.testing.assert_array_equal(enrolled.exemplars, from_files.exemplars)
    assert len(verifier.quality(mixed, sample_rate_hz=SAMPLE_RATE_HZ)) == 2
    score = verifier.score(*mixed, sample_rate_hz=SAMPLE_RATE_HZ)
    assert score == verifier.score(first, second)
