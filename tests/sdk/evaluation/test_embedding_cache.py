"""Stored embeddings."""

from pathlib import Path

import numpy as np

from speakersdk.encoder.interface import Encoding
from speakersdk.evaluation.embedding_cache import EmbeddingCache

PARTS = [("ab" * 32, 0, 16000)]


def encoding() -> Encoding:
    return Encoding(np.linspace(-1, 1, 7, dtype=np.float32), 1.25, 2.5)


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "new", model_sha256="1" * 64)
    key = cache.key(PARTS)
    assert cache.get(key) is None
    assert not (tmp_path / "new").exists()  # a look-up writes nothing
    cache.put(key, encoding())
    found = EmbeddingCache(tmp_path / "new", model_sha256="1" * 64).get(key)
    assert found is not None
    np.testing.assert_array_equal(found.embedding, encoding().embedding)
    assert found.embedding.dtype == np.float32
    assert (found.speech_s, found.duration_s) == (1.25, 2.5)


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, model_sha256="1" * 64)
    cache.put(cache.key(PARTS), encoding())
    (file,) = tmp_path.rglob("*.f64")
    assert file.stat().st_mode & 0o777 == 0o600


def test_keys_tell_models_contents_and_pieces_apart(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, model_sha256="1" * 64)
    other = EmbeddingCache(tmp_path, model_sha256="2" * 64)
    keys = {
        cache.key(PARTS),
        other.key(PARTS),
        cache.key([("cd" * 32, 0, 16000)]),
        cache.key([("ab" * 32, 1, 16000)]),
        cache.key([("ab" * 32, 0, 15999)]),
        cache.key(PARTS * 2),
    }
    assert len(keys) == 6


def test_a_damaged_file_is_ignored(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, model_sha256="1" * 64)
    key = cache.key(PARTS)
    cache.put(key, encoding())
    (file,) = tmp_path.rglob("*.f64")
    whole = file.read_bytes()
    infinite = np.frombuffer(whole, "<f8").copy()
    infinite[-1] = 1e300
    nan = infinite.copy()
    nan[0] = np.nan
    damaged = [whole[:size] for size in (0, 8, 24, 40)]
    for data in (*damaged, whole + b"x", infinite.tobytes(), nan.tobytes(), bytes(2_000_000)):
        file.write_bytes(data)
        assert cache.get(key) is None


def test_a_flipped_bit_and_the_file_of_another_recording_are_ignored(
    tmp_path: Path,
) -> None:
    cache = EmbeddingCache(tmp_path, model_sha256="1" * 64)
    key, other = cache.key(PARTS), cache.key([("ab", 0, None)])
    cache.put(key, encoding())
    (file,) = tmp_path.rglob("*.f64")
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        assert cache.get(key) is None
    cache.put(other, encoding())
    cache._path(key).write_bytes(cache._path(other).read_bytes())
    assert cache.get(key) is None
