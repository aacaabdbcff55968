"""The files of a folder of voiceprints, found by the names of speakers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from speakersdk.errors import ConfigError, UnknownSpeakerError
from speakersdk.voiceprint.folder import VoiceprintFolder, speaker_of

COMPOSED, DECOMPOSED = "Zo\u00eb", "Zoe\u0308"


@pytest.fixture
def folder(tmp_path: Path) -> VoiceprintFolder:
    return VoiceprintFolder(tmp_path)


def add(folder: VoiceprintFolder, *names: str) -> None:
    for name in names:
        (folder.path / name).touch()


def test_only_visible_files_with_the_suffix_are_listed(folder: VoiceprintFolder) -> None:
    add(folder, "bob.voiceprint", "ann.voiceprint", "notes.txt", ".tmp.tmp", ".hidden.voiceprint")
    assert [path.name for path in folder.paths()] == ["ann.voiceprint", "bob.voiceprint"]
    assert folder.names() == ("ann", "bob")


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    folder = VoiceprintFolder(tmp_path / "none")
    assert folder.paths() == []
    assert folder.by_name() == {}
    assert folder.path_of("ann") == tmp_path / "none" / "ann.voiceprint"
    with pytest.raises(UnknownSpeakerError, match=r"stored: none"):
        folder.existing("ann")
    assert list(tmp_path.iterdir()) == []


def test_the_composed_form_of_a_name_comes_first(folder: VoiceprintFolder) -> None:
    add(folder, f"{DECOMPOSED}.voiceprint")
    assert folder.path_of(COMPOSED).name == f"{DECOMPOSED}.voiceprint"
    add(folder, f"{COMPOSED}.voiceprint")
    assert folder.path_of(DECOMPOSED).name == f"{COMPOSED}.voiceprint"
    assert folder.names() == (COMPOSED,)
    assert len(folder.paths()) == 2


def test_a_misnamed_file_is_found_by_its_file_name(folder: VoiceprintFolder) -> None:
    add(folder, "slt (1).voiceprint", "red\x1b[31m.voiceprint")
    assert folder.names() == ()
    assert folder.existing("slt (1)").name == "slt (1).voiceprint"
    assert folder.existing("slt (1).voiceprint").name == "slt (1).voiceprint"
    assert folder.existing("red\\x1b[31m").name == "red\x1b[31m.voiceprint"
    with pytest.raises(ConfigError, match="expected a name"):
        speaker_of(folder.existing("slt (1)"))


@pytest.mark.parametrize("name", ["../ann", "/etc/passwd", "a/../../b", "..", "", ".ann"])
def test_no_name_leads_out_of_the_folder(folder: VoiceprintFolder, name: str) -> None:
    for use in (folder.path_of, folder.existing):
        with pytest.raises(ConfigError, match="expected a name"):
            use(name)


def test_the_lock_creates_a_private_folder(tmp_path: Path) -> None:
    folder = VoiceprintFolder(tmp_path / "share" / "voiceprints")
    with folder.locked():
        assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="cannot be stored"):
            VoiceprintFolder(tmp_path / "voiceprints").check_writable()
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "voiceprints"):
        with pytest.raises(NotADirectoryError):
            VoiceprintFolder(path).check_writable()
