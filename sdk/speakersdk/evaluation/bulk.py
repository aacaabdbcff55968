"""Embeddings of many recordings: batches, processes, and a way on after an interruption.

recordings -> chunks -> a process each -> parts on disk -> one table

A chunk is a plain list and `embed_chunk` a plain function, so that an engine for clusters can take
the place of the processes here (docs/bulk-embedding.md).
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.batch import encode_batch
from speakersdk.encoder.interface import check_duration, check_waveform
from speakersdk.encoder.load import SpeakerEncoder, load_encoder
from speakersdk.errors import (
    AudioError,
    ConfigError,
    InferenceError,
    InvalidAudioError,
    UnreadableAudioError,
)
from speakersdk.evaluation.embedding_table import (
    EmbeddingTable,
    check_suffix,
    join_tables,
    read_table,
    write_table,
)
from speakersdk.evaluation.trials import Piece, Segment, read_segments

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
class Failure:
    """A recording without an embedding, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What became of a chunk; `table` is None where every recording failed."""

    table: EmbeddingTable | None
    failures: tuple[Failure, ...]


def read_recordings(path: Path) -> list[Segment]:
    """Read a list of recordings.

    A ``.jsonl`` file holds segments (`speakersdk.evaluation.trials.read_segments`); any other file
    a recording a line, ``path`` or, as Kaldi's wav.scp, ``name path``.

    Raises:
        ConfigError: no such file, an empty or malformed one, or two recordings of one name.
    """
    if path.suffix == ".jsonl":
        recordings = list(read_segments(path).values())
    elif not path.is_file():
        raise ConfigError(f"expected a list of recordings at {path}, found none")
    else:
        lines = [line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines()]
        recordings = [
            Segment(fields[0], "", (Piece(fields[-1].strip(), 0, 0),)) for fields in lines if fields
        ]
    if not recordings:
        raise ConfigError(f"expected recordings in {path}, got an empty list")
    names = {recording.name for recording in recordings}
    if len(names) < len(recordings):
        raise ConfigError(
            f"expected a name of its own for each recording in {path}, got {len(recordings)} "
            f"recordings of {len(names)} names"
        )
    return recordings


def chunks(recordings: Sequence[Segment]) -> list[list[Segment]]:
    """The recordings in the portions that `embed_chunk` takes."""
    return [list(recordings[first : first + _CHUNK]) for first in range(0, len(recordings), _CHUNK)]


def embed_chunk(chunk: Sequence[Segment], job: EmbeddingJob) -> ChunkResult:
    """Embed a chunk in this process; a recording that cannot be embedded stops nothing.

    Raises:
        ModelError, ConfigError, MissingDependencyError: the model cannot be used.
    """
    encoder = _encoder(job.model, job.device)
    failures: list[Failure] = []
    tables: list[EmbeddingTable] = []
    files: dict[str, Waveform] = {}
    for first in range(0, len(chunk), job.batch_size):
        names, sources, waveforms = [], [], []
        for recording in chunk[first : first + job.batch_size]:
            try:
                sources.append(source(recording, job.root))
                waveforms.append(_read(recording, job.root, files, encoder))
                names.append(recording.name)
            except AudioError as error:
                del sources[len(names) :]
                failures.append(Failure(recording.name, str(error)))
        encodings = encode_batch(encoder, waveforms)
        heard = [index for index, encoding in enumerate(encodings) if encoding.speech_s > 0]
        failures += [
            Failure(name, f"no speech found in {encoding.duration_s:.1f} s of audio")
            for name, encoding in zip(names, encodings, strict=True)
            if encoding.speech_s == 0
        ]
        if heard:
            tables.append(
                EmbeddingTable(
                    names=tuple(names[index] for index in heard),
                    sources=tuple(sources[index] for index in heard),
                    embeddings=np.stack([encodings[index].embedding for index in heard]),
                    speech_s=np.array([encodings[index].speech_s for index in heard]),
                    duration_s=np.array([encodings[index].duration_s for index in heard]),
                    model_name=encoder.manifest.name,
                    model_sha256=encoder.manifest.weights_sha256,
                )
            )
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
        ConfigError: the file exists, or parts of another model do.
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
    folder = output.with_name(f"{output.name}.parts")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts = [read_table(path) for path in sorted(folder.glob("*.npz"))]
    if others := {part.model_sha256 for part in parts} - {manifest.weights_sha256}:
        raise ConfigError(
            f"expected parts of model {manifest.weights_sha256[:12]} in {folder}, got those of "
            f"{min(others)[:12]}; remove the folder, or use that model"
        )
    wanted = {one.name: _source_or_none(one, job.root) for one in recordings}
    kept = {
        name
        for part in parts
        for name, made_from in zip(part.names, part.sources, strict=True)
        if wanted.get(name) == made_from
    }
    open_ones = [one for one in recordings if one.name not in kept]
    failures: list[Failure] = []
    done = len(recordings) - len(open_ones)
    number = len(list(folder.glob("*.npz")))
    for result in _results(chunks(open_ones), job, num_processes):
        if result.table is not None:
            write_table(folder / f"{number:06d}.npz", result.table)
            number += 1
            parts.append(result.table)
            done += len(result.table)
        failures += result.failures
        if progress is not None:
            progress(done, len(failures), len(recordings))
    if not done:
        shutil.rmtree(folder)  # parts of files that have changed since, if any
        raise InvalidAudioError(
            f"expected recordings with speech, got none among {len(recordings)}; the first: "
            f"{failures[0].name}: {failures[0].reason}"
        )
    table = _in_order(join_tables(parts), wanted)
    write_table(output, table)
    shutil.rmtree(folder)
    return table, failures


def source(recording: Segment, root: Path) -> str:
    """What a recording is made from: another file, piece, size or time makes another source.

    Raises:
        UnreadableAudioError: a file is not there.
    """
    parts = []
    for piece in recording.pieces:
        path = root / piece.path
        try:
            status = path.stat()
        except OSError as error:
            raise UnreadableAudioError(os.fspath(path), error.strerror or str(error)) from error
        parts.append(
            f"{piece.path} {piece.start}+{piece.num_samples} {status.st_size} {status.st_mtime_ns}"
        )
    return "; ".join(parts)


def _source_or_none(recording: Segment, root: Path) -> str | None:
    try:
        return source(recording, root)
    except UnreadableAudioError:
        return None  # `embed_chunk` reports it


def _read(
    recording: Segment, root: Path, files: dict[str, Waveform], encoder: SpeakerEncoder
) -> Waveform:
    """The samples of a recording; the last file decoded is kept, for pieces of one pack."""
    parts = []
    for piece in recording.pieces:
        if piece.path not in files:
            files.clear()
            files[piece.path] = read_audio(root / piece.path)
        stop = piece.start + piece.num_samples if piece.num_samples else None
        parts.append(files[piece.path][piece.start : stop])
    samples = check_waveform(np.concatenate(parts))
    check_duration(encoder.manifest, len(samples) / encoder.manifest.frontend.sample_rate_hz)
    return samples


def _in_order(table: EmbeddingTable, wanted: dict[str, str | None]) -> EmbeddingTable:
    """The rows of the wanted names and sources, in that order."""
    pairs = zip(table.names, table.sources, strict=True)
    rows: dict[tuple[str, str | None], int] = {pair: row for row, pair in enumerate(pairs)}
    order = [rows[item] for item in wanted.items() if item in rows]
    return EmbeddingTable(
        names=tuple(table.names[row] for row in order),
        sources=tuple(table.sources[row] for row in order),
        embeddings=table.embeddings[order],
        speech_s=table.speech_s[order],
        duration_s=table.duration_s[order],
        model_name=table.model_name,
        model_sha256=table.model_sha256,
    )


def _results(
    portions: list[list[Segment]], job: EmbeddingJob, num_processes: int
) -> Iterator[ChunkResult]:
    if num_processes == 1:
        yield from (embed_chunk(portion, job) for portion in portions)
        return
    # spawn: a forked onnxruntime would inherit locks and threads that are not there.
    pool = ProcessPoolExecutor(
        num_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_ignore_interrupt,
    )
    remaining = iter(portions)
    try:
        running: set[Future[ChunkResult]] = {
            pool.submit(embed_chunk, portion, job)
            for portion in islice(remaining, 2 * num_processes)
        }
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                running |= {
                    pool.submit(embed_chunk, portion, job) for portion in islice(remaining, 1)
                }
                yield future.result()
    except BrokenProcessPool as error:
        raise InferenceError(
            "a worker process died, perhaps for lack of memory; what is done is kept, run it again "
            "with fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupt() -> None:
    """The parent process ends the pool on Ctrl+C; a traceback from each worker says nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache(maxsize=1)
def _encoder(model: Path, device: str) -> SpeakerEncoder:
    """One loaded model for each process; a pool hands nothing else from task to task."""
    return load_encoder(model, device=device)
