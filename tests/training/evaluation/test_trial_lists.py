"""Trial lists are read as drawn, share no samples and do not confuse speakers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.evaluation.segments import Piece, read_segments
from speakersdk.evaluation.trials import read_trials, used_segments
from speakersdk_training.data.corpus import Utterance, read_corpus
from speakersdk_training.errors import TrainingError
from speakersdk_training.evaluation.trial_lists import cut_segments, draw_trials, write_lists

ROOT = Path("/corpus")


def utterances(*lengths_s: float, speakers: int = 3) -> list[Utterance]:
    result = []
    for speaker in range(speakers):
        start = 0
        for length_s in lengths_s:
            num_samples = round(length_s * 16000)
            result.append(
                Utterance(
                    corpus="c",
                    speaker=f"c/{speaker}",
                    path=ROOT / f"pack{speaker}.opus",
                    start=start,
                    num_samples=num_samples,
                )
            )
            start += num_samples
    return result


def test_segments_have_the_length_and_share_no_sample() -> None:
    segments = cut_segments(utterances(1.3, 0.4, 5.1, 0.7), ROOT, duration_s=2.0)
    # 7.5 s of each speaker contain three segments of 2 s.
    assert [segment.speaker for segment in segments] == ["c/0"] * 3 + ["c/1"] * 3 + ["c/2"] * 3
    used: set[tuple[str, int]] = set()
    for segment in segments:
        samples = {
            (piece.path, sample)
            for piece in segment.pieces
            for sample in range(piece.start, piece.start + piece.num_samples)
        }
        assert len(samples) == 32000
        assert not samples & used
        used |= samples


def test_files_of_unknown_length_are_decoded(tmp_path: Path) -> None:
    for speaker in ("ann", "bob"):
        (tmp_path / speaker).mkdir()
        for number, length_s in enumerate((1.5, 0.7)):
            samples = np.zeros(round(length_s * 8000), np.float32)
            sf.write(tmp_path / speaker / f"{number}.wav", samples, 8000)
    segments = cut_segments(read_corpus("folders", tmp_path), tmp_path, duration_s=1.0)
    assert [segment.speaker.split("/")[1] for segment in segments] == ["ann"] * 2 + ["bob"] * 2
    assert segments[1].pieces == (Piece("ann/0.wav", 16000, 8000), Piece("ann/1.wav", 0, 8000))


def test_trials_say_who_is_who_and_come_once() -> None:
    segments = cut_segments(utterances(9.0), ROOT, duration_s=1.0)
    trials = draw_trials(segments, num_target=50, num_nontarget=120, rng=np.random.default_rng(1))
    speaker_of = {segment.name: segment.speaker for segment in segments}
    for trial in trials:
        assert trial.is_target == (speaker_of[trial.enroll] == speaker_of[trial.probe])
        assert trial.enroll != trial.probe
    assert sum(trial.is_target for trial in trials) == 50
    assert len(trials) == 170
    assert len({frozenset((trial.enroll, trial.probe)) for trial in trials}) == 170


def test_no_more_trials_than_pairs() -> None:
    segments = cut_segments(utterances(2.0, speakers=2), ROOT, duration_s=1.0)
    trials = draw_trials(segments, num_target=99, num_nontarget=99, rng=np.random.default_rng(1))
    assert sum(trial.is_target for trial in trials) == 2
    assert sum(not trial.is_target for trial in trials) == 4


def test_one_speaker_gives_no_trials() -> None:
    segments = cut_segments(utterances(9.0, speakers=1), ROOT, duration_s=1.0)
    with pytest.raises(TrainingError, match="two speakers"):
        draw_trials(segments, num_target=1, num_nontarget=1, rng=np.random.default_rng(1))


def test_files_are_read_back(tmp_path: Path) -> None:
    segments = cut_segments(utterances(4.0), ROOT, duration_s=1.0)
    trials = draw_trials(segments, num_target=5, num_nontarget=5, rng=np.random.default_rng(1))
    write_lists(tmp_path, "c-1s", segments, trials)
    read = read_trials(tmp_path / "c-1s.txt")
    assert read == trials
    listed = read_segments(tmp_path / "segments-c-1s.jsonl")
    assert listed == {segment.name: segment for segment in segments}
    assert used_segments(read, listed)
