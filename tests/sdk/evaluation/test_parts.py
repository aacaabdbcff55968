"""Parts of an embedding run: numbers, models, and errors about damaged parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ConfigError
from speakersdk.evaluation.embedding_table import EmbeddingTable
from speakersdk.evaluation.parts import Parts


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
    parts = Parts(tmp_path, manifest)
    parts.add(table(manifest, "c", "a"))
    parts.add(table(manifest, "b"))
    again = Parts(tmp_path, manifest)
    wanted = {"a": "a.wav", "b": "another.wav", "c": "c.wav", "d": None}
    assert again.kept(wanted) == {"a", "c"}
    joined = again.joined(wanted)
    assert joined.names == ("a", "c")
    assert joined.embeddings[:, 0].tolist() == [ord("a"), ord("c")]


def test_a_part_takes_the_place_of_no_other(manifest: ModelManifest, tmp_path: Path) -> None:
    parts = Parts(tmp_path, manifest)
    for name in "abc":
        parts.add(table(manifest, name))
    (tmp_path / "000000.npz").unlink()
    Parts(tmp_path, manifest).add(table(manifest, "d"))
    assert Parts(tmp_path, manifest).kept({name: f"{name}.wav" for name in "abcd"}) == {*"bcd"}


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_cut_part_names_the_remedy(manifest: ModelManifest, tmp_path: Path, size: int) -> None:
    Parts(tmp_path, manifest).add(table(manifest, "a"))
    part = tmp_path / "000000.npz"
    part.write_bytes(part.read_bytes()[:size])
    with pytest.raises(ConfigError, match=r"000000\.npz, got: .+; remove this part"):
        Parts(tmp_path, manifest)
