"""Scoring of trials with a model. Each file is decoded once; embeddings can be cached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speakersdk.audio.channels import Channel
from speakersdk.audio.recordings import Reading
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.errors import AudioTooShortError
from speakersdk.evaluation.embedding_cache import EmbeddingCache
from speakersdk.evaluation.pool import Progress, encoder_of_process, run_tasks
from speakersdk.evaluation.segments import Failure, Piece, Segment, SegmentReader
from speakersdk.evaluation.trials import Trial, names_in
from speakersdk.files import file_sha256
from speakersdk.scoring import symmetric_kl_to_many


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingJob:
    """Settings for encoding recordings.

    Attributes:
        model: ONNX file.
        root: base folder of the paths of pieces.
        cache: folder of cached embeddings; None means no cache.
        num_processes: number of worker processes; 1 means only this process.
        max_duration_s: maximum seconds of a file, summed over channels; longer files fail. None
            means any length. Cached embeddings are used regardless.
        channel: as for `speakersdk.audio.waveform.read_audio`.
    """

    model: Path
    root: Path
    cache: Path | None = None
    num_processes: int = 1
    max_duration_s: float | None = None
    channel: Channel = None

    def __post_init__(self) -> None:
        _ = self.reading  # refuse a wrong choice now

    @property
    def reading(self) -> Reading:
        """How files are read."""
        return Reading(limit_s=self.max_duration_s, channel=self.channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTrials:
    """Trials that a model could score.

    Attributes:
        trials: the trials with enough speech on both sides.
        scores: (N,) scores -J or LLRs.
        are_llrs: whether the scores are LLRs.
        failures: recordings that could not be read; their trials are left out.
    """

    trials: list[Trial]
    scores: npt.NDArray[np.float64]
    are_llrs: bool
    failures: list[Failure]


def judge_trials(
    trials: Sequence[Trial],
    segments: Mapping[str, Segment],
    job: EncodingJob,
    calibration: Calibration | None,
    *,
    progress: Progress | None = None,
) -> JudgedTrials:
    """Score trials and calibrate the scores.

    Args:
        trials: trials of segment names or paths.
        segments: segments by name.
        job: the settings.
        calibration: calibration of the model; None gives uncalibrated scores.
        progress: as for `encode_segments`.

    Raises:
        ConfigError, ModelError: as for `encode_segments`.
    """
    encodings, failures = encode_segments(
        [segments.get(name) or Segment(name, name, (Piece(name),)) for name in names_in(trials)],
        job,
        progress=progress,
    )
    minimum_s = calibration.minimum_speech_s if calibration else 0.0
    answered = {
        name: encoding
        for name, encoding in encodings.items()
        if encoding is not None and encoding.speech_s > 0 and encoding.speech_s >= minimum_s
    }
    judged = [trial for trial in trials if trial.enroll in answered and trial.probe in answered]
    scores = score_trials(judged, {name: one.embedding for name, one in answered.items()})
    if calibration is not None and judged:
        sides = [(answered[trial.enroll], answered[trial.probe]) for trial in judged]
        speech_s = np.array([(enroll.speech_s, probe.speech_s) for enroll, probe in sides])
        scores, _ = calibration.llrs(scores, speech_s)
    return JudgedTrials(
        trials=judged, scores=scores, are_llrs=calibration is not None, failures=failures
    )


def encode_segments(
    segments: Sequence[Segment], job: EncodingJob, *, progress: Progress | None = None
) -> tuple[dict[str, Encoding | None], list[Failure]]:
    """Encode recordings. Recordings that fail do not stop the others.

    Args:
        segments: segments to encode.
        job: the settings.
        progress: called after each group of segments of the same files.

    Returns:
        Encodings by name, None if the audio is too short for the model; and the failures.

    Raises:
        ConfigError: fewer than one process.
        ModelError: the model cannot be used, or a worker process died.
    """
    by_files: dict[tuple[str, ...], list[Segment]] = {}
    for segment in segments:
        files = tuple(sorted({piece.path for piece in segment.pieces}))
        by_files.setdefault(files, []).append(segment)
    encodings: dict[str, Encoding | None] = {}
    failures: list[Failure] = []
    for part, failed in run_tasks(
        partial(_encode, job=job), list(by_files.values()), num_processes=job.num_processes
    ):
        encodings |= part
        failures += failed
        if progress is not None:
            progress(len(encodings), len(failures), len(segments))
    order = [segment.name for segment in segments if segment.name in encodings]
    return {name: encodings[name] for name in order}, failures


def score_trials(
    trials: Sequence[Trial], embeddings: dict[str, npt.NDArray[np.float32]]
) -> npt.NDArray[np.float64]:
    """Return the (len(trials),) scores -J, in the order of the trials."""
    scores = np.empty(len(trials))
    by_enroll: dict[str, list[int]] = {}
    for index, trial in enumerate(trials):
        by_enroll.setdefault(trial.enroll, []).append(index)
    for enroll, indices in by_enroll.items():
        probes = np.stack([embeddings[trials[index].probe] for index in indices])
        scores[indices] = -symmetric_kl_to_many(embeddings[enroll], probes)
    return scores


def _encode(
    group: Sequence[Segment], job: EncodingJob
) -> tuple[dict[str, Encoding | None], list[Failure]]:
    """Encode segments of the same files in this process."""
    encoder = encoder_of_process(job.model)
    cache = None
    if job.cache is not None:
        cache = EmbeddingCache(job.cache, model_sha256=encoder.manifest.weights_sha256)
    reader = SegmentReader(job.root, job.reading)
    hashes: dict[Path, str] = {}
    encodings: dict[str, Encoding | None] = {}
    failures: list[Failure] = []
    for segment in group:
        key = kept = None
        try:
            if cache is not None:
                key = _key(segment, cache, reader, hashes)
                kept = cache.get(key)
            encoding = kept or _encode_one(encoder, reader, segment)
        except Exception as error:  # every error concerns only this recording
            failures.append(Failure.of(segment.name, error))
            continue
        encodings[segment.name] = encoding
        if cache is not None and key is not None and kept is None and encoding is not None:
            cache.put(key, encoding)
    return encodings, failures


def _encode_one(
    encoder: SpeakerEncoder, reader: SegmentReader, segment: Segment
) -> Encoding | None:
    try:
        return encoder.encode(reader.read(segment))
    except AudioTooShortError:
        return None


def _key(
    segment: Segment, cache: EmbeddingCache, reader: SegmentReader, hashes: dict[Path, str]
) -> str:
    """Return the cache key of a segment, from the content of its files, each hashed once."""
    parts = []
    for piece in segment.pieces:
        path = reader.path(piece)
        if path not in hashes:
            hashes[path] = file_sha256(path)
        parts.append((hashes[path], piece.start, piece.num_samples))
    return cache.key(parts, reader.channel)
