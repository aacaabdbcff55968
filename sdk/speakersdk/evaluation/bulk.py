"""Embeddings of many recordings: batches, processes, and a way on after an interruption.

recordings -> chunks -> a process each -> parts on disk -> one table

A chunk is a plain list and `embed_chunk` a plain function, so that an engine for clusters can take
the place of the processes here (docs/bulk-embedding.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.encoder.batch import encode_batch
from speakersdk.encoder.interface import Encoding, check_duration, check_waveform
from speakersdk.encoder.load import SpeakerEncoder, load_encoder
from speakersdk.errors import ConfigError, InferenceError, InvalidAudioError, UnreadableAudioError
from speakersdk.evaluation.embedding_table import (
    EmbeddingTable,
    check_suffix,
    join_tables,
    write_table,
)
from speakersdk.evaluation.parts import Parts
from speakersdk.evaluation.pool import run_tasks
from speakersdk.evaluation.segments import Failure, Segment, SegmentReader

# Done, failed, of how many.
Progress = Callable[[int, int, int], None]
# Recordings of a part: what an interruption loses at most, from each process.
_CHUNK = 64
# A CPU encodes one recording as fast as several together, or faster: they share its caches.
_GPU_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingJob:
    """How recordings are embedded; it can be sent to other processes and machines.

    Attributes:
        model: ONNX file.
        root: folder that the recordings' paths start from.
        device: see `speakersdk.runtime.session.open_session`.
        batch: recordings that one call of the model takes; None = 1 on a CPU, else 32.
    """

    model: Path
    root: Path
    device: str = "cpu"
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"expected a batch of at least 1, got {self.batch}")

    @property
    def batch_size(self) -> int:
        """Recordings that one call of the model takes."""
        return self.batch or (1 if self.device == "cpu" else _GPU_BATCH)


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What became of a chunk; `table` is None where every recording failed."""

    table: EmbeddingTable | None
    failures: tuple[Failure, ...]


def chunks(recordings: Sequence[Segment]) -> list[list[Segment]]:
    """The recordings in the portions that `embed_chunk` takes."""
    return [list(recordings[first : first + _CHUNK]) for first in range(0, len(recordings), _CHUNK)]


def embed_chunk(chunk: Sequence[Segment], job: EmbeddingJob) -> ChunkResult:
    """Embed a chunk in this process; a recording that cannot be embedded stops nothing.

    Raises:
        ModelError, ConfigError, MissingDependencyError: the model cannot be used.
    """
    encoder = _encoder(job.model, job.device)
    reader = SegmentReader(job.root)
    failures: list[Failure] = []
    tables: list[EmbeddingTable] = []
    for first in range(0, len(chunk), job.batch_size):
        heard = []
        for recording in chunk[first : first + job.batch_size]:
            try:
                heard.append(_hear(recording, reader, encoder))
            except Exception as error:  # whatever it is, it is about this recording
                failures.append(Failure.of(recording.name, error))
        rows = []
        for one, encoding in _encoded(encoder, heard, failures):
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
) -> tuple[EmbeddingTable, list[Failure]]:
    """Embed recordings into a file; after an interruption, call it again and it goes on.

    Finished chunks wait in the folder ``<output>.parts`` until the file is written. A recording is
    taken from there if its path, size and time are still the same.

    Args:
        recordings: with different names.
        output: .npz or .parquet file, which must not exist yet.
        job: with what, from where.
        num_processes: 1 = this process alone.
        progress: called after each chunk.

    Returns:
        The table as written, in the recordings' order, and what failed; both are also the answer of
        a call that only had to finish.

    Raises:
        ConfigError: the file exists, or parts of another model do, or a damaged part.
        AudioError: not a single recording could be embedded.
        ModelError, MissingDependencyError: the model, or the file format, cannot be used, or a
            process died.
    """
    check_suffix(output)
    if num_processes < 1:
        raise ConfigError(f"expected at least 1 process, got {num_processes}")
    if output.exists():
        raise ConfigError(f"expected no file at {output}, got one; remove it, or name another")
    manifest = _encoder(job.model, job.device).manifest  # refuses a bad model in this process
    parts = Parts(output, manifest)
    wanted = _sources(recordings, job.root)
    kept = parts.kept(wanted)
    open_ones = [one for one in recordings if one.name not in kept]
    num_done, failures = len(kept), list[Failure]()
    for result in run_tasks(
        partial(embed_chunk, job=job), chunks(open_ones), num_processes=num_processes
    ):
        if result.table is not None:
            parts.add(result.table)
            num_done += len(result.table)
        failures += result.failures
        if progress is not None:
            progress(num_done, len(failures), len(recordings))
    if not num_done:
        parts.remove()  # of files that have changed since, if any
        raise InvalidAudioError(
            f"expected recordings with speech, got none among {len(recordings)}; the first: "
            f"{failures[0].name}: {failures[0].reason}"
        )
    table = parts.joined(wanted)
    write_table(output, table)
    parts.remove()
    return table, failures


@dataclass(frozen=True, slots=True)
class _Heard:
    """A recording that was read."""

    name: str
    source: str
    samples: Waveform


def _hear(recording: Segment, reader: SegmentReader, encoder: SpeakerEncoder) -> _Heard:
    source = reader.source(recording)
    samples = check_waveform(reader.read(recording))
    check_duration(encoder.manifest, len(samples) / encoder.manifest.frontend.sample_rate_hz)
    return _Heard(recording.name, source, samples)


def _encoded(
    encoder: SpeakerEncoder, heard: Sequence[_Heard], failures: list[Failure]
) -> Iterator[tuple[_Heard, Encoding]]:
    """Encodings of a batch; where it fails as a whole, each recording is tried by itself."""
    try:
        encodings = encode_batch(encoder, [one.samples for one in heard])
    except (InferenceError, MemoryError) as error:
        if len(heard) == 1:
            failures.append(Failure.of(heard[0].name, error))
            return
        for one in heard:
            yield from _encoded(encoder, [one], failures)
        return
    yield from zip(heard, encodings, strict=True)


def _table(encoder: SpeakerEncoder, rows: Sequence[tuple[_Heard, Encoding]]) -> EmbeddingTable:
    return EmbeddingTable(
        names=tuple(one.name for one, _ in rows),
        sources=tuple(one.source for one, _ in rows),
        embeddings=np.stack([encoding.embedding for _, encoding in rows]),
        speech_s=np.array([encoding.speech_s for _, encoding in rows]),
        duration_s=np.array([encoding.duration_s for _, encoding in rows]),
        model_name=encoder.manifest.name,
        model_sha256=encoder.manifest.weights_sha256,
    )


def _sources(recordings: Sequence[Segment], root: Path) -> dict[str, str | None]:
    """What each recording is made from; None if it is not there, which `embed_chunk` reports."""
    reader = SegmentReader(root)
    sources: dict[str, str | None] = {}
    for recording in recordings:
        try:
            sources[recording.name] = reader.source(recording)
        except UnreadableAudioError:
            sources[recording.name] = None
    return sources


@lru_cache(maxsize=1)
def _encoder(model: Path, device: str) -> SpeakerEncoder:
    """One loaded model for each process; a pool hands nothing else from task to task."""
    return load_encoder(model, device=device)
