"""Tables of embeddings in files: NumPy .npz, or Parquet for other tools.

Embeddings identify people: only the owner can read the files. Files are written atomically.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.errors import ConfigError, MissingDependencyError, SealError
from speakersdk.files import open_regular, replacement
from speakersdk.sealing import SealingKey, unsealed_content
from speakersdk.text import is_visible, printable

SUFFIXES: Final = (".npz", ".parquet")
# A Parquet file may unpack to this many times its size, or to a size that is always harmless.
_UNPACKED: Final = 8
_SMALL_BYTES: Final = 1 << 26
# Type (U means text) and number of dimensions of each array.
_ARRAYS: Final = {
    "names": ("U", 1),
    "sources": ("U", 1),
    "embeddings": ("f4", 2),
    "speech_s": ("f8", 1),
    "duration_s": ("f8", 1),
    "model_name": ("U", 0),
    "model_sha256": ("U", 0),
}
_LAST_CODE_POINT: Final = 0x10FFFF
# The start of an array file of np.save: magic, version 1.0, header length, header. Every text
# matches in one way only: with several, a crafted header of 100 bytes would take forever.
_NPY_HEADER: Final = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<type>[<>|][fU]\d{1,8})', "
    rb"'fortran_order': (?P<order>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,15}(?:, \d{1,15})*,?)?)\), \} *\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddingTable:
    """Embeddings of N recordings by one model.

    Attributes:
        names: N names of recordings.
        sources: N sources: path, part of the file, file size and modification time.
        embeddings: (N, D) float32 logits of length T.
        speech_s, duration_s: (N,) float64 seconds of speech and of audio.
        model_name, model_sha256: name and hash of the model.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    embeddings: npt.NDArray[np.float32]
    speech_s: npt.NDArray[np.float64]
    duration_s: npt.NDArray[np.float64]
    model_name: str
    model_sha256: str

    def __post_init__(self) -> None:
        num = len(self.names)
        shapes = [self.embeddings.shape[:1], self.speech_s.shape, self.duration_s.shape]
        if self.embeddings.ndim != 2 or len(self.sources) != num or shapes != [(num,)] * 3:
            raise ValueError(
                f"expected one source, embedding, speech_s and duration_s for each of {num} names, "
                f"got {len(self.sources)} sources, embeddings {self.embeddings.shape}, speech_s "
                f"{self.speech_s.shape} and duration_s {self.duration_s.shape}"
            )

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Sequence[int]) -> EmbeddingTable:
        """Return the rows with these indices, in that order."""
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            sources=tuple(self.sources[row] for row in rows),
            embeddings=self.embeddings[rows],
            speech_s=self.speech_s[rows],
            duration_s=self.duration_s[rows],
        )


def join_tables(tables: Sequence[EmbeddingTable]) -> EmbeddingTable:
    """Concatenate tables of one model."""
    return replace(
        tables[0],
        names=tuple(name for table in tables for name in table.names),
        sources=tuple(source for table in tables for source in table.sources),
        embeddings=np.concatenate([table.embeddings for table in tables]),
        speech_s=np.concatenate([table.speech_s for table in tables]),
        duration_s=np.concatenate([table.duration_s for table in tables]),
    )


