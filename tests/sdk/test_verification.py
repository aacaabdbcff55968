"""Verification of a recording: two voices are not accepted, overdriven ones not rejected."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.calibration.cohort import Cohort
from speakersdk.decision.one_voice import SECOND_VOICE_LLR
from speakersdk.decision.outcome import Verdict
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import AudioTooShortError, InvalidAudioError
from speakersdk.verification import identified, unanswered
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint


@pytest.fixture(scope="module")
def encoder(default_model: Any) -> SpeakerEncoder:
    return load_encoder(default_model)


@pytest.fixture(scope="module")
def slt(verifier: Verifier, voices: dict[str, Any]) -> Voiceprint:
    return verifier.enroll(voices["slt"].enroll, name="slt")


def clip(voices: dict[str, Any], name: str) -> np.ndarray:
    return np.concatenate([read_audio(path) for path in (voices[name].probe,) * 2])


@pytest.mark.parametrize("order", ["owner first", "stranger first"])
def test_two_people_in_one_probe_are_not_accepted_without_a_word(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint, order: str
) -> None:
    owner, stranger = clip(voices, "slt")[: 5 * 16000], clip(voices, "rms")[: 5 * 16000]
    parts = {
        "owner first": [owner, stranger],
        "stranger first": [stranger, owner],
    }[order]
    decision = verifier.verify(slt, np.concatenate(parts), sample_rate_hz=SAMPLE_RATE_HZ)
    assert decision.voice_changed
    assert not decision.accepted
    assert decision.one_voice_llr is not None
    assert decision.one_voice_llr <= SECOND_VOICE_LLR
    assert "the voice changes within the recording" in str(decision)


def turns(one: np.ndarray, other: np.ndarray, *, turn_s: float, total_s: float) -> np.ndarray:
    """Two voices in turns; each continues where it stopped."""
    turn, parts = round(turn_s * SAMPLE_RATE_HZ), []
    for number in range(round(total_s / turn_s)):
        first = number // 2 * turn
        parts.append((one, other)[number % 2][first : first + turn])
    return np.concatenate(parts)


@pytest.mark.parametrize(("turn_s", "total_s"), [(2.0, 4.0), (2.0, 8.0), (2.0, 12.0), (3.9, 15.6)])
@pytest.mark.parametrize("order", ["owner first", "stranger first"])
def test_two_people_in_turns_are_noticed(
    verifier: Verifier,
    voices: dict[str, Any],
    slt: Voiceprint,
    order: str,
    turn_s: float,
    total_s: float,
) -> None:
    """docs/guides/several-people.md has the rate for speakers who are more similar."""
    pair = clip(voices, "slt"), clip(voices, "rms")
    mixed = turns(*(pair if order == "owner first" else pair[::-1]), turn_s=turn_s, total_s=total_s)
    decision = verifier.verify(slt, mixed, sample_rate_hz=SAMPLE_RATE_HZ)
    assert decision.voice_changed
    assert not decision.accepted
    alone = verifier.verify(slt, pair[0][: len(mixed)], sample_rate_hz=SAMPLE_RATE_HZ)
    assert not alone.voice_changed


@pytest.mark.parametrize("pause_s", [0.5, 5.0])
def test_a_pause_is_not_a_change_of_voice(
    verifier: Verifier,
    voices: dict[str, Any],
    slt: Voiceprint,
    rng: np.random.Generator,
    pause_s: float,
) -> None:
    first, second = np.array_split(clip(voices, "slt"), 2)
    hiss = 1e-3 * rng.standard_normal(round(pause_s * SAMPLE_RATE_HZ), np.float32)
    decision = verifier.verify(
        slt, np.concatenate([first, hiss, second]), sample_rate_hz=SAMPLE_RATE_HZ
    )
    assert decision.accepted
    assert not decision.voice_changed


def test_one_person_is_one_voice(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    decision = verifier.verify(slt, clip(voices, "slt"), sample_rate_hz=SAMPLE_RATE_HZ)
    assert decision.accepted
    assert not decision.voice_changed
    assert decision.one_voice_llr is not None
    assert decision.one_voice_llr > SECOND_VOICE_LLR


def test_an_accepted_probe_of_two_voices_becomes_inconclusive(
    verifier: Verifier, encoder: SpeakerEncoder, voices: dict[str, Any], slt: Voiceprint
) -> None:
    """Whatever the whole scores: here the pieces of two people, and the embedding of the owner."""
    rule = verifier.request.rule(encoder.manifest.calibration)  # type: ignore[arg-type]
    owner = encoder.encode(clip(voices, "slt"))
    mixed = encoder.encode(np.concatenate([clip(voices, "slt"), clip(voices, "rms")]))
    accepted = identified([slt], owner, rule).decision
    assert accepted.verdict is Verdict.ACCEPT
    doubtful = identified([slt], dataclasses.replace(owner, pieces=mixed.pieces), rule)
    assert doubtful.decision.verdict is Verdict.INCONCLUSIVE
    assert doubtful.speaker is None
    assert doubtful.decision.llr == accepted.llr
    assert doubtful.decision.reason.startswith(accepted.reason)


def test_nearness_of_a_voiceprint_is_kept_and_changes_no_threshold(
    verifier: Verifier,
    encoder: SpeakerEncoder,
    voices: dict[str, Any],
    slt: Voiceprint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = verifier.request.rule(encoder.manifest.calibration)  # type: ignore[arg-type]
    rms = verifier.enroll(voices["rms"].enroll, name="rms")
    probe = encoder.encode(clip(voices, "slt"))
    first = identified([slt, rms], probe, rule)
    rows: list[int] = []
    nearness = Cohort.nearness

    def counted(cohort: Cohort, embeddings: np.ndarray) -> np.ndarray:
        rows.append(len(embeddings))
        return nearness(cohort, embeddings)

    monkeypatch.setattr(Cohort, "nearness", counted)
    assert identified([slt, rms], probe, rule) == first
    assert rows == [1]  # only the probe
    for name, decision in first.ranking:
        enrolled = {"slt": slt, "rms": rms}[name]
        [near] = rule.calibration.pair_nearness(enrolled.embedding[np.newaxis], probe.embedding)
        expected = rule.threshold(
            enrolled_speech_s=enrolled.total_speech_s, probe_speech_s=probe.speech_s, nearness=near
        )
        assert decision.threshold == pytest.approx(expected, abs=1e-6)


def test_short_recordings_have_no_answer(
    verifier: Verifier, encoder: SpeakerEncoder, slt: Voiceprint
) -> None:
    rule = verifier.request.rule(encoder.manifest.calibration)  # type: ignore[arg-type]
    no_speech = Encoding(np.zeros(encoder.manifest.embedding_dim, np.float32), 0.0, 3.0)
    assert identified([slt], no_speech, rule).decision.verdict is Verdict.NO_SPEECH
    answer = unanswered(slt, AudioTooShortError(needed_s=0.5, got_s=0.1), rule).decision
    assert answer.verdict is Verdict.INCONCLUSIVE
    assert (answer.llr, answer.voice_changed) == (None, False)


@pytest.mark.parametrize("hz", [120, 200, 300])
def test_a_tone_is_not_speech_even_if_the_model_says_so(
    verifier: Verifier, slt: Voiceprint, hz: float
) -> None:
    times_s = np.arange(4 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    sawtooth = (0.05 * (2 * ((hz * times_s) % 1) - 1)).astype(np.float32)
    decision = verifier.verify(slt, sawtooth, sample_rate_hz=SAMPLE_RATE_HZ)
    assert decision.verdict is Verdict.NO_SPEECH


@pytest.mark.training
def test_tensors_of_torchaudio_give_the_decisions_of_their_files(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    """huggingface/transformers#36124: every pair of voices had a similarity of 1.000.

    The tensors had their channel first, in a batch. These shapes are refused here, and the error
    says what to pass. The tensor itself gives the decision of its file, and voices differ.
    """
    torch = pytest.importorskip("torch")

    def load(path: Path) -> Any:
        """Samples as from torchaudio.load: (channels, n)."""
        samples, rate_hz = sf.read(path, dtype="float32", always_2d=True)
        assert rate_hz == SAMPLE_RATE_HZ
        return torch.from_numpy(samples.T.copy())

    enrolled = [load(path)[0] for path in voices["slt"].enroll]
    slt = verifier.enroll(enrolled, name="slt", sample_rate_hz=SAMPLE_RATE_HZ)
    for voice, verdict in (("slt", Verdict.ACCEPT), ("rms", Verdict.REJECT)):
        tensor = load(voices[voice].probe)
        decision = verifier.verify(slt, tensor.mean(dim=0), sample_rate_hz=SAMPLE_RATE_HZ)
        assert decision.verdict is verdict
        assert decision.llr == verifier.verify(slt, voices[voice].probe).llr
        for wrong, message in ((tensor, r"pass samples\.T"), (tensor[None], r"shape \(n,\)")):
            with pytest.raises(InvalidAudioError, match=message):
                verifier.verify(slt, wrong, sample_rate_hz=SAMPLE_RATE_HZ)


def test_a_recording_gives_the_same_embedding_every_time(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    """Not even the last bit changes, in whatever thread or number of threads."""
    probe = voices["slt"].probe
    expected = verifier.embed(probe)
    with ThreadPoolExecutor(4) as pool:
        found = [verifier.embed(probe), *pool.map(verifier.embed, [probe] * 4)]
    with Verifier(num_threads=1) as other:
        found.append(other.embed(probe))
    for embedding in found:
        np.testing.assert_array_equal(embedding, expected)


def test_an_owner_who_is_overdriven_is_asked_to_lower_the_level(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    """The level is 40 dB too high, at which the voice is no longer recognized."""
    probe = np.clip(100 * read_audio(voices["slt"].probe), -1, 1).astype(np.float32)
    decision = verifier.verify(slt, probe, sample_rate_hz=16000)
    assert (decision.verdict, decision.accepted) == ("inconclusive", False)
    assert "too clipped to reject" in decision.reason
    assert "lower the input level" in decision.reason
