import os
import sys
from pathlib import Path

import pytest

from speakersdk.errors import CalibrationError
from speakersdk.recalibration.recordings import (
    recordings_by_speaker,
    recordings_of_strangers,
    recordings_without_speaker,
)


def test_files_belong_to_the_sub_folder_that_they_lie_below(tmp_path: Path) -> None:
    left_behind = (
        "ann/.hidden", ".git/x", "bob/._1.wav", "bob/.DS_Store", "bob/Thumbs.db", "ann/desktop.ini",
        "bob/.AppleDouble/1.wav", "__MACOSX/bob/1.wav", "bob/@eaDir/1.wav/thumb.jpg",
    )  # fmt: skip
    for name in ("bob/2.wav", "bob/1.wav", "ann/day/1.wav", "notes.txt", *left_behind):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = recordings_by_speaker(tmp_path)
    assert list(found) == ["ann", "bob"]
    assert found["bob"] == [tmp_path / "bob/1.wav", tmp_path / "bob/2.wav"]
    assert found["ann"] == [tmp_path / "ann/day/1.wav"]


def test_a_folder_without_speakers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"one sub-folder for each speaker in .*, got none"):
        recordings_by_speaker(tmp_path)
    with pytest.raises(CalibrationError, match="expected a folder"):
        recordings_by_speaker(tmp_path / "absent")


def test_files_without_names_are_groups_of_their_own(tmp_path: Path) -> None:
    for name in (
        "2.wav", "1.wav", "one person/a.wav", "one person/b.wav", ".hidden", ".git/x",
        "._1.wav", "Thumbs.db", "__MACOSX/one person/._a.wav", "one person/.AppleDouble/a.wav",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = recordings_of_strangers(tmp_path)
    assert found == {
        "1.wav": [tmp_path / "1.wav"],
        "2.wav": [tmp_path / "2.wav"],
        "one person": [tmp_path / "one person/a.wav", tmp_path / "one person/b.wav"],
    }
    (tmp_path / "none").mkdir()
    with pytest.raises(CalibrationError, match=r"expected recordings in .*none, got none"):
        recordings_of_strangers(tmp_path / "none")
    with pytest.raises(CalibrationError, match="expected a folder"):
        recordings_of_strangers(tmp_path / "absent")


def test_a_link_to_nothing_is_listed_and_its_error_names_it(tmp_path: Path) -> None:
    """Datasets whose files are not downloaded yet consist of such links."""
    (tmp_path / "ann").mkdir()
    for link in (tmp_path / "ann" / "1.wav", tmp_path / "2.wav"):
        link.symlink_to("missing")
    assert recordings_by_speaker(tmp_path) == {"ann": [tmp_path / "ann/1.wav"]}
    assert recordings_of_strangers(tmp_path) == {
        "2.wav": [tmp_path / "2.wav"],
        "ann": [tmp_path / "ann/1.wav"],
    }


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root reads everything")
def test_a_closed_folder_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    closed = tmp_path / "ann" / "day"
    closed.mkdir(parents=True)
    hidden = tmp_path / "ann" / ".Trash"
    hidden.mkdir()
    for folder in (closed, hidden):
        folder.chmod(0)
    try:
        with pytest.raises(PermissionError) as caught:
            recordings_by_speaker(tmp_path)
    finally:
        for folder in (closed, hidden):
            folder.chmod(0o700)
    assert caught.value.filename == str(closed)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="such names are one folder there")
@pytest.mark.parametrize("names", [("Ann", "ann"), ("Ren\u00e9", "Rene\u0301")])
def test_two_folders_of_one_name_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    """They were two speakers, and the trials of one voice were those of strangers."""
    for name in names:
        (tmp_path / name).mkdir()
    with pytest.raises(CalibrationError, match="differ only in case or in their Unicode form"):
        recordings_by_speaker(tmp_path)


def test_what_is_not_read_is_listed(tmp_path: Path) -> None:
    """Files next to the sub-folders, and links to folders, were left out without a message."""
    for name in ("ann/1.wav", "other/2.wav", "outside.wav", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "ann" / "more").symlink_to(tmp_path / "other")
    assert recordings_without_speaker(tmp_path) == [tmp_path / "outside.wav"]
    assert recordings_by_speaker(tmp_path)["ann"] == [tmp_path / "ann/1.wav", tmp_path / "ann/more"]
