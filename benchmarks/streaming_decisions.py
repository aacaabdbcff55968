"""Live decisions: seconds of speech to a correct one, error rates, and changes of speaker noticed.

On real speech that training never heard (../shared/data): the speakers of the development split for
decisions, the three demonstration readers for changes. Without it, or with --smoke, the synthetic
voices of the package show only that the script runs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

import speakersdk
from _harness import REPOSITORY, Benchmark
from speakersdk import StreamUpdate, Verifier, Voiceprint
from speakersdk.audio import SAMPLE_RATE_HZ, read_audio
from speakersdk.decision_rule import Request

DATA = REPOSITORY.parent / "shared" / "data"
CLIPS = Path(speakersdk.__file__).parent / "demo_clips"
ENROLL_S, PROBE_S, FIXED_S = 12.0, 12.0, 3.0
# A change is noticed late if it took longer than this.
CHANGE_S = 1.5
TURN_S = 8.0
NUM_CHANGES = 90
Speech = dict[str, list[npt.NDArray[np.float32]]]


def main() -> int:
    """Measure and report."""
    benchmark = Benchmark(
        name="streaming_decisions",
        question="How much speech does a live decision take, and how often is it wrong?",
    )
    verifier = Verifier(far=0.01)
    is_real = (DATA / "manifest.jsonl").is_file() and not benchmark.smoke
    benchmark.record("speech", "real" if is_real else "synthetic: no figures")
    decisions(benchmark, verifier, corpus("speechocean762", "dev") if is_real else synthetic())
    changes(benchmark, verifier, corpus("librispeech", "demo") if is_real else synthetic())
    benchmark.finish()
    return 0


def decisions(benchmark: Benchmark, verifier: Verifier, speech: Speech) -> None:
    """Every speaker's probe against every voiceprint."""
    voiceprints: list[Voiceprint] = []
    probes = []
    for speaker, clips in sorted(speech.items()):
        enrolled, rest = split(clips, ENROLL_S)
        voiceprints.append(
            verifier.enroll(enrolled, name=speaker.split("/")[-1], sample_rate_hz=SAMPLE_RATE_HZ)
        )
        probes.append(np.concatenate(rest)[: round(PROBE_S * SAMPLE_RATE_HZ)])
    rows: list[tuple[bool, str, float | None]] = []
    fixed: list[tuple[bool, bool]] = []
    calibration = verifier.manifest.calibration
    if calibration is None:
        raise SystemExit("expected a calibrated model; the decisions need its thresholds")
    rule = Request(far=0.01).rule(calibration)
    for speaker, probe in enumerate(probes):
        # Changes of speaker would restart the evidence; here every probe is one person's.
        updates = verifier.stream(voiceprints).push(probe, sample_rate_hz=SAMPLE_RATE_HZ)
        rows += [
            (index == speaker, *first_decision(updates, index)) for index in range(len(voiceprints))
        ]
        at = next((at for at in updates if at.speech_s >= FIXED_S and at.age_s == 0), None)
        if at is not None:
            fixed += [
                (
                    index == speaker,
                    (candidate.total_llr or 0.0)
                    >= rule.threshold(
                        enrolled_speech_s=voiceprints[index].total_speech_s,
                        probe_speech_s=at.speech_s,
                    ),
                )
                for index, candidate in enumerate(at.candidates)
            ]
    for kind, is_target, right in (("accept", True, "accept"), ("reject", False, "reject")):
        mine = [row for row in rows if row[0] is is_target]
        seconds = [row[2] for row in mine if row[1] == right and row[2] is not None]
        if seconds:
            median, late = np.percentile(seconds, (50, 95))
            benchmark.record(f"s of speech to a correct {kind}, median", round(float(median), 2))
            benchmark.record(f"s of speech to a correct {kind}, p95", round(float(late), 2))
        wrong = "reject" if is_target else "accept"
        for verdict, label in (
            (wrong, f"wrong {wrong}"),
            ("inconclusive", f"no {kind} in {PROBE_S:g} s"),
        ):
            share = sum(row[1] == verdict for row in mine) / len(mine)
            benchmark.record(f"{label}, share of {len(mine)} trials", round(share, 4))
    for is_target, label in ((True, "reject"), (False, "accept")):
        mine_fixed = [accepted for target, accepted in fixed if target is is_target]
        if mine_fixed:
            share = float(np.mean(mine_fixed))
            benchmark.record(
                f"fixed {FIXED_S:g} s: wrong {label}, share of {len(mine_fixed)}",
                round(1 - share if is_target else share, 4),
            )


