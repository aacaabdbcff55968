"""Figures of scored trials."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk.evaluation.report import (
    LLR_METRICS,
    ORDER_METRICS,
    ScoredTrials,
    evaluate,
    evaluate_conditions,
)
from speakersdk.metrics import bootstrap_interval, cllr, eer, min_dcf


@pytest.fixture
def trials(rng: np.random.Generator) -> ScoredTrials:
    """Calibrated Gaussian llrs of 12 speakers, with two lengths."""
    labels = np.arange(600) % 3 == 0
    one = rng.integers(0, 12, 600)
    other = np.where(labels, one, (one + rng.integers(1, 12, 600)) % 12)
    return ScoredTrials(
        scores=np.where(labels, 2.0, -2.0) + 2 * rng.standard_normal(600),
        labels=labels,
        are_llrs=True,
        speakers=([str(number) for number in one], [str(number) for number in other]),
        conditions={"length": ["1s" if number % 2 else "3s" for number in range(600)]},
    )


def test_figures_are_the_metrics(trials: ScoredTrials) -> None:
    figures = evaluate(trials, repeats=0, rng=np.random.default_rng(1))
    assert (figures.num_target, figures.num_nontarget, figures.num_speakers) == (200, 400, 12)
    assert list(figures.values) == [*ORDER_METRICS, *LLR_METRICS]
    assert figures.values["EER"] == eer(trials.scores, trials.labels)
    expected = min_dcf(trials.scores, trials.labels, p_target=0.01)
    assert figures.values["minDCF(0.01)"] == expected
    assert figures.values["Cllr"] == pytest.approx(cllr(trials.scores, trials.labels), rel=1e-12)
    assert figures.values["minCllr"] <= figures.values["Cllr"]
    assert figures.intervals == {}


def test_intervals_are_those_of_drawn_speakers(trials: ScoredTrials) -> None:
    assert trials.speakers is not None
    figures = evaluate(trials, repeats=40, rng=np.random.default_rng(1))
    assert list(figures.intervals) == list(figures.values)
    expected = bootstrap_interval(
        eer,
        trials.scores,
        trials.labels,
        trials.speakers,
        rng=np.random.default_rng(1),
        repeats=40,
    )
    # The trials are sorted first; sums of whole weights are the same in any order.
    assert figures.intervals["EER"] == pytest.approx(expected, rel=1e-12)


def test_scores_that_are_not_llrs_get_no_llr_figures(trials: ScoredTrials) -> None:
    plain = ScoredTrials(
        scores=trials.scores, labels=trials.labels, are_llrs=False, speakers=None, conditions={}
    )
    figures = evaluate(plain, repeats=40, rng=np.random.default_rng(1))
    assert list(figures.values) == list(ORDER_METRICS)
    assert figures.intervals == {}
    assert figures.num_speakers is None


def test_each_value_of_a_condition_has_its_figures(trials: ScoredTrials) -> None:
    found = evaluate_conditions(trials, repeats=5, rng=np.random.default_rng(1))
    assert list(found) == ["length"]
    assert list(found["length"]) == ["1s", "3s"]
    here = np.array(trials.conditions["length"]) == "1s"
    figures = found["length"]["1s"]
    assert figures is not None
    assert figures.values["EER"] == eer(trials.scores[here], trials.labels[here])
    assert (figures.num_target + figures.num_nontarget, len(figures.intervals)) == (300, 9)


def test_a_value_with_one_kind_of_trials_has_none(trials: ScoredTrials) -> None:
    only_targets = ["t" if label else "n" for label in trials.labels]
    sorted_out = ScoredTrials(
        scores=trials.scores,
        labels=trials.labels,
        are_llrs=True,
        conditions={"kind": only_targets},
    )
    found = evaluate_conditions(sorted_out, repeats=5, rng=np.random.default_rng(1))
    assert found == {"kind": {"n": None, "t": None}}
