from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from speakersdk.arrays import scaled
from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.calibration.cohort import Cohort
from speakersdk.calibration.regression import posterior_weights
from speakersdk.decision.rule import Request
from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError
from speakersdk.metrics import cllr
from speakersdk.recalibration.profile import CalibrationProfile
from speakersdk.recalibration.refit import (
    MINIMUM_RECORDINGS,
    SHIPPED,
    own_trials,
    recalibrate,
    refit,
)
from speakersdk.scoring import symmetric_kl
from speakersdk.verifier import Verifier

LENGTH, DIM = 4.0, 16
# For the voices below, with spread 0.5: targets score about -0.5, nontargets about -2.4.
CALIBRATION = Calibration(
    offset=9.0,
    scale=6.0,
    speech_scale=0.0,
    speech_weight=0.0,
    maximum_speech_s=10.0,
    num_target=1000,
    num_nontarget=10_000,
    operating_points=(
        OperatingPoint(far=0.1, frr=0.0, llr=0.0, llr_slope=0.0, frr_logit=-5.0, frr_slope=0.0),
        OperatingPoint(far=0.01, frr=0.0, llr=2.0, llr_slope=0.0, frr_logit=-5.0, frr_slope=0.0),
    ),
)


def voices(
    rng: np.random.Generator, *, speakers: int = 6, each: int = 4, spread: float = 0.5
) -> dict[str, list[Encoding]]:
    """Recordings of speakers: normal, each speaker around another center."""
    made = {}
    for speaker in range(speakers):
        center = rng.normal(size=DIM)
        rows = center + spread * rng.normal(size=(each, DIM))
        rows *= LENGTH / np.linalg.norm(rows, axis=1, keepdims=True)
        made[f"speaker {speaker}"] = [
            Encoding(row, speech_s=3.0, duration_s=4.0) for row in rows.astype(np.float32)
        ]
    return made


def test_the_rates_are_those_of_the_curved_thresholds(rng: np.random.Generator) -> None:
    curved = replace(CALIBRATION.operating_points[1], llr_slope=-1.0, llr_curve=-4.0)
    calibration = replace(CALIBRATION, operating_points=(curved,))
    trials = own_trials(voices(rng, spread=0.9), calibration)
    found = refit(trials, calibration, far=0.01).before
    wrong = [
        llr >= curved.threshold(speech_s)
        for llr, speech_s in zip(
            trials.llrs[~trials.targets], trials.speech_s[~trials.targets], strict=True
        )
    ]
    assert 0 < found.far == np.mean(wrong)


def test_the_rates_are_those_of_decisions_by_the_cohort(rng: np.random.Generator) -> None:
    listed = voices(rng, spread=0.9)
    cohort = Cohort.of(rng.normal(size=(24, DIM)), nearest=4, conditions=2)
    near = replace(CALIBRATION.operating_points[1], llr_nearness=0.7, llr_gap=-0.4)
    calibration = replace(CALIBRATION, operating_points=(near,), cohort=cohort)
    trials = own_trials(listed, calibration)
    rule = Request(far=0.01).rule(calibration)
    accepted = []
    for number, speaker in enumerate(listed.values()):
        for at, probe in enumerate(speaker):
            for other, enrolled in enumerate(listed.values()):
                side = [one for no, one in enumerate(enrolled) if (other, no) != (number, at)]
                # All recordings have the same amount of speech: the voiceprint is their mean.
                voice = scaled(np.stack([one.embedding for one in side]).mean(axis=0), LENGTH)
                [nearness] = calibration.pair_nearness(voice[np.newaxis], probe.embedding)
                decision = rule.decide(
                    -symmetric_kl(probe.embedding, voice),
                    enrolled_speech_s=3.0 * len(side),
                    probe_speech_s=3.0,
                    nearness=nearness,
                )
                accepted.append(decision.accepted)
    found = refit(trials, calibration, far=0.01).before
    assert found.far == np.mean(np.array(accepted)[~trials.targets])
    assert found.frr == np.mean(~np.array(accepted)[trials.targets])
    # The cohort affects decisions here: without it, the rates are different.
    typical = np.mean((trials.llrs >= near.thresholds(trials.speech_s))[~trials.targets])
    assert 0 < found.far != typical


def test_each_recording_is_left_out_once_and_tried_on_every_other_speaker(
    rng: np.random.Generator,
) -> None:
    trials = own_trials(voices(rng, speakers=5, each=3), CALIBRATION)
    assert trials.num_recordings == 15
    assert trials.targets.sum() == 15
    assert (~trials.targets).sum() == 15 * 4
    assert ((trials.probes == trials.enrolled) == trials.targets).all()
    # The harmonic mean of 3 s on one side, and of 6 or 9 s on the other.
    assert set(np.round(trials.speech_s, 9)) == {4.0, 4.5}


