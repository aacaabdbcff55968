import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.calibration.cohort import TYPICAL, Cohort, Nearness, pair_nearness
from speakersdk.errors import ConfigError

POINTS = (
    OperatingPoint(far=0.1, frr=0.01, llr=-2.0, llr_slope=-2.0, frr_logit=-2.0, frr_slope=-3.0),
    OperatingPoint(far=0.01, frr=0.1, llr=1.0, llr_slope=-1.5, frr_logit=0.0, frr_slope=-2.5),
    OperatingPoint(far=0.001, frr=0.4, llr=3.0, llr_slope=-1.0, frr_logit=2.0, frr_slope=-2.0),
)
CALIBRATION = Calibration(
    offset=4.0,
    scale=2.0,
    speech_scale=0.25,
    speech_weight=0.5,
    speech_scale_curve=-0.125,
    speech_weight_curve=0.75,
    minimum_speech_s=0.8,
    maximum_speech_s=8.0,
    num_target=100,
    num_nontarget=10_000,
    operating_points=POINTS,
)
FLAT = {"speech_weight": 0.0, "speech_weight_curve": 0.0}


def test_the_llr_is_the_formula() -> None:
    llr = CALIBRATION.llr(-1.5, enrolled_speech_s=6.0, probe_speech_s=3.0)
    # Harmonic mean of 3 and 6: 2 / (1/3 + 1/6) = 4.
    log = math.log(4.0)
    slope = 2.0 + 0.25 * log - 0.125 * log**2
    assert llr == pytest.approx(slope * -1.5 + 4.0 + 0.5 * log + 0.75 * log**2, rel=1e-14)
    assert llr == CALIBRATION.llr(-1.5, enrolled_speech_s=3.0, probe_speech_s=6.0)


@pytest.mark.parametrize(
    ("a_s", "b_s", "expected"),
    [(2.0, 2.0, 2.0), (1.0, 3.0, 1.5), (0.1, 0.8, 0.8), (60.0, 8.0, 8.0), (0.0, 1e9, 16 / 11)],
)
def test_comparable_speech_is_the_harmonic_mean_within_the_fit(
    a_s: float, b_s: float, expected: float
) -> None:
    assert CALIBRATION.comparable_speech_s(a_s, b_s) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("point", POINTS)
def test_threshold_and_frr_follow_the_speech(point: OperatingPoint) -> None:
    curved = dataclasses.replace(point, llr_curve=0.25)
    assert (point.threshold(1.0), point.threshold(math.e), curved.threshold(math.e)) == (
        pytest.approx((point.llr, point.llr + point.llr_slope, point.llr + point.llr_slope + 0.25))
    )
    for speech_s in (0.8, 1.0, 8.0):
        odds = math.exp(point.frr_logit) * speech_s**point.frr_slope
        assert point.frr_at(speech_s) == pytest.approx(odds / (1 + odds))


def test_thresholds_rise_with_the_nearness_to_the_cohort(rng: np.random.Generator) -> None:
    point = dataclasses.replace(POINTS[1], llr_nearness=3.0, llr_gap=-2.0, llr_telephone=4.0)
    near = Nearness(excess=0.5, distance=0.25, telephone=0.125)
    assert point.threshold(2.0, near) == pytest.approx(point.threshold(2.0) + 1.5 - 0.5 + 0.5)
    speech_s, nearness = rng.uniform(0.8, 8.0, 20), rng.uniform(-1.0, 1.0, (20, 3))
    assert point.thresholds(speech_s, nearness) == pytest.approx(
        [
            point.threshold(one_s, Nearness(*row))
            for one_s, row in zip(speech_s, nearness, strict=True)
        ]
    )
    assert point.thresholds(speech_s) == pytest.approx(
        [point.threshold(one_s) for one_s in speech_s]
    )
    # A point without these values, as in older models, depends only on the speech.
    assert POINTS[1].threshold(2.0, near) == POINTS[1].threshold(2.0)


