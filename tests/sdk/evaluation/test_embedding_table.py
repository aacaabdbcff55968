import dataclasses
import stat
from pathlib import Path

import numpy as np
import pytest

from speakersdk.errors import ConfigError
from speakersdk.evaluation.embedding_table import (
    EmbeddingTable,
    join_tables,
    read_table,
    write_table,
)


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
    write_table(path, table)
    assert_equal(read_table(path), table)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_tables_are_joined(table: EmbeddingTable) -> None:
    joined = join_tables([table, table])
    assert joined.names == table.names * 2
    assert joined.embeddings.shape == (4, 5)


def test_other_files_are_refused(table: EmbeddingTable, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.npz or \.parquet"):
        write_table(tmp_path / "embeddings.csv", table)
    with pytest.raises(ConfigError, match="found no file"):
        read_table(tmp_path / "absent.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(ConfigError):
        read_table(tmp_path / "broken.npz")
    np.savez(tmp_path / "foreign.npz", x=np.zeros(3))
    with pytest.raises(ConfigError, match="expected embeddings in"):
        read_table(tmp_path / "foreign.npz")
