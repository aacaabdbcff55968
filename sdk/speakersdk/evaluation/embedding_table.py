"""Tables of embeddings as one file: NumPy's .npz, or Parquet for other tools.

Embeddings identify people: files are readable by their owner alone, and appear whole or not at all.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.errors import ConfigError, MissingDependencyError
from speakersdk.files import replacement

# What zipfile, NumPy and pyarrow raise at files that are cut or not of their kind.
_DAMAGED: Final = (
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    MemoryError,
    OverflowError,
    NotImplementedError,
    zipfile.BadZipFile,
    struct.error,
    zlib.error,
)
SUFFIXES: Final = (".npz", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddingTable:
    """Embeddings of N recordings by one model.

    Attributes:
        names: (N,) of the recordings.
        sources: (N,) what each was made from: path, piece, size and time of the file.
        embeddings: (N, D) float32 logits of length T.
        speech_s, duration_s: (N,) float64 seconds of speech and of audio.
        model_name, model_sha256: of the model.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    embeddings: npt.NDArray[np.float32]
    speech_s: npt.NDArray[np.float64]
    duration_s: npt.NDArray[np.float64]
    model_name: str
    model_sha256: str

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Sequence[int]) -> EmbeddingTable:
        """The rows of these numbers, in that order."""
        return EmbeddingTable(
            names=tuple(self.names[row] for row in rows),
            sources=tuple(self.sources[row] for row in rows),
            embeddings=self.embeddings[rows],
            speech_s=self.speech_s[rows],
            duration_s=self.duration_s[rows],
            model_name=self.model_name,
            model_sha256=self.model_sha256,
        )


def join_tables(tables: Sequence[EmbeddingTable]) -> EmbeddingTable:
    """The rows of all tables, which are of one model."""
    return EmbeddingTable(
        names=tuple(name for table in tables for name in table.names),
        sources=tuple(source for table in tables for source in table.sources),
        embeddings=np.concatenate([table.embeddings for table in tables]),
        speech_s=np.concatenate([table.speech_s for table in tables]),
        duration_s=np.concatenate([table.duration_s for table in tables]),
        model_name=tables[0].model_name,
        model_sha256=tables[0].model_sha256,
    )


def check_suffix(path: Path) -> None:
    """Refuse a file that could not be written at the end.

    Raises:
        ConfigError: neither .npz nor .parquet.
        MissingDependencyError: .parquet without pyarrow.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"expected a file name ending in {' or '.join(SUFFIXES)}, got {path}")
    if path.suffix == ".parquet":
        _pyarrow()


def write_table(path: Path, table: EmbeddingTable) -> None:
    """Write a table in the format that the file name ends in.

    Raises:
        ConfigError, MissingDependencyError: see `check_suffix`.
        OSError: the file cannot be written; what was there before is untouched.
    """
    check_suffix(path)
    with replacement(path) as file:
        if path.suffix == ".parquet":
            pyarrow = _pyarrow()
            pyarrow.parquet.write_table(_arrow_table(pyarrow, table), file)
        else:
            np.savez(
                file,
                names=np.array(table.names, dtype=np.str_),
                sources=np.array(table.sources, dtype=np.str_),
                embeddings=table.embeddings,
                speech_s=table.speech_s,
                duration_s=table.duration_s,
                model_name=np.array(table.model_name),
                model_sha256=np.array(table.model_sha256),
            )


def read_table(path: Path) -> EmbeddingTable:
    """Read what `write_table` wrote.

    Raises:
        ConfigError: no such file, or not such a file.
        MissingDependencyError: .parquet without pyarrow.
    """
    check_suffix(path)
    if not path.is_file():
        raise ConfigError(f"expected embeddings at {path}, found no file")
    try:
        table = _read_parquet(path) if path.suffix == ".parquet" else _read_npz(path)
        _check(table)
    except _DAMAGED as error:
        what = str(error) or type(error).__name__
        raise ConfigError(f"expected embeddings in {path}, got: {what}") from error
    return table


def _check(table: EmbeddingTable) -> None:
    """Raise ValueError unless every array has a row for each name."""
    rows = len(table)
    if table.embeddings.ndim != 2 or table.embeddings.dtype != np.float32:
        raise ValueError(f"embeddings of {table.embeddings.dtype} {table.embeddings.shape}")
    counts = {
        len(table.sources),
        len(table.embeddings),
        *(values.size for values in (table.speech_s, table.duration_s)),
    }
    if counts != {rows}:
        raise ValueError(f"{rows} names with {min(counts)} to {max(counts)} rows")


def _read_npz(path: Path) -> EmbeddingTable:
    with zipfile.ZipFile(path) as archive:
        # `write_table` stores arrays as they are: what is packed may unpack to any size.
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed arrays")
    with path.open("rb") as file, np.load(file) as content:
        return EmbeddingTable(
            names=tuple(content["names"].tolist()),
            sources=tuple(content["sources"].tolist()),
            embeddings=content["embeddings"],
            speech_s=content["speech_s"],
            duration_s=content["duration_s"],
            model_name=str(content["model_name"]),
            model_sha256=str(content["model_sha256"]),
        )


def _read_parquet(path: Path) -> EmbeddingTable:
    content = _pyarrow().parquet.read_table(path)
    metadata = content.schema.metadata or {}
    column = content["embedding"].combine_chunks()
    return EmbeddingTable(
        names=tuple(content["name"].to_pylist()),
        sources=tuple(content["source"].to_pylist()),
        embeddings=column.flatten().to_numpy().reshape(len(content), -1),
        speech_s=content["speech_s"].to_numpy(),
        duration_s=content["duration_s"].to_numpy(),
        model_name=metadata[b"speakersdk.model_name"].decode(),
        model_sha256=metadata[b"speakersdk.model_sha256"].decode(),
    )


def _arrow_table(pyarrow: Any, table: EmbeddingTable) -> Any:
    flat = pyarrow.array(table.embeddings.reshape(-1), type=pyarrow.float32())
    columns = {
        "name": pyarrow.array(table.names, type=pyarrow.string()),
        "source": pyarrow.array(table.sources, type=pyarrow.string()),
        "embedding": pyarrow.FixedSizeListArray.from_arrays(flat, table.embeddings.shape[1]),
        "speech_s": pyarrow.array(table.speech_s),
        "duration_s": pyarrow.array(table.duration_s),
    }
    return pyarrow.table(columns).replace_schema_metadata(
        {
            "speakersdk.model_name": table.model_name,
            "speakersdk.model_sha256": table.model_sha256,
        }
    )


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "Parquet files need pyarrow", remedy='pip install "speakersdk[parquet]"'
        ) from error
    return pa
