"""Encodings of the bundled clips, by one process and by several, with and without a cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder.interface import Encoding
from speakersdk.evaluation.encode_trials import EncodingJob, encode_segments, score_trials
from speakersdk.evaluation.segments import Piece, Segment
from speakersdk.evaluation.trials import Trial
from speakersdk.scoring import symmetric_kl
from speakersdk.verifier import Verifier

CLIPS = ("slt-probe.flac", "rms-probe.flac")


def whole(name: str) -> Segment:
    return Segment(name, name, (Piece(name),))


@pytest.fixture
def job(default_model: Path, demo_clips: Path) -> EncodingJob:
    return EncodingJob(model=default_model, root=demo_clips)


def embeddings(encodings: dict[str, Encoding | None]) -> np.ndarray:
    return np.stack([one.embedding for one in encodings.values() if one is not None])


def test_encodings_are_those_of_the_verifier(
    job: EncodingJob, verifier: Verifier, demo_clips: Path
) -> None:
    seen: list[tuple[int, int, int]] = []
    encodings, failures = encode_segments(
        [whole(name) for name in CLIPS], job, progress=lambda *state: seen.append(state)
    )
    assert list(encodings) == list(CLIPS)
    expected = np.stack([verifier.embed(demo_clips / name) for name in CLIPS])
    np.testing.assert_array_equal(embeddings(encodings), expected)
    assert seen == [(1, 0, 2), (2, 0, 2)]
    assert failures == []


def test_processes_and_cache_change_nothing(
    job: EncodingJob, default_model: Path, demo_clips: Path, tmp_path: Path
) -> None:
    segments = [whole(name) for name in CLIPS]
    segments.append(Segment("joined", "x", (Piece(CLIPS[0], 800, 9000), Piece(CLIPS[1], 0, 9000))))
    expected = embeddings(encode_segments(segments, job)[0])
    kept = EncodingJob(
        model=default_model, root=demo_clips, cache=tmp_path / "cache", num_processes=2
    )
    for _ in range(2):  # the second time from the cache
        np.testing.assert_array_equal(embeddings(encode_segments(segments, kept)[0]), expected)
    assert len(list((tmp_path / "cache").rglob("*.f64"))) == 3


def test_a_cached_recording_is_not_decoded(
    default_model: Path, demo_clips: Path, tmp_path: Path
) -> None:
    """The content counts, not the name or the folder."""
    job = EncodingJob(model=default_model, root=demo_clips, cache=tmp_path / "cache")
    expected = embeddings(encode_segments([whole(CLIPS[0])], job)[0])
    (kept,) = (tmp_path / "cache").rglob("*.f64")
    written = kept.stat().st_mtime_ns
    (tmp_path / "copy.flac").write_bytes((demo_clips / CLIPS[0]).read_bytes())
    elsewhere = EncodingJob(model=default_model, root=tmp_path, cache=tmp_path / "cache")
    found = embeddings(encode_segments([whole("copy.flac")], elsewhere)[0])
    np.testing.assert_array_equal(found, expected)
    # An entry that is not found would be written again.
    assert list((tmp_path / "cache").rglob("*.f64")) == [kept]
    assert kept.stat().st_mtime_ns == written


@pytest.mark.parametrize("num_processes", [1, 2])
def test_too_short_has_no_encoding_and_a_missing_file_stops_nothing(
    default_model: Path, demo_clips: Path, tmp_path: Path, num_processes: int
) -> None:
    job = EncodingJob(
        model=default_model, root=demo_clips, num_processes=num_processes, cache=tmp_path
    )
    short = Segment("short", "x", (Piece(CLIPS[0], 0, 1000),))
    encodings, failures = encode_segments([whole("none.wav"), short, whole(CLIPS[1])], job)
    assert list(encodings) == ["short", CLIPS[1]]
    assert encodings["short"] is None
    assert [failure.name for failure in failures] == ["none.wav"]
    assert "No such file" in failures[0].reason


def test_scores_stay_in_the_order_of_the_trials(rng: np.random.Generator) -> None:
    embeddings = {name: rng.normal(0, 1, 8).astype(np.float32) for name in "abcd"}
    trials = [Trial(False, enroll, probe) for enroll, probe in ("ab", "cd", "ac", "ba", "aa")]
    scores = score_trials(trials, embeddings)
    expected = [
        -symmetric_kl(embeddings[trial.enroll], embeddings[trial.probe]) for trial in trials
    ]
    np.testing.assert_array_equal(scores, expected)
