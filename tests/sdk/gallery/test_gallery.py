from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakersdk.errors import (
    ConfigError,
    DuplicateSpeakerError,
    GalleryError,
    IncompatibleModelError,
    UnknownSpeakerError,
)
from speakersdk.gallery.gallery import Gallery, Match
from speakersdk.gallery.rows import STORAGES, Storage
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix, symmetric_kl_to_many
from speakersdk.voiceprint.voiceprint import Voiceprint
from tests.sdk.example_voiceprints import example_voiceprint

Vectors = npt.NDArray[np.float32]
DIM = 40
each_storage = pytest.mark.parametrize("storage", STORAGES)


def embeddings(rng: np.random.Generator, num: int, dim: int = DIM) -> Vectors:
    """Rows of length 4."""
    rows = rng.standard_normal((num, dim))
    return (4 * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def voiceprint(name: str, rows: Vectors, *, model: str = "0" * 64) -> Voiceprint:
    return example_voiceprint(
        name, model_sha256=model, temperature=4.0, exemplars=rows, speech_s=np.ones(len(rows))
    )


def names(matches: list[Match]) -> list[str]:
    return [match.name for match in matches]


@each_storage
@pytest.mark.parametrize("num_threads", [1, 3])
def test_search_is_sorting_by_the_exact_score(
    storage: Storage, num_threads: int, rng: np.random.Generator
) -> None:
    rows, probes = embeddings(rng, 3000), embeddings(rng, 5)
    gallery = Gallery.from_embeddings(rows, storage=storage)
    divergences = symmetric_kl_matrix(probes, rows)
    for probe, expected in zip(probes, divergences, strict=True):
        matches = gallery.search(probe, 7, num_threads=num_threads)
        best = np.argsort(expected)[:7]
        assert names(matches) == [str(row) for row in best]
        # A stored row is rounded to float32 once: J is about 1, its slope about 2.
        scores = [match.score for match in matches]
        assert np.allclose(scores, -expected[best], rtol=1e-6, atol=0)


@each_storage
def test_a_batch_is_its_probes_one_by_one(storage: Storage, rng: np.random.Generator) -> None:
    gallery = Gallery.from_embeddings(embeddings(rng, 700), storage=storage)
    probes = embeddings(rng, 9)
    assert gallery.search_many(probes, 4) == [gallery.search(probe, 4) for probe in probes]


def test_float32_scores_are_exact_to_a_hundred_thousandth(rng: np.random.Generator) -> None:
    for dim in (3, 16, 128, 250):
        rows, probe = embeddings(rng, 300, dim), embeddings(rng, 1, dim)[0]
        rows[0] = probe + np.float32(0.01) * embeddings(rng, 1, dim)[0]
        scores = Gallery.from_embeddings(rows).score_all(probe, num_threads=2)
        expected = -symmetric_kl_to_many(probe, rows)
        assert scores.dtype == np.float32
        assert np.all(np.abs(scores - expected) <= 1e-5 * np.abs(expected))


@pytest.mark.parametrize(("storage", "error"), [("float16", 2e-3), ("int8", 5e-2)])
def test_compact_scores_are_close(storage: Storage, error: float, rng: np.random.Generator) -> None:
    # J changes by 2 d J / |x| for values x with errors d: d is 2^-11 of a value for float16, and
    # 1/254 of the largest (about 3 deviations) for int8. It averages over the values.
    rows, probe = embeddings(rng, 500), embeddings(rng, 1)[0]
    gallery = Gallery.from_embeddings(rows, storage=storage, keep_exact=False)
    expected = -symmetric_kl_to_many(probe, rows)
    assert np.allclose(gallery.score_all(probe), expected, rtol=error, atol=0)
    assert np.allclose(
        [match.score for match in gallery.search(probe, 500)], np.sort(expected)[::-1], rtol=error
    )


@each_storage
def test_equal_scores_come_in_the_order_of_their_rows(
    storage: Storage, rng: np.random.Generator
) -> None:
    row = embeddings(rng, 1)[0]
    gallery = Gallery.from_embeddings(np.repeat(row[np.newaxis], 600, axis=0), storage=storage)
    for num_threads in (1, 2):
        assert names(gallery.search(row, 5, num_threads=num_threads)) == list("01234")
    gallery.remove("1")
    assert names(gallery.search(row, 3)) == list("023")


@each_storage
def test_fewer_are_found_where_fewer_are_enrolled(
    storage: Storage, rng: np.random.Generator
) -> None:
    rows = embeddings(rng, 3)
    gallery = Gallery(DIM, storage=storage)
    assert gallery.search(rows[0], 2) == []
    assert gallery.search_many(rows, 2) == [[], [], []]
    assert gallery.score_all(rows[0]).shape == (0,)
    gallery.add_many(["a", "b", "c"], rows)
    assert len(gallery.search(rows[0], 10**6)) == 3
    for name in "abc":
        gallery.remove(name)
    assert gallery.search(rows[0], 2) == []
    assert gallery.score_all(rows[0]).shape == (0,)
    assert (len(gallery), gallery.names) == (0, ())
    assert repr(gallery) == f"Gallery(0 entries, dim={gallery.dim}, {gallery.storage})"


@each_storage
@settings(deadline=None, max_examples=30)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=40))
def test_adding_and_removing_is_a_dict(storage: Storage, steps: list[tuple[bool, int]]) -> None:
    rows = embeddings(np.random.default_rng(0), 13)
    gallery, model = Gallery(DIM, storage=storage), dict[str, int]()
    for adds, row in steps:
        name = str(row)
        if adds and name not in model:
            gallery.add(name, rows[row])
            model[name] = row
        elif not adds and name in model:
            gallery.remove(name)
            del model[name]
    assert set(gallery.names) == set(model)
    assert len(gallery) == len(model)
    assert all(name in gallery for name in model)
    found = gallery.search(rows[0], 20)
    assert sorted(names(found)) == sorted(model)
    assert all(
        match.score == pytest.approx(-symmetric_kl(rows[0], rows[model[match.name]]), abs=1e-6)
        for match in found
    )
    scores = dict(zip(gallery.names, gallery.score_all(rows[0]), strict=True))
    assert all(scores[match.name] == pytest.approx(match.score, abs=0.05) for match in found)


