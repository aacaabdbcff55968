import math

import numpy as np
import pytest

from speakersdk.decision.outcome import Verdict
from speakersdk.decision.rule import DEFAULT_FAR
from speakersdk.decision.sequential import Evidence, SequentialBounds, SequentialTest
from speakersdk.errors import ConfigError

BOUNDS = SequentialBounds(far=0.01, miss_rate=0.05, limit_s=10.0)
ACCEPT_LLR = math.log(95)  # Wald's, where the evidence of every look is new and exactly known


def evidence(llr: float, accept_llr: float) -> Evidence:
    return Evidence(llr, lambda: accept_llr)


def at(llr: float) -> Evidence:
    return evidence(llr, ACCEPT_LLR)


def test_the_bound_for_rejecting_is_walds() -> None:
    assert BOUNDS.reject_llr == pytest.approx(math.log(5 / 99))


@pytest.mark.parametrize(
    "options",
    [
        {"far": 0.0},
        {"far": 0.5},
        {"far": 0.9},
        {"miss_rate": 0.0},
        {"miss_rate": 0.5},
        {"miss_rate": 0.9},
        {"limit_s": 0.0},
    ],
)
def test_impossible_requests_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="error rates"):
        SequentialBounds(**options)


def test_a_short_limit_is_possible() -> None:
    assert SequentialBounds(limit_s=0.5).limit_s == 0.5


def test_a_test_without_options_asks_for_what_a_verifier_does() -> None:
    assert SequentialBounds().far == DEFAULT_FAR
    assert 0 < SequentialBounds().miss_rate < 0.5


def test_it_decides_as_soon_as_a_bound_is_passed() -> None:
    test = SequentialTest(BOUNDS)
    assert test.verdict is Verdict.NO_SPEECH
    assert test.update(None, None, speech_s=0.3) is Verdict.INCONCLUSIVE
    assert test.update(at(ACCEPT_LLR - 0.01), None, speech_s=0.9) is Verdict.INCONCLUSIVE
    assert not test.is_decided
    assert test.update(at(ACCEPT_LLR), None, speech_s=1.0) is Verdict.ACCEPT
    assert (test.is_decided, test.decided_s) == (True, 1.0)
    test.restart()
    assert test.update(at(BOUNDS.reject_llr), None, speech_s=2.0) is Verdict.REJECT


def test_a_decision_outlives_evidence_that_wavers() -> None:
    test = SequentialTest(BOUNDS)
    test.update(at(5.0), at(5.0), speech_s=1.0)
    for _ in range(20):
        assert test.update(at(0.0), at(0.0), speech_s=2.0) is Verdict.ACCEPT
        assert (
            test.update(at(-4.0), at(-4.0), speech_s=2.0) is Verdict.ACCEPT
        )  # one hop is no change


def test_a_window_that_contradicts_for_half_a_second_undoes_a_decision() -> None:
    test = SequentialTest(BOUNDS)
    test.update(at(5.0), at(5.0), speech_s=1.0)
    verdicts = [test.update(at(3.0), at(-4.0), speech_s=2.0) for _ in range(5)]
    assert verdicts == [Verdict.ACCEPT] * 4 + [Verdict.REJECT]


@pytest.mark.parametrize(
    ("first", "bound", "others"),
    [
        (5.0, BOUNDS.reject_llr, Verdict.REJECT),  # accepted, and then less and less similar
        (-5.0, ACCEPT_LLR, Verdict.ACCEPT),  # rejected, and then more and more similar
    ],
)
def test_half_of_the_way_to_the_other_bound_contradicts(
    first: float, bound: float, others: Verdict
) -> None:
    def after(window: float) -> SequentialTest:
        test = SequentialTest(BOUNDS)
        test.update(at(first), at(first), speech_s=1.0)
        for _ in range(5):
            test.update(at(first), at(window), speech_s=2.0)
        return test

    assert after(0.4 * bound).verdict is not others
    assert after(0.4 * bound).decided_s == 1.0
    # Half of the way revokes the decision without another one: only the window decides.
    for share in (0.5, 0.6):
        assert after(share * bound).verdict is Verdict.INCONCLUSIVE
    assert after(bound).verdict is others


def test_a_bound_that_falls_with_the_speech_is_followed() -> None:
    test = SequentialTest(BOUNDS)
    assert test.update(evidence(2.0, 3.0), None, speech_s=1.0) is Verdict.INCONCLUSIVE
    assert test.update(evidence(2.0, 2.0), None, speech_s=2.0) is Verdict.ACCEPT


def test_a_window_that_would_itself_be_accepted_contradicts_no_acceptance() -> None:
    # A high rate: with much speech its bound is below that for rejecting.
    test = SequentialTest(BOUNDS)
    for _ in range(20):
        test.update(evidence(-2.0, -2.5), evidence(-2.0, -2.5), speech_s=5.0)
        assert test.decided_s == 5.0
    assert [
        test.update(evidence(-2.0, -2.5), evidence(-3.0, -2.5), speech_s=6.0) for _ in range(5)
    ] == [Verdict.ACCEPT] * 4 + [Verdict.REJECT]


def test_without_a_decision_within_the_limit_it_says_so() -> None:
    test = SequentialTest(BOUNDS)
    test.update(at(0.0), at(0.0), speech_s=9.9)
    assert not test.is_decided
    assert test.update(at(0.0), at(0.0), speech_s=10.0) is Verdict.INCONCLUSIVE
    assert (test.is_decided, test.decided_s) == (True, 10.0)
    # More speech may still decide.
    assert test.update(at(5.0), at(0.0), speech_s=12.0) is Verdict.ACCEPT
    assert test.decided_s == 12.0


def test_silence_leads_back_to_the_beginning() -> None:
    test = SequentialTest(BOUNDS)
    test.update(at(5.0), at(5.0), speech_s=1.0)
    test.silence()
    assert (test.verdict, test.decided_s, test.is_decided) == (Verdict.NO_SPEECH, None, False)


def test_error_rates_are_as_requested_for_any_number_of_tests() -> None:
    # Independent evidence with a known llr: x ~ N(+-d/2, 1) has the llr d x.
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
                if test.update(at(llr), None, speech_s=0.01 * step) is not Verdict.INCONCLUSIVE:
                    break
            count += test.verdict is wrong
        errors[is_target] = count / trials
    # Wald's bounds hold with probability; 3 standard deviations of a share of 1 % or 5 % of 4000.
    assert errors[False] <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / trials)
    assert errors[True] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
