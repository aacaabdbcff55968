"""Trials of speakers who were left out never compare two parts of one recording."""

from pathlib import Path

from benchmarks.harness.left_out import between_recordings
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