def test_pairs_have_the_nearness_of_the_cohort(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((12, 16)).astype(np.float32)
    cohort = Cohort.of(rng.standard_normal((8, 16)), nearest=2, conditions=2, typical=-1.0)
    calibration = dataclasses.replace(CALIBRATION, cohort=cohort)
    assert calibration.nearness(rows) == pytest.approx(cohort.nearness(rows))
    enrolled, probe = rows[:3], rows[5]
    expected = pair_nearness(cohort.nearness(enrolled), cohort.nearness(probe[np.newaxis]))
    found = calibration.pair_nearness(enrolled, probe)
    # The three and the probe are one product on one side and two on the other.
    assert np.array(found) == pytest.approx(expected, abs=1e-4)
    assert CALIBRATION.pair_nearness(enrolled, probe) == [TYPICAL] * 3
    assert CALIBRATION.nearness(rows).shape == (12, len(TYPICAL))
    assert not CALIBRATION.nearness(rows).any()


def test_one_trial_of_each_kind_is_enough() -> None:
    calibration = dataclasses.replace(CALIBRATION, num_target=1, num_nontarget=1)
    assert (calibration.num_target, calibration.num_nontarget) == (1, 1)


def test_telephone_on_both_sides_is_a_reason_only_where_it_raises_the_threshold() -> None:
    by_telephone = Nearness(excess=0.0, distance=0.0, telephone=0.25)
    raised = dataclasses.replace(POINTS[1], llr_telephone=1.0)
    assert raised.caution(by_telephone) == "telephone-like speech on both sides"
    assert raised.caution(TYPICAL) is None
    assert POINTS[1].caution(by_telephone) is None


def test_a_pair_beyond_the_limits_of_the_fit_is_a_reason_for_care() -> None:
    point = dataclasses.replace(POINTS[0], least_excess=-1.0, most_distance=2.0)
    assert point.caution(Nearness(excess=-1.0, distance=2.0)) is None
    unlike = point.caution(Nearness(excess=-1.01, distance=2.0))
    assert unlike == "recordings unlike any that were measured"
    apart = point.caution(Nearness(excess=-1.0, distance=2.01))
    assert apart == "sides recorded in ways further apart than any that were measured"


def test_rates_elsewhere_are_not_measured_by_default() -> None:
    assert (POINTS[0].elsewhere_low, POINTS[0].elsewhere_high) == (0.0, 1.0)


def test_a_model_that_names_no_least_speech_decides_from_that_of_all_fits() -> None:
    values = dataclasses.asdict(CALIBRATION)
    del values["minimum_speech_s"]
    assert Calibration.from_json(values).minimum_speech_s == 0.8


def test_numbers_have_a_limit() -> None:
    assert dataclasses.replace(POINTS[0], frr_logit=1e6).frr_logit == 1e6
    with pytest.raises(ConfigError, match=r"frr_logit to be a number of at most 1e\+06"):
        dataclasses.replace(POINTS[0], frr_logit=1e6 + 0.5)
    assert dataclasses.replace(CALIBRATION, num_nontarget=10**12).num_nontarget == 10**12
    with pytest.raises(ConfigError, match=r"num_nontarget to be a whole number of at most 1e\+12"):
        dataclasses.replace(CALIBRATION, num_nontarget=10**12 + 1)


@pytest.mark.parametrize("offset", [1000.0, -1000.0])
def test_an_llr_at_the_limit_is_allowed(offset: float) -> None:
    assert dataclasses.replace(CALIBRATION, **FLAT, offset=offset).offset == offset


@pytest.mark.parametrize("frr", [0.0, 1.0])
def test_a_point_may_miss_nobody_or_everybody(frr: float) -> None:
    assert dataclasses.replace(POINTS[0], frr=frr).frr == frr


@pytest.mark.parametrize(
    ("llr", "is_supported"), [(6.9, True), (6.92, False), (-9.0, True), (-math.log(0.001), True)]
)
def test_a_threshold_is_supported_as_far_as_its_rate(llr: float, is_supported: bool) -> None:
    # -ln of the strictest rate, 0.001, is 6.908.
    if is_supported:
        CALIBRATION.check_threshold(llr)
    else:
        with pytest.raises(ConfigError, match=r"at most 6\.91 .*10000 nontarget"):
            CALIBRATION.check_threshold(llr)


def test_less_speech_than_the_fit_has_seen_counts_as_its_minimum() -> None:
    assert CALIBRATION.llr(-1.0, enrolled_speech_s=0.1, probe_speech_s=5.0) == CALIBRATION.llr(
        -1.0, enrolled_speech_s=0.8, probe_speech_s=5.0
    )


def test_more_speech_than_the_fit_has_seen_counts_as_its_maximum() -> None:
    assert CALIBRATION.llr(-1.0, enrolled_speech_s=60.0, probe_speech_s=30.0) == CALIBRATION.llr(
        -1.0, enrolled_speech_s=8.0, probe_speech_s=8.0
    )


@pytest.mark.parametrize("point", POINTS)
def test_stored_points_are_given_back(point: OperatingPoint) -> None:
    found = CALIBRATION.operating_point(point.far)
    assert (found.far, found.frr, found.llr) == pytest.approx((point.far, point.frr, point.llr))


def test_between_points_the_threshold_is_linear_in_the_logarithm_of_the_rate() -> None:
    found = CALIBRATION.operating_point(math.sqrt(0.1 * 0.01))
    assert found.llr == pytest.approx(-0.5)
    assert found.frr == pytest.approx(0.055)


@pytest.mark.parametrize("far", [0.2, 0.0009, 0.0, -1.0, float("nan")])
def test_a_rate_that_the_trials_do_not_support_is_refused(far: float) -> None:
    with pytest.raises(ConfigError, match=r"between 0\.001 and 0\.1"):
        CALIBRATION.operating_point(far)


def test_the_only_rate_is_not_called_a_range() -> None:
    calibration = dataclasses.replace(CALIBRATION, operating_points=POINTS[:1])
    with pytest.raises(ConfigError, match=f"rate of {POINTS[0].far:g} and no other"):
        calibration.operating_point(0.5)


def test_without_points_no_rate_is_supported() -> None:
    calibration = dataclasses.replace(CALIBRATION, operating_points=())
    with pytest.raises(ConfigError, match="support no"):
        calibration.operating_point(0.01)
    with pytest.raises(ConfigError, match="threshold of none"):
        calibration.check_threshold(0.0)


def test_llrs_are_those_of_one_trial_at_a_time(rng: np.random.Generator) -> None:
    scores, speech_s = rng.uniform(-4.0, 0.0, 40), rng.uniform(0.9, 6.0, (40, 2))
    speech_s[:4] = [[0.1, 3.0], [0.0, 0.5], [9.0, 30.0], [0.8, 8.0]]
    llrs, comparable_s = CALIBRATION.llrs(scores, speech_s)
    for index, (a_s, b_s) in enumerate(speech_s):
        one = CALIBRATION.llr(scores[index], enrolled_speech_s=a_s, probe_speech_s=b_s)
        assert llrs[index] == pytest.approx(one, rel=1e-13)
        assert comparable_s[index] == pytest.approx(CALIBRATION.comparable_speech_s(a_s, b_s))


def test_a_calibration_without_curves_is_read() -> None:
    values = dataclasses.asdict(CALIBRATION)
    del values["speech_scale_curve"], values["speech_weight_curve"]
    read = Calibration.from_json(values)
    # As in models without curves: 4 + 2 score at 1 s, where ln s is 0.
    assert (read.speech_scale_curve, read.speech_weight_curve) == (0.0, 0.0)
    log = math.log(4.0)
    assert read.llr(-1.0, enrolled_speech_s=4.0, probe_speech_s=4.0) == pytest.approx(
        4.0 - 2.0 + (0.5 - 0.25) * log
    )


NUMBERS = [
    field.name
    for field in dataclasses.fields(Calibration)
    if field.name not in {"operating_points", "cohort", "measured_on"}
]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, math.nan, 1e30, pytest.param(10**400, id="10^400"), "1", None]
)
def test_a_field_that_no_fit_gives_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"^expected .*, got "):
        dataclasses.replace(CALIBRATION, **{name: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offset": 1001.0, **FLAT}, "offset within"),
        ({"speech_weight": -800.0}, "offset within"),
        ({"speech_weight": 800.0}, "offset within"),
        ({"cohort": "bundled"}, "expected a cohort or none, got 'bundled'"),
        (
            {"scale": 0.0, "speech_scale": 0.0, "speech_scale_curve": 0.0},
            "higher for the same speaker",
        ),
        ({"scale": -1.0}, "higher for the same speaker"),
        ({"scale": 0.0}, "higher for the same speaker"),
        ({"speech_scale": -2.0}, "higher for the same speaker"),
        ({"minimum_speech_s": 0.0}, "minimum_speech_s above 0"),
        ({"minimum_speech_s": 9.0}, "at most maximum_speech_s"),
        ({"maximum_speech_s": 90_000.0}, "at most 86400"),
        ({"num_target": 0}, "at least one target"),
        ({"num_nontarget": -5}, "one nontarget"),
        ({"operating_points": POINTS[::-1]}, "falling rate"),
        ({"operating_points": (POINTS[0], POINTS[0])}, "falling rate"),
    ],
)
def test_a_formula_that_no_fit_gives_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CALIBRATION, **changes)


