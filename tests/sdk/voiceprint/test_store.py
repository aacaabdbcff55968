"""The folder of voiceprints."""

from __future__ import annotations

import errno
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from speakersdk.errors import (
    ConfigError,
    DuplicateSpeakerError,
    IncompatibleModelError,
    UnknownSpeakerError,
    VoiceprintError,
)
from speakersdk.files import UnsyncedFolderError
from speakersdk.text import printable
from speakersdk.voiceprint.store import VoiceprintStore, default_folder
from tests.sdk.example_voiceprints import example_voiceprint

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> VoiceprintStore:
    return VoiceprintStore(tmp_path / "share" / "voiceprints")


def test_reading_creates_nothing(store: VoiceprintStore) -> None:
    assert repr(store) == f"VoiceprintStore({str(store.folder)!r})"
    assert store.names() == ()
    with pytest.raises(UnknownSpeakerError, match=r"'ann' \(stored: none\)"):
        store.load("ann")
    with pytest.raises(UnknownSpeakerError):
        store.remove("ann")
    assert not store.folder.exists()


def test_save_load_and_remove(store: VoiceprintStore) -> None:
    for name in ("李小龙", "bob", "Zoë"):
        store.save(example_voiceprint(name))
    assert store.names() == ("Zoë", "bob", "李小龙")
    assert store.load("Zoe\u0308") == example_voiceprint(
        "Zoë"
    )  # the decomposed form is the same name
    assert store.folder.stat().st_mode & 0o777 == 0o700
    store.remove("bob")
    with pytest.raises(UnknownSpeakerError, match=r"stored: Zoë, 李小龙") as caught:
        store.load("bob")
    assert caught.value.known == ("Zoë", "李小龙")


