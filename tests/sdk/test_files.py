"""Files are replaced as a whole, and the user's folders are looked up late."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from speakersdk.errors import ConfigError
from speakersdk.files import (
    cache_folder,
    data_folder,
    file_sha256,
    make_private_folder,
    open_regular,
    purge_temporary,
    replacement,
    sync_folder,
)
from speakersdk.locks import folder_lock, hidden_prefix

# Write until the process is killed. The parent sees "ready" only after the first content.
WRITER = """
import sys
from pathlib import Path
from speakersdk.files import replacement
path = Path(sys.argv[1])
for number in range(1_000_000):
    with replacement(path, needs_name=sys.argv[2] == "named") as file:
        file.write(b"%9d" % number * 20_000)
    if number == 0:
        print("ready", flush=True)
"""
# Stop between the first byte and the last one.
HALTED = """
import sys
from pathlib import Path
from speakersdk.files import replacement
with replacement(Path(sys.argv[1]), needs_name=sys.argv[2] == "named") as file:
    file.write(b"complete content")
    file.flush()
    print("ready", flush=True)
    sys.stdin.read()
"""

StartPython = Callable[..., subprocess.Popen[bytes]]
OpenFiles = Callable[[Path], set[str]]


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture(params=["unnamed", "named"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return whether the temporary file has a name from the start."""
    return str(request.param)


@pytest.mark.parametrize("is_durable", [True, False])
def test_the_file_is_replaced_and_private(tmp_path: Path, kind: str, is_durable: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacement(path, is_durable=is_durable, needs_name=kind == "named") as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_the_owner_can_use_what_is_made_under_any_umask(
    tmp_path: Path, kind: str, umask: int
) -> None:
    folder = tmp_path / "above" / "store"
    before = os.umask(umask)
    try:
        make_private_folder(folder)
        make_private_folder(folder)
        for name, is_private in (("private", True), ("public", False)):
            with replacement(folder / name, is_private=is_private, needs_name=kind == "named"):
                pass
        with folder_lock(folder):
            pass
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "above").rglob("*")}
    assert modes == {
        "store": 0o700,
        "private": 0o600,
        "public": 0o666 & ~umask | 0o600,
        ".lock": 0o600,
    }
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to("missing")
    for name in ("file", "file/below", "nowhere", "nowhere/below"):
        with pytest.raises(OSError, match=name.partition("/")[0]):
            make_private_folder(tmp_path / name)


