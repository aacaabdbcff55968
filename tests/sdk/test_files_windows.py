"""The branches of `speakersdk.files` for Windows, with its locks simulated on Linux.

On Windows, a locked file cannot be read through another handle, and an open file cannot be replaced
or deleted. Linux allows both. Therefore these tests check which files are open at each step.
"""

from __future__ import annotations

import errno
import fcntl
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from speakersdk import files
from speakersdk.files import file_lock, folder_lock, purge_temporary, replacement, sync_folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="simulates on locks of Linux")


@pytest.fixture(autouse=True)
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """`speakersdk.files` with sys.platform set to win32."""

    def locking(descriptor: int, mode: int, num_bytes: int) -> None:
        assert (mode, num_bytes) == (2, 1)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:  # as reported by the C runtime of Windows
            raise PermissionError(errno.EACCES, "Permission denied") from error

    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(
        files, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2), raising=False
    )
    monkeypatch.delattr(files, "fcntl")


def open_files(folder: Path) -> set[str]:
    """Return the names of the files of a folder that this process has open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    paths = [link.readlink() for link in links if link.is_symlink()]
    return {path.name for path in paths if path.parent == folder}


def test_a_file_is_replaced_after_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ann.voiceprint"
    path.write_bytes(b"old")
    seen: list[set[str]] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append(open_files(tmp_path))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    with replacement(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert seen == [set()]
    assert path.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["ann.voiceprint"]


def test_an_error_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ann.voiceprint"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacement(path) as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["ann.voiceprint"]


def test_a_locked_file_stays_readable_and_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ann.voiceprint"
    path.write_bytes(b"old")
    with file_lock(path):
        (locked,) = open_files(tmp_path)
        assert locked != path.name
        with pytest.raises(TimeoutError, match="another process"), file_lock(path, timeout_s=0):
            pass
        with replacement(path) as file:
            file.write(path.read_bytes() + b" and new")
    assert path.read_bytes() == b"old and new"
    with file_lock(path):
        pass


def test_a_missing_file_cannot_be_locked_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), file_lock(tmp_path / "ann.voiceprint"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_folders_are_locked_once_and_their_names_are_not_synced(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path),
        pytest.raises(TimeoutError, match="another process"),
        folder_lock(tmp_path, timeout_s=0),
    ):
        pass
    with folder_lock(tmp_path):
        pass
    sync_folder(tmp_path / "absent")  # Windows cannot open a folder, and nothing is tried


def test_rests_of_killed_writers_are_purged(tmp_path: Path) -> None:
    (tmp_path / f"{files._temporary_name('ann')}").write_bytes(b"half")
    assert purge_temporary(tmp_path, "ann") == 1
    assert list(tmp_path.iterdir()) == []
