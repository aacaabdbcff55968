"""Trials of speakers who were left out compare two recordings, or two sessions."""

from pathlib import Path

from benchmarks.harness.left_out import between_recordings, between_sessions, cut_by_session
from speakersdk.evaluation.trials import Trial
from speakersdk_training.data.corpus import Utterance
from speakersdk_training.evaluation.trial_lists import cut_segments

ROOT = Path("corpus")


def utterance(start: int, num_samples: int) -> Utterance:
    return Utterance(
        corpus="c", speaker="c/a", path=ROOT / "p.opus", start=start, num_samples=num_samples
    )


def test_parts_of_one_recording_are_not_a_trial() -> None:
    # Segments of 1 s: two in the first utterance, one across both, one in the second.
    utterances = [utterance(0, 40_000), utterance(40_000, 32_000)]
    segments = cut_segments(utterances, ROOT, duration_s=1.0)
    names = [segment.name for segment in segments]
    trials = [Trial(True, a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    kept = between_recordings(trials, segments, utterances, ROOT)
    assert [(trial.enroll, trial.probe) for trial in kept] == [
        (names[0], names[3]),
        (names[1], names[3]),
    ]


def test_only_speakers_with_several_sessions_are_compared_across_them() -> None:
    once = Utterance(corpus="c", speaker="c/b", path=ROOT / "q.opus", start=0, num_samples=48_000)
    utterances = [utterance(0, 32_000), utterance(32_000, 16_000), utterance(48_000, 16_000), once]
    sessions = {(each.path, each.start): 0 for each in utterances}
    sessions[ROOT / "p.opus", 48_000] = 1
    segments = cut_by_session(utterances, sessions, ROOT, duration_s=1.0)
    assert {segment.speaker for segment in segments} == {"c/a"}
    starts = {segment.name: segment.pieces[0].start for segment in segments}
    assert sorted(starts.values()) == [0, 16_000, 32_000, 48_000]
    names = list(starts)
    trials = [Trial(True, a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    stranger = Trial(False, names[0], names[1])
    kept = between_sessions([*trials, stranger])
    assert stranger in kept
    pairs = {(starts[trial.enroll], starts[trial.probe]) for trial in kept if trial.is_target}
    assert pairs == {(0, 48_000), (16_000, 48_000), (32_000, 48_000)}


def test_a_corpus_without_sessions_has_no_list_across_them() -> None:
    assert cut_by_session([utterance(0, 64_000)], {}, ROOT, duration_s=1.0) == []
