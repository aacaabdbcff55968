"""Embedding of many recordings in batches and processes, with resumption after interruptions.

recordings -> chunks -> worker processes -> parts on disk -> one table

A chunk is a plain list and `embed_chunk` a plain function. A cluster engine can therefore replace
the worker processes (docs/bulk-embedding.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio.channels import Channel
from speakersdk.audio.recordings import Reading
from speakersdk.encoder.batch import encode_batch
from speakersdk.encoder.interface import Encoding, SpeakerEncoder, check_duration, check_waveform
from speakersdk.errors import ConfigError, InferenceError, InvalidAudioError, UnreadableAudioError
from speakersdk.evaluation.embedding_table import (
    EmbeddingTable,
    check_suffix,
    join_tables,
    write_embeddings,
)
from speakersdk.evaluation.parts import locked_parts, purge_finished
from speakersdk.evaluation.pool import Progress, encoder_of_process, run_tasks
from speakersdk.evaluation.segments import Failure, Segment, SegmentReader
from speakersdk.sealing import SealingKey
from speakersdk.text import printable

# Recordings per part: a process loses at most this many in an interruption.
_CHUNK = 64
# On a CPU, batches are not faster: the recordings compete for the caches.
_GPU_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingJob:
    """Settings of an embedding job. They can be sent to other processes and machines.

    Attributes:
        model: ONNX file.
        root: base folder of the paths of recordings.
        device: the device, as for `speakersdk.runtime.options.SessionOptions`.
        batch: number of recordings per call of the model; None means 1 on a CPU, otherwise 32.
        max_duration_s: maximum seconds of a file, summed over channels; longer files fail. None
            means any length.
        channel: as for `speakersdk.audio.waveform.read_audio`.
    """

    model: Path
    root: Path
    device: str = "cpu"
    batch: int | None = None
    max_duration_s: float | None = None
    channel: Channel = None

    def __post_init__(self) -> None:
        _ = self.reading  # refuse a wrong choice now
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"expected a batch of at least 1, got {self.batch}")

    @property
    def reading(self) -> Reading:
        """How files are read."""
        return Reading(limit_s=self.max_duration_s, channel=self.channel)

    @property
    def batch_size(self) -> int:
        """The number of recordings per call of the model."""
        return self.batch or (1 if self.device == "cpu" else _GPU_BATCH)


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The result of a chunk. `table` is None if every recording failed."""

    table: EmbeddingTable | None
    failures: tuple[Failure, ...]


def chunks(recordings: Sequence[Segment]) -> list[list[Segment]]:
    """Split the recordings into chunks for `embed_chunk`."""
    return [list(recordings[first : first + _CHUNK]) for first in range(0, len(recordings), _CHUNK)]


def embed_chunk(chunk: Sequence[Segment], job: EmbeddingJob) -> ChunkResult:
    """Embed a chunk in this process. Recordings that fail do not stop the others.

    Raises:
        ModelError, ConfigError, MissingDependencyError: the model cannot be used.
    """
    encoder = encoder_of_process(job.model, job.device)
    reader = SegmentReader(job.root, job.reading)
    failures: list[Failure] = []
    tables: list[EmbeddingTable] = []
    for first in range(0, len(chunk), job.batch_size):
        loaded = []
        for recording in chunk[first : first + job.batch_size]:
            try:
                loaded.append(_read(recording, reader, encoder))
            except Exception as error:  # every error concerns only this recording
                failures.append(Failure.of(recording.name, error))
        rows = []
        for one, encoding in _encoded(encoder, loaded, failures):
            if encoding.speech_s > 0:
                rows.append((one, encoding))
            else:
                reason = f"no speech found in {encoding.duration_s:.1f} s of audio"
                failures.append(Failure(one.name, reason))
        if rows:
            tables.append(_table(encoder, rows))
    return ChunkResult(join_tables(tables) if tables else None, tuple(failures))


