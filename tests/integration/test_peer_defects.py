"""Defects that users of other speaker SDKs reported: scores, thresholds, names and silence.

Each test names the defect that it prevents. All of them use the public interface with the bundled
model and voices.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

import speakersdk
from speakersdk import (
    AudioTooShortError,
    CalibrationProfile,
    ConfigError,
    DuplicateSpeakerError,
    EnrollmentError,
    Gallery,
    IncompatibleModelError,
    InvalidAudioError,
    SpeakerSdkError,
    Verdict,
    Verifier,
    Voiceprint,
    VoiceprintError,
    VoiceprintStore,
)
from speakersdk.cli import main
from speakersdk.demo_clips import FOLDER

RATE_HZ = 16000


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture(scope="module")
def clips() -> dict[str, dict[str, Path]]:
    """Enrollment and probe clips of two voices."""
    folder = Path(speakersdk.__file__).parent / "demo_clips"
    names = ("enroll-1", "enroll-2", "probe")
    return {
        voice: {name: folder / f"{voice}-{name}.flac" for name in names} for voice in ("slt", "rms")
    }


@pytest.fixture(scope="module")
def slt(verifier: Verifier, clips: dict[str, dict[str, Path]]) -> Voiceprint:
    return verifier.enroll([clips["slt"]["enroll-1"], clips["slt"]["enroll-2"]], name="slt")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path / "share" / "speakersdk"


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


# ---- thresholds


def test_the_requested_rate_changes_the_threshold_everywhere(
    verifier: Verifier,
    clips: dict[str, dict[str, Path]],
    slt: Voiceprint,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """SpeechBrain: `verify_files` ignores the threshold of its caller."""
    VoiceprintStore(home / "voiceprints").save(slt)
    probe = str(clips["slt"]["probe"])
    samples = sf.read(probe, dtype="float32")[0]
    # A voice that is hard for the model, with noise 6 dB below it. Otherwise the first second
    # would be enough for both rates.
    hard = sf.read(FOLDER / "kal16-probe.flac", dtype="float32")[0]
    noise = np.random.default_rng(1).standard_normal(len(hard)).astype(np.float32)
    noisy = hard + 0.5 * np.std(hard) * noise
    seen: dict[str, list[float]] = {}
    for far in (0.1, 0.001):
        asked = Verifier(far=far)
        stream = asked.stream([asked.enroll([FOLDER / "kal16-enroll-1.flac"], name="kal16")])
        thresholds = {
            "verify, file": asked.verify(slt, probe).threshold,
            "verify, array": asked.verify(slt, samples, sample_rate_hz=RATE_HZ).threshold,
            "identify": asked.identify([slt], probe).decision.threshold,
            "no answer": asked.verify(slt, silence(2), sample_rate_hz=RATE_HZ).threshold,
        }
        for command in (["verify", "slt", probe], ["identify", probe, "slt"]):
            assert main([*command, "--far", str(far), "--json"]) in (0, 1)
            document = json.loads(capsys.readouterr().out)
            thresholds[command[0]] = document.get("decision", document)["threshold"]
        # A stream accepts at ln((1 - miss rate) / far): the stricter rate takes more speech.
        updates = stream.push(noisy, sample_rate_hz=RATE_HZ)
        accepted = [at.time_s for at in updates if at.verdict is Verdict.ACCEPT]
        thresholds["stream, seconds to accept"] = accepted[0] if accepted else math.inf
        for name, value in thresholds.items():
            seen.setdefault(name, []).append(value)
    for name, (loose, strict) in seen.items():
        assert strict > loose, name


def test_thresholds_come_with_the_model_and_no_constant_stands_in(
    clips: dict[str, dict[str, Path]], slt: Voiceprint, verifier: Verifier
) -> None:
    """omi: with a threshold copied from another model, the owner was rejected 71 % of the time."""
    base = verifier.manifest.calibration
    assert base is not None
    decision = verifier.verify(slt, clips["slt"]["probe"])
    speech_s = base.comparable_speech_s(slt.total_speech_s, decision.speech_s)
    probe = verifier.embed(clips["slt"]["probe"])
    (nearness,) = base.pair_nearness(slt.embedding[np.newaxis], probe)
    assert decision.threshold == base.operating_point(0.01).threshold(speech_s, nearness)
    for impossible in (1e-9, 0.9):
        with pytest.raises(ConfigError, match="nontarget calibration trials support"):
            Verifier(far=impossible)


def test_a_calibration_is_refused_where_speakers_overlap(
    clips: dict[str, dict[str, Path]],
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """renfield: a threshold in the range of both kinds of scores made 38 speakers of 3."""
    folder = Path(speakersdk.__file__).parent / "demo_clips"
    for number, path in enumerate(sorted(folder.glob("*.flac"))):
        target = tmp_path / "mixed" / f"person {number % 3}" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert main(["calibrate", str(tmp_path / "mixed"), "--name", "home"]) == 2
    error = capsys.readouterr().err
    assert "same other" in error
    assert "tell the speakers apart" in error
    assert not home.exists()


# ---- scores


def test_a_score_names_its_scale(
    verifier: Verifier, clips: dict[str, dict[str, Path]], slt: Voiceprint
) -> None:
    """OpenTranscribe, WeSpeaker: a cosine was compared with 0.75, meant for (1 + cos)
    2.
    """
    decision = verifier.verify(slt, clips["slt"]["probe"])
    assert "(-symmetric KL, nats)" in str(decision)
    assert decision.score is not None
    assert decision.score <= 0  # and therefore cannot be mistaken for a cosine or a probability


def test_a_rejection_has_its_score_and_an_unknown_speaker_its_ranking(
    verifier: Verifier, clips: dict[str, dict[str, Path]], slt: Voiceprint
) -> None:
    """NeMo returns a bool, sherpa-onnx an empty name: neither shows how close the score was."""
    found = verifier.identify([slt], clips["rms"]["probe"])
    assert found.speaker is None
    assert not found
    assert found.decision.verdict is Verdict.REJECT
    ((name, decision),) = found.ranking
    assert name == "slt"
    assert None not in (decision.score, decision.llr, decision.probability)


def test_scores_of_different_recordings_differ(
    verifier: Verifier, clips: dict[str, dict[str, Path]]
) -> None:
    """transformers: every pair of recordings scored 1.000."""
    paths = [path for voice in clips.values() for path in voice.values()]
    scores = {
        verifier.score(one, other)
        for number, one in enumerate(paths)
        for other in paths[number + 1 :]
    }
    assert len(scores) == 15
    assert max(scores) < 0


def test_a_stored_voiceprint_scores_as_before(
    verifier: Verifier, clips: dict[str, dict[str, Path]], slt: Voiceprint, tmp_path: Path
) -> None:
    """Eagle: profiles from a database scored 0."""
    slt.save(tmp_path / "slt.voiceprint")
    probe = clips["slt"]["probe"]
    for again in (
        Voiceprint.from_bytes(slt.to_bytes()),
        Voiceprint.load(tmp_path / "slt.voiceprint"),
    ):
        assert verifier.verify(again, probe) == verifier.verify(slt, probe)


# ---- silence and short audio


@pytest.mark.parametrize("kind", ["digital silence", "offset", "hiss", "hum"])
def test_no_speech_is_a_verdict_and_never_a_number(
    verifier: Verifier, slt: Voiceprint, rng: np.random.Generator, kind: str
) -> None:
    """WeSpeaker: silence has a similarity of 0.0, which a threshold below 0 accepts."""
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    samples = {
        "digital silence": silence(3),
        "offset": silence(3) + np.float32(0.2),
        "hiss": rng.normal(0, 0.01, 3 * RATE_HZ).astype(np.float32),
        "hum": (0.1 * np.sin(2 * np.pi * 50 * time_s)).astype(np.float32),
    }[kind]
    decision = verifier.verify(slt, samples, sample_rate_hz=RATE_HZ)
    assert decision.verdict is Verdict.NO_SPEECH
    assert decision.score is decision.llr is decision.probability is None
    with pytest.raises(InvalidAudioError, match="no speech found"):
        verifier.score(slt, samples, sample_rate_hz=RATE_HZ)
    stream = verifier.stream([slt])
    updates = stream.push(samples, sample_rate_hz=RATE_HZ)
    assert {update.verdict for update in updates} == {Verdict.NO_SPEECH}


def test_silence_is_not_enrolled(verifier: Verifier) -> None:
    """Picovoice's cookbook: silence became a profile."""
    with pytest.raises(EnrollmentError, match=r"no speech found in 5\.0 s"):
        verifier.enroll([silence(5)], name="nobody", sample_rate_hz=RATE_HZ)
    enrollment = verifier.enrollment("nobody")
    assert enrollment.push(silence(5), sample_rate_hz=RATE_HZ).percent == 0
    with pytest.raises(EnrollmentError, match=r"got 0\.0 s"):
        enrollment.voiceprint()