def test_voiceprints_bring_their_names_and_their_model(rng: np.random.Generator) -> None:
    ann, bob = (voiceprint(name, embeddings(rng, 2)) for name in ("ann", "bob"))
    gallery = Gallery.from_voiceprints([ann, bob])
    assert gallery.names == ("ann", "bob")
    assert names(gallery.search(bob.embedding, 1)) == ["bob"]
    cid = voiceprint("cid", embeddings(rng, 1), model="1" * 64)
    with pytest.raises(IncompatibleModelError, match="model tdnn-test \\(111111111111\\)"):
        gallery.add_voiceprint(cid)
    with pytest.raises(IncompatibleModelError):
        Gallery.from_voiceprints([ann, cid])
    with pytest.raises(DuplicateSpeakerError):
        gallery.add_voiceprint(ann)
    with pytest.raises(ValueError, match="at least one voiceprint"):
        Gallery.from_voiceprints([])


def test_what_is_refused_binds_no_model(rng: np.random.Generator) -> None:
    wide = voiceprint("ann", embeddings(rng, 2))
    gallery = Gallery(wide.exemplars.shape[1] // 2)
    with pytest.raises(ValueError, match="expected shape"):
        gallery.add_voiceprint(wide)
    assert (gallery.model_name, gallery.model_sha256) == (None, None)
    other = voiceprint("bob", embeddings(rng, 2, dim=gallery.dim), model="1" * 64)
    gallery.add_voiceprint(other)
    assert gallery.model_sha256 == "1" * 64


@each_storage
@pytest.mark.parametrize("keep_exact", [True, False])
def test_a_file_gives_the_gallery_back(
    storage: Storage, keep_exact: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "voices.gallery"
    rows, probe = embeddings(rng, 50), embeddings(rng, 1)[0]
    gallery = Gallery.from_embeddings(rows, storage=storage, keep_exact=keep_exact)
    gallery.remove("3")
    gallery.add("zoë", rows[3])
    gallery.remove("7")
    gallery.save(path)
    before = path.read_bytes()
    loaded = Gallery.load(path)
    assert (loaded.names, loaded.storage, loaded.dim) == (gallery.names, storage, DIM)
    assert loaded.search(probe, 60) == gallery.search(probe, 60)
    assert np.array_equal(loaded.score_all(probe), gallery.score_all(probe))
    loaded.remove("zoë")
    loaded.add("new", rows[7])
    loaded.add("newer", rows[8])
    assert names(loaded.search(rows[7], 1)) == ["new"]
    assert path.read_bytes() == before
    loaded.save(path)  # over the mapped file
    assert Gallery.load(path, verify=False).names == loaded.names


@each_storage
def test_an_empty_gallery_is_saved_too(storage: Storage, tmp_path: Path) -> None:
    Gallery(DIM, storage=storage).save(tmp_path / "a.gallery")
    loaded = Gallery.load(tmp_path / "a.gallery")
    assert len(loaded) == 0
    loaded.add("ann", np.ones(DIM))
    assert len(loaded.search(np.ones(DIM), 1)) == 1


def test_the_model_is_kept_in_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    ann = voiceprint("ann", embeddings(rng, 1))
    Gallery.from_voiceprints([ann]).save(tmp_path / "a.gallery")
    loaded = Gallery.load(tmp_path / "a.gallery")
    assert (loaded.model_name, loaded.model_sha256) == ("tdnn-test", "0" * 64)
    with pytest.raises(IncompatibleModelError):
        loaded.add_voiceprint(voiceprint("bob", embeddings(rng, 1), model="1" * 64))


def test_a_damaged_file_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "a.gallery"
    Gallery.from_embeddings(embeddings(rng, 2)).save(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GalleryError, match=r"a\.gallery: the gallery is truncated or damaged"):
        Gallery.load(path)


def test_threads_may_search_at_once(rng: np.random.Generator) -> None:
    gallery, probes = Gallery.from_embeddings(embeddings(rng, 2000)), embeddings(rng, 4)
    expected = [gallery.search(probe) for probe in probes]
    found: dict[int, list[Match]] = {}

    def search(i: int) -> None:
        found[i] = gallery.search(probes[i], num_threads=2)

    threads = [threading.Thread(target=search, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == expected


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda _: Gallery(0), ConfigError, "dim: expected at least 1, got 0"),
        (lambda _: Gallery(4, storage="int4"), ConfigError, "storage: expected one of float32, "),
        (
            lambda g: g.add("ann", np.ones(4)),
            DuplicateSpeakerError,
            "'ann' already exists; remove it first",
        ),
        (lambda g: g.add("", np.ones(4)), ConfigError, "expected a printable name, got ''"),
        (lambda g: g.add("a\nb", np.ones(4)), ConfigError, "expected a printable name"),
        (lambda g: g.add("b", np.ones(3)), ValueError, r"expected shape \(1, 4\), got \(1, 3\)"),
        (lambda g: g.add("b", np.ones((1, 4))), ValueError, r"expected shape \(4,\), got \(1, 4\)"),
        (lambda g: g.add("b", [1, 2, 3, np.inf]), ValueError, "got inf at "),
        (lambda g: g.add("b", [0, 0, 0, 65]), ValueError, "logits that span at most 64"),
        (lambda g: g.add("b", ["x"] * 4), TypeError, "expected embedding to be an array"),
        (lambda g: g.add_many(["b", "b"], np.ones((2, 4))), DuplicateSpeakerError, "'b'"),
        (
            lambda g: g.remove("bob"),
            UnknownSpeakerError,
            r"named 'bob' \(stored: ann\); add it first",
        ),
        (lambda g: g.search(np.ones(4), 0), ConfigError, "k: expected at least 1, got 0"),
        (lambda g: g.search(np.ones(3)), ValueError, r"rows of 4 values, got shape \(1, 3\)"),
        (lambda g: g.search(np.ones((1, 4))), ValueError, r"probe: expected shape \(4,\)"),
        (lambda g: g.search([1, 2, 3, np.nan]), ValueError, "probes: expected finite float32"),
        (lambda _: Gallery(4).search([1, 2, 3, np.nan]), ValueError, "probes: expected finite f"),
        (lambda g: g.search(np.ones(4), num_threads=0), ValueError, "num_threads: expected 1 to"),
        (lambda g: g.score_all(np.ones(5)), ValueError, "rows of 4 values"),
    ],
)
def test_mistakes_are_named(call: Any, error: type[Exception], message: str) -> None:
    gallery = Gallery(4)
    gallery.add("ann", np.ones(4))
    with pytest.raises(error, match=message):
        call(gallery)
    assert gallery.names == ("ann",)