def test_a_stored_name_is_never_overwritten_silently(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"))
    with pytest.raises(DuplicateSpeakerError, match="--replace"):
        store.save(example_voiceprint("ann", direction=1))
    assert store.load("ann") == example_voiceprint("ann")

    store.save(example_voiceprint("ann", direction=1), replace=True)
    assert store.load("ann") == example_voiceprint("ann", direction=1)

    returned = store.save(example_voiceprint("ann", direction=2), append=True)
    assert store.load("ann") == returned
    assert returned.exemplars.argmax(axis=1).tolist() == [1, 2]

    with pytest.raises(ConfigError, match="at most one"):
        store.save(example_voiceprint("ann"), replace=True, append=True)


def test_append_without_a_stored_voiceprint_stores(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"), append=True)
    assert store.load("ann") == example_voiceprint("ann")


def test_append_from_another_model_changes_nothing(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"))
    with pytest.raises(IncompatibleModelError, match=r"abababababab.*cdcdcdcdcdcd"):
        store.save(example_voiceprint("ann", model_sha256="cd" * 32), append=True)
    assert store.load("ann") == example_voiceprint("ann")


def test_names_that_differ_only_in_case_exclude_each_other(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("Ann"))
    with pytest.raises(DuplicateSpeakerError, match="'Ann' already exists"):
        store.save(example_voiceprint("ann"), replace=True)


@pytest.mark.parametrize("name", ["../ann", "/etc/passwd", "a/../../b", "..", "", ".ann"])
def test_no_name_leaves_the_folder(store: VoiceprintStore, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a name"):
        store.load(name)
    with pytest.raises(ConfigError, match="expected a name"):
        store.remove(name)


def test_damaged_and_renamed_files_are_refused_and_removable(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"))
    store.path("ann").rename(store.path("bob"))
    with pytest.raises(VoiceprintError, match="of 'bob', got that of 'ann'"):
        store.load("bob")
    store.path("bob").write_bytes(b"damaged")
    with pytest.raises(VoiceprintError, match="not a voiceprint"):
        store.load("bob")
    store.remove("bob")
    assert store.names() == ()


def test_one_bad_file_does_not_hide_others(store: VoiceprintStore, tmp_path: Path) -> None:
    for name in ("ann", "bob", "Zoë"):
        store.save(example_voiceprint(name))
    data = store.path("ann").read_bytes()
    bad = {
        "slt (1)": "expected a name of letters",
        "empty": "not a voiceprint",
        "cut": "truncated or damaged",
        "renamed": "of 'renamed', got that of 'ann'",
        "folder": "expected a regular file",
        "pipe": "expected a regular file",
        "dangling": "No such file",
        "Zoe\u0308": "another file",
        "red\x1b[31m": "expected a name of letters",
        "caf\udce9": "expected a name of letters",
        "bob\ufe0f": "none of them invisible",
    }
    files = {stem: store.folder / f"{stem}.voiceprint" for stem in bad}
    for stem in ("slt (1)", "renamed", "red\x1b[31m", "caf\udce9", "bob\ufe0f", "Zoe\u0308"):
        files[stem].write_bytes(data)
    files["empty"].touch()
    files["cut"].write_bytes(data[:-1])
    files["folder"].mkdir()
    os.mkfifo(files["pipe"])
    files["dangling"].symlink_to(tmp_path / "nowhere")

    content = store.content()
    assert [voiceprint.name for voiceprint in content.voiceprints] == ["Zoë", "ann", "bob"]
    assert {file.path for file in content.unreadable} == set(files.values())
    for file in content.unreadable:
        assert bad[file.path.name.removesuffix(".voiceprint")] in file.reason
        assert file.reason.isprintable()
    # They do not disturb anything, and each can be removed by the name that is shown.
    store.save(example_voiceprint("carl"))
    for file in content.unreadable:
        store.remove(printable(file.path.name) if "caf" in file.path.name else file.path.name)
    assert store.content().unreadable == ()
    assert store.names() == ("Zoë", "ann", "bob", "carl")


def test_a_folder_with_content_is_not_removed(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"))
    folder = store.folder / "folder.voiceprint"
    folder.mkdir()
    (folder / "precious").touch()
    with pytest.raises(OSError, match="expected an empty folder"):
        store.remove("ann", "folder")
    assert store.names() == ("ann",)


def test_a_file_from_macos_is_found_by_either_form_of_its_name(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("Zoë"))
    store.path("Zoë").rename(store.folder / "Zoe\u0308.voiceprint")
    assert store.names() == ("Zoë",)
    for name in ("Zoë", "Zoe\u0308"):
        assert store.load(name) == example_voiceprint("Zoë")
        with pytest.raises(DuplicateSpeakerError):
            store.save(example_voiceprint(name))
    store.save(example_voiceprint("Zoë", direction=1), replace=True)
    assert len(list(store.folder.glob("*.voiceprint"))) == 1
    store.remove("Zoë")
    assert store.names() == ()


@pytest.mark.parametrize(
    ("taken", "new", "error"),
    [
        ("bob", "Bob", DuplicateSpeakerError),
        ("bob", "b\u043eb", ConfigError),  # Cyrillic o: two scripts in one word
        ("cop", "\u0441\u043e\u0440", ConfigError),  # all Cyrillic, looks like cop
        ("anna", "\uff41\uff4e\uff4e\uff41", ConfigError),  # full-width letters
        ("bob", "bob\ufe0f", ConfigError),
        ("bob", "bob\u3164", ConfigError),
        ("bob", "bob\u00ad", ConfigError),
        ("ann 1", "ann \u0661", None),  # an Arabic 1 looks like no ASCII character
        ("Zoe", "Zoë", None),
        ("Bob0", "BobO", None),
        ("Иван", "Иван Smith", None),
        ("Bruce", "李小龙Bruce", None),
        ("さくら", "サクラ", None),
        ("O'Brien", "OBrien", None),
    ],
)
def test_new_names_have_no_twins(
    store: VoiceprintStore, taken: str, new: str, error: type[Exception] | None
) -> None:
    store.save(example_voiceprint(taken))
    if error is None:
        store.save(example_voiceprint(new))
        assert set(store.names()) == {taken, new}
        return
    for change in ({}, {"replace": True}, {"append": True}):
        with pytest.raises(error):
            store.check_new(new, **change)
    assert store.names() == (taken,)


def test_a_stored_name_stays_usable_under_stricter_rules(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"))
    old = example_voiceprint("b\u043eb")
    old.save(store.path("b\u043eb"))
    assert store.load("b\u043eb") == old
    store.save(old, append=True)
    with pytest.raises(ConfigError, match="looks like the stored"):
        store.save(example_voiceprint("bob"))


def test_several_are_saved_or_none(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"))
    new = [example_voiceprint("bob"), example_voiceprint("carl")]
    with pytest.raises(DuplicateSpeakerError):
        store.save_all([*new, example_voiceprint("ann")])
    with pytest.raises(ConfigError, match="one voiceprint of each name, got several of 'bob'"):
        store.save_all([*new, example_voiceprint("bob", direction=1)])
    with pytest.raises(DuplicateSpeakerError):
        store.save_all([*new, example_voiceprint("BOB")], replace=True)
    # The file of carl cannot be replaced: bob and ann, written before it, are restored.
    (store.folder / "carl.voiceprint").mkdir()
    with pytest.raises(OSError, match=r"carl\.voiceprint"):
        store.save_all([example_voiceprint("ann", direction=2), *new], replace=True)
    assert store.names() == ("ann",)
    assert store.load("ann") == example_voiceprint("ann")
    store.remove("carl")
    assert store.save_all(new) == new
    joined = store.save_all(
        [example_voiceprint("dora", direction=at) for at in (0, 1)], append=True
    )
    assert store.load("dora") == joined[1]
    assert len(joined[1].exemplars) == 2


@pytest.fixture
def unsyncable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make fsync fail for folders, as on a disk that fails between two calls."""
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)


@pytest.mark.usefixtures("unsyncable")
def test_files_whose_folder_is_not_synced_are_stored_and_the_error_says_so(
    store: VoiceprintStore,
) -> None:
    store.folder.mkdir(parents=True)
    both = [example_voiceprint(name) for name in ("ann", "bob")]
    with pytest.raises(UnsyncedFolderError, match="complete, but a power cut may undo") as caught:
        store.save_all(both)
    assert caught.value.errno == errno.EIO
    assert store.content().voiceprints == tuple(both)
    # Nor does such a folder stop the restoration after another error.
    (store.folder / "carl.voiceprint").mkdir()
    new = [example_voiceprint(name, direction=1) for name in ("ann", "bob", "carl")]
    with pytest.raises(IsADirectoryError):
        store.save_all(new, replace=True)
    assert store.content().voiceprints == tuple(both)


def test_an_exchange_needs_the_stored_voiceprint(store: VoiceprintStore) -> None:
    first, second, third = (example_voiceprint("ann", direction=at) for at in range(3))
    store.save(first)
    assert store.exchange(first, second)
    assert not store.exchange(first, third)
    assert store.load("ann") == second
    with pytest.raises(ValueError, match="of one name"):
        store.exchange(second, example_voiceprint("bob"))


def test_what_killed_writers_left_is_erased(store: VoiceprintStore) -> None:
    store.save(example_voiceprint("ann"))
    for change in (lambda: store.remove("ann"), lambda: store.save(example_voiceprint("ann"))):
        (store.folder / ".k3x_9a0b.tmp").write_bytes(example_voiceprint("ann").to_bytes())
        change()
        assert not list(store.folder.glob(".*.tmp"))


# One change of the store by another process, which starts when it is told to.
CHANGE = """
import sys
from speakersdk.errors import DuplicateSpeakerError
from speakersdk.voiceprint.store import VoiceprintStore
from tests.sdk.example_voiceprints import example_voiceprint
folder, kind, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = VoiceprintStore(folder)
new = example_voiceprint(direction=number)
print("ready", flush=True)
sys.stdin.readline()
if kind == "append":
    store.save(new, append=True)
elif kind == "create":
    try:
        store.save(new)
    except DuplicateSpeakerError:
        sys.exit(3)
else:
    while True:
        old = store.load("ann")
        if store.exchange(old, old.adapted_by(new.exemplars[0], speech_s=1.0)):
            break
"""


def change_at_once(store: VoiceprintStore, kind: str, num: int) -> list[int]:
    """Return the statuses of processes that change the store at the same time."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CHANGE, str(store.folder), kind, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
        )
        for number in range(num)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    return [process.returncode for process in processes]


def test_no_append_of_several_processes_is_lost(store: VoiceprintStore) -> None:
    assert change_at_once(store, "append", 6) == [0] * 6
    stored = store.load("ann")
    assert sorted(stored.exemplars.argmax(axis=1).tolist()) == list(range(6))


def test_no_exchange_of_several_processes_is_lost(store: VoiceprintStore) -> None:
    enrolled = example_voiceprint(direction=15)
    store.save(enrolled)
    assert change_at_once(store, "exchange", 6) == [0] * 6
    stored = store.load("ann")
    assert sorted(stored.adapted.argmax(axis=1).tolist()) == list(range(6))
    assert stored.reverted() == enrolled


def test_of_several_processes_that_create_a_name_one_does(store: VoiceprintStore) -> None:
    assert sorted(change_at_once(store, "create", 6)) == [0, 3, 3, 3, 3, 3]
    assert len(store.load("ann").exemplars) == 1


def test_without_a_home_only_what_needs_the_folder_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    known = {entry.pw_uid for entry in pwd.getpwall()}
    monkeypatch.setattr(os, "getuid", lambda: max({*range(60_000, 65_000)} - known))
    store = VoiceprintStore()
    assert store.names() == ()
    for call in (lambda: store.load("ann"), lambda: store.save(example_voiceprint("ann"))):
        with pytest.raises(ConfigError, match="set XDG_DATA_HOME"):
            call()


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


def test_a_file_is_not_a_folder_of_voiceprints(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = VoiceprintStore(tmp_path / "file")
    for use in (store.names, store.content, lambda: store.load("ann")):
        with pytest.raises(NotADirectoryError):
            use()
    below = VoiceprintStore(tmp_path / "file" / "below")
    assert below.names() == ()
    assert below.content().voiceprints == ()