def test_waiting_before_speaking_enrolls_only_the_voice(
    verifier: Verifier, clips: dict[str, dict[str, Path]]
) -> None:
    """Picovoice's cookbook, pull request 80: waiting makes a profile of mostly silence."""
    speech = np.concatenate([sf.read(clip, dtype="float32")[0] for clip in clips["slt"].values()])
    hiss = np.random.default_rng(1).standard_normal(20 * RATE_HZ).astype(np.float32)
    hiss *= 10 ** (-60 / 20)
    at_once, waited = verifier.enrollment("slt"), verifier.enrollment("slt")
    assert waited.push(hiss, sample_rate_hz=RATE_HZ).percent == 0
    for enrollment in (at_once, waited):
        enrollment.push(speech, sample_rate_hz=RATE_HZ)
    assert waited.progress.speech_s == pytest.approx(at_once.progress.speech_s, abs=0.3)


def test_of_two_voices_none_is_named_where_nothing_speaks_for_either(
    verifier: Verifier, clips: dict[str, dict[str, Path]], slt: Voiceprint
) -> None:
    """Eagle, issue 79: all scores were 0.0, and the first profile was returned."""
    rms = verifier.enroll([clips["rms"]["enroll-1"]], name="rms")
    stranger = FOLDER / "awb-probe.flac"
    for probe in (silence(3), sf.read(stranger, dtype="float32")[0]):
        for people in ([slt, rms], [rms, slt]):
            assert verifier.identify(people, probe, sample_rate_hz=RATE_HZ).speaker is None
            updates = verifier.stream(people).push(probe, sample_rate_hz=RATE_HZ)
            assert updates
            assert {update.speaker for update in updates} == {None}