def first_decision(updates: list[StreamUpdate], index: int) -> tuple[str, float | None]:
    """Verdict of the first update that decides on a candidate, and the speech it took."""
    for update in updates:
        candidate = update.candidates[index]
        if candidate.verdict in ("accept", "reject"):
            return str(candidate.verdict), candidate.decided_s
    return "inconclusive", None


def changes(benchmark: Benchmark, verifier: Verifier, speech: Speech) -> None:
    """Turns of two readers in a row: when is the second noticed, and what is noticed besides?"""
    rng = np.random.default_rng(20261122)
    names = sorted(speech)
    voiceprints = [
        verifier.enroll(speech[name][:3], name=name.split("/")[-1], sample_rate_hz=SAMPLE_RATE_HZ)
        if len(speech[name]) > 3
        else verifier.enroll(speech[name][:1], name=name, sample_rate_hz=SAMPLE_RATE_HZ)
        for name in names
    ]
    delays: list[float] = []
    window_delays: list[float] = []
    num_missed = num_false = 0
    false_s = 0.0
    for _ in range(2 if benchmark.smoke else NUM_CHANGES):
        first, second = rng.choice(len(names), 2, replace=False)
        parts = [turn(speech[names[speaker]], rng) for speaker in (first, second)]
        updates = verifier.stream([voiceprints[first]]).push(
            np.concatenate(parts), sample_rate_hz=SAMPLE_RATE_HZ
        )
        change_s = len(parts[0]) / SAMPLE_RATE_HZ
        num_false += sum(at.has_changed for at in updates if at.time_s <= change_s)
        false_s += change_s
        after = [at for at in updates if at.time_s > change_s]
        delays += speech_until(after, [at.has_changed for at in after])
        num_missed += not any(at.has_changed for at in after)
        # The windowed score of the first reader itself: when has it fallen below even odds?
        window_delays += speech_until(after, [at.llr is not None and at.llr < 0 for at in after])
    total = 2 if benchmark.smoke else NUM_CHANGES
    benchmark.record("changes of speaker", total)
    benchmark.record("changes missed", num_missed)
    if delays:
        benchmark.record("s of speech to notice, median", round(float(np.median(delays)), 2))
        benchmark.record("s of speech to notice, p95", round(float(np.percentile(delays, 95)), 2))
    within = sum(delay <= CHANGE_S for delay in delays) / total
    benchmark.record(f"noticed within {CHANGE_S:g} s of speech, share", round(within, 3))
    within = sum(delay <= CHANGE_S for delay in window_delays) / total
    benchmark.record(
        f"windowed llr of the first reader below 0 within {CHANGE_S:g} s, share", round(within, 3)
    )
    benchmark.record("false alarms a minute of one voice", round(60 * num_false / false_s, 3))


def speech_until(updates: list[StreamUpdate], flags: list[bool]) -> list[float]:
    """Speech up to the first flag, in hops with speech; empty if there is none."""
    if True not in flags:
        return []
    return [round(0.1 * sum(at.age_s == 0 for at in updates[: flags.index(True) + 1]), 1)]


def turn(clips: list[npt.NDArray[np.float32]], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A stretch of a speaker's recordings, which are in order of time."""
    start = int(rng.integers(3, max(4, len(clips) - 3)))
    joined = np.concatenate(clips[min(start, len(clips) - 1) :][:8])
    return joined[: round(TURN_S * SAMPLE_RATE_HZ)]


def split(
    clips: list[npt.NDArray[np.float32]], seconds: float
) -> tuple[list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]:
    """First clips of that many seconds for enrollment, at most all but one; the rest to probe."""
    lengths = np.cumsum([len(clip) for clip in clips]) / SAMPLE_RATE_HZ
    count = min(int(np.searchsorted(lengths, seconds)) + 1, len(clips) - 1)
    usable = [clip for clip in clips[:count] if len(clip) > 1.5 * SAMPLE_RATE_HZ]
    return usable or clips[:1], clips[count:]


def corpus(name: str, part: str) -> Speech:
    """Recordings by speaker."""

    @lru_cache(maxsize=4)
    def pack(path: str) -> Any:
        return sf.read(DATA / path, dtype="float32")[0]

    speech: Speech = defaultdict(list)
    for line in (DATA / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["corpus"] == name and row["split"] == part:
            end = row["start"] + row["num_samples"]
            speech[row["speaker"]].append(pack(row["pack"])[row["start"] : end].copy())
    return speech


def synthetic() -> Speech:
    """The bundled voices."""
    speech: Speech = defaultdict(list)
    for path in sorted(CLIPS.glob("*.flac")):
        speech[path.stem.split("-")[0]].append(read_audio(path))
    return speech


if __name__ == "__main__":
    raise SystemExit(main())
