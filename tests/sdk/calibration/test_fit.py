import math

import numpy as np
import pytest

from speakersdk.calibration.fit import (
    FAR_GRID,
    balanced_weights,
    fit_calibration,
)
from speakersdk.errors import ConfigError


def gaussian_trials(
    rng: np.random.Generator, num_target: int, num_nontarget: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw scores whose true llr is 5 + (2 + 0.5 ln s) score + 1.5 ln s.

    For normal scores with variance 1 and means m + d/2 and m - d/2, the llr is d (score - m). Here
    s is the harmonic mean of both sides' speech, d = 2 + 0.5 ln s and m d = -(5 + 1.5 ln s).
    """
    labels = np.repeat([True, False], [num_target, num_nontarget])
    speech_s = rng.uniform(0.9, 6.0, (len(labels), 2))
    log_speech = np.log(2 / (1 / speech_s).sum(axis=1))
    distance = 2 + 0.5 * log_speech
    middle = -(5 + 1.5 * log_speech) / distance
    mean = middle + np.where(labels, distance, -distance) / 2
    return rng.normal(mean, 1.0), labels, speech_s


@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_the_fit_finds_the_true_llr(rng: np.random.Generator, prior: float) -> None:
    fitted = fit_calibration(*gaussian_trials(rng, 20_000, 80_000), prior=prior)
    assert (fitted.num_target, fitted.num_nontarget) == (20_000, 80_000)
    for speech_s in (1.0, 2.0, 5.0):
        log = math.log(speech_s)
        middle = -(5 + 1.5 * log) / (2 + 0.5 * log)
        for score in (middle - 1, middle, middle + 1):
            llr = fitted.llr(score, enrolled_speech_s=speech_s, probe_speech_s=speech_s)
            # Six weights from about 5,000 trials near the decision: standard errors of 0.05 within
            # the lengths of the fit, and twice that at their ends.
            assert llr == pytest.approx(5 + (2 + 0.5 * log) * score + 1.5 * log, abs=0.4)


def test_the_fit_agrees_with_a_second_implementation(rng: np.random.Generator) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    scores, labels, speech_s = gaussian_trials(rng, 300, 3000)
    weights = rng.uniform(0.5, 2.0, len(labels))
    fitted = fit_calibration(scores, labels, speech_s, weights=weights)
    log = np.log(2 / (1 / speech_s).sum(axis=1))
    inputs = np.column_stack([scores, scores * log, scores * log**2, log, log**2])
    share = np.where(labels, 0.5 / weights[labels].sum(), 0.5 / weights[~labels].sum())
    reference = linear_model.LogisticRegression(
        C=1e8, solver="newton-cholesky", tol=1e-12, max_iter=1000
    ).fit(inputs, labels, sample_weight=share * weights * len(labels))
    expected = inputs @ reference.coef_[0] + reference.intercept_[0]
    # Our ridge of 1e-3 moves correlated weights against each other, and the llr hardly.
    np.testing.assert_allclose(fitted.llrs(scores, speech_s)[0], expected, atol=0.01)


def test_balanced_weights_give_no_list_and_no_speaker_more(rng: np.random.Generator) -> None:
    labels = np.array([True] * 4 + [False] * 5)
    speakers = np.array([[0, 0], [0, 0], [0, 0], [1, 1], [0, 1], [0, 1], [0, 2], [1, 0], [1, 2]])
    groups = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2])
    weights = balanced_weights(labels, speakers, groups)
    # Three trials of speaker 0 have the same weight together as the one of speaker 1.
    np.testing.assert_allclose(weights[:4], [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert weights[4] == weights[8] == 1.0
    # Speakers 0, 1, 2 are in 3, 2 and 1 of the other group's nontarget trials.
    shares = np.array([1 / math.sqrt(6), 1 / math.sqrt(3), 1 / math.sqrt(6)])
    np.testing.assert_allclose(weights[5:8], shares / shares.sum())


def test_more_trials_of_one_speaker_do_not_move_a_balanced_fit(rng: np.random.Generator) -> None:
    scores, labels, speech_s = gaussian_trials(rng, 200, 1000)
    speakers = np.repeat(np.arange(len(labels))[:, np.newaxis], 2, axis=1)
    again = np.concatenate([np.arange(len(labels)), np.zeros(500, int)])
    fits = [
        fit_calibration(
            scores[rows],
            labels[rows],
            speech_s[rows],
            weights=balanced_weights(labels[rows], speakers[rows], np.zeros(len(rows))),
        )
        for rows in (np.arange(len(labels)), again)
    ]
    # The ridge is relative to all trials together, of which there are one and a half times as many.
    for score in (-3.0, -2.0):
        one, other = (fit.llr(score, enrolled_speech_s=2.0, probe_speech_s=2.0) for fit in fits)
        assert one == pytest.approx(other, abs=0.01)


def test_thresholds_keep_the_promised_rate(rng: np.random.Generator) -> None:
    scores, labels, speech_s = gaussian_trials(rng, 2000, 20_000)
    fitted = fit_calibration(scores, labels, speech_s)
    llrs, seconds = fitted.llrs(scores, speech_s)
    assert [point.far for point in fitted.operating_points] == list(FAR_GRID)
    for point in fitted.operating_points:
        thresholds = np.array([point.threshold(speech) for speech in seconds])
        accepted = np.count_nonzero((llrs >= thresholds)[~labels])
        # The promised number, except for the rounding of a threshold that is equal to a trial.
        assert abs(accepted - round(point.far * 20_000)) <= 1
        assert np.mean((llrs < thresholds)[labels]) == pytest.approx(point.frr, abs=1e-3)


def test_thresholds_keep_the_promised_rate_at_every_length(rng: np.random.Generator) -> None:
    scores, labels, speech_s = gaussian_trials(rng, 5000, 100_000)
    fitted = fit_calibration(scores, labels, speech_s)
    # Trials outside the fit.
    scores, labels, speech_s = gaussian_trials(rng, 5000, 100_000)
    llrs, seconds = fitted.llrs(scores, speech_s)
    quarter = np.searchsorted(np.quantile(seconds, [0.25, 0.5, 0.75]), seconds)
    for point in fitted.operating_points[:4]:
        thresholds = np.array([point.threshold(speech) for speech in seconds])
        for number in range(4):
            here = ~labels & (quarter == number)
            far = np.mean((llrs >= thresholds)[here])
            # Four standard deviations of this count, and of the fit's, which has the size of four
            # quarters. The line is also not exactly straight: the tail of a normal distribution
            # bends by less than a tenth over this range.
            deviation = math.sqrt(point.far / here.sum())
            assert far == pytest.approx(point.far, abs=8 * deviation + 0.1 * point.far)


def test_the_threshold_has_the_shape_of_the_quantile(rng: np.random.Generator) -> None:
    fitted = fit_calibration(*gaussian_trials(rng, 5000, 100_000))
    point = fitted.operating_point(0.1)
    for speech_s in (1.2, 2.0, 4.0):
        distance = 2 + 0.5 * math.log(speech_s)
        # Nontargets have the llr N(-d^2 / 2, d), of which 10 % are above 1.2816 d - d^2 / 2. It
        # falls by 0.7 over these lengths. A quantile of 10,000 trials near one length: 1.7 d / 100.
        expected = 1.2816 * distance - distance**2 / 2
        assert point.threshold(speech_s) == pytest.approx(expected, abs=0.15)


def test_the_false_reject_rate_follows_the_speech(rng: np.random.Generator) -> None:
    scores, labels, speech_s = gaussian_trials(rng, 40_000, 40_000)
    fitted = fit_calibration(scores, labels, speech_s)
    llrs, seconds = fitted.llrs(scores, speech_s)
    point = fitted.operating_point(0.01)
    rejected = llrs < np.array([point.threshold(speech) for speech in seconds])
    for low_s, high_s in ((1.0, 1.5), (2.0, 2.5), (3.5, 5.0)):
        here = labels & (seconds >= low_s) & (seconds < high_s)
        expected = np.mean([point.frr_at(speech) for speech in seconds[here]])
        # Four standard deviations of a rate near one half of 4,000 trials, and a margin for the
        # line.
        assert np.mean(rejected[here]) == pytest.approx(expected, abs=0.05)


def test_thresholds_rise_as_rates_fall(rng: np.random.Generator) -> None:
    # As many trials as in the calibration of a model; with fewer, curves may cross at the ends.
    points = fit_calibration(*gaussian_trials(rng, 500, 100_000)).operating_points
    for speech_s in (1.0, 2.0, 5.0):
        assert np.all(np.diff([point.threshold(speech_s) for point in points]) > 0)
    assert np.all(np.diff([point.frr for point in points]) >= 0)


@pytest.mark.parametrize("num_nontarget", [99, 100, 1999, 80_000])
def test_rates_need_enough_nontarget_trials(rng: np.random.Generator, num_nontarget: int) -> None:
    points = fit_calibration(*gaussian_trials(rng, 200, num_nontarget)).operating_points
    assert [point.far for point in points] == [far for far in FAR_GRID if far * num_nontarget >= 10]


def test_a_threshold_of_few_false_accepts_has_the_shape_of_a_looser_one(
    rng: np.random.Generator,
) -> None:
    loose, *stricter = fit_calibration(*gaussian_trials(rng, 200, 1000)).operating_points
    assert loose.far * 1000 == 100
    assert loose.llr_slope != 0.0
    assert {(point.llr_slope, point.llr_curve) for point in stricter} == {
        (loose.llr_slope, loose.llr_curve)
    }
    # Fewer than 100 give a threshold that does not depend on the speech.
    for point in fit_calibration(*gaussian_trials(rng, 200, 999)).operating_points:
        assert (point.llr_slope, point.llr_curve) == (0.0, 0.0)


def test_ties_do_not_break_the_promised_rate() -> None:
    labels = np.repeat([True, False], [100, 1000])
    scores = np.concatenate([np.full(100, -1.0), np.full(500, -1.0), np.full(500, -3.0)])
    fitted = fit_calibration(scores, labels, np.ones((1100, 2)))
    at_tie = fitted.llr(-1.0, enrolled_speech_s=1.0, probe_speech_s=1.0)
    assert all(point.llr > at_tie and point.frr == 1.0 for point in fitted.operating_points)


def test_trials_with_too_little_speech_are_left_out(rng: np.random.Generator) -> None:
    scores, labels, speech_s = gaussian_trials(rng, 500, 2000)
    expected = fit_calibration(scores, labels, speech_s)
    with_short = fit_calibration(
        np.append(scores, [100.0, -100.0]),
        np.append(labels, [False, True]),
        np.vstack([speech_s, [[0.79, 5.0], [5.0, 0.0]]]),
    )
    assert with_short == expected


def test_trials_with_exactly_the_least_speech_count(rng: np.random.Generator) -> None:
    scores, labels, speech_s = gaussian_trials(rng, 50, 50)
    speech_s[::2, 0] = 0.9
    fitted = fit_calibration(scores, labels, speech_s, minimum_speech_s=0.9)
    assert (fitted.num_target, fitted.num_nontarget) == (50, 50)


def test_separable_trials_give_finite_weights() -> None:
    scores = np.concatenate([np.linspace(-1, 0, 200), np.linspace(-9, -8, 200)])
    fitted = fit_calibration(scores, np.repeat([True, False], 200), np.ones((400, 2)))
    assert math.isfinite(fitted.scale)
    assert fitted.operating_point(0.1).frr == 0.0


@pytest.mark.parametrize("labels", [[True] * 4, [False] * 4])
def test_both_kinds_of_trials_are_needed(labels: list[bool]) -> None:
    with pytest.raises(ConfigError, match="target and nontarget"):
        fit_calibration([0.0, 1.0, 2.0, 3.0], labels, [[1.0, 1.0]] * 4)


def test_scores_that_rank_the_wrong_way_are_refused() -> None:
    with pytest.raises(ConfigError, match="higher for the same speaker"):
        fit_calibration([0.0, 1.0, 2.0, 3.0], [True, True, False, False], [[1.0, 1.0]] * 4)


@pytest.mark.parametrize(
    ("scores", "labels", "speech_s"),
    [
        ([0.0, 1.0], [True], [[1.0, 1.0]] * 2),
        ([[0.0, 1.0]] * 2, [[True, False]] * 2, [[1.0, 1.0]] * 2),
        ([[0.0, 1.0]] * 2, [[True, False]] * 2, [[[1.0, 1.0]] * 2] * 2),
        ([0.0, 1.0], [True, False], [1.0, 1.0]),
        ([0.0, math.nan], [True, False], [[1.0, 1.0]] * 2),
        ([0.0, 1.0], [True, False], [[1.0, 1.0], [1.0, math.inf]]),
    ],
)
def test_misuse_is_a_value_error(
    scores: list[float], labels: list[bool], speech_s: list[float]
) -> None:
    with pytest.raises(ValueError, match=r"^expected (scores, labels|finite scores)"):
        fit_calibration(scores, labels, speech_s)


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_a_prior_is_neither_impossible_nor_certain(prior: float) -> None:
    with pytest.raises(ValueError, match=f"expected a prior between 0 and 1, got {prior}"):
        fit_calibration([1.0, 0.0], [True, False], [[1.0, 1.0]] * 2, prior=prior)


def test_speech_without_end_is_refused() -> None:
    speech_s = [[1.0, 1.0], [1.0, 1.0], [1.0, math.inf], [1.0, 1.0]]
    with pytest.raises(ValueError, match="expected finite scores and speech_s"):
        fit_calibration([0.0, 1.0, 2.0, 3.0], [False, True] * 2, speech_s)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 1.0, 1.0], "expected scores, labels, weights"),
        ([1.0, 1.0, 1.0, 0.0], "weights above 0"),
        ([1.0, 1.0, 1.0, math.inf], "finite weights"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_calibration([0.0, 1.0, 2.0, 3.0], [True, False] * 2, [[1.0, 1.0]] * 4, weights=weights)
