"""Which speakers thresholds are fitted on, and which parts of their speech are used."""

from __future__ import annotations

import json
from pathlib import Path

from speakersdk_export.strangers import HeldOut, draw_cohort, draw_takes, split_seen
from speakersdk_training.data.corpus import Utterance
from speakersdk_training.data.splits import split_by_speaker

SECOND = 16_000


def utterances(
    corpus: str, *, speakers: int, split: str = "train", lengths_s: tuple[int, ...] = (6, 6)
) -> list[Utterance]:
    """Utterances of the given numbers of seconds, one after the other in one file."""
    made, start = [], 0
    for number in range(speakers):
        for seconds in lengths_s:
            made.append(
                Utterance(
                    corpus=corpus,
                    speaker=f"{corpus}/{number}",
                    path=Path(f"{corpus}.opus"),
                    start=start,
                    num_samples=seconds * SECOND,
                    split=split,
                )
            )
            start += seconds * SECOND
    return made


def test_unseen_are_other_corpora_other_splits_and_the_held_out() -> None:
    old, dev, new = (
        utterances("old", speakers=60),
        utterances("old-dev", speakers=3, split="dev"),
        utterances("new", speakers=3),
    )
    held_out = HeldOut(share=0.25, corpora=("old",))
    seen, unseen = split_seen([*old, *dev, *new], ["old", "old-dev"], held_out)
    stay, left = split_by_speaker(old, held_out=0.25)
    assert seen == stay
    assert {each.speaker for each in unseen} == {each.speaker for each in [*dev, *new, *left]}
    assert not {each.speaker for each in seen} & {each.speaker for each in unseen}


def test_for_an_encoder_trained_elsewhere_speakers_are_set_apart() -> None:
    new = utterances("new", speakers=60)
    apart, unseen = split_seen(new, ["elsewhere"], HeldOut())
    assert len(apart) + len(unseen) == len(new)
    assert not {each.speaker for each in apart} & {each.speaker for each in unseen}
    assert 2 * 4 < len(apart) < 2 * 22  # a fifth of sixty, by the hash of their names


def test_a_speaker_gives_an_enrolled_side_and_a_probe_without_common_audio(tmp_path: Path) -> None:
    takes = draw_takes(tmp_path, utterances("new", speakers=4), most=3)
    assert [take.is_probe for take in takes] == [False, True] * 3
    for enrolled, probe in zip(takes[::2], takes[1::2], strict=True):
        assert enrolled.speaker == probe.speaker
        assert enrolled.sessions == "one session"
        assert sum(length for _, _, length in enrolled.pieces) == 8 * SECOND
        assert sum(length for _, _, length in probe.pieces) in (3 * SECOND, 1.5 * SECOND)
        for _, start, length in enrolled.pieces:
            for _, other, other_length in probe.pieces:
                assert start + length <= other or other + other_length <= start


def test_probes_are_of_other_sessions_where_there_are_any(tmp_path: Path) -> None:
    spoken = utterances("new", speakers=1)
    spoken = [
        Utterance(
            corpus=at.corpus,
            speaker=at.speaker,
            path=tmp_path / at.path,
            start=at.start,
            num_samples=at.num_samples,
            split=at.split,
        )
        for at in spoken
    ]
    rows = [{"pack": "new.opus", "start": at.start, "session": n} for n, at in enumerate(spoken)]
    (tmp_path / "sessions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    enrolled, probe = draw_takes(tmp_path, spoken, most=3)
    assert enrolled.sessions == "other sessions"
    assert [start for _, start, _ in enrolled.pieces] == [0]
    assert [start for _, start, _ in probe.pieces] == [6 * SECOND]


def test_clustered_speakers_are_in_no_trial(tmp_path: Path) -> None:
    clustered = utterances("picovoice-intent", speakers=3)
    assert draw_takes(tmp_path, clustered, most=3) == []
    assert draw_cohort(clustered) == []


def test_the_cohort_has_members_of_only_the_largest_corpus() -> None:
    few = utterances("few", speakers=5)
    members = draw_cohort([*few, *utterances("many", speakers=6)])
    assert {take.corpus for take in members} == {"many"}
    assert len({take.speaker for take in members}) == len(members) == 6
    members = draw_cohort([*few, *utterances("many", speakers=200)])
    assert len(members) == 180
