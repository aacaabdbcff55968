from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from speakersdk.errors import ConfigError, IncompatibleModelError
from speakersdk.scoring import symmetric_kl_matrix
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.rotation import Rotation

DIM, LENGTH = 64, 2.0


@pytest.fixture(scope="module")
def rotation() -> Rotation:
    return Rotation(bytes(range(32)), DIM)


@pytest.fixture
def embeddings(rng: np.random.Generator) -> np.ndarray:
    rows = rng.standard_normal((40, DIM))
    return (LENGTH * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_lengths_means_and_dot_products_stay(rotation: Rotation, embeddings: np.ndarray) -> None:
    rotated = rotation.rotate(embeddings)
    # Rounding of float32 to 2^-24 of values up to 2, over 64 terms.
    tolerance = 64 * LENGTH**2 * 2.0**-24
    assert np.allclose(rotated @ rotated.T, embeddings @ embeddings.T, atol=tolerance)
    assert np.allclose(rotated.mean(axis=1), embeddings.mean(axis=1), atol=tolerance)
    # It hides: a row and its rotation are as different as two random rows, which correlate up to
    # 1/8.
    assert np.abs((rotated * embeddings).sum(axis=1) / LENGTH**2).max() < 0.6


def test_restored_scores_agree_to_1e_5(rotation: Rotation, embeddings: np.ndarray) -> None:
    restored = rotation.restore(rotation.rotate(embeddings))
    exact = symmetric_kl_matrix(embeddings, embeddings)
    assert np.abs(symmetric_kl_matrix(restored, restored) - exact).max() < 1e-5 * exact.max()
    one = embeddings[0]
    assert np.allclose(rotation.restore(rotation.rotate(one)), one, atol=1e-6)


def test_a_key_gives_one_rotation_on_every_machine() -> None:
    # Computed once; LAPACK may differ in the last digits of float64.
    rotated = Rotation(bytes(32), 3).rotate([1.0, 0.0, 0.0])
    assert np.allclose(rotated, Rotation(bytes(32), 3).rotate([1.0, 0.0, 0.0]))
    assert rotated == pytest.approx(KNOWN, abs=1e-6)


KNOWN = [0.633959, -0.332296, 0.698337]


def test_two_rotations_share_nothing(rotation: Rotation, embeddings: np.ndarray) -> None:
    other = Rotation(bytes(31) + b"\1", DIM)
    cosine = (rotation.rotate(embeddings) * other.rotate(embeddings)).sum(axis=1) / LENGTH**2
    assert np.abs(cosine).max() < 0.6
    assert rotation.identifier != other.identifier
    assert Rotation(bytes(range(32)), 32).identifier != rotation.identifier


def test_as_many_known_pairs_as_values_undo_it(
    rotation: Rotation, rng: np.random.Generator
) -> None:
    """The limit that the documentation states.

    If this fails, the documentation may state a better one.
    """
    known = rng.standard_normal((DIM, DIM)).astype(np.float32)
    guessed = np.linalg.solve(known.astype(np.float64), rotation.rotate(known))
    fresh = rng.standard_normal((5, DIM)).astype(np.float32)
    assert np.allclose(fresh @ guessed, rotation.rotate(fresh), atol=1e-3)


def test_a_voiceprint_is_of_no_use_until_it_is_restored(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    dim = verifier.manifest.embedding_dim
    rotation, new = Rotation(bytes(range(32)), dim), Rotation(bytes(32), dim)
    slt, probe = verifier.enroll(voices["slt"].enroll, name="slt"), voices["slt"].probe
    rotated = rotation.rotated(slt)
    with pytest.raises(IncompatibleModelError, match="restore it first"):
        verifier.verify(rotated, probe)
    with pytest.raises(IncompatibleModelError, match="without rotation; restore it first"):
        rotation.rotated(rotated)
    restored = rotation.restored(rotated)
    assert restored.model_sha256 == slt.model_sha256
    assert verifier.score(restored, probe) == pytest.approx(verifier.score(slt, probe), abs=1e-5)
    assert verifier.verify(restored, probe).accepted
    for voiceprint in (slt, new.rotated(slt)):
        with pytest.raises(IncompatibleModelError, match="expected model rotation"):
            rotation.restored(voiceprint)
    renewed = new.rotated(rotation.restored(rotated))
    assert verifier.score(new.restored(renewed), probe) == pytest.approx(
        verifier.score(slt, probe), abs=1e-5
    )


def test_impossible_rotations_are_refused(rotation: Rotation) -> None:
    with pytest.raises(ConfigError, match="a seed of 32 bytes"):
        Rotation(b"short", DIM)
    with pytest.raises(ConfigError, match="3 to 8192 values"):
        Rotation(bytes(32), 2)
    with pytest.raises(ValueError, match="embeddings of 64 values"):
        rotation.rotate(np.zeros((2, 3)))


def test_the_secret_does_not_leak(rotation: Rotation) -> None:
    assert repr(rotation) == f"Rotation(dim=64, identifier='{rotation.identifier[:16]}')"
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(rotation)
