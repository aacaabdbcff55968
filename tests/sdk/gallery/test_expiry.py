from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speakersdk.errors import ExpiredVoiceprintError, GalleryError
from speakersdk.gallery import expiry
from speakersdk.gallery.file import read_gallery, write_gallery
from speakersdk.gallery.gallery import Gallery, Match
from speakersdk.gallery.rows import STORAGES, Storage
from speakersdk.sealing import SealingKey
from speakersdk.voiceprint.life import expiry_after, utc_time
from speakersdk.voiceprint.voiceprint import Voiceprint
from tests.sdk.example_voiceprints import example_voiceprint

NAMES = ("ann", "bob", "cid", "dan")
LONG_AGO = 1_000_000_000  # seconds since 1970
each_storage = pytest.mark.parametrize("storage", STORAGES)


@pytest.fixture(name="voiceprints")
def fixture_voiceprints(rng: np.random.Generator) -> list[Voiceprint]:
    """Ann and cid expire in an hour and in two days, the others never."""
    rows = rng.standard_normal((4, 1, 20))
    rows *= 2 / np.linalg.norm(rows, axis=2, keepdims=True)
    ends = (expiry_after("1h"), None, expiry_after("2d"), None)
    return [
        example_voiceprint(name, temperature=2.0, exemplars=row, expires_utc=end)
        for name, row, end in zip(NAMES, rows, ends, strict=True)
    ]


def names(matches: list[Match]) -> list[str]:
    return sorted(match.name for match in matches)


def expired_file(path: Path, voiceprints: list[Voiceprint], storage: Storage = "float32") -> None:
    """A gallery in which ann has expired."""
    Gallery.from_voiceprints(voiceprints, storage=storage).save(path)
    header, blocks = read_gallery(path, verify=True)
    ends = blocks["ends"].copy()
    ends[NAMES.index("ann")] = LONG_AGO
    write_gallery(path, header, {**blocks, "ends": ends})


def test_an_expired_voiceprint_is_not_added(voiceprints: list[Voiceprint]) -> None:
    old = replace(voiceprints[0], expires_utc="2026-11-23T14:00:00+00:00")
    with pytest.raises(ExpiredVoiceprintError, match="'ann' expired at 2026-11-23"):
        Gallery.from_voiceprints([*voiceprints[1:], old])
    gallery = Gallery.from_voiceprints(voiceprints[1:])
    with pytest.raises(ExpiredVoiceprintError):
        gallery.add_voiceprint(old)
    assert gallery.names == NAMES[1:]


@each_storage
def test_an_expired_entry_of_a_file_is_never_found(
    storage: Storage, tmp_path: Path, voiceprints: list[Voiceprint]
) -> None:
    ann = voiceprints[0].embedding
    expired_file(tmp_path / "a.gallery", voiceprints, storage)
    gallery = Gallery.load(tmp_path / "a.gallery")
    with pytest.warns(UserWarning, match="skips voiceprints that have expired: ann; enroll again"):
        found = gallery.search(ann, 2)
    assert len(found) == 2
    assert "ann" not in names(found)
    # The warning comes once.
    assert names(gallery.search(ann, 10)) == ["bob", "cid", "dan"]
    assert [names(each) for each in gallery.search_many(np.stack([ann] * 2), 3)] == 2 * [
        ["bob", "cid", "dan"]
    ]
    scores = dict(zip(gallery.names, gallery.score_all(ann), strict=True))
    assert scores.pop("ann") == -np.inf
    assert np.isfinite([*scores.values()]).all()
    export = gallery.export_mips()
    assert export.names == ("bob", "cid", "dan")
    assert len(export.vectors) == 3


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_copy_of_the_file_does_not_bypass_the_check(
    is_sealed: bool, tmp_path: Path, voiceprints: list[Voiceprint]
) -> None:
    path = tmp_path / "a.gallery"
    key = SealingKey.from_bytes(bytes(32)) if is_sealed else None
    expired_file(path, voiceprints)
    gallery = Gallery.load(path)
    gallery.save(path, key=key)
    again = Gallery.load(path, key=key)
    with pytest.warns(UserWarning, match="have expired: ann;"):
        assert names(again.search(voiceprints[0].embedding, 10)) == ["bob", "cid", "dan"]


