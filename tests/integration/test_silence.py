"""Silence, hiss, a room and an offset around real speech change no verdict.

Two things change with the first second of silence, and not with more of it. The encoder looks back
at 64 frames, which are different ones at the edges of the speech. And the speech head may classify
a few frames at each edge differently. Sound beyond an edge has no weight. Therefore 600 s of it
have the same effect as one second.

The size of the effect at an edge depends on the encoder, and no constant bounds it. `edge_llr`
measures it on the same speech. The changed frames are removed and replaced, and each of the two
changes the llr by at most the effect of any 64 frames of this recording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.decision.outcome import Decision
from speakersdk.demo_clips import FOLDER
from speakersdk.models import default_model_path
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

if TYPE_CHECKING:
    from conftest import SpeechData

# The frames that the encoder looks back at (docs/formats/model.md), in samples.
EDGE_SAMPLES = 64 * 160
# Beyond an edge, embeddings differ by at most 1e-4 (docs/formats/model.md) of a length of 2, and
# their llrs by at most a few hundred times as much.
SAME_LLR = 0.02

Noise = Callable[[int], Waveform]


def zeros(num_samples: int) -> Waveform:
    return np.zeros(num_samples, np.float32)


def hiss(dbfs: float) -> Noise:
    def make(num_samples: int) -> Waveform:
        rng = np.random.default_rng(1)
        return (10 ** (dbfs / 20) * rng.standard_normal(num_samples)).astype(np.float32)

    return make


def room(num_samples: int) -> Waveform:
    """Air conditioning: noise that falls by 6 dB per octave, at -55 dBFS."""
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(max(num_samples, 16)))
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) / 400)
    noise = np.fft.irfft(spectrum)[:num_samples]
    return (10 ** (-55 / 20) * noise / noise.std()).astype(np.float32)


def offset(num_samples: int) -> Waveform:
    """A sound card that is switched on: a constant offset, which is inaudible."""
    return np.full(num_samples, 0.1, np.float32)


NOISES: dict[str, Noise] = {
    "zeros": zeros, "hiss -60": hiss(-60), "hiss -50": hiss(-50), "room": room,
}  # fmt: skip


def placed(samples: Waveform, noise: Waveform, where: str) -> Waveform:
    half = len(samples) // 2
    parts = {
        "before": [noise, samples],
        "between": [samples[:half], noise, samples[half:]],
        "after": [samples, noise],
        "both sides": [noise, samples, noise],
    }
    return np.concatenate(parts[where])


def decide(verifier: Verifier, voiceprint: Voiceprint, samples: Waveform) -> Decision:
    return verifier.verify(voiceprint, samples, sample_rate_hz=SAMPLE_RATE_HZ)


def enroll(verifier: Verifier, samples: Waveform) -> Voiceprint:
    everything = list(AudioProblem)
    return verifier.enroll([samples], name="ann", sample_rate_hz=SAMPLE_RATE_HZ, accept=everything)


def edge_llr(verifier: Verifier, voiceprint: Voiceprint, samples: Waveform) -> float:
    """Return how much silence at an edge may change the llr of this recording; see above.

    The effect of 64 frames is the largest change when they are left out at one of nine places.
    """
    plain = decide(verifier, voiceprint, samples).llr
    assert plain is not None
    worths = []
    for at in np.linspace(0, len(samples) - EDGE_SAMPLES, 9).astype(int):
        without = np.concatenate([samples[:at], samples[at + EDGE_SAMPLES :]])
        llr = decide(verifier, voiceprint, without).llr
        assert llr is not None
        worths.append(abs(llr - plain))
    return 2 * max(worths)


def check_alike(verifier: Verifier, plain: Decision, silent: Decision, bound: float) -> None:
    assert plain.llr is not None
    assert silent.llr is not None
    assert silent.llr == pytest.approx(plain.llr, abs=bound)
    if abs(plain.llr - plain.threshold) > bound:
        assert silent.verdict == plain.verdict


@pytest.fixture(scope="module")
def verifier(default_model: object) -> Verifier:
    return Verifier(default_model)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def readers(speech_data: SpeechData) -> dict[str, Waveform]:
    """Ten seconds of two real readers."""

    def reading(speaker: str) -> Waveform:
        listed = speech_data.utterances(split="demo", speaker=speaker, minimum_s=10.0)
        return speech_data.samples(listed[0])[: 10 * SAMPLE_RATE_HZ]

    return {name: reading(name) for name in ("librispeech/19", "librispeech/26")}


@dataclass(frozen=True, slots=True)
class Probe:
    """Four seconds of a reader, the decision about them without silence, and its bound."""

    samples: Waveform
    plain: Decision
    bound: float


@pytest.fixture(scope="module")
def owner(verifier: Verifier, readers: dict[str, Waveform]) -> Voiceprint:
    return enroll(verifier, readers["librispeech/19"][:96000])


@pytest.fixture(scope="module")
def probes(verifier: Verifier, owner: Voiceprint, readers: dict[str, Waveform]) -> list[Probe]:
    """One probe of the owner and one of a stranger."""
    return [
        Probe(
            samples[96000:],
            decide(verifier, owner, samples[96000:]),
            edge_llr(verifier, owner, samples[96000:]),
        )
        for samples in readers.values()
    ]


@pytest.mark.speech
@pytest.mark.parametrize("where", ["before", "between", "after", "both sides"])
@pytest.mark.parametrize("noise", NOISES)
def test_silence_around_real_speech_changes_no_verdict(
    verifier: Verifier, owner: Voiceprint, probes: list[Probe], noise: str, where: str
) -> None:
    for probe in probes:
        for seconds in (1, 20):
            made = NOISES[noise](seconds * SAMPLE_RATE_HZ)
            silent = decide(verifier, owner, placed(probe.samples, made, where))
            check_alike(verifier, probe.plain, silent, probe.bound)


@pytest.mark.speech
@pytest.mark.parametrize("where", ["before", "between", "after", "both sides"])
@pytest.mark.parametrize("sides", ["enrollment", "probe", "both"])
def test_an_offset_without_speech_changes_no_verdict(
    verifier: Verifier,
    owner: Voiceprint,
    readers: dict[str, Waveform],
    probes: list[Probe],
    sides: str,
    where: str,
) -> None:
    made, bound_of = offset(5 * SAMPLE_RATE_HZ), 1
    if sides != "probe":
        owner = enroll(verifier, placed(readers["librispeech/19"][:96000], made, where))
        bound_of = 2  # the edges of both sides
    for probe in probes:
        silent = probe.samples if sides == "enrollment" else placed(probe.samples, made, where)
        decision = decide(verifier, owner, silent)
        check_alike(verifier, probe.plain, decision, bound_of * probe.bound)


@pytest.mark.speech
def test_an_offset_under_everything_changes_no_verdict(
    verifier: Verifier, owner: Voiceprint, probes: list[Probe]
) -> None:
    if not verifier.manifest.frontend.remove_dc:
        pytest.skip("the front end of this model does not remove a frame's mean")
    for probe in probes:
        shifted = decide(verifier, owner, probe.samples + np.float32(0.1))
        # Only the first frame, whose previous sample is zero, contains the offset.
        check_alike(verifier, probe.plain, shifted, probe.bound)


@pytest.mark.speech
@pytest.mark.parametrize("sides", ["enrollment", "probe", "both"])
def test_ten_minutes_of_silence_equal_a_second(
    verifier: Verifier, readers: dict[str, Waveform], sides: str
) -> None:
    owner, stranger = readers.values()

    def answers(seconds: int) -> list[Decision]:
        silence = zeros(seconds * SAMPLE_RATE_HZ)
        enrolled, probes = owner[:96000], (owner[96000:], stranger[96000:])
        if sides != "probe":
            enrolled = placed(enrolled, silence, "both sides")
        if sides != "enrollment":
            probes = tuple(placed(probe, silence, "both sides") for probe in probes)
        voiceprint = enroll(verifier, enrolled)
        return [decide(verifier, voiceprint, probe) for probe in probes]

    for short, long in zip(answers(1), answers(600), strict=True):
        check_alike(verifier, short, long, SAME_LLR)
        assert long.speech_s == pytest.approx(short.speech_s, abs=0.011)  # a frame at one half


@settings(deadline=None, max_examples=25)
@given(
    lengths_s=st.tuples(*[st.floats(1, 8)] * 3),
    cut=st.floats(0.2, 0.8),
)
def test_where_the_silence_lies_does_not_matter_beyond_its_edges(
    lengths_s: tuple[float, float, float], cut: float
) -> None:
    verifier = Verifier(default_model_path())
    voiceprint = enroll(verifier, read_audio(FOLDER / "slt-enroll-1.flac"))
    samples = read_audio(FOLDER / "slt-probe.flac")
    at = round(cut * len(samples)) // 160 * 160  # frames and hops are at the same places

    def silent(seconds: tuple[float, float, float]) -> Decision:
        before, between, after = (zeros(round(10 * one) * 1600) for one in seconds)
        parts = [before, samples[:at], between, samples[at:], after]
        return decide(verifier, voiceprint, np.concatenate(parts))

    check_alike(verifier, silent((1, 1, 1)), silent(lengths_s), SAME_LLR)
