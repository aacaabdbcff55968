"""Sealed stores: no plain byte stays on disk, whenever the process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cryptography", reason="extra secure is not installed")

from speakersdk.errors import SealError
from speakersdk.gallery.gallery import Gallery
from speakersdk.sealing import SealingKey, is_sealed
from speakersdk.voiceprint.sealed_store import recast
from speakersdk.voiceprint.store import VoiceprintStore
from tests.sdk.example_voiceprints import example_voiceprint

KEY = SealingKey.from_bytes(bytes(range(32)))
OTHER = SealingKey.from_bytes(bytes(32))
# Reads numbers: a fork does the work and is killed at its n-th change of the file system.
KILLED = """
import os, signal, sys
from pathlib import Path
from speakersdk.sealing import SealingKey
from speakersdk.voiceprint.sealed_store import recast
keys = {"none": None, "key": SealingKey.from_bytes(bytes(range(32))),
        "other": SealingKey.from_bytes(bytes(32))}
keys["key"].open(keys["key"].seal(b"")) # what is imported late, is imported now
def work(step):
    def count(event, arguments):
        nonlocal step
        if event in ("open", "os.rename", "os.link", "os.remove", "fcntl.flock"):
            step -= 1
            if step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    recast(Path(sys.argv[1]), key=keys[sys.argv[2]], new_key=keys[sys.argv[3]])
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            work(int(line))
        except BaseException:
            os._exit(1)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plain store of two voiceprints and a gallery."""
    folder = tmp_path / "store"
    store = VoiceprintStore(folder)
    store.save_all([example_voiceprint("ann"), example_voiceprint("bob", direction=1)])
    gallery = Gallery.from_voiceprints(
        [example_voiceprint("ann"), example_voiceprint("bob", direction=1)]
    )
    gallery.save(folder / "all.gallery")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_seal_rekey_and_unseal_keep_every_byte(folder: Path) -> None:
    plain = content(folder)
    assert [path.name for path in recast(folder, key=None, new_key=KEY)] == sorted(plain)
    assert all(map(is_sealed, content(folder).values()))
    assert recast(folder, key=None, new_key=KEY) == ()
    assert VoiceprintStore(folder, key=KEY).load("ann") == example_voiceprint("ann")
    recast(folder, key=KEY, new_key=OTHER)
    with pytest.raises(SealError, match=r"ann\.voiceprint: .* another key"):
        VoiceprintStore(folder, key=KEY).load("ann")
    recast(folder, key=OTHER, new_key=None)
    assert content(folder) == plain


def test_a_sealed_store_writes_only_sealed_files(folder: Path) -> None:
    recast(folder, key=None, new_key=KEY)
    store = VoiceprintStore(folder, key=KEY)
    store.save(example_voiceprint("cyd", direction=2))
    store.save(example_voiceprint("cyd", direction=3), append=True)
    assert store.exchange(store.load("ann"), example_voiceprint("ann", direction=5))
    assert all(map(is_sealed, content(folder).values()))
    assert [each.name for each in store.content().voiceprints] == ["ann", "bob", "cyd"]


def test_a_sealed_store_refuses_plain_files(folder: Path) -> None:
    store = VoiceprintStore(folder, key=KEY)
    with pytest.raises(SealError, match="got a plain one"):
        store.load("ann")
    assert len(store.content().unreadable) == 2
    with pytest.raises(SealError, match="got a plain one"):
        Gallery.load(folder / "all.gallery", key=KEY)


def test_nothing_plain_and_no_second_key_comes_into_a_sealed_store(folder: Path) -> None:
    recast(folder, key=None, new_key=KEY)
    before = content(folder)
    with pytest.raises(SealError, match="give their key"):
        VoiceprintStore(folder).save(example_voiceprint("cyd"))
    with pytest.raises(SealError, match="opens none of them"):
        VoiceprintStore(folder, key=OTHER).save(example_voiceprint("cyd"))
    with pytest.raises(SealError, match="the file is sealed"):
        VoiceprintStore(folder).load("ann")
    assert content(folder) == before


def test_a_sealed_gallery_answers_as_a_plain_one(folder: Path) -> None:
    path = folder / "all.gallery"
    plain = Gallery.load(path)
    plain.save(path, key=KEY)
    assert is_sealed(path.read_bytes())
    probe = np.eye(64, dtype=np.float32)[1]
    gallery = Gallery.load(path, key=KEY)
    assert gallery.search(probe, 2) == plain.search(probe, 2)
    gallery.remove("ann")
    with pytest.raises(SealError, match="the file is sealed"):
        Gallery.load(path)


def test_a_renamed_sealed_file_is_refused(folder: Path) -> None:
    recast(folder, key=None, new_key=KEY)
    (folder / "ann.voiceprint").replace(folder / "bob.voiceprint")
    with pytest.raises(Exception, match="expected the voiceprint of 'bob'"):
        VoiceprintStore(folder, key=KEY).load("bob")


def test_the_plain_file_is_overwritten(folder: Path) -> None:
    # A hard link shows the content of the disk where the file was.
    os.link(folder / "ann.voiceprint", folder / "trace")
    size = (folder / "trace").stat().st_size
    recast(folder, key=None, new_key=KEY)
    assert (folder / "trace").read_bytes() == bytes(size)


@pytest.mark.parametrize(("key", "new_key"), [("none", "key"), ("key", "other"), ("key", "none")])
def test_a_kill_at_any_step_loses_and_leaks_nothing(key: str, new_key: str, folder: Path) -> None:
    keys = {"none": None, "key": KEY, "other": OTHER}
    last = keys[new_key]
    plain = content(folder)
    if key != "none":
        recast(folder, key=None, new_key=keys[key])
    begin = content(folder)
    secret = np.eye(64, dtype="<f4")[0].tobytes()
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), key, new_key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    statuses = []
    with worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        while 0 not in statuses:
            for name, data in begin.items():
                (folder / name).write_bytes(data)
            worker.stdin.write(f"{len(statuses) + 1}\n")
            worker.stdin.flush()
            statuses.append(int(worker.stdout.readline()))
            # The remaining files are complete, in their old or their new form, and contain no plain
            # part.
            left = content(folder)
            assert left.keys() >= begin.keys()
            added = [data for name, data in left.items() if name not in begin]
            assert new_key == "none" or all(map(is_sealed, added))
            assert all(is_sealed(data) or data in plain.values() for data in left.values())
            assert not any(is_sealed(data) and secret in data for data in left.values())
            recast(folder, key=keys[key], new_key=last)
            after = content(folder)
            assert {
                name: data if last is None else last.open(data) for name, data in after.items()
            } == plain
        worker.stdin.close()
    assert set(statuses[:-1]) == {signal.SIGKILL}
    assert len(statuses) > 10