def check_suffix(path: Path) -> None:
    """Check that tables can be written to a file of this name.

    Raises:
        ConfigError: the suffix is neither .npz nor .parquet.
        MissingDependencyError: .parquet needs pyarrow.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"expected a file name ending in {' or '.join(SUFFIXES)}, got {path}")
    if path.suffix == ".parquet":
        _pyarrow()


def write_embeddings(
    path: Path, table: EmbeddingTable, *, key: SealingKey | None = None, is_new: bool = False
) -> None:
    """Write a table in the format of the suffix; with a key the file is sealed.

    Raises:
        ConfigError: as for `check_suffix`, or `read_embeddings` would refuse the values.
        MissingDependencyError: as for `check_suffix`.
        FileExistsError: the file exists and `is_new` is set.
        OSError: the file cannot be written; an existing file is unchanged.
    """
    check_suffix(path)
    try:
        _check_values(table)
    except ValueError as error:
        raise ConfigError(f"expected embeddings that can be read again, got {error}") from error
    with replacement(path, is_new=is_new) as file:
        if key is None:
            _write(file, table, path.suffix)
        else:  # nothing plain reaches the disk
            content = io.BytesIO()
            _write(content, table, path.suffix)
            file.write(key.seal(content.getvalue()))


def _write(file: BinaryIO, table: EmbeddingTable, suffix: str) -> None:
    if suffix == ".parquet":
        pyarrow = _pyarrow()
        pyarrow.parquet.write_table(_arrow_table(pyarrow, table), file)
        return
    arrays: dict[str, Any] = {}
    for name, (kind, _) in _ARRAYS.items():
        value = getattr(table, name)
        arrays[name] = np.array(value, np.str_) if kind == "U" else value
    np.savez(file, **arrays)


@checked
def read_embeddings(
    path: str | os.PathLike[str], *, key: SealingKey | None = None
) -> EmbeddingTable:
    """Read a file of ``speakersdk embed``. Memory is bounded by the size of the file.

    Raises:
        ConfigError: the file is missing, or is not a table of embeddings.
        SealError: the file was changed or sealed with another key, or is plain though there is a
            key.
        MissingDependencyError: .parquet needs pyarrow.
    """
    path = Path(path)
    check_suffix(path)
    if not path.is_file():
        raise ConfigError(f"expected embeddings at {printable(path)}, found no file")
    try:
        with open_regular(path) as file:
            content = unsealed_content(file, key)
            plain = file if content is None else io.BytesIO(content)
            size = os.fstat(file.fileno()).st_size if content is None else len(content)
            is_parquet = path.suffix == ".parquet"
            table = _read_parquet(plain, size) if is_parquet else _read_npz(plain)
        _check_values(table)
        return table
    except SealError as error:
        raise SealError(f"{printable(path)}: {error}") from error
    except (
        ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError, OSError,
        EOFError, BadZipFile, struct.error,
    ) as error:  # fmt: skip
        raise ConfigError(
            f"expected embeddings in {printable(path)}, got: {printable(str(error))}"
        ) from error


def _check_values(table: EmbeddingTable) -> None:
    """Refuse values that no model produces. `EmbeddingTable` itself does not check them."""
    labels = (table.model_name, table.model_sha256)
    numbers = (table.embeddings, table.speech_s, table.duration_s)
    if not (all(map(is_visible, labels)) and all(np.isfinite(values).all() for values in numbers)):
        raise ValueError("values that are not finite, or a model_name with invisible characters")
    for text in (*table.names, *table.sources):
        text.encode()  # raises a ValueError for halves of characters
        if "\0" in text:  # NumPy would cut it there
            raise ValueError(f"the name {text!r} with a zero byte")


def _read_npz(file: BinaryIO) -> EmbeddingTable:
    with ZipFile(file) as archive:
        members = archive.infolist()
        expected = {f"{name}.npy" for name in _ARRAYS}
        if len(members) != len(expected) or {member.filename for member in members} != expected:
            raise ValueError(f"a file without the {len(_ARRAYS)} arrays {', '.join(_ARRAYS)}")
        arrays = {
            member.filename.removesuffix(".npy"): _read_array(archive, member) for member in members
        }
    return EmbeddingTable(
        names=tuple(arrays["names"].tolist()),
        sources=tuple(arrays["sources"].tolist()),
        embeddings=arrays["embeddings"],
        speech_s=arrays["speech_s"],
        duration_s=arrays["duration_s"],
        model_name=str(arrays["model_name"]),
        model_sha256=str(arrays["model_sha256"]),
    )


def _read_array(archive: ZipFile, member: ZipInfo) -> npt.NDArray[Any]:
    """Read one array, after its size is checked against the size of its file.

    `np.load` trusts the size in the header of the array, and unpacks without a limit.
    """
    if member.compress_type != ZIP_STORED or member.flag_bits & 1:
        raise ValueError(f"{member.filename} compressed or encrypted, expected as np.savez writes")
    if member.file_size != member.compress_size:
        raise ValueError(f"{member.filename} of two sizes")
    with archive.open(member) as stream:
        content = stream.read()
    header = _NPY_HEADER.match(content)
    kind, ndim = _ARRAYS[member.filename.removesuffix(".npy")]
    if header is None or not header["type"].decode()[1:].startswith(kind):
        raise ValueError(f"{member.filename} of another type than {kind}, or no array")
    dtype = np.dtype(header["type"].decode())
    shape = tuple(int(length) for length in header["shape"].split(b",") if length.strip())
    data = content[10 + int.from_bytes(content[8:10], "little") :]
    if len(shape) != ndim or math.prod(shape, start=dtype.itemsize) != len(data):
        raise ValueError(f"{member.filename} of shape {shape} in {len(data)} bytes")
    if not data:
        return np.empty(shape, dtype)
    order: Literal["F", "C"] = "F" if header["order"] == b"True" else "C"
    array = np.frombuffer(data, dtype).reshape(shape, order=order)
    native = np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape)
    if kind == "U":  # NumPy does not check code points, and invalid ones must not reach Python
        codes = native.reshape(-1).view(np.uint32)
        if ((codes > _LAST_CODE_POINT) | ((codes >= 0xD800) & (codes <= 0xDFFF))).any():
            raise ValueError(f"{member.filename} with characters that do not exist")
    return native


def _read_parquet(file: BinaryIO, size: int) -> EmbeddingTable:
    pyarrow = _pyarrow()
    try:
        with pyarrow.parquet.ParquetFile(file) as parquet:
            _check_parquet(pyarrow, parquet, size)
            content = parquet.read()
    except (pyarrow.ArrowException, MemoryError) as error:
        raise ValueError(str(error)) from error
    if any(column.null_count for column in content.columns):
        raise ValueError("empty cells")
    metadata = content.schema.metadata or {}
    column = content["embedding"].combine_chunks()
    return EmbeddingTable(
        names=tuple(content["name"].to_pylist()),
        sources=tuple(content["source"].to_pylist()),
        embeddings=column.flatten().to_numpy().reshape(len(content), column.type.list_size),
        speech_s=content["speech_s"].to_numpy(),
        duration_s=content["duration_s"].to_numpy(),
        model_name=metadata[b"speakersdk.model_name"].decode(),
        model_sha256=metadata[b"speakersdk.model_sha256"].decode(),
    )


def _check_parquet(pyarrow: Any, parquet: Any, size: int) -> None:
    """Refuse columns of wrong types, and more rows than a file of this size can have."""
    schema = parquet.schema_arrow
    embedding: Any = schema.field("embedding").type if "embedding" in schema.names else None
    is_list = embedding is not None and pyarrow.types.is_fixed_size_list(embedding)
    if not (is_list and embedding.value_type == pyarrow.float32()):
        raise ValueError(f"embeddings of type {embedding}, expected lists of float32")
    texts = (schema.field(name).type for name in ("name", "source"))
    seconds = (schema.field(name).type for name in ("speech_s", "duration_s"))
    if not (
        all(map(pyarrow.types.is_string, texts)) and all(map(pyarrow.types.is_float64, seconds))
    ):
        raise ValueError("columns of other types than text and seconds")
    # Real embeddings hardly compress; equal ones, as in a decompression bomb, do so without limit.
    num_bytes = 4 * embedding.list_size * parquet.metadata.num_rows
    if not embedding.list_size > 0 or num_bytes > max(_UNPACKED * size, _SMALL_BYTES):
        raise ValueError(f"{num_bytes} bytes of embeddings in a file of {size} bytes")


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
