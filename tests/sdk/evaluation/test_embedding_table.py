import contextlib
import dataclasses
import stat
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.errors import ConfigError, SealError
from speakersdk.evaluation.embedding_table import (
    EmbeddingTable,
    join_tables,
    read_embeddings,
    write_embeddings,
)
from speakersdk.sealing import SealingKey, is_sealed


@pytest.fixture
def table(rng: np.random.Generator) -> EmbeddingTable:
    return EmbeddingTable(
        names=("ann", "ünal 2"),
        sources=("a.wav 0+0 1 2", "b.wav 0+0 3 4"),
        embeddings=rng.standard_normal((2, 5), np.float32),
        speech_s=np.array([1.25, 2.5]),
        duration_s=np.array([2.0, 3.0]),
        model_name="m",
        model_sha256="0f" * 32,
    )


def assert_equal(one: EmbeddingTable, other: EmbeddingTable) -> None:
    for field in dataclasses.fields(EmbeddingTable):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(a, b), field.name
        assert type(a) is type(b)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_what_is_written_is_read(table: EmbeddingTable, suffix: str, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"embeddings{suffix}"
    write_embeddings(path, table)
    assert_equal(read_embeddings(path), table)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_sealed_table_is_read_only_with_its_key(
    table: EmbeddingTable, suffix: str, tmp_path: Path
) -> None:
    pytest.importorskip("cryptography", reason="the extra secure is not installed")
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    key, other = (SealingKey.from_bytes(bytes([number]) * 32) for number in (1, 2))
    path, plain = tmp_path / f"sealed{suffix}", tmp_path / f"plain{suffix}"
    write_embeddings(path, table, key=key)
    write_embeddings(plain, table)
    assert_equal(read_embeddings(path, key=key), table)
    assert is_sealed(path.read_bytes())
    for wrong, message in ((None, "give its key"), (other, "another key")):
        with pytest.raises(SealError, match=message):
            read_embeddings(path, key=wrong)
    with pytest.raises(SealError, match="got a plain one"):
        read_embeddings(plain, key=key)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(SealError, match="authentication failed"):
        read_embeddings(path, key=key)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"names": ("ann", "\ud800")},
        {"names": ("ann", "b\0")},
        {"sources": ("a.wav", "\udcff.wav")},
        {"speech_s": np.array([1.0, np.nan])},
        {"model_name": "a\u200b"},
    ],
)
def test_a_table_that_could_not_be_read_again_is_not_written(
    table: EmbeddingTable, tmp_path: Path, suffix: str, wrong: dict[str, Any]
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    with pytest.raises(ConfigError, match="expected embeddings that can be read again, got"):
        write_embeddings(tmp_path / f"out{suffix}", dataclasses.replace(table, **wrong))
    assert list(tmp_path.iterdir()) == []


def test_tables_are_joined(table: EmbeddingTable) -> None:
    joined = join_tables([table, table])
    assert joined.names == table.names * 2
    assert joined.embeddings.shape == (4, 5)


def test_other_files_are_refused(table: EmbeddingTable, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.npz or \.parquet"):
        write_embeddings(tmp_path / "embeddings.csv", table)
    with pytest.raises(ConfigError, match="found no file"):
        read_embeddings(tmp_path / "absent.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(ConfigError):
        read_embeddings(tmp_path / "broken.npz")
    np.savez(tmp_path / "foreign.npz", x=np.zeros(3))
    with pytest.raises(ConfigError, match="expected embeddings in"):
        read_embeddings(tmp_path / "foreign.npz")


def npz(path: Path, **arrays: Any) -> Path:
    """Return a file of the arrays of one recording, with a few changed or left out."""
    good = {
        "names": np.array(["ann"]),
        "sources": np.array(["a.wav"]),
        "embeddings": np.ones((1, 5), np.float32),
        "speech_s": np.ones(1),
        "duration_s": np.ones(1),
        "model_name": np.array("m"),
        "model_sha256": np.array("0f"),
    }
    np.savez(path, **{k: v for k, v in {**good, **arrays}.items() if v is not None})
    return path


def test_orders_and_types_of_bytes_are_read(tmp_path: Path) -> None:
    values = np.arange(10, dtype=np.float32).reshape(2, 5)
    two = {"names": np.array(["a", "b"]), "sources": np.array(["a", "b"])}
    for array in (np.asfortranarray(values), values.astype(">f4")):
        path = npz(tmp_path / "a.npz", embeddings=array, speech_s=np.ones(2),
                   duration_s=np.ones(2), **two)  # fmt: skip
        table = read_embeddings(path)
        assert table.embeddings.dtype == np.float32
        assert np.array_equal(table.embeddings, values)


@pytest.mark.parametrize(
    "changes",
    [
        {"names": np.array(["ann", "bob"])},  # more names than rows
        {"names": np.array("ann")},
        {"names": np.array([["ann"]])},
        {"names": np.array([b"ann"])},
        {"sources": None},
        {"surprise": np.zeros(1)},
        {"embeddings": np.ones((2, 5), np.float32)},
        {"embeddings": np.ones((1, 5))},
        {"embeddings": np.ones(5, np.float32)},
        {"embeddings": np.full((1, 5), np.nan, np.float32)},
        {"embeddings": np.ones((1, 5), np.int32)},
        {"speech_s": np.ones(2)},
        {"speech_s": np.array([np.inf])},
        {"duration_s": np.ones((1, 1))},
        {"model_name": np.array("red\x1b[31m")},
        {"model_name": np.array([Path], dtype=object)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert read_embeddings(npz(tmp_path / "good.npz")).names == ("ann",)
    with pytest.raises(ConfigError, match="expected embeddings in") as caught:
        read_embeddings(npz(tmp_path / "a.npz", **changes))
    assert str(caught.value).isprintable()


def rewritten(
    source: Path, change: Callable[[str, bytes], bytes], compression: int = ZIP_STORED
) -> Path:
    """Return a copy of a file with other bytes in its members."""
    path = source.with_name("changed.npz")
    with ZipFile(source) as old, ZipFile(path, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return path


def test_no_memory_is_taken_for_what_a_file_only_claims(tmp_path: Path) -> None:
    good = npz(tmp_path / "good.npz")
    claims = [
        (b"(1, 5)", b"(1000000000000, 5)"),
        (b"(1, 5)", b"(1, 0)"),
        (b"(1, 5)", b"(-1, 5)"),
        (b"'<f4'", b"'|O'"),
        (b"'<f4'", b"[('a', '<f4')]"),
        (b"\x93NUMPY\x01", b"\x93NUMPY\x09"),
        (b"{'descr'", b"{" * 9000),
    ]
    for old, new in claims:

        def change(name: str, data: bytes, old: bytes = old, new: bytes = new) -> bytes:
            return data.replace(old, new) if "embeddings" in name else data

        path = rewritten(good, change)
        tracemalloc.start()
        with pytest.raises(ConfigError, match="expected embeddings in"):
            read_embeddings(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 20


@pytest.mark.parametrize("compression", [ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA])
def test_packed_arrays_are_refused_before_they_are_unpacked(
    tmp_path: Path, compression: int
) -> None:
    path = rewritten(
        npz(tmp_path / "good.npz"), lambda _, data: data + bytes(20_000_000), compression
    )
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    with pytest.raises(ConfigError, match="compressed or encrypted"):
        read_embeddings(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


CRAFTED = """
import sys
from pathlib import Path
from speakersdk.errors import ConfigError
from speakersdk.evaluation.embedding_table import read_embeddings
try:
    read_embeddings(Path(sys.argv[1]))
except ConfigError as error:
    print(error)
"""


def test_a_crafted_header_takes_no_time(tmp_path: Path) -> None:
    # From the fuzzer: many digits that may be one length or many, and then no end of the shape.
    path = npz(tmp_path / "a.npz", speech_s=np.ones(1))
    with ZipFile(path) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    arrays["speech_s.npy"] = arrays["speech_s.npy"].replace(b"(1,)", b"(" + b"7" * 120 + b"x)")
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for name, content in arrays.items():
            archive.writestr(name, content)
    done = subprocess.run(
        [sys.executable, "-c", CRAFTED, str(path)],
        capture_output=True,
        text=True,
        timeout=120,  # of a loaded machine; it would take longer than the age of the universe
        check=True,
    )
    assert "speech_s.npy of another type" in done.stdout


@given(data=st.data())
def test_a_damaged_file_gives_a_declared_error_or_a_table(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = npz(Path(folder) / "a.npz")
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(content)))
            content[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        path.write_bytes(content)
        with contextlib.suppress(ConfigError):
            assert len(read_embeddings(path)) == 1


def test_parquet_that_does_not_fit_is_refused(table: EmbeddingTable, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    good, path = tmp_path / "good.parquet", tmp_path / "a.parquet"
    write_embeddings(good, table)
    content = parquet.read_table(good)
    wide = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(np.zeros(10)), 5)
    for changed in (
        content.drop_columns(["source"]),
        content.replace_schema_metadata(None),
        content.set_column(0, "name", pyarrow.array(["ann", None])),
        content.set_column(0, "name", pyarrow.array([1, 2])),
        content.set_column(2, "embedding", pyarrow.array([1.0, 2.0])),
        content.set_column(2, "embedding", wide),
        content.set_column(3, "speech_s", pyarrow.array([np.nan, 1.0])),
    ):
        parquet.write_table(changed, path)
        with pytest.raises(ConfigError, match="expected embeddings in"):
            read_embeddings(path)
    path.write_bytes(good.read_bytes()[:-20])
    with pytest.raises(ConfigError, match="expected embeddings in"):
        read_embeddings(path)


def test_a_parquet_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    num, dim = 40_000, 512
    flat = pyarrow.array(np.zeros(num * dim, np.float32))
    content = pyarrow.table(
        {
            "name": pyarrow.array(["a"] * num),
            "source": pyarrow.array(["a"] * num),
            "embedding": pyarrow.FixedSizeListArray.from_arrays(flat, dim),
            "speech_s": pyarrow.array(np.zeros(num)),
            "duration_s": pyarrow.array(np.zeros(num)),
        }
    )
    parquet.write_table(content, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    with pytest.raises(ConfigError, match="81920000 bytes of embeddings in a file of"):
        read_embeddings(tmp_path / "a.parquet")


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800])
def test_characters_that_do_not_exist_are_refused(
    code: int, table: EmbeddingTable, tmp_path: Path
) -> None:
    """Found by tests/fuzz/fuzz_embedding_file.py: a SystemError of NumPy."""
    path = tmp_path / "embeddings.npz"
    write_embeddings(path, table)
    with np.load(path) as loaded:
        arrays = dict(loaded)
    arrays["model_name"] = np.frombuffer(np.uint32(code).tobytes(), "<U1").reshape(())
    np.savez(path, **arrays)
    with pytest.raises(ConfigError, match="characters that do not exist"):
        read_embeddings(path)