def test_the_weight_of_a_score_is_above_0_between_the_ends_as_well() -> None:
    # 2 + curve (l - 1)^2 - curve has its minimum, 2 - curve, at l = 1, which is e s of speech.
    dataclasses.replace(CALIBRATION, speech_scale=-3.8, speech_scale_curve=1.9)
    with pytest.raises(ConfigError, match=r"of -0\.1;"):
        dataclasses.replace(CALIBRATION, speech_scale=-4.2, speech_scale_curve=2.1)
    # 8.7 + 60 l + 100 l^2 is below 0 only at l = -0.3, which is less speech than 0.8 s.
    dataclasses.replace(CALIBRATION, scale=8.7, speech_scale=60.0, speech_scale_curve=100.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"far": 0.0}, "false-accept rate between 0 and 1"),
        ({"far": 1.0}, "false-accept rate between 0 and 1"),
        ({"frr": 1.5}, "false-reject rate from 0 to 1"),
        ({"frr": -0.1}, "false-reject rate from 0 to 1"),
        ({"elsewhere_low": -0.1}, "rates on other corpora from 0 to 1"),
        ({"elsewhere_high": 1.5}, "rates on other corpora from 0 to 1"),
        ({"elsewhere_low": 0.5, "elsewhere_high": 0.4}, "rates on other corpora from 0 to 1"),
        ({"llr": -math.inf}, "llr to be a number"),
        ({"llr": -1e5}, r"rate of 0\.1 within 1000"),
        ({"llr_slope": 1e5}, r"rate of 0\.1 within 1000"),
        ({"frr_slope": math.nan}, "frr_slope to be a number"),
    ],
)
def test_an_operating_point_that_no_fit_gives_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    values = dataclasses.asdict(CALIBRATION)
    values["operating_points"] = [dataclasses.asdict(POINTS[0]) | changes]
    with pytest.raises(ConfigError, match=message):
        Calibration.from_json(values)
