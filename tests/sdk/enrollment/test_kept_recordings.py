"""Recordings that are kept for another model."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from speakersdk.demo_clips import FOLDER
from speakersdk.enrollment.kept_recordings import check_keep, keeping, kept
from speakersdk.errors import ConfigError

FIRST, SECOND = (FOLDER / f"slt-enroll-{part}.flac" for part in (1, 2))


def test_copies_are_private_and_named_by_their_content(tmp_path: Path) -> None:
    with keeping([FIRST], tmp_path, "ann"):
        pass
    own = tmp_path / "ann"
    (copy,) = kept(tmp_path, "ann")
    assert copy.parent == own
    assert copy.read_bytes() == FIRST.read_bytes()
    assert "slt" not in copy.name
    assert copy.stat().st_mode & 0o077 == own.stat().st_mode & 0o077 == 0
    with keeping([FIRST, SECOND], tmp_path, "ann"):
        pass
    assert len(kept(tmp_path, "ann")) == 2


def test_replacing_removes_what_was_kept_before(tmp_path: Path) -> None:
    with keeping([FIRST], tmp_path, "ann"):
        pass
    with keeping([SECOND], tmp_path, "ann", replace=True):
        assert len(kept(tmp_path, "ann")) == 2  # until the voiceprint is stored
    (copy,) = kept(tmp_path, "ann")
    assert copy.read_bytes() == SECOND.read_bytes()


@pytest.mark.parametrize("recordings", [[SECOND], [SECOND, FOLDER / "none.flac"]])
def test_an_error_leaves_what_was_kept_before(tmp_path: Path, recordings: list[Path]) -> None:
    with keeping([FIRST], tmp_path, "ann"):
        pass
    before = kept(tmp_path, "ann")

    def interrupted() -> None:
        with keeping([FIRST, *recordings], tmp_path, "ann", replace=True):
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, FileNotFoundError)):
        interrupted()
    assert kept(tmp_path, "ann") == before


def test_hidden_files_and_folders_are_not_recordings(tmp_path: Path) -> None:
    assert kept(tmp_path, "ann") == []
    (tmp_path / "ann" / "folder").mkdir(parents=True)
    for name in (".lock", "._first.flac", "Thumbs.db", "desktop.ini"):
        (tmp_path / "ann" / name).touch()
    assert kept(tmp_path, "ann") == []


def test_no_name_leaves_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        kept(tmp_path, "../ann")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_what_cannot_be_kept_is_an_early_error(tmp_path: Path) -> None:
    check_keep([FIRST], tmp_path / "kept", "ann")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match=r"got the pipe .*write it to a file first"):
        check_keep([FIRST, pipe], tmp_path / "kept", "ann")
    with pytest.raises(NotADirectoryError):
        check_keep([FIRST], FIRST, "ann")
