"""Encodings of all recordings that trials name: each file decoded once, several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.load import SpeakerEncoder, load_encoder
from speakersdk.errors import AudioError, AudioTooShortError, UnreadableAudioError
from speakersdk.evaluation.embedding_cache import EmbeddingCache
from speakersdk.evaluation.trials import Segment, Trial
from speakersdk.files import file_sha256
from speakersdk.scoring import symmetric_kl_to_many

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingJob:
    """How recordings are encoded.

    Attributes:
        model: ONNX file.
        root: folder that the pieces' paths start from.
        cache: folder to keep embeddings in; None = keep none.
        num_processes: processes; 1 = this one.
    """

    model: Path
    root: Path
    cache: Path | None = None
    num_processes: int = 1


def encode_segments(
    segments: Sequence[Segment], job: EncodingJob, *, progress: Progress | None = None
) -> dict[str, Encoding | None]:
    """Encode recordings.

    Args:
        segments: what to encode.
        job: with what, from where.
        progress: called with how many are done, and of how many.

    Returns:
        name -> encoding; None where the audio is too short for the model.

    Raises:
        AudioError: a file is missing or cannot be read.
        ModelError: the model cannot be used.
    """
    by_files: dict[tuple[str, ...], list[Segment]] = {}
    for segment in segments:
        files = tuple(sorted({piece.path for piece in segment.pieces}))
        by_files.setdefault(files, []).append(segment)
    encodings: dict[str, Encoding | None] = {}
    for part in _encoded(list(by_files.values()), job):
        encodings.update(part)
        if progress is not None:
            progress(len(encodings), len(segments))
    return encodings


def score_trials(
    trials: Sequence[Trial], embeddings: dict[str, npt.NDArray[np.float32]]
) -> npt.NDArray[np.float64]:
    """(len(trials),) scores -J, in the order of the trials."""
    scores = np.empty(len(trials))
    by_enroll: dict[str, list[int]] = {}
    for index, trial in enumerate(trials):
        by_enroll.setdefault(trial.enroll, []).append(index)
    for enroll, indices in by_enroll.items():
        probes = np.stack([embeddings[trials[index].probe] for index in indices])
        scores[indices] = -symmetric_kl_to_many(embeddings[enroll], probes)
    return scores


def _encoded(groups: list[list[Segment]], job: EncodingJob) -> Iterator[dict[str, Encoding | None]]:
    if job.num_processes <= 1:
        worker = _Worker(job)
        yield from map(worker.encode, groups)
        return
    # spawn: a forked onnxruntime would inherit locks and threads that are not there.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        job.num_processes, mp_context=context, initializer=_start, initargs=(job,)
    ) as pool:
        yield from pool.map(_encode, groups)


class _Worker:
    """What one process holds: the encoder, and the files of the group it is at."""

    def __init__(self, job: EncodingJob) -> None:
        self._job = job
        self._encoder: SpeakerEncoder = load_encoder(job.model)
        sha256 = self._encoder.manifest.weights_sha256
        self._cache = EmbeddingCache(job.cache, model_sha256=sha256) if job.cache else None

    def encode(self, group: Iterable[Segment]) -> dict[str, Encoding | None]:
        hashes: dict[str, str] = {}
        samples: dict[str, Waveform] = {}
        encodings: dict[str, Encoding | None] = {}
        for segment in group:
            key = None
            if self._cache is not None:
                key = self._cache.key(
                    (self._hash(piece.path, hashes), piece.start, piece.num_samples)
                    for piece in segment.pieces
                )
                if (kept := self._cache.get(key)) is not None:
                    encodings[segment.name] = kept
                    continue
            encoding = self._encode_one(segment, samples)
            encodings[segment.name] = encoding
            if self._cache is not None and key is not None and encoding is not None:
                self._cache.put(key, encoding)
        return encodings

    def _encode_one(self, segment: Segment, samples: dict[str, Waveform]) -> Encoding | None:
        for piece in segment.pieces:
            if piece.path not in samples:
                samples[piece.path] = read_audio(self._job.root / piece.path)
        parts = [
            samples[piece.path][piece.start : piece.start + piece.num_samples]
            for piece in segment.pieces
        ]
        try:
            return self._encoder.encode(np.concatenate(parts))
        except AudioTooShortError:
            return None
        except AudioError as error:
            raise UnreadableAudioError(segment.name, str(error)) from error

    def _hash(self, path: str, hashes: dict[str, str]) -> str:
        if path not in hashes:
            file = self._job.root / path
            if not file.is_file():
                raise UnreadableAudioError(os.fspath(file), "no such file")
            hashes[path] = file_sha256(file)
        return hashes[path]


# One worker for each process of the pool: its initializer can hand nothing to the tasks otherwise.
_workers: list[_Worker] = []


def _start(job: EncodingJob) -> None:
    _workers.append(_Worker(job))


def _encode(group: list[Segment]) -> dict[str, Encoding | None]:
    return _workers[0].encode(group)