def test_recordings_with_too_little_speech_are_not_tried(rng: np.random.Generator) -> None:
    listed = voices(rng, speakers=4, each=4)
    short = [replace(one, speech_s=0.5) for one in listed["speaker 0"]]
    trials = own_trials({**listed, "speaker 0": short}, CALIBRATION)
    assert trials.speakers == ("speaker 1", "speaker 2", "speaker 3")
    assert trials.num_recordings == MINIMUM_RECORDINGS


@pytest.mark.parametrize(("speakers", "each"), [(2, 10), (3, 3), (20, 1)])
def test_too_little_is_refused(rng: np.random.Generator, speakers: int, each: int) -> None:
    with pytest.raises(CalibrationError, match=r"at least 3 speakers .*12 recordings") as caught:
        own_trials(voices(rng, speakers=speakers, each=each), CALIBRATION)
    assert "record more" in str(caught.value)


def test_indistinguishable_voices_are_refused_with_the_overlap(
    rng: np.random.Generator,
) -> None:
    trials = own_trials(voices(rng, spread=20.0), CALIBRATION)
    with pytest.raises(CalibrationError, match="tell the speakers apart") as caught:
        refit(trials, CALIBRATION, far=0.01)
    lines = caught.value.overlap.splitlines()
    counts = np.array([line[14:].split()[:2] for line in lines[1:-1]], int)
    assert counts.sum(axis=0).tolist() == [24, 24 * 5]


def test_a_shift_is_found_and_helps_speakers_left_out(rng: np.random.Generator) -> None:
    off = replace(CALIBRATION, offset=CALIBRATION.offset - 6.0)
    fitted = refit(own_trials(voices(rng, speakers=10), off), off, far=0.01)
    # The prior's deviation of 1 keeps it far below 6.
    assert 0.5 < fitted.offset < 4.0
    assert fitted.is_better
    assert fitted.after.cllr < fitted.before.cllr
    assert fitted.after.frr <= fitted.before.frr
    assert (fitted.num_target, fitted.num_nontarget) == (40, 40 * 9)


def test_more_recordings_move_the_fit_further(rng: np.random.Generator) -> None:
    off = replace(CALIBRATION, offset=CALIBRATION.offset - 6.0)
    offsets = [
        refit(own_trials(voices(rng, speakers=3, each=each), off), off, far=0.01).offset
        for each in (4, 12, 36)
    ]
    assert offsets == sorted(offsets)


def test_each_speaker_is_judged_by_a_fit_without_it(rng: np.random.Generator) -> None:
    trials = own_trials(voices(rng, speakers=4), CALIBRATION)
    judged = np.empty(len(trials.llrs))
    for speaker in range(4):
        others = (trials.probes != speaker) & (trials.enrolled != speaker)
        assert others.sum() == 12 + 12 * 2  # three speakers with each other
        offset, scale = posterior_weights(
            trials.llrs[others, np.newaxis],
            trials.targets[others],
            0.5,
            known=SHIPPED,
            num_independent=12,
        )
        own = trials.probes == speaker
        judged[own] = offset + scale * trials.llrs[own]
    after = refit(trials, CALIBRATION, far=0.01).after
    assert after.cllr == pytest.approx(cllr(judged, trials.targets))
    assert after.far == np.mean(judged[~trials.targets] >= 2.0)
    assert after.frr == np.mean(judged[trials.targets] < 2.0)


def test_a_profile_names_its_basis(rng: np.random.Generator, verifier: Verifier) -> None:
    manifest: ModelManifest = replace(verifier.manifest, calibration=CALIBRATION)
    trials, fitted = recalibrate(voices(rng), manifest, far=0.01)
    stored = CalibrationProfile.of(
        manifest,
        name="usb-mic",
        offset=fitted.offset,
        scale=fitted.scale,
        num_speakers=len(trials.speakers),
        num_recordings=trials.num_recordings,
    )
    assert (stored.offset, stored.scale) == (fitted.offset, fitted.scale)
    assert (stored.num_speakers, stored.num_recordings) == (6, 24)
    applied = stored.applied_to(manifest)
    assert applied.offset == pytest.approx(fitted.offset + fitted.scale * CALIBRATION.offset)
    with pytest.raises(CalibrationError, match="without calibration"):
        recalibrate(voices(rng), replace(manifest, calibration=None), far=0.01)
