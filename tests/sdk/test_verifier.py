"""The verifier with the bundled model, on the bundled voices and on real readers."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.decision.outcome import Verdict
from speakersdk.errors import (
    AudioTooShortError,
    ConfigError,
    EnrollmentError,
    IncompatibleModelError,
    InferenceError,
    InvalidAudioError,
    ModelError,
)
from speakersdk.scoring import symmetric_kl
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

EditModel = Callable[..., Path]


@pytest.fixture(scope="module")
def enrolled(verifier: Verifier, voices: dict[str, Any]) -> dict[str, Voiceprint]:
    return {name: verifier.enroll(voice.enroll, name=name) for name, voice in voices.items()}


def calibration_of(verifier: Verifier) -> dict[str, Any]:
    """Return the calibration as in the metadata."""
    return asdict(calibration_object(verifier))


def calibration_object(verifier: Verifier) -> Calibration:
    calibration = verifier.manifest.calibration
    assert calibration is not None
    return calibration


def operating_point(far: float, llr: float) -> dict[str, float]:
    """Return a threshold for any speech that few target trials miss, as in the metadata."""
    return asdict(
        OperatingPoint(far=far, frr=0.0, llr=llr, llr_slope=0.0, frr_logit=-5.0, frr_slope=0.0)
    )


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32)


def test_own_voice_is_accepted_and_others_are_rejected(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    verdicts = {
        (probe, name): verifier.verify(voiceprint, voices[probe].probe).verdict
        for probe in voices
        for name, voiceprint in enrolled.items()
    }
    expected = {
        (probe, name): Verdict.ACCEPT if probe == name else Verdict.REJECT
        for probe, name in verdicts
    }
    assert verdicts == expected


def test_a_decision_is_the_documented_formula(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    voiceprint, probe = enrolled["slt"], voices["rms"].probe
    decision = verifier.verify(voiceprint, probe)
    assert decision.score == -symmetric_kl(voiceprint.embedding, verifier.embed(probe))
    assert decision.score == verifier.score(voiceprint, probe)
    calibration = calibration_object(verifier)
    assert decision.llr == calibration.llr(
        decision.score,
        enrolled_speech_s=voiceprint.total_speech_s,
        probe_speech_s=decision.speech_s,
    )
    speech_s = calibration.comparable_speech_s(voiceprint.total_speech_s, decision.speech_s)
    (nearness,) = calibration.pair_nearness(voiceprint.embedding[np.newaxis], verifier.embed(probe))
    assert decision.threshold == calibration.operating_point(0.01).threshold(speech_s, nearness)


def test_arrays_and_files_are_the_same(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    path = voices["slt"].probe
    samples = read_audio(path)
    from_file = verifier.verify(enrolled["slt"], str(path))
    from_array = verifier.verify(enrolled["slt"], samples, sample_rate_hz=SAMPLE_RATE_HZ)
    assert from_array == from_file
    # 16-bit clips: the integers contain exactly the same samples.
    integers = np.round(samples * 2**15).astype(np.int16)
    assert verifier.verify(enrolled["slt"], integers, sample_rate_hz=SAMPLE_RATE_HZ) == from_file


def test_arrays_need_a_rate(verifier: Verifier, enrolled: dict[str, Voiceprint]) -> None:
    for call in (
        lambda: verifier.embed(silence(2)),
        lambda: verifier.verify(enrolled["slt"], silence(2)),
        lambda: verifier.identify([enrolled["slt"]], silence(2)),
        lambda: verifier.score(enrolled["slt"], silence(2)),
        lambda: verifier.enroll([silence(2)], name="ann"),
    ):
        with pytest.raises(TypeError, match="sample_rate_hz is required for arrays"):
            call()


def test_score_is_symmetric_and_zero_on_itself(verifier: Verifier, voices: dict[str, Any]) -> None:
    a, b = voices["slt"].probe, voices["rms"].probe
    assert verifier.score(a, b) == verifier.score(b, a) < 0
    assert str(verifier.score(a, a)) == "0.0"  # not -0.0


# The false-accept rate must apply to every decision: verify_files of another SDK ignored it.
def test_far_changes_the_decision_at_every_entry_point(
    verifier: Verifier,
    voices: dict[str, Any],
    enrolled: dict[str, Voiceprint],
    edit_model: EditModel,
) -> None:
    path = voices["slt"].probe
    llr = verifier.verify(enrolled["slt"], path).llr
    assert llr is not None
    points = [
        operating_point(0.1, llr - 1),
        operating_point(0.001, llr + 1),
    ]
    model = edit_model(calibration={**calibration_of(verifier), "operating_points": points})
    samples = read_audio(path)
    for far, verdict in ((0.1, Verdict.ACCEPT), (0.001, Verdict.REJECT)):
        with_rate = Verifier(model, far=far)
        voiceprint = enrolled["slt"]
        decisions = (
            with_rate.verify(voiceprint, path),
            with_rate.verify(voiceprint, samples, sample_rate_hz=SAMPLE_RATE_HZ),
            with_rate.identify([voiceprint], path).decision,
            with_rate.identify([voiceprint], samples, sample_rate_hz=SAMPLE_RATE_HZ).decision,
        )
        assert [decision.verdict for decision in decisions] == [verdict] * 4


@pytest.mark.parametrize("far", [0.0, 1.0, -0.5, 1e-9, float("nan")])
def test_a_rate_that_cannot_be_promised_is_refused_at_once(default_model: Path, far: float) -> None:
    with pytest.raises(ConfigError, match="false-accept rate"):
        Verifier(default_model, far=far)


def test_a_prior_and_costs_set_the_threshold_and_count_into_the_probability(
    verifier: Verifier, default_model: Path, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    asked = {"prior": 0.2, "c_miss": 1.0, "c_fa": 5.0}
    by_cost = Verifier(default_model, **asked)
    decision = by_cost.verify(enrolled["slt"], voices["slt"].probe)
    assert decision.threshold == pytest.approx(math.log(20))
    assert decision.llr == verifier.verify(enrolled["slt"], voices["slt"].probe).llr
    assert decision.llr is not None
    odds = math.exp(decision.llr) * 0.2 / 0.8
    assert decision.probability == pytest.approx(odds / (1 + odds))
    assert by_cost.request.to_json() == asked
    assert asked.items() <= by_cost.report().items()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"far": 0.01, "prior": 0.5}, "or a prior, got both"),
        ({"c_fa": 10.0}, r"add prior=0\.5"),
        ({"prior": 1.0}, "a prior between 0 and 1"),
        ({"prior": 0.5, "c_fa": -1.0}, "costs above 0"),
        # The strictest stored rate is 0.001: at most -ln 0.001 = 6.91 can be requested.
        ({"prior": 1e-4}, r"at most 6\.91 .*got 9\.21"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_at_once(
    default_model: Path, asked: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Verifier(default_model, **asked)


def test_a_model_of_few_trials_still_enrolls_and_scores(
    verifier: Verifier, voices: dict[str, Any], edit_model: EditModel
) -> None:
    points = [operating_point(0.1, 0.0), operating_point(0.05, 1.0)]
    model = edit_model(calibration={**calibration_of(verifier), "operating_points": points})
    few_trials = Verifier(model)
    voiceprint = few_trials.enroll(voices["slt"].enroll, name="slt")
    assert few_trials.score(voiceprint, voices["slt"].probe) < 0
    with pytest.raises(ConfigError, match=r"between 0\.05 and 0\.1"):
        few_trials.verify(voiceprint, voices["slt"].probe)
    with pytest.raises(ConfigError, match=r"between 0\.05 and 0\.1"):
        Verifier(model, far=0.01)


def test_identify_ranks_and_names_the_speaker(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    identification = verifier.identify(list(enrolled.values()), voices["rms"].probe)
    assert identification.speaker == "rms"
    names = [name for name, _ in identification.ranking]
    assert names[0] == "rms"
    assert sorted(names) == sorted(enrolled)
    ratios = [decision.llr for _, decision in identification.ranking]
    assert ratios == sorted(ratios, reverse=True)
    assert identification.margin == ratios[0] - ratios[1]
    for name, decision in identification.ranking:
        assert decision == verifier.verify(enrolled[name], voices["rms"].probe)


def test_an_unknown_speaker_is_an_answer(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    others = [voiceprint for name, voiceprint in enrolled.items() if name != "rms"]
    identification = verifier.identify(others, voices["rms"].probe)
    assert identification.speaker is None
    assert identification.decision.verdict is Verdict.REJECT
    assert len(identification.ranking) == 3


def test_one_candidate_has_no_margin(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    assert verifier.identify([enrolled["rms"]], voices["rms"].probe).margin is None


def test_candidates_must_be_distinct_and_some(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    with pytest.raises(ConfigError, match="'slt' 2 times"):
        verifier.identify([enrolled["slt"], enrolled["slt"]], voices["rms"].probe)
    with pytest.raises(ConfigError, match="at least one voiceprint"):
        verifier.identify([], voices["rms"].probe)


def test_silence_is_never_a_number(
    verifier: Verifier, enrolled: dict[str, Voiceprint], tmp_path: Path
) -> None:
    for samples in (silence(3), silence(3) + np.float32(0.1)):
        identification = verifier.identify(
            list(enrolled.values()), samples, sample_rate_hz=SAMPLE_RATE_HZ
        )
        decision = identification.decision
        assert decision.verdict is Verdict.NO_SPEECH
        assert decision.score is decision.llr is decision.probability is None
        assert decision.reason == "no speech found in 3.0 s of audio"
        assert (identification.speaker, identification.ranking) == (None, ())
    path = tmp_path / "silence.wav"
    sf.write(path, silence(3), SAMPLE_RATE_HZ)
    assert verifier.verify(enrolled["slt"], path).verdict is Verdict.NO_SPEECH
    for call in (
        lambda: verifier.embed(path),
        lambda: verifier.score(enrolled["slt"], path),
        lambda: verifier.score(path, path),
    ):
        with pytest.raises(InvalidAudioError, match=r"silence\.wav: no speech found"):
            call()


def test_too_little_speech_is_inconclusive(
    verifier: Verifier, voices: dict[str, Any], enrolled: dict[str, Voiceprint]
) -> None:
    minimum_s = calibration_object(verifier).minimum_speech_s
    # Speech of half the minimum, in enough audio for the model.
    word = read_audio(voices["slt"].probe)[: round(minimum_s / 2 * SAMPLE_RATE_HZ)]
    samples = np.concatenate([silence(1), word, silence(1)])
    decision = verifier.verify(enrolled["slt"], samples, sample_rate_hz=SAMPLE_RATE_HZ)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert 0 < decision.speech_s < minimum_s
    assert decision.llr is None
    assert f"at least {minimum_s:g} s is needed" in decision.reason


def test_too_little_audio_is_inconclusive(
    verifier: Verifier, enrolled: dict[str, Voiceprint]
) -> None:
    short = silence(verifier.manifest.minimum_s / 2)
    decision = verifier.verify(enrolled["slt"], short, sample_rate_hz=SAMPLE_RATE_HZ)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "expected at least" in decision.reason
    with pytest.raises(AudioTooShortError):
        verifier.embed(short, sample_rate_hz=SAMPLE_RATE_HZ)


def test_a_voiceprint_of_another_model_is_refused_naming_both(
    verifier: Verifier,
    voices: dict[str, Any],
    enrolled: dict[str, Voiceprint],
    edit_model: EditModel,
) -> None:
    other = Verifier(edit_model(name="other-model", weights_sha256="cd" * 32))
    foreign = other.enroll(voices["slt"].enroll, name="slt")
    probe = voices["slt"].probe
    for call in (
        lambda: verifier.verify(foreign, probe),
        lambda: verifier.identify([enrolled["rms"], foreign], probe),
        lambda: verifier.score(foreign, probe),
        lambda: verifier.score(probe, foreign),
    ):
        with pytest.raises(IncompatibleModelError) as caught:
            call()
        assert "other-model (cdcdcdcdcdcd)" in str(caught.value)
        assert verifier.manifest.name in str(caught.value)


def test_without_calibration_there_are_scores_and_no_decisions(
    verifier: Verifier,
    voices: dict[str, Any],
    enrolled: dict[str, Voiceprint],
    edit_model: EditModel,
) -> None:
    scores_only = Verifier(edit_model(calibration=None))
    voiceprint = scores_only.enroll(voices["slt"].enroll, name="slt")
    probe = voices["slt"].probe
    assert scores_only.score(voiceprint, probe) == verifier.score(enrolled["slt"], probe)
    for call in (scores_only.verify, lambda a, b: scores_only.identify([a], b)):
        with pytest.raises(ModelError, match=r"without calibration.*Verifier\.score"):
            call(voiceprint, probe)
    assert scores_only.report()["calibrated"] is False


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match=r"missing\.onnx"):
        Verifier(tmp_path / "missing.onnx")


def test_report_says_what_runs_where(verifier: Verifier) -> None:
    report = verifier.report()
    assert report["model_name"] == verifier.manifest.name
    assert report["model_sha256"] == verifier.manifest.weights_sha256
    assert (report["device"], report["providers"]) == ("cpu", ["CPUExecutionProvider"])
    assert (report["num_threads"], report["far"]) == (1, 0.01)
    assert report["ORT_DISABLE_TELEMETRY"] == "1"
    assert json.loads(json.dumps(report)) == report


def test_where_it_runs_can_be_chosen(default_model: Path) -> None:
    report = Verifier(default_model, device="auto", precision="fp32", num_threads=2).report()
    assert report["device_choice"].startswith(report["device"])
    assert (report["asked_device"], report["strict"], report["num_threads"]) == ("auto", False, 2)
    with pytest.raises(ConfigError, match="strict=True, got auto"):
        Verifier(default_model, device="auto", strict=True)


def test_a_recording_of_any_form_gives_the_same_answer(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    path = voices["slt"].probe
    samples = read_audio(path)
    expected = verifier.embed(path)
    for recording in (
        io.BytesIO(path.read_bytes()),
        (SAMPLE_RATE_HZ, samples),
        (samples, SAMPLE_RATE_HZ),
    ):
        np.testing.assert_array_equal(verifier.embed(recording), expected)
    limited = Verifier(max_duration_s=1.0)
    with pytest.raises(InvalidAudioError, match="at most 1 s of audio"):
        limited.embed(path)
    (quality,) = limited.quality([path])
    assert "at most 1 s of audio" in str(quality.failure)
    with pytest.raises(EnrollmentError, match="at most 1 s of audio"):
        limited.enroll([path], name="slt")
    with pytest.raises(ConfigError, match="above 0 s"):
        Verifier(max_duration_s=0)


def test_what_can_be_read_once_is_read_once_to_adapt(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    slt = verifier.enroll(voices["slt"].enroll, name="slt")
    path = voices["slt"].probe
    once = verifier.adapt(slt, io.BytesIO(path.read_bytes()))
    assert once.reason == verifier.adapt(slt, path).reason


def test_an_owner_who_is_too_quiet_is_asked_to_come_closer(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    voiceprint = verifier.enroll(voices["slt"].enroll, name="slt")
    stranger = read_audio(voices["rms"].probe)
    loud = verifier.verify(voiceprint, stranger, sample_rate_hz=16000)
    quiet = verifier.verify(voiceprint, stranger * np.float32(0.01), sample_rate_hz=16000)
    assert (loud.verdict, quiet.verdict) == ("reject", "inconclusive")
    assert "come closer" in quiet.reason
