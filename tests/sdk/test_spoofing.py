from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.decision.outcome import Verdict
from speakersdk.errors import ConfigError
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint


class Detector:
    """Returns a fixed answer, and records the samples of each question."""

    def __init__(self, finding: Any) -> None:
        self.finding = finding
        self.asked: list[Waveform] = []

    def __call__(self, samples: Waveform) -> str | None:
        self.asked.append(samples)
        if isinstance(self.finding, Exception):
            raise self.finding
        finding: str | None = self.finding
        return finding


@pytest.fixture(scope="module")
def slt(verifier: Verifier, voices: dict[str, Any]) -> Voiceprint:
    return verifier.enroll(voices["slt"].enroll, name="slt")


def test_a_finding_makes_an_accepted_probe_inconclusive(
    slt: Voiceprint, verifier: Verifier, voices: dict[str, Any]
) -> None:
    detector = Detector("too\x1b clean")
    guarded = Verifier(spoof_detector=detector)
    probe = voices["slt"].probe
    answer = guarded.identify([slt], probe)
    assert answer.decision.verdict is Verdict.INCONCLUSIVE
    assert answer.speaker is None
    assert [decision.verdict for _, decision in answer.ranking] == [Verdict.INCONCLUSIVE]
    assert answer.decision.reason.isprintable()
    assert "perhaps not a live voice: too" in answer.decision.reason
    assert answer.decision.llr == verifier.verify(slt, probe).llr
    [samples] = detector.asked
    assert samples.dtype == np.float32
    assert not samples.flags.writeable
    assert np.array_equal(samples, read_audio(probe))
    assert not guarded.adapt(slt, probe).is_adapted
    assert len(detector.asked) == 2  # once for both decisions


def test_without_a_finding_nothing_changes(
    slt: Voiceprint, verifier: Verifier, voices: dict[str, Any]
) -> None:
    guarded = Verifier(spoof_detector=Detector(None))
    probe = voices["slt"].probe
    assert guarded.verify(slt, probe) == verifier.verify(slt, probe)
    assert guarded.adapt(slt, probe).is_adapted


def test_the_chosen_channel_is_read_once(slt: Voiceprint, voices: dict[str, Any]) -> None:
    samples = read_audio(voices["slt"].probe)
    stereo = np.stack([np.zeros_like(samples), samples], axis=1)
    detector = Detector(None)
    guarded = Verifier(spoof_detector=detector, channel=2)
    assert guarded.verify(slt, stereo, sample_rate_hz=16000).accepted
    assert guarded.adapt(slt, stereo, sample_rate_hz=16000).decision.accepted
    assert all(np.array_equal(asked, samples) for asked in detector.asked)


def test_it_is_called_only_for_what_would_be_accepted(
    slt: Voiceprint, voices: dict[str, Any]
) -> None:
    detector = Detector("anything")
    guarded = Verifier(spoof_detector=detector)
    assert guarded.verify(slt, voices["rms"].probe).verdict is Verdict.REJECT
    silence = np.zeros(48000, np.float32)
    assert guarded.verify(slt, silence, sample_rate_hz=16000).verdict is Verdict.NO_SPEECH
    assert not detector.asked


def test_a_detector_that_fails_accepts_nobody(slt: Voiceprint, voices: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="no model"):
        Verifier(spoof_detector=Detector(RuntimeError("no model"))).verify(slt, voices["slt"].probe)


# A detector must return text or None. Scores and flags are errors, even those that count as false.
@pytest.mark.parametrize("answer", [0.9, 0.0, False, []])
def test_an_answer_other_than_a_text_accepts_nobody(
    answer: Any, slt: Voiceprint, voices: dict[str, Any]
) -> None:
    expected = f"to return a text or None, got {type(answer).__name__}"
    with pytest.raises(TypeError, match=expected):
        Verifier(spoof_detector=Detector(answer)).verify(slt, voices["slt"].probe)


def test_an_empty_text_is_a_finding(slt: Voiceprint, voices: dict[str, Any]) -> None:
    decision = Verifier(spoof_detector=Detector("")).verify(slt, voices["slt"].probe)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "the detector names no reason" in decision.reason


def test_streams_do_not_pass_it_by(slt: Voiceprint) -> None:
    guarded = Verifier(spoof_detector=Detector(None))
    for opened in (
        lambda: guarded.stream([slt]),
        guarded.stream_pool,
        lambda: guarded.listen([slt]),
    ):
        with pytest.raises(ConfigError, match="streams cannot use a spoof detector"):
            opened()