def test_a_public_file_has_the_mode_of_any_new_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "any").touch()
    with replacement(tmp_path / "file", is_private=False, needs_name=kind == "named") as file:
        file.write(b"new")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with replacement(path, needs_name=kind == "named") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_replaces_none(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"

    def write(content: bytes) -> None:
        with replacement(path, is_new=True, needs_name=kind == "named") as file:
            file.write(content)

    write(b"first")
    with pytest.raises(FileExistsError):
        write(b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_other_libraries_write_by_name(tmp_path: Path) -> None:
    with replacement(tmp_path / "file", needs_name=True) as file:
        Path(file.name).write_bytes(b"by name")
    assert (tmp_path / "file").read_bytes() == b"by name"


@pytest.mark.parametrize("name", ["n" * 255, "李" * 85])
def test_the_longest_names_can_be_written(tmp_path: Path, kind: str, name: str) -> None:
    with replacement(tmp_path / name, needs_name=kind == "named") as file:
        file.write(b"new")
    assert (tmp_path / name).read_bytes() == b"new"


def test_a_missing_folder_is_an_error_and_is_not_made(tmp_path: Path, kind: str) -> None:
    def write() -> None:
        with replacement(tmp_path / "none" / "file", needs_name=kind == "named") as file:
            file.write(b"new")

    with pytest.raises(FileNotFoundError) as caught:
        write()
    assert caught.value.filename == str(tmp_path / "none" / "file")  # not the temporary file
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("is_linked", [False, True])
def test_only_regular_files_are_replaced(tmp_path: Path, kind: str, is_linked: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    (tmp_path / "device").symlink_to("/dev/null")  # a node of its own needs privileges
    for name in ("pipe", "socket", "device"):
        before = (tmp_path / name).lstat()
        path = tmp_path / (f"link to {name}" if is_linked else name)
        if is_linked:
            path.symlink_to(name)
        with (
            pytest.raises(OSError, match="pipe or device; name another file") as caught,
            replacement(path, needs_name=kind == "named"),
        ):
            pytest.fail("the block ran")
        assert caught.value.filename == str(path)
        assert (tmp_path / name).lstat() == before
    assert not list(tmp_path.glob(".*"))


def test_a_link_is_written_through(tmp_path: Path, kind: str) -> None:
    """`cp`, `sort -o` and `git config` do the same."""
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "file"
    target.write_bytes(b"old")
    (tmp_path / "second").symlink_to("there/file")
    (tmp_path / "first").symlink_to("second")
    with replacement(tmp_path / "first", needs_name=kind == "named") as file:
        file.write(b"new")
    assert list((tmp_path / "there").iterdir()) == [target]
    assert target.read_bytes() == b"new"
    links = [(path.name, str(path.readlink())) for path in tmp_path.glob("*") if path.is_symlink()]
    assert sorted(links) == [("first", "second"), ("second", "there/file")]


def test_a_link_that_cannot_be_written_through_is_refused_at_once(
    tmp_path: Path, kind: str
) -> None:
    reasons = {
        "missing": rf"but {re.escape(str(tmp_path))}/missing does not exist; make that file",
        "loop": os.strerror(errno.ELOOP),
        ".": os.strerror(errno.EISDIR),
    }
    if Path("/proc/version").exists():  # where also root makes no file
        reasons["/proc/version"] = ""
    (tmp_path / "loop").symlink_to("link to loop")
    for place, reason in reasons.items():
        link = tmp_path / f"link to {Path(place).name}"
        link.symlink_to(place)
        with (
            pytest.raises(OSError, match=f"{reason}.*") as caught,
            replacement(link, needs_name=kind == "named"),
        ):
            pytest.fail("the block ran")
        # In a closed folder, the place itself is named: the link can be written.
        assert caught.value.filename == (place if place == "/proc/version" else str(link))
    assert all(path.is_symlink() for path in tmp_path.iterdir())


def test_a_folder_is_refused_before_the_content_is_made(tmp_path: Path, kind: str) -> None:
    with (
        pytest.raises(IsADirectoryError) as caught,
        replacement(tmp_path, needs_name=kind == "named"),
    ):
        pytest.fail("the block ran")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path), None)


def test_an_error_of_writing_names_the_file(tmp_path: Path, kind: str) -> None:
    with (
        pytest.raises(OSError, match="No space left") as caught,
        replacement(tmp_path / "file", needs_name=kind == "named"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_a_whole_file_and_no_lasting_rest(
    tmp_path: Path, kind: str, start_python: StartPython
) -> None:
    path = tmp_path / "file"
    for _ in range(10):
        kill(start_python(WRITER, path, kind))
        content = path.read_bytes()
        assert len(content) == 180_000
        assert content == content[:9] * 20_000
    with replacement(path) as file:
        file.write(b"next")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform != "linux", reason="unnamed files are Linux's")
def test_a_writer_that_is_killed_while_it_writes_leaves_nothing(
    tmp_path: Path, start_python: StartPython
) -> None:
    kill(start_python(HALTED, tmp_path / "file", "unnamed"))
    assert list(tmp_path.iterdir()) == []


def test_only_what_no_writer_holds_is_purged(tmp_path: Path, start_python: StartPython) -> None:
    path = tmp_path / "file"
    writer = start_python(HALTED, path, "named")
    assert purge_temporary(tmp_path) == 0
    writer.communicate(b"")  # allows it to end
    assert path.read_bytes() == b"complete content"
    kill(start_python(HALTED, path, "named"))
    (rest,) = set(tmp_path.iterdir()) - {path}
    assert rest.read_bytes() == b"complete content"
    assert purge_temporary(tmp_path, "another file") == 0
    assert purge_temporary(tmp_path, "file") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_files_of_older_versions_are_purged_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".k3x_9a0b.tmp").touch()
    others = [tmp_path / name for name in ("ann.tmp", ".hidden", "ann.voiceprint")]
    for other in others:
        other.touch()
    (tmp_path / ".folder.tmp").mkdir()
    (tmp_path / ".link.tmp").symlink_to(others[0])
    assert purge_temporary(tmp_path) == 1
    assert set(tmp_path.iterdir()) == {*others, tmp_path / ".folder.tmp", tmp_path / ".link.tmp"}
    assert purge_temporary(tmp_path / "none") == 0


@pytest.mark.parametrize("made", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_only_regular_files_are_opened(tmp_path: Path, made: object) -> None:
    made(tmp_path / "it")  # type: ignore[operator]
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "it"))):
        open_regular(tmp_path / "it")
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"content"


def test_the_folders_follow_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder("calibrations") == tmp_path / "speakersdk" / "calibrations"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for ignored in ("relative/path", ""):
        monkeypatch.setenv("XDG_DATA_HOME", ignored)
        expected = tmp_path / "home" / ".local" / "share" / "speakersdk" / "voiceprints"
        assert data_folder("voiceprints") == expected
    assert not (tmp_path / "speakersdk").exists()


def test_a_user_without_a_home_learns_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    unknown_uid = max(entry for entry in range(60_000, 65_000) if not is_known(entry))
    monkeypatch.setattr(os, "getuid", lambda: unknown_uid)
    with pytest.raises(ConfigError, match=r"HOME is not set.*set XDG_DATA_HOME"):
        data_folder("voiceprints")
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME"):
        cache_folder("tensorrt")


def is_known(uid: int) -> bool:
    import pwd

    return any(entry.pw_uid == uid for entry in pwd.getpwall())


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    # FIPS 180-4, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "file") == expected


def test_files_name_no_speaker(tmp_path: Path) -> None:
    with replacement(tmp_path / "ann.voiceprint", needs_name=True) as file:
        assert "ann" not in Path(file.name).name
        assert Path(file.name).name.startswith(hidden_prefix("ann.voiceprint"))


@pytest.mark.usefixtures("windows")
def test_on_windows_a_file_is_replaced_after_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_files: OpenFiles
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
    sync_folder(tmp_path / "absent")  # Windows cannot open a folder, and nothing is tried


@pytest.mark.usefixtures("windows")
def test_on_windows_an_error_keeps_the_old_file_and_rests_are_purged(tmp_path: Path) -> None:
    path = tmp_path / "ann.voiceprint"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacement(path) as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["ann.voiceprint"]
    (tmp_path / f"{hidden_prefix('ann')}0.tmp").write_bytes(b"half")
    assert purge_temporary(tmp_path, "ann") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["ann.voiceprint"]
