"""Live decisions: speech until a decision, error rates, and detection of speaker changes.

All speech was unseen in training. Decisions use the development speakers of speechocean762 in two
halves (every other name): the margin for repeated tests
(`speakersdk.decision.sequential.LOOKS_LLR`) was chosen on the even ones and is tested on the odd
ones, as recorded and with both sides in noise or by telephone. The bound for changes was chosen on
the development speakers and is tested on the three demonstration readers. Without the corpora, or
with --smoke, the bundled synthetic voices only show that the script runs.

`python -m benchmarks.harness.streaming_tables` writes the result to docs/streaming.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import corpora
from benchmarks.harness.demo_speech import demo_voices
from benchmarks.harness.enrolled import enrolled
from benchmarks.harness.measure import Benchmark
from speakersdk import StreamUpdate, Verifier, Voiceprint
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.metrics import bootstrap_interval
from speakersdk_training.evaluation.conditions import CONDITIONS

ENROLL_S, PROBE_S, FIXED_S = 12.0, 12.0, 3.0
MOST_PROBES = 2
FARS = (0.05, 0.01, 0.001)
# Conditions of both sides. Tests of poor speech might be less correlated, and count for more.
CONDITIONED = ("noise 10 dB", "telephone")
CONDITIONED_FARS = (0.01, 0.001)
# A change counts as detected late after this time.
CHANGE_S = 1.5
TURN_S = 8.0
# A turn must be long enough to detect the change.
SHORTEST_TURN_S = 6.0
NUM_CHANGES = 90
# Speech of one speaker without a change, for false alarms.
MONOLOGUE_S = 600.0
DRAWS = 1000
Speech = dict[str, list[npt.NDArray[np.float32]]]


def main() -> int:
    """Measure and report."""
    benchmark = Benchmark(
        name="streaming-decisions",
        question="How much speech does a live decision take, and how often is it wrong?",
    )
    is_real = corpora.are_there() and not benchmark.smoke
    benchmark.record("speech", "real" if is_real else "synthetic: no figures")
    verifiers = {far: Verifier(far=far) for far in FARS}
    manifest = verifiers[0.01].manifest
    benchmark.record_model(manifest)
    development = corpus("speechocean762", "dev") if is_real else demo_voices()
    names = sorted(development)
    for half, chosen in (("even", names[::2]), ("odd", names[1::2])):
        some = {name: development[name] for name in chosen}
        for far, verifier in verifiers.items():
            figures = decisions(verifier, some, far)
            benchmark.record(f"{half} speakers, {far:g} requested", figures)
            print(half, far, figures, flush=True)
    for condition in CONDITIONED:
        some = changed({name: development[name] for name in names[1::2]}, condition)
        for far in CONDITIONED_FARS:
            figures = decisions(verifiers[far], some, far)
            benchmark.record(f"odd speakers, {condition}, {far:g} requested", figures)
            print(condition, far, figures, flush=True)
    readers = corpus("librispeech", "demo") if is_real else demo_voices()
    for kind, speech in (("development", development), ("demonstration", readers)):
        count = NUM_CHANGES if is_real else 2
        figures = changes(verifiers[0.01], speech, count)
        benchmark.record(f"changes between {kind} speakers", figures)
    benchmark.finish()
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One probe compared with one voiceprint."""

    is_target: bool
    speakers: tuple[str, str]
    verdict: str  # the first decision, or inconclusive
    speech_s: float | None  # speech until that decision
    ever_accepted: bool
    fixed_accepted: bool | None  # at FIXED_S of speech; None if there was less


