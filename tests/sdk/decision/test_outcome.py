"""Decisions and identifications."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.decision.outcome import Decision, Identification, Promise, Verdict


def evidence(llr: float, threshold: float = 1.0) -> Decision:
    return Decision.from_evidence(score=-0.5, llr=llr, threshold=threshold, speech_s=2.0)


@given(llr=st.floats(-1e6, 1e6), threshold=st.floats(-1e6, 1e6))
def test_only_evidence_that_reaches_the_threshold_is_accepted(llr: float, threshold: float) -> None:
    decision = evidence(llr, threshold)
    assert decision.verdict is (Verdict.ACCEPT if llr >= threshold else Verdict.REJECT)
    assert bool(decision) is decision.accepted is (llr >= threshold)


@pytest.mark.parametrize(
    ("llr", "probability"), [(0, 0.5), (math.log(3), 0.75), (-math.log(3), 0.25)]
)
def test_probability_is_that_of_even_prior_odds(llr: float, probability: float) -> None:
    assert evidence(llr).probability == pytest.approx(probability, rel=1e-15)


def test_probability_of_extreme_evidence_does_not_overflow() -> None:
    assert evidence(1e6).probability == 1.0
    assert evidence(-1e6).probability == 0.0


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NO_SPEECH])
def test_without_an_answer_there_is_no_number(verdict: Verdict) -> None:
    decision = Decision.without_answer(verdict, threshold=1.0, speech_s=0.2, reason="too little")
    assert not decision
    assert decision.score is decision.llr is decision.probability is None
    assert str(decision) == f"{verdict.upper()}: too little; 0.2 s of speech"


def test_text_names_the_scale_of_the_score() -> None:
    assert str(evidence(2.0)) == (
        "ACCEPT: llr +2.00 reaches the threshold +1.00; score -0.5 (-symmetric KL, nats); "
        "2.0 s of speech"
    )
    assert "llr +0.50 is below the threshold +1.00" in str(evidence(0.5))


def test_json_holds_the_verdict_as_text() -> None:
    assert json.loads(json.dumps(asdict(evidence(2.0))))["verdict"] == "accept"


def test_identification_is_true_only_with_a_speaker() -> None:
    accepted, rejected = evidence(2.0), evidence(0.5)
    known = Identification(
        decision=accepted,
        speaker="ann",
        margin=1.5,
        ranking=(("ann", accepted), ("bob", rejected)),
    )
    unknown = Identification(
        decision=rejected, speaker=None, margin=None, ranking=(("bob", rejected),)
    )
    assert known
    assert not unknown
    assert str(known).startswith("ann: ACCEPT: ")
    assert str(known).endswith("; margin 1.50")
    assert str(unknown).startswith("unknown: REJECT: ")
    assert str(unknown).endswith("; nearest bob")
    assert "nearest" not in str(known)
    assert "margin" not in str(unknown)


@pytest.mark.parametrize(
    ("one_voice_llr", "changes"), [(None, False), (-0.99, False), (-1.0, True), (-5.0, True)]
)
def test_what_holds_two_voices_is_not_accepted(one_voice_llr: float | None, changes: bool) -> None:
    accepted = evidence(2.0).compared_within(one_voice_llr, bound=-1.0)
    assert accepted.verdict is (Verdict.INCONCLUSIVE if changes else Verdict.ACCEPT)
    rejected = evidence(0.5).compared_within(one_voice_llr, bound=-1.0)
    assert rejected.verdict is Verdict.REJECT
    for decision in (accepted, rejected):
        assert (decision.one_voice_llr, decision.voice_changed) == (one_voice_llr, changes)
        assert ("voice changes" in decision.reason) is changes
    assert not evidence(2.0).voice_changed


def test_a_repeat_takes_an_accept_back_and_changes_no_other_verdict() -> None:
    repeated = evidence(2.0).repeated("an enrolled one")
    assert (repeated.verdict, repeated.llr) == (Verdict.INCONCLUSIVE, 2.0)
    assert "repeats a known recording (an enrolled one): say something else" in repeated.reason
    rejected = evidence(0.5)
    assert rejected.repeated("an enrolled one") == rejected


def test_a_promise_names_its_basis() -> None:
    measured = Promise(far=0.01, elsewhere=(0.002, 0.03), measured_on=("letters", "telephone"))
    assert str(measured) == (
        "requested rate 1.00%; 0.20% to 3.00% on 90 % of corpora and conditions that "
        "were left out (letters, telephone)"
    )
    unmeasured = Promise(far=0.001, elsewhere=(0.0, 1.0), measured_on=())
    assert str(unmeasured) == "requested rate 0.10%; not measured on other corpora"


@pytest.mark.parametrize(("highest", "is_kept"), [(0.0299, True), (0.0301, False)])
def test_a_promise_is_kept_up_to_three_times_its_rate(highest: float, is_kept: bool) -> None:
    promise = Promise(far=0.01, elsewhere=(0.0, highest), measured_on=("letters",))
    assert promise.is_kept is is_kept
    assert ("not kept there" in str(promise)) is not is_kept
    assert Promise(far=0.01, elsewhere=(0.0, 1.0), measured_on=()).is_kept is None


def test_candidates_are_ranked_by_their_evidence() -> None:
    candidates = [("ann", evidence(0.5)), ("bob", evidence(3.0)), ("cid", evidence(1.25))]
    found = Identification.from_candidates(candidates)
    assert [name for name, _ in found.ranking] == ["bob", "cid", "ann"]
    assert (found.speaker, found.decision) == ("bob", candidates[1][1])
    assert found.margin == pytest.approx(1.75)
    one = Identification.from_candidates(candidates[:1])
    assert (one.speaker, one.margin) == (None, None)
    two = Identification.from_candidates(candidates[:2])
    assert two.margin == pytest.approx(2.5)
    nothing = Decision.without_answer(Verdict.NO_SPEECH, threshold=1.0, speech_s=0.0, reason="-")
    with pytest.raises(ValueError, match="expected a decision with an llr"):
        Identification.from_candidates([("ann", nothing), ("bob", evidence(1.0))])


def test_identification_without_an_answer_names_no_speaker() -> None:
    decision = Decision.without_answer(
        Verdict.NO_SPEECH, threshold=1.0, speech_s=0.0, reason="no speech found"
    )
    identification = Identification(decision=decision, speaker=None, margin=None, ranking=())
    assert not identification
    assert str(identification) == str(decision)