@pytest.mark.parametrize("num_samples", [1, 100, 400, 1600, 7999])
def test_audio_that_is_too_short_is_typed(
    verifier: Verifier, slt: Voiceprint, num_samples: int
) -> None:
    """pyannote: short input gives NaN embeddings, which then pass or fail any comparison."""
    samples = np.full(num_samples, 0.1, np.float32)
    decision = verifier.verify(slt, samples, sample_rate_hz=RATE_HZ)
    assert decision.verdict in (Verdict.INCONCLUSIVE, Verdict.NO_SPEECH)
    assert decision.score is None
    with pytest.raises(AudioTooShortError, match="record longer"):
        verifier.embed(samples, sample_rate_hz=RATE_HZ)
    with pytest.raises(EnrollmentError, match="record longer"):
        verifier.enroll([samples], name="ann", sample_rate_hz=RATE_HZ)
    (quality,) = verifier.quality([samples], sample_rate_hz=RATE_HZ)
    assert not quality.is_usable


# ---- names and profiles


def test_a_name_that_is_taken_is_never_ignored(
    clips: dict[str, dict[str, Path]],
    slt: Voiceprint,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """WeSpeaker, sherpa-onnx: a second `register` of a name is ignored without an error."""
    store = VoiceprintStore(home / "voiceprints")
    store.save(slt)
    for name in ("slt", "SLT"):
        with pytest.raises(DuplicateSpeakerError, match=r"replace it with .* or add to it"):
            store.save(dataclasses.replace(slt, name=name))
    probe = str(clips["slt"]["probe"])
    assert main(["enroll", "slt", probe]) == 2
    assert "--replace" in capsys.readouterr().err
    assert store.load("slt") == slt
    assert main(["enroll", "slt", probe, "--append"]) == 0
    assert len(store.load("slt").exemplars) == 3
    assert main(["enroll", "slt", probe, "--replace"]) == 0
    assert len(store.load("slt").exemplars) == 1


@pytest.mark.parametrize("name", ["../ann", "a/b", "", ".", "ann\n", "\u202eann", "-o", "a\0b"])
def test_a_name_cannot_leave_its_folder(slt: Voiceprint, home: Path, name: str) -> None:
    """Names that become file names: separators, hidden files, options, invisible letters."""
    store = VoiceprintStore(home / "voiceprints")
    attempts: list[Callable[[], Any]] = [
        lambda: store.load(name),
        lambda: store.remove(name),
        lambda: dataclasses.replace(slt, name=name),
        lambda: CalibrationProfile.load(name),
        lambda: Verifier(calibration=name),
    ]
    for attempt in attempts:
        with pytest.raises(SpeakerSdkError, match="expected a name of"):
            attempt()


def test_two_people_are_not_enrolled_as_one(
    verifier: Verifier, clips: dict[str, dict[str, Path]]
) -> None:
    """Azure: a profile accepted recordings of two people."""
    joined = np.concatenate(
        [sf.read(path, dtype="float32")[0] for voice in clips.values() for path in voice.values()]
    )
    with pytest.raises(EnrollmentError, match=r"second voice \(llr -"):
        verifier.enroll([joined], name="both", sample_rate_hz=RATE_HZ)
    one_each = [clips["slt"]["enroll-1"], clips["slt"]["probe"], clips["rms"]["probe"]]
    with pytest.raises(EnrollmentError, match=r"recording 3 .*unlike the other recordings"):
        verifier.enroll(one_each, name="both")


class _Trap:
    """Unpickling it would raise an unexpected error."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('the pickle ran')",))


def test_pickles_are_refused_unread(home: Path, tmp_path: Path) -> None:
    """openWakeWord's verifiers are pickles: anybody who can write one runs code."""
    trap = pickle.dumps(_Trap())
    path = tmp_path / "trap.voiceprint"
    path.write_bytes(trap)
    with pytest.raises(VoiceprintError, match="not a voiceprint"):
        Voiceprint.load(path)
    with pytest.raises(SpeakerSdkError):
        Gallery.load(path)
    calibration = tmp_path / "trap.calibration.json"
    calibration.write_bytes(trap)
    with pytest.raises(SpeakerSdkError, match="not valid"):
        CalibrationProfile.load(str(calibration))


def test_a_profile_of_another_model_names_both(
    verifier: Verifier, clips: dict[str, dict[str, Path]], slt: Voiceprint
) -> None:
    """omi: vectors of 512 values were compared with vectors of 256, with 5,000 errors a day."""
    wide = np.ones((1, 512), np.float32)
    wide *= slt.temperature / np.linalg.norm(wide)
    foreign = dataclasses.replace(
        slt, model_name="other-512", model_sha256="cd" * 32, exemplars=wide, speech_s=[3.0]
    )
    probe = clips["slt"]["probe"]
    attempts: list[Callable[[], Any]] = [
        lambda: verifier.verify(foreign, probe),
        lambda: verifier.identify([slt, dataclasses.replace(foreign, name="ann")], probe),
        lambda: verifier.score(foreign, probe),
        lambda: verifier.stream([foreign]),
        lambda: verifier.adapt(foreign, probe),
        lambda: verifier.enroll([probe], name="slt", append_to=foreign),
        lambda: slt.with_exemplars(foreign),
    ]
    for attempt in attempts:
        with pytest.raises(IncompatibleModelError) as caught:
            attempt()
        assert "other-512 (cdcdcdcdcdcd)" in str(caught.value)
        assert verifier.manifest.name in str(caught.value)