def decisions(verifier: Verifier, speech: Speech, far: float) -> dict[str, Any]:
    """Compare the probes of all speakers with all voiceprints."""
    parts = {speaker: split(clips, ENROLL_S) for speaker, clips in sorted(speech.items())}
    voiceprints = [
        enrolled(verifier, clips, speaker.split("/")[-1]) for speaker, (clips, _) in parts.items()
    ]
    trials: list[Trial] = []
    size = round(PROBE_S * SAMPLE_RATE_HZ)
    for speaker, (_, rest) in parts.items():
        audio = np.concatenate(rest)
        for first in range(0, max(1, min(len(audio) - size // 2, MOST_PROBES * size)), size):
            probe = audio[first : first + size]
            updates = verifier.stream(voiceprints).push(probe, sample_rate_hz=SAMPLE_RATE_HZ)
            fixed = at_fixed_length(verifier, voiceprints, updates, probe)
            for index, other in enumerate(parts):
                verdict, speech_s = first_decision(updates, index)
                trials.append(
                    Trial(
                        is_target=other == speaker,
                        speakers=(other, speaker),
                        verdict=verdict,
                        speech_s=speech_s,
                        ever_accepted=any(
                            at.candidates[index].verdict == "accept" for at in updates
                        ),
                        fixed_accepted=None if fixed is None else fixed[index],
                    )
                )
    return summary(trials, far)


def summary(trials: list[Trial], far: float) -> dict[str, Any]:
    """Summarize error rates and durations of one half and one requested rate."""
    targets = [trial for trial in trials if trial.is_target]
    strangers = [trial for trial in trials if not trial.is_target]
    figures: dict[str, Any] = {"targets": len(targets), "strangers": len(strangers)}
    accepted = np.array([trial.verdict == "accept" for trial in trials])
    low, high = interval(trials, accepted)
    figures["far"] = share(trial.verdict == "accept" for trial in strangers)
    figures["far_interval"] = [round(low, 6), round(high, 6)]
    figures["holds"] = low <= far
    figures["far_ever_in_12_s"] = share(trial.ever_accepted for trial in strangers)
    figures["strangers_undecided"] = share(trial.verdict == "inconclusive" for trial in strangers)
    figures["frr"] = share(trial.verdict == "reject" for trial in targets)
    figures["targets_undecided"] = share(trial.verdict == "inconclusive" for trial in targets)
    figures["targets_ever_accepted"] = share(trial.ever_accepted for trial in targets)
    for name, chosen, right in (("accept", targets, "accept"), ("reject", strangers, "reject")):
        seconds = [
            trial.speech_s
            for trial in chosen
            if trial.verdict == right and trial.speech_s is not None
        ]
        if seconds:
            median, late = np.percentile(seconds, (50, 95))
            figures[f"{name}_s_median"] = round(float(median), 2)
            figures[f"{name}_s_p95"] = round(float(late), 2)
    for name, chosen, wrong in (("far", strangers, True), ("frr", targets, False)):
        answers = [trial.fixed_accepted for trial in chosen if trial.fixed_accepted is not None]
        if answers:
            figures[f"fixed_3_s_{name}"] = share(answer is wrong for answer in answers)
    return figures


def changed(speech: Speech, condition: str) -> Speech:
    """Return the same recordings in a condition."""
    rng = np.random.default_rng(1)
    return {
        speaker: [CONDITIONS[condition](clip, rng) for clip in clips]
        for speaker, clips in sorted(speech.items())
    }


def share(flags: Iterable[bool]) -> float:
    """Return the share of set flags."""
    return round(float(np.mean(list(flags))), 6)


def interval(trials: list[Trial], accepted: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 95 % interval of the false-accept rate over resampled speakers."""

    def far(scores: Any, labels: Any, weights: Any = None) -> float:
        others = ~np.asarray(labels, bool)
        return float(np.average(np.asarray(scores)[others], weights=np.asarray(weights)[others]))

    return bootstrap_interval(
        far,
        accepted.astype(float),
        [trial.is_target for trial in trials],
        ([trial.speakers[0] for trial in trials], [trial.speakers[1] for trial in trials]),
        rng=np.random.default_rng(1),
        repeats=DRAWS,
    )


def at_fixed_length(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    updates: list[StreamUpdate],
    audio: npt.NDArray[np.float32],
) -> list[bool] | None:
    """Return whether each voiceprint is accepted by one decision after FIXED_S of speech."""
    at = next((at for at in updates if at.speech_s >= FIXED_S and at.age_s == 0), None)
    if at is None:
        return None
    received = audio[: round(at.time_s * SAMPLE_RATE_HZ)]
    ranking = dict(verifier.identify(voiceprints, received, sample_rate_hz=SAMPLE_RATE_HZ).ranking)
    return [bool(ranking[voiceprint.name]) for voiceprint in voiceprints] if ranking else None


def first_decision(updates: list[StreamUpdate], index: int) -> tuple[str, float | None]:
    """Return the verdict of the first update that decides, and the speech until then."""
    for update in updates:
        candidate = update.candidates[index]
        if candidate.verdict in ("accept", "reject"):
            return str(candidate.verdict), candidate.decided_s
    return "inconclusive", None


def changes(verifier: Verifier, speech: Speech, count: int) -> dict[str, Any]:
    """Measure detection delays for turns of two speakers, and false alarms."""
    rng = np.random.default_rng(20261122)
    names = sorted(name for name, clips in speech.items() if len(clips) > 3) or sorted(speech)
    delays: list[float] = []
    window_delays: list[float] = []
    total = num_missed = 0
    alarms, quiet_s = 0, 0.0
    while total < count:
        first, second = (names[index] for index in rng.choice(len(names), 2, replace=False))
        parts = [turn(speech[name], rng) for name in (first, second)]
        if min(map(len, parts)) < SHORTEST_TURN_S * SAMPLE_RATE_HZ and len(names) > 4:
            continue
        total += 1
        updates = listen_for(verifier, speech, first, np.concatenate(parts))
        change_s = len(parts[0]) / SAMPLE_RATE_HZ
        alarms += sum(at.has_changed for at in updates if at.time_s <= change_s)
        quiet_s += change_s
        after = [at for at in updates if at.time_s > change_s]
        delays += speech_until(after, [at.has_changed for at in after])
        num_missed += not any(at.has_changed for at in after)
        # When does the windowed LLR of the first speaker fall below even odds?
        window_delays += speech_until(after, [at.llr is not None and at.llr < 0 for at in after])
    if len(names) <= 4:  # few speakers with much speech: one voice for minutes
        for name in names:
            monologue = np.concatenate(speech[name][3:] or speech[name])
            monologue = monologue[: round(MONOLOGUE_S * SAMPLE_RATE_HZ)]
            alarms += sum(at.has_changed for at in listen_for(verifier, speech, name, monologue))
            quiet_s += len(monologue) / SAMPLE_RATE_HZ
    figures: dict[str, Any] = {"changes": total, "missed": num_missed}
    # A missed change has an infinite delay, which JSON cannot represent.
    taken = [*delays, *[np.inf] * num_missed]
    for kind, percent in (("median", 50), ("p95", 95)):
        seconds = float(np.percentile(taken, percent, method="higher"))
        figures[f"delay_s_{kind}"] = round(seconds, 2) if np.isfinite(seconds) else None
    figures["noticed_within_1.5_s"] = round(sum(at <= CHANGE_S for at in delays) / total, 3)
    figures["window_below_0_within_1.5_s"] = round(
        sum(at <= CHANGE_S for at in window_delays) / total, 3
    )
    figures["minutes_of_one_voice"] = round(quiet_s / 60, 1)
    figures["false_alarms_a_minute"] = round(60 * alarms / quiet_s, 3)
    return figures


def listen_for(
    verifier: Verifier, speech: Speech, name: str, audio: npt.NDArray[np.float32]
) -> list[StreamUpdate]:
    """Return updates on audio with one enrolled speaker, enrolled with different clips."""
    clips = [clip for clip in speech[name][:3] if len(clip) > 1.5 * SAMPLE_RATE_HZ]
    if len(speech[name]) <= 3 or not clips:
        clips = speech[name][:1]
    voiceprint = enrolled(verifier, clips, "first")
    return verifier.stream([voiceprint]).push(audio, sample_rate_hz=SAMPLE_RATE_HZ)


def speech_until(updates: list[StreamUpdate], flags: list[bool]) -> list[float]:
    """Return the speech up to the first flag, in hops with speech; empty if there is none."""
    if True not in flags:
        return []
    return [round(0.1 * sum(at.age_s == 0 for at in updates[: flags.index(True) + 1]), 1)]


def turn(clips: list[npt.NDArray[np.float32]], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a part of a speaker's recordings, which are in chronological order."""
    start = int(rng.integers(3, max(4, len(clips) - 3)))
    joined = np.concatenate(clips[min(start, len(clips) - 1) :][:8])
    return joined[: round(TURN_S * SAMPLE_RATE_HZ)]


def split(
    clips: list[npt.NDArray[np.float32]], seconds: float
) -> tuple[list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]:
    """Split clips: the first ones of that many seconds for enrollment, the others as probes."""
    lengths = np.cumsum([len(clip) for clip in clips]) / SAMPLE_RATE_HZ
    count = min(int(np.searchsorted(lengths, seconds)) + 1, len(clips) - 1)
    usable = [clip for clip in clips[:count] if len(clip) > 1.5 * SAMPLE_RATE_HZ]
    return usable or clips[:1], clips[count:]


def corpus(name: str, part: str) -> Speech:
    """Read recordings by speaker."""
    packs = corpora.Packs()
    speech: Speech = defaultdict(list)
    # The packs contain some readings twice, with equal numbers of samples.
    distinct = {
        (utterance.speaker, utterance.num_samples): utterance
        for utterance in corpora.utterances(name, part)
    }
    for utterance in distinct.values():
        speech[utterance.speaker].append(packs.samples(utterance))
    return speech


if __name__ == "__main__":
    raise SystemExit(main())
