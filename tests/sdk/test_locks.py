"""Locks exclude other processes until their own process ends, also by a kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from speakersdk.files import replacement, working_folder
from speakersdk.locks import LOCK_NAME, file_lock, folder_lock

StartPython = Callable[..., subprocess.Popen[bytes]]
OpenFiles = Callable[[Path], set[str]]

LOCK_HOLDER = """
import sys
from pathlib import Path
from speakersdk.locks import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""
WORKER = """
import sys
from pathlib import Path
from speakersdk.files import working_folder
with working_folder(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""
# The parent takes a lock twice, while a process that was forked within the first block lives.
FORKED = """
import os, sys
from pathlib import Path
from speakersdk.locks import file_lock, folder_lock
folder = Path(sys.argv[1])
reader, writer = os.pipe()
with {lock}):
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)  # until the parent has ended
        os._exit(0)
with {lock}, timeout_s=0):
    pass
"""


def test_a_lock_excludes_others_until_its_process_ends(
    tmp_path: Path, start_python: StartPython
) -> None:
    holder = start_python(LOCK_HOLDER, tmp_path)
    with (
        pytest.raises(TimeoutError, match=r"free within 0\.05 s, but another process"),
        folder_lock(tmp_path, timeout_s=0.05),
    ):
        pass
    holder.kill()
    holder.communicate()
    with (
        folder_lock(tmp_path),
        pytest.raises(TimeoutError, match="another process"),
        folder_lock(tmp_path, timeout_s=0),  # another descriptor of this process is another holder
    ):
        pass


@pytest.mark.parametrize("lock", ["folder_lock(folder", "file_lock(folder / 'file'"])
def test_a_lock_ends_with_its_block_although_a_forked_process_lives(
    tmp_path: Path, lock: str
) -> None:
    (tmp_path / "file").touch()
    source = FORKED.format(lock=lock)
    subprocess.run([sys.executable, "-c", source, str(tmp_path)], check=True, timeout=60)


def test_a_lock_whose_file_is_deleted_excludes_nobody_and_disturbs_nobody(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        (tmp_path / LOCK_NAME).unlink()
        with folder_lock(tmp_path, timeout_s=0):
            pass


@pytest.mark.usefixtures("windows")
def test_on_windows_a_locked_file_stays_readable_and_can_be_replaced(
    tmp_path: Path, open_files: OpenFiles
) -> None:
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


@pytest.mark.usefixtures("windows")
def test_on_windows_a_missing_file_cannot_be_locked_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), file_lock(tmp_path / "ann.voiceprint"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("windows")
def test_on_windows_folders_are_locked_once(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path),
        pytest.raises(TimeoutError, match="another process"),
        folder_lock(tmp_path, timeout_s=0),
    ):
        pass
    with folder_lock(tmp_path):
        pass


def test_one_process_at_a_time_works_in_a_folder(tmp_path: Path, start_python: StartPython) -> None:
    folder = tmp_path / "work"
    first = start_python(WORKER, folder)
    with pytest.raises(TimeoutError), working_folder(folder):
        pytest.fail("the block ran")
    first.kill()
    first.communicate()
    with working_folder(folder):  # a killed process leaves the folder, and no lock
        (folder / "part").touch()
    assert list(folder.iterdir()) == [folder / "part"]
    start_python(WORKER, folder).communicate(b"")
    (folder / "part").unlink()
    start_python(WORKER, folder).communicate(b"")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_has_taken_is_kept(tmp_path: Path) -> None:
    with working_folder(tmp_path / "work"):
        (tmp_path / "work" / LOCK_NAME).unlink()  # as a process does at its end
        with working_folder(tmp_path / "work"):
            pass
        assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("windows")
def test_on_windows_a_working_folder_is_deleted_after_its_lock_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_files: OpenFiles
) -> None:
    folder = tmp_path / "work"
    seen: list[set[str]] = []
    unlink = Path.unlink

    def watched(self: Path, missing_ok: bool = False) -> None:
        seen.append(open_files(folder))
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    with working_folder(folder), pytest.raises(TimeoutError), working_folder(folder):
        pytest.fail("the block ran")
    assert seen == [set()]
    assert list(tmp_path.iterdir()) == []