def embed_recordings(
    recordings: Sequence[Segment],
    output: Path,
    job: EmbeddingJob,
    *,
    num_processes: int = 1,
    progress: Progress | None = None,
    key: SealingKey | None = None,
) -> tuple[EmbeddingTable, list[Failure]]:
    """Embed recordings into a file. A repeated call continues an interrupted one.

    Finished chunks stay in the folder ``<output>.parts`` until the file is written. They are reused
    for recordings whose path, size and modification time have not changed.

    Args:
        recordings: recordings with different names.
        output: .npz or .parquet file; it must not exist.
        job: the settings.
        num_processes: number of worker processes; 1 means only this process.
        progress: called after each chunk.
        key: key with which the file and its parts are sealed.

    Returns:
        The written table, in the order of the recordings, and the failures. The table includes
        the results of interrupted calls.

    Raises:
        ConfigError: the file exists, another run is writing it, or a part is damaged or of a
            different model.
        AudioError: no recording could be embedded.
        ModelError, MissingDependencyError: the model or the file format cannot be used, or a
            worker process died.
    """
    check_suffix(output)
    if num_processes < 1:
        raise ConfigError(f"expected at least 1 process, got {num_processes}")
    _check_new(output, key)
    encoder = encoder_of_process(job.model, job.device)  # refuses a bad model in this process
    with locked_parts(output, encoder.manifest, key=key) as parts:
        _check_new(output, key)  # another run may have ended just now
        sources = _sources(recordings, job)
        finished = parts.kept(sources)
        remaining = [recording for recording in recordings if recording.name not in finished]
        num_done, failures = len(finished), list[Failure]()
        for result in run_tasks(
            partial(embed_chunk, job=job), chunks(remaining), num_processes=num_processes
        ):
            if result.table is not None:
                parts.add(result.table)
                # A file may have changed or appeared since the start.
                sources |= zip(result.table.names, result.table.sources, strict=True)
                num_done += len(result.table)
            failures += result.failures
            if progress is not None:
                progress(num_done, len(failures), len(recordings))
        if not num_done:
            parts.remove()  # they belong to files that have changed
            raise InvalidAudioError(
                f"expected recordings with speech, got none among {len(recordings)}; the first: "
                f"{failures[0].name}: {failures[0].reason}"
            )
        table = parts.joined(sources)
        write_embeddings(output, table, key=key, is_new=True)
        parts.remove()
    return table, failures


def _check_new(output: Path, key: SealingKey | None) -> None:
    """Refuse an output that exists, also as a link to nothing, and delete its own parts."""
    if os.path.lexists(output):
        purge_finished(output, key=key)
        raise ConfigError(
            f"expected no file at {printable(output)}, got one; remove it, or name another"
        )


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A recording and its samples."""

    name: str
    source: str
    samples: Waveform


def _read(recording: Segment, reader: SegmentReader, encoder: SpeakerEncoder) -> _Loaded:
    source = reader.source(recording)
    samples = check_waveform(reader.read(recording))
    check_duration(encoder.manifest, len(samples) / encoder.manifest.frontend.sample_rate_hz)
    return _Loaded(recording.name, source, samples)


def _encoded(
    encoder: SpeakerEncoder, loaded: Sequence[_Loaded], failures: list[Failure]
) -> Iterator[tuple[_Loaded, Encoding]]:
    """Encode a batch. If the batch fails, its recordings are tried one by one."""
    try:
        encodings = encode_batch(encoder, [item.samples for item in loaded])
    except (InferenceError, MemoryError) as error:
        if len(loaded) == 1:
            failures.append(Failure.of(loaded[0].name, error))
            return
        for item in loaded:
            yield from _encoded(encoder, [item], failures)
        return
    yield from zip(loaded, encodings, strict=True)


def _table(encoder: SpeakerEncoder, rows: Sequence[tuple[_Loaded, Encoding]]) -> EmbeddingTable:
    return EmbeddingTable(
        names=tuple(item.name for item, _ in rows),
        sources=tuple(item.source for item, _ in rows),
        embeddings=np.stack([encoding.embedding for _, encoding in rows]),
        speech_s=np.array([encoding.speech_s for _, encoding in rows]),
        duration_s=np.array([encoding.duration_s for _, encoding in rows]),
        model_name=encoder.manifest.name,
        model_sha256=encoder.manifest.weights_sha256,
    )


def _sources(recordings: Sequence[Segment], job: EmbeddingJob) -> dict[str, str | None]:
    """Return the source of each recording; None if a file is missing (see `embed_chunk`)."""
    reader = SegmentReader(job.root, job.reading)
    sources: dict[str, str | None] = {}
    for recording in recordings:
        try:
            sources[recording.name] = reader.source(recording)
        except UnreadableAudioError:
            sources[recording.name] = None
    return sources
