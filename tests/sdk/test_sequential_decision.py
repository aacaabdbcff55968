import math

import numpy as np
import pytest

from speakersdk.decision import Verdict
from speakersdk.errors import ConfigError
from speakersdk.sequential_decision import SequentialBounds, SequentialTest

BOUNDS = SequentialBounds(far=0.01, miss_rate=0.05, limit_s=10.0)


def test_bounds_are_walds() -> None:
    assert BOUNDS.accept_llr == pytest.approx(math.log(95))
    assert BOUNDS.reject_llr == pytest.approx(math.log(5 / 99))


@pytest.mark.parametrize("options", [{"far": 0.5}, {"miss_rate": 0.0}, {"limit_s": 0.0}])
def test_impossible_requests_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="error rates"):
        SequentialBounds(**options)


def test_it_decides_as_soon_as_a_bound_is_passed() -> None:
    test = SequentialTest(BOUNDS)
    assert test.verdict is Verdict.NO_SPEECH
    assert test.update(None, None, speech_s=0.3) is Verdict.INCONCLUSIVE
    assert test.update(BOUNDS.accept_llr - 0.01, None, speech_s=0.9) is Verdict.INCONCLUSIVE
    assert not test.is_decided
    assert test.update(BOUNDS.accept_llr, None, speech_s=1.0) is Verdict.ACCEPT
    assert (test.is_decided, test.decided_s) == (True, 1.0)
    test.restart()
    assert test.update(BOUNDS.reject_llr, None, speech_s=2.0) is Verdict.REJECT


def test_a_decision_outlives_evidence_that_wavers() -> None:
    test = SequentialTest(BOUNDS)
    test.update(5.0, 5.0, speech_s=1.0)
    for _ in range(20):
        assert test.update(0.0, 0.0, speech_s=2.0) is Verdict.ACCEPT
        assert test.update(-4.0, -4.0, speech_s=2.0) is Verdict.ACCEPT  # one hop is no change


def test_a_window_that_contradicts_for_half_a_second_undoes_a_decision() -> None:
    test = SequentialTest(BOUNDS)
    test.update(5.0, 5.0, speech_s=1.0)
    verdicts = [test.update(3.0, -4.0, speech_s=2.0) for _ in range(5)]
    assert verdicts == [Verdict.ACCEPT] * 4 + [Verdict.REJECT]


def test_without_a_decision_within_the_limit_it_says_so() -> None:
    test = SequentialTest(BOUNDS)
    test.update(0.0, 0.0, speech_s=9.9)
    assert not test.is_decided
    assert test.update(0.0, 0.0, speech_s=10.0) is Verdict.INCONCLUSIVE
    assert (test.is_decided, test.decided_s) == (True, 10.0)
    # More speech may still settle it.
    assert test.update(5.0, 0.0, speech_s=12.0) is Verdict.ACCEPT
    assert test.decided_s == 12.0


def test_silence_leads_back_to_the_beginning() -> None:
    test = SequentialTest(BOUNDS)
    test.update(5.0, 5.0, speech_s=1.0)
    test.silence()
    assert (test.verdict, test.decided_s, test.is_decided) == (Verdict.NO_SPEECH, None, False)


def test_error_rates_are_those_asked_for_however_often_it_looks() -> None:
    # Independent evidence of which the llr is exactly known: x ~ N(+-d/2, 1) has the llr d x.
    rng = np.random.default_rng(7)
    distance, trials = 0.6, 4000
    errors = {}
    for is_target in (True, False):
        wrong = Verdict.REJECT if is_target else Verdict.ACCEPT
        mean = distance / 2 if is_target else -distance / 2
        llrs = np.cumsum(distance * rng.normal(mean, 1.0, size=(trials, 300)), axis=1)
        count = 0
        for path in llrs.tolist():
            test = SequentialTest(BOUNDS)
            for step, llr in enumerate(path):
                if test.update(llr, None, speech_s=0.01 * step) is not Verdict.INCONCLUSIVE:
                    break
            count += test.verdict is wrong
        errors[is_target] = count / trials
    # Wald's bounds hold with probability; 3 standard deviations of a share of 1 % or 5 % of 4000.
    assert errors[False] <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / trials)
    assert errors[True] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
