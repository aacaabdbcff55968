"""Verdicts that follow from a request."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.calibration.cohort import Nearness
from speakersdk.decision.outcome import Promise, Verdict
from speakersdk.decision.rule import DecisionRule, Request, speech_shortage
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import ConfigError, ModelError
from speakersdk.verifier import Verifier

# llr = score + 5 at any length. At 1 s, 73 % of the target trials miss the threshold of 2 (log-odds
# 1); at e s, 5 % miss the one of 0.5 (log-odds -3).
POINT = OperatingPoint(far=0.01, frr=0.2, llr=2.0, llr_slope=-1.5, frr_logit=1.0, frr_slope=-4.0)
CALIBRATION = Calibration(
    offset=5.0,
    scale=1.0,
    speech_scale=0.0,
    speech_weight=0.0,
    maximum_speech_s=8.0,
    num_target=100,
    num_nontarget=10_000,
    operating_points=(replace(POINT, far=0.1, llr=0.0), POINT),
)


def verdict(rule: DecisionRule, llr: float, *, speech_s: float) -> Verdict:
    decision = rule.decide(llr - 5.0, enrolled_speech_s=speech_s, probe_speech_s=speech_s)
    assert decision.llr == pytest.approx(llr)
    return decision.verdict


def test_the_threshold_follows_the_speech_of_both_sides() -> None:
    rule = Request(far=0.01).rule(CALIBRATION)
    assert rule.threshold(enrolled_speech_s=1.0, probe_speech_s=1.0) == pytest.approx(2.0)
    # Harmonic mean of 2 and 6: 3.
    expected = 2.0 - 1.5 * math.log(3)
    assert rule.threshold(enrolled_speech_s=2.0, probe_speech_s=6.0) == pytest.approx(expected)
    assert rule.threshold(enrolled_speech_s=6.0, probe_speech_s=2.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("llr", "speech_s", "expected"),
    [
        (2.1, 1.0, Verdict.ACCEPT),
        (1.9, 1.0, Verdict.INCONCLUSIVE),  # in favor, and most of the speaker's own would miss it
        (0.1, 1.0, Verdict.INCONCLUSIVE),
        (-0.1, 1.0, Verdict.REJECT),  # the evidence is against, despite little speech
        (0.4, math.e, Verdict.REJECT),  # the speaker's own would reach it
        (0.6, math.e, Verdict.ACCEPT),
    ],
)
def test_a_miss_rejects_only_where_the_speech_supports_it(
    llr: float, speech_s: float, expected: Verdict
) -> None:
    assert verdict(Request().rule(CALIBRATION), llr, speech_s=speech_s) is expected


def test_an_inconclusive_decision_says_how_much_speech_is_enough() -> None:
    rule = Request(far=0.01).rule(CALIBRATION)
    decision = rule.decide(-4.0, enrolled_speech_s=1.0, probe_speech_s=1.0)
    # Half of the target trials reach the threshold at e^(1/4) = 1.28 s or more.
    assert decision.reason == (
        "llr +1.00 is below the threshold +2.00, which 73% of a speaker's own recordings miss at "
        "so little speech; 1.3 s on both sides is enough"
    )
    assert (decision.score, decision.llr, decision.speech_s) == (-4.0, 1.0, 1.0)


def test_a_rejection_in_spite_of_the_evidence_says_how_rare_it_is() -> None:
    rule = Request(far=0.01).rule(CALIBRATION)
    decision = rule.decide(-4.6, enrolled_speech_s=math.e, probe_speech_s=math.e)
    assert decision.verdict is Verdict.REJECT
    assert decision.reason == (
        "llr +0.40 is below the threshold +0.50, which 5% of a speaker's own recordings miss at "
        "this much speech; try again with more"
    )
    against = rule.decide(-5.2, enrolled_speech_s=math.e, probe_speech_s=math.e)
    assert against.reason == "llr -0.20 is below the threshold +0.50"


def test_no_advice_that_the_calibration_does_not_bear_out() -> None:
    for slope in (0.0, -0.1, -1e-32):  # e^(1 / 0.1) s is longer than all of its trials
        rule = DecisionRule(
            calibration=CALIBRATION, prior=0.5, point=replace(POINT, frr_slope=slope)
        )
        decision = rule.decide(-4.0, enrolled_speech_s=1.0, probe_speech_s=1.0)
        assert decision.verdict is Verdict.INCONCLUSIVE
        assert decision.reason.endswith("at so little speech")


def test_costs_give_one_threshold_for_all_speech_and_no_third_answer() -> None:
    rule = Request(prior=0.5, c_fa=4.0).rule(CALIBRATION)
    for speech_s in (1.0, 5.0):
        assert verdict(rule, math.log(4) + 0.01, speech_s=speech_s) is Verdict.ACCEPT
        assert verdict(rule, math.log(4) - 0.01, speech_s=speech_s) is Verdict.REJECT


def test_more_than_the_trials_support_is_refused_with_what_they_do() -> None:
    with pytest.raises(ConfigError, match=r"between 0\.01 and 0\.1 .*10000 nontarget.*got 0\.001"):
        Request(far=0.001).rule(CALIBRATION)
    with pytest.raises(ConfigError, match=r"at most 4\.61 "):  # -ln 0.01
        Request(prior=0.001).rule(CALIBRATION)


def test_a_shortage_is_of_speech_and_not_of_audio(verifier: Verifier) -> None:
    calibration = verifier.manifest.calibration
    assert calibration is not None

    def shortage(speech_s: float, *, calibrated: bool = True) -> tuple[Verdict, str] | None:
        return speech_shortage(speech_s, 60.0, calibration if calibrated else None)

    assert shortage(0.0) == (Verdict.NO_SPEECH, "no speech found in 60.0 s of audio")
    assert shortage(0.0, calibrated=False) == shortage(0.0)
    too_little = shortage(calibration.minimum_speech_s / 2)
    assert too_little is not None
    assert too_little[0] is Verdict.INCONCLUSIVE
    assert shortage(0.1, calibrated=False) is None
    assert shortage(calibration.minimum_speech_s) is None


@pytest.fixture
def bundled_rule(default_model: Path) -> DecisionRule:
    """The rule of the bundled model at 1 %."""
    calibration = load_encoder(default_model).manifest.calibration
    assert calibration is not None
    return Request(far=0.01).rule(calibration)


@pytest.mark.parametrize(
    ("probe_dbfs", "verdict"), [(None, "reject"), (-50.0, "reject"), (-50.1, "inconclusive")]
)
def test_a_probe_that_is_too_quiet_is_not_rejected(
    bundled_rule: DecisionRule, probe_dbfs: float | None, verdict: str
) -> None:
    sides = {"enrolled_speech_s": 6.0, "probe_speech_s": 6.0}
    decision = bundled_rule.decide(-40.0, **sides, probe_dbfs=probe_dbfs)
    assert decision.verdict == verdict
    assert ("too quiet" in decision.reason) == (verdict == "inconclusive")
    assert bundled_rule.decide(0.0, **sides, probe_dbfs=probe_dbfs).accepted


@pytest.mark.parametrize(
    ("clipped_share", "verdict"), [(None, "reject"), (0.35, "reject"), (0.351, "inconclusive")]
)
def test_a_probe_that_is_too_clipped_is_not_rejected(
    bundled_rule: DecisionRule, clipped_share: float | None, verdict: str
) -> None:
    sides = {"enrolled_speech_s": 6.0, "probe_speech_s": 6.0}
    decision = bundled_rule.decide(-40.0, **sides, probe_clipped_share=clipped_share)
    assert decision.verdict == verdict
    expected = (
        "speech with 35% of its samples at full scale is too clipped to reject, expected 35% or "
        "less; lower the input level"
    )
    assert (expected in decision.reason) == (verdict == "inconclusive")
    assert bundled_rule.decide(0.0, **sides, probe_clipped_share=clipped_share).accepted


def test_the_threshold_follows_the_cohort() -> None:
    point = replace(POINT, llr_nearness=3.0, llr_gap=-2.0)
    rule = Request(far=0.01).rule(replace(CALIBRATION, operating_points=(point,)))
    sides = {"enrolled_speech_s": 1.0, "probe_speech_s": 1.0}
    near = Nearness(excess=0.5, distance=0.25)
    assert rule.threshold(**sides, nearness=near) == pytest.approx(2.0 + 1.5 - 0.5)
    assert rule.decide(-2.1, **sides, nearness=near).verdict is not Verdict.ACCEPT
    assert rule.decide(-1.9, **sides, nearness=near).verdict is Verdict.ACCEPT


@pytest.mark.parametrize(
    ("nearness", "caution"),
    [
        (Nearness(0.0, 0.0, 0.2), "telephone-like speech on both sides"),
        (Nearness(-2.0, 0.0, 0.0), "recordings unlike any that were measured"),
        (
            Nearness(0.0, 3.0, 0.0),
            "sides recorded in ways further apart than any that were measured",
        ),
        (Nearness(-1.0, 2.0, 0.0), None),
    ],
)
def test_a_decision_says_why_its_threshold_is_more_careful(
    nearness: Nearness, caution: str | None
) -> None:
    point = replace(
        POINT,
        llr_nearness=1.0,
        llr_gap=-1.0,
        llr_telephone=1.0,
        least_excess=-1.0,
        most_distance=2.0,
    )
    rule = Request(far=0.01).rule(replace(CALIBRATION, operating_points=(point,)))
    sides = {"enrolled_speech_s": 1.0, "probe_speech_s": 1.0}
    decision = rule.decide(0.0, **sides, nearness=nearness)
    assert decision.reason.endswith(f"(the stricter one for {caution})") == bool(caution)
    plane = POINT.llr + nearness.excess - nearness.distance
    assert (decision.threshold > plane) == bool(caution)


def test_a_decision_shows_the_promise_it_was_made_under() -> None:
    point = replace(POINT, elsewhere_low=0.002, elsewhere_high=0.02)
    calibration = replace(
        CALIBRATION, operating_points=(point,), measured_on=("letters", "telephone")
    )
    rule = Request(far=0.01).rule(calibration)
    decision = rule.decide(0.0, enrolled_speech_s=2.0, probe_speech_s=2.0)
    assert decision.promise == Promise(
        far=0.01, elsewhere=(0.002, 0.02), measured_on=("letters", "telephone")
    )
    assert str(decision.promise) == (
        "requested rate 1.00%; 0.20% to 2.00% on 90 % of corpora and conditions that "
        "were left out (letters, telephone)"
    )
    assert decision.promise.is_kept
    asked = Request(prior=0.5).rule(CALIBRATION)
    assert asked.decide(0.0, enrolled_speech_s=2.0, probe_speech_s=2.0).promise is None


def test_a_promise_that_fails_on_other_corpora_says_so() -> None:
    promise = Promise(far=0.001, elsewhere=(0.0, 0.022), measured_on=("letters",))
    assert promise.is_kept is False
    assert "0.00% to 2.20%" in str(promise)
    assert "not kept there: calibrate on your own recordings" in str(promise)
    unmeasured = Promise(far=0.001, elsewhere=(0.0, 1.0), measured_on=())
    assert unmeasured.is_kept is None


def test_a_model_without_calibration_supports_no_decision() -> None:
    assert Request().model_rule(CALIBRATION, "any").calibration is CALIBRATION
    with pytest.raises(ModelError, match="got tiny without calibration"):
        Request().model_rule(None, "tiny")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"c_miss": 2.0}, "expected a prior with c_miss and c_fa"),
        ({"c_fa": 0.5}, "expected a prior with c_miss and c_fa"),
        ({"far": 0.0}, "expected a false-accept rate between 0 and 1"),
        ({"far": 1.0}, "expected a false-accept rate between 0 and 1"),
        ({"far": 1.5}, "expected a false-accept rate between 0 and 1"),
        ({"far": math.nan}, "expected a false-accept rate between 0 and 1"),
        ({"far": "0.01"}, "expected far to be a number such as 0.01, got '0.01'"),
        ({"far": True}, "expected far to be a number such as 0.01, got True"),
        ({"prior": 0.5, "c_fa": [2.0]}, "expected c_fa to be a number"),
        ({"prior": 0.5, "c_miss": None}, "expected c_miss to be a number"),
        ({"far": 0.01, "prior": 0.5}, "expected a false-accept rate or a prior, got both"),
        ({"prior": 0.0}, "expected a prior between 0 and 1 and costs above 0"),
        ({"prior": 0.5, "c_fa": 0.0}, "expected a prior between 0 and 1 and costs above 0"),
    ],
)
def test_requests_that_say_nothing_or_too_much_are_refused(
    asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Request(**asked)


def test_reports_show_the_request() -> None:
    assert Request().to_json() == {"far": 0.01}
    assert Request(far=0.002).to_json() == {"far": 0.002}
    assert Request(prior=0.2, c_fa=3.0).to_json() == {"prior": 0.2, "c_miss": 1.0, "c_fa": 3.0}


def test_neutral_evidence_is_not_a_reason_to_reject() -> None:
    # llr 0 at 1 s, where 73 % of the speaker's own recordings miss the threshold.
    assert verdict(Request().rule(CALIBRATION), 0.0, speech_s=1.0) is Verdict.INCONCLUSIVE


def test_streams_take_no_prior() -> None:
    Request(far=0.01).check_sequential()
    with pytest.raises(ConfigError, match="got a prior"):
        Request(prior=0.5).check_sequential()


def test_extreme_costs_have_finite_thresholds() -> None:
    """Their ratio is zero or infinite: a warning was printed, and JSON could not say -inf."""
    rule = Request(prior=0.5, c_miss=1e308, c_fa=1e-308).rule(CALIBRATION)
    threshold = rule.threshold(enrolled_speech_s=1.0, probe_speech_s=1.0)
    assert threshold == pytest.approx(-2 * 308 * math.log(10))
    with pytest.raises(ConfigError, match=r"at most 4\.61 .* got 1418\.39"):
        Request(prior=0.5, c_miss=1e-308, c_fa=1e308).rule(CALIBRATION)