def test_an_entry_expires_while_the_gallery_is_in_use(
    voiceprints: list[Voiceprint], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = Gallery.from_voiceprints(voiceprints[:2])
    gallery.add_voiceprint(voiceprints[2])
    ann = voiceprints[0].embedding
    times = [utc_time(each.expires_utc or "").timestamp() for each in voiceprints[:3:2]]
    assert names(gallery.search(ann)) == ["ann", "bob", "cid"]
    monkeypatch.setattr(expiry.time, "time", lambda: times[0] - 1)
    assert names(gallery.search(ann)) == ["ann", "bob", "cid"]
    monkeypatch.setattr(expiry.time, "time", lambda: times[0])
    with pytest.warns(UserWarning, match="expired: ann;"):
        assert names(gallery.search(ann)) == ["bob", "cid"]
    # A clock that is set back makes nobody valid again.
    monkeypatch.setattr(expiry.time, "time", lambda: times[0] - 1)
    assert names(gallery.search(ann)) == ["bob", "cid"]
    monkeypatch.setattr(expiry.time, "time", lambda: times[1])
    with pytest.warns(UserWarning, match="expired: cid;"):
        assert names(gallery.search(ann)) == ["bob"]


def test_a_new_entry_of_the_same_name_has_its_own_end(
    tmp_path: Path, voiceprints: list[Voiceprint]
) -> None:
    path, ann = tmp_path / "a.gallery", voiceprints[0]
    expired_file(path, voiceprints)
    gallery = Gallery.load(path)
    with pytest.warns(UserWarning, match="expired: ann;"):
        gallery.search(ann.embedding)
    gallery.remove("ann")
    gallery.add_voiceprint(replace(ann, expires_utc=None))
    assert names(gallery.search(ann.embedding, 1)) == ["ann"]
    gallery.save(path)
    assert names(Gallery.load(path).search(ann.embedding, 1)) == ["ann"]


def test_the_file_keeps_the_ends(tmp_path: Path, voiceprints: list[Voiceprint]) -> None:
    path = tmp_path / "a.gallery"
    gallery = Gallery.from_voiceprints(voiceprints)
    gallery.remove("bob")
    gallery.save(path)
    _, blocks = read_gallery(path, verify=True)
    assert blocks["ends"].tolist() == [
        0 if each.expires_utc is None else int(utc_time(each.expires_utc).timestamp())
        for each in (voiceprints[0], voiceprints[2], voiceprints[3])
    ]
    # A file without expiry has version 1, which older versions read.
    Gallery.from_voiceprints(voiceprints[1::2]).save(path)
    assert path.read_bytes()[8] == 1
    assert "ends" not in read_gallery(path, verify=True)[1]


@pytest.mark.parametrize(
    "ends",
    [
        np.array([-1, 0, 0, 0], np.int64),
        np.array([2**62, 0, 0, 0], np.int64),
        np.zeros(3, np.int64),
        np.zeros((4, 1), np.int64),
        np.zeros(4, np.float32),
    ],
)
def test_ends_that_say_nonsense_are_refused(
    ends: np.ndarray, tmp_path: Path, voiceprints: list[Voiceprint]
) -> None:
    path = tmp_path / "a.gallery"
    Gallery.from_voiceprints(voiceprints).save(path)
    header, blocks = read_gallery(path, verify=True)
    write_gallery(path, header, {**blocks, "ends": ends})
    with pytest.raises(GalleryError, match="content is not valid"):
        Gallery.load(path)


def test_the_warning_names_a_few_of_many() -> None:
    entries = expiry.EntryExpiry()
    entries.update({f"{number:02}": LONG_AGO for number in range(30)})
    with pytest.warns(UserWarning, match=r"expired: 00, 01, 02, 03, 04 and 25 more; enroll"):
        assert len(entries.expired()) == 30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(entries.expired()) == 30
