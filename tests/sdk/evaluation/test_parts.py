"""Parts of an embedding run: numbers, models, and errors about damaged parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ConfigError
from speakersdk.evaluation.embedding_table import EmbeddingTable, write_embeddings
from speakersdk.evaluation.parts import Parts, locked_parts, purge_finished


@pytest.fixture(scope="module")
def manifest(default_model: Path) -> ModelManifest:
    return load_encoder(default_model).manifest


def table(manifest: ModelManifest, *names: str) -> EmbeddingTable:
    return EmbeddingTable(
        names=names,
        sources=tuple(f"{name}.wav" for name in names),
        embeddings=np.array([[ord(name)] * 4 for name in names], np.float32),
        speech_s=np.ones(len(names)),
        duration_s=np.ones(len(names)),
        model_name=manifest.name,
        model_sha256=manifest.weights_sha256,
    )


def test_parts_are_found_again_and_joined_in_order(manifest: ModelManifest, tmp_path: Path) -> None:
    parts = Parts(tmp_path, manifest.weights_sha256)
    parts.add(table(manifest, "c", "a"))
    parts.add(table(manifest, "b"))
    again = Parts(tmp_path, manifest.weights_sha256)
    wanted = {"a": "a.wav", "b": "another.wav", "c": "c.wav", "d": None}
    assert again.kept(wanted) == {"a", "c"}
    joined = again.joined(wanted)
    assert joined.names == ("a", "c")
    assert joined.embeddings[:, 0].tolist() == [ord("a"), ord("c")]


def test_a_part_takes_the_place_of_no_other(manifest: ModelManifest, tmp_path: Path) -> None:
    parts = Parts(tmp_path, manifest.weights_sha256)
    for name in "abc":
        parts.add(table(manifest, name))
    (tmp_path / "000000.npz").unlink()
    Parts(tmp_path, manifest.weights_sha256).add(table(manifest, "d"))
    assert Parts(tmp_path, manifest.weights_sha256).kept(
        {name: f"{name}.wav" for name in "abcd"}
    ) == {*"bcd"}


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_cut_part_names_the_remedy(manifest: ModelManifest, tmp_path: Path, size: int) -> None:
    Parts(tmp_path, manifest.weights_sha256).add(table(manifest, "a"))
    part = tmp_path / "000000.npz"
    part.write_bytes(part.read_bytes()[:size])
    with pytest.raises(ConfigError, match=r"000000\.npz, got: .+; remove this part"):
        Parts(tmp_path, manifest.weights_sha256)


def test_parts_in_a_table_are_not_needed(manifest: ModelManifest, tmp_path: Path) -> None:
    parts = Parts(tmp_path, manifest.weights_sha256)
    parts.add(table(manifest, "a", "b"))
    parts.add(table(manifest, "c"))
    assert parts.are_in(table(manifest, "c", "a", "b"))
    assert parts.are_in(table(manifest, "b"))  # the list became shorter
    assert parts.are_in(table(manifest, "a", "b", "c", "d"))  # some parts are already deleted
    assert not parts.are_in(table(manifest, "a", "d"))


def test_what_is_not_the_output_of_the_parts_leaves_them(
    manifest: ModelManifest, tmp_path: Path
) -> None:
    output = tmp_path / "out.npz"
    folder = tmp_path / "out.npz.parts"
    with locked_parts(output, manifest) as parts:
        parts.add(table(manifest, "a"))
        output.write_bytes(b"damaged")
        purge_finished(output)  # another run holds the parts
    for content in ("damaged", "another"):
        if content == "another":
            output.unlink()
            write_embeddings(output, table(manifest, "b"), is_new=True)
        purge_finished(output)
        assert [path.name for path in folder.glob("*.npz")] == ["000000.npz"]
    output.unlink()
    write_embeddings(output, table(manifest, "a"), is_new=True)
    purge_finished(output)
    assert not folder.exists()
