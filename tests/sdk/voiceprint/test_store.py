"""The folder of voiceprints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speakersdk.errors import (
    ConfigError,
    DuplicateSpeakerError,
    IncompatibleModelError,
    UnknownSpeakerError,
    VoiceprintError,
)
from speakersdk.voiceprint.store import VoiceprintStore, default_folder
from speakersdk.voiceprint.voiceprint import Voiceprint


def make_voiceprint(name: str, *, direction: int = 0, model_sha256: str = "ab" * 32) -> Voiceprint:
    return Voiceprint(
        name=name,
        model_name="tdnn-test",
        model_sha256=model_sha256,
        temperature=2.0,
        exemplars=2 * np.eye(4)[[direction]],
        speech_s=np.array([1.5]),
        created_utc="2026-11-22T14:00:00+00:00",
    )


@pytest.fixture
def store(tmp_path: Path) -> VoiceprintStore:
    return VoiceprintStore(tmp_path / "share" / "voiceprints")


def test_reading_creates_nothing(store: VoiceprintStore) -> None:
    assert store.names() == ()
    with pytest.raises(UnknownSpeakerError, match=r"'ann' \(stored: none\)"):
        store.load("ann")
    with pytest.raises(UnknownSpeakerError):
        store.remove("ann")
    assert not store.folder.exists()


def test_save_load_and_remove(store: VoiceprintStore) -> None:
    for name in ("李小龙", "bob", "Zoë"):
        store.save(make_voiceprint(name))
    assert store.names() == ("Zoë", "bob", "李小龙")
    assert store.load("Zoe\u0308") == make_voiceprint("Zoë")  # the decomposed form is the same name
    assert store.folder.stat().st_mode & 0o777 == 0o700
    store.remove("bob")
    with pytest.raises(UnknownSpeakerError, match=r"stored: Zoë, 李小龙") as caught:
        store.load("bob")
    assert caught.value.known == ("Zoë", "李小龙")


def test_a_stored_name_is_never_overwritten_silently(store: VoiceprintStore) -> None:
    store.save(make_voiceprint("ann"))
    with pytest.raises(DuplicateSpeakerError, match="--replace"):
        store.save(make_voiceprint("ann", direction=1))
    assert store.load("ann") == make_voiceprint("ann")

    store.save(make_voiceprint("ann", direction=1), replace=True)
    assert store.load("ann") == make_voiceprint("ann", direction=1)

    returned = store.save(make_voiceprint("ann", direction=2), append=True)
    assert store.load("ann") == returned
    assert returned.exemplars.argmax(axis=1).tolist() == [1, 2]

    with pytest.raises(ConfigError, match="at most one"):
        store.save(make_voiceprint("ann"), replace=True, append=True)


def test_append_to_nobody_stores(store: VoiceprintStore) -> None:
    store.save(make_voiceprint("ann"), append=True)
    assert store.load("ann") == make_voiceprint("ann")


def test_append_from_another_model_changes_nothing(store: VoiceprintStore) -> None:
    store.save(make_voiceprint("ann"))
    with pytest.raises(IncompatibleModelError, match=r"abababababab.*cdcdcdcdcdcd"):
        store.save(make_voiceprint("ann", model_sha256="cd" * 32), append=True)
    assert store.load("ann") == make_voiceprint("ann")


def test_names_that_differ_in_case_alone_exclude_each_other(store: VoiceprintStore) -> None:
    store.save(make_voiceprint("Ann"))
    with pytest.raises(DuplicateSpeakerError, match="'Ann' exists"):
        store.save(make_voiceprint("ann"), replace=True)


@pytest.mark.parametrize("name", ["../ann", "/etc/passwd", "a/../../b", "..", "", ".ann"])
def test_no_name_leaves_the_folder(store: VoiceprintStore, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a name"):
        store.load(name)
    with pytest.raises(ConfigError, match="expected a name"):
        store.remove(name)


def test_damaged_and_renamed_files_are_refused_and_removable(store: VoiceprintStore) -> None:
    store.save(make_voiceprint("ann"))
    store.path("ann").rename(store.path("bob"))
    with pytest.raises(VoiceprintError, match="of 'bob', got that of 'ann'"):
        store.load("bob")
    store.path("bob").write_bytes(b"damaged")
    with pytest.raises(VoiceprintError, match="not a voiceprint"):
        store.load("bob")
    store.remove("bob")
    assert store.names() == ()


def test_other_files_are_no_names(store: VoiceprintStore) -> None:
    store.save(make_voiceprint("ann"))
    for other in ("notes.txt", ".tmpfile.tmp", ".hidden.voiceprint"):
        (store.folder / other).touch()
    assert store.names() == ("ann",)


def test_default_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    below_home = tmp_path / "home" / ".local" / "share" / "speakersdk" / "voiceprints"
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_folder() == below_home
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_DATA_HOME", ignored)
        assert default_folder() == below_home
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_folder() == tmp_path / "data" / "speakersdk" / "voiceprints"
    assert list(tmp_path.iterdir()) == []
