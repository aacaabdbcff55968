"""Faults of the machine under a running program: changing files, a full disk, kills, clocks."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speakersdk import Gallery, Verifier
from speakersdk.audio.recordings import load_recording
from speakersdk.errors import InferenceError

# Content written by the programs below: a first state, and a second one that replaces it.
WRITERS = """
import errno, json, os, signal, sys
from pathlib import Path
import numpy as np
from speakersdk.evaluation.embedding_table import EmbeddingTable, write_embeddings
from speakersdk.gallery.gallery import Gallery
from speakersdk.recalibration.profile import CalibrationProfile
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint

folder, MADE = Path(sys.argv[1]), "2026-11-22T14:00:00+00:00"
def voiceprint(seed, name="ann"):
    exemplars = np.random.default_rng(seed).standard_normal((8, 128)).astype("f4")
    exemplars /= np.linalg.norm(exemplars, axis=1, keepdims=True)
    return Voiceprint(name=name, model_name="m", model_sha256="ab" * 32, temperature=1.0,
                      exemplars=exemplars, speech_s=np.full(8, 2.0), created_utc=MADE)
def save_voiceprint(seed):
    VoiceprintStore(folder).save(voiceprint(seed), replace=True)
def save_gallery(seed):
    Gallery.from_voiceprints([voiceprint(seed), voiceprint(9, "bob")]).save(folder / "a.gallery")
def save_profile(seed):
    CalibrationProfile(name="mic", model_name="m", model_sha256="ab" * 32, base_sha256="cd" * 32,
                       offset=float(seed), scale=1.0, num_speakers=3, num_recordings=12,
                       created_utc=MADE).save(replace=True, folder=folder)
def save_table(seed):
    vectors = np.random.default_rng(seed).standard_normal((64, 128)).astype("f4")
    names = tuple(f"n{i}" for i in range(64))
    table = EmbeddingTable(names=names, sources=names, embeddings=vectors, speech_s=np.ones(64),
                           duration_s=np.ones(64), model_name="m", model_sha256="ab" * 32)
    write_embeddings(folder / "a.npz", table)
WRITERS = {"voiceprint": save_voiceprint, "gallery": save_gallery, "profile": save_profile,
           "table": save_table}
def content():
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}
write = WRITERS[sys.argv[2]]
write(1)
old = content()
write(2)
new = content()
assert old.keys() == new.keys() and len(old) == 1 and old != new
"""
# A fork replaces the first state and is killed at its n-th change of the file system.
KILLED = (
    WRITERS
    + """
def killed_at(step):
    def count(event, arguments):
        nonlocal step
        if event in ("open", "os.rename", "os.link", "os.remove", "fcntl.flock"):
            step -= 1
            if step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    child = os.fork()
    if child == 0:
        sys.addaudithook(count)
        try:
            write(2)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]
(name,) = old
steps = 0
while True:
    write(1)
    assert content() == old, "the next write removes what a killed one left"
    steps += 1
    status = killed_at(steps)
    assert content()[name] in (old[name], new[name]), f"step {steps}: neither old nor new"
    assert status in (0, signal.SIGKILL), status
    if status == 0:
        break
print(json.dumps(steps - 1))
"""
)
# The folder is a file system of 256 kB, which another program fills.
FULL = (
    WRITERS
    + """
write(1)
filler = (folder / "filler").open("wb", buffering=0)
try:
    while True:
        filler.write(bytes(4096))
except OSError as error:
    assert error.errno == errno.ENOSPC, error
del new
try:
    write(2)
except OSError as error:
    assert error.errno == errno.ENOSPC, error
else:
    raise SystemExit("expected an error, the disk is full")
left = content()
del left["filler"]
assert left == old, sorted(left)
filler.close()
(folder / "filler").unlink()
write(2)
assert content() != old
print("survived")
"""
)
KINDS = ("voiceprint", "gallery", "profile", "table")


def overwrite(path: Path) -> None:
    path.write_bytes(b"no model" * 1000)


def replace(path: Path) -> None:
    other = path.with_name("other")
    overwrite(other)
    other.replace(path)


@pytest.mark.parametrize("change", [overwrite, replace, Path.unlink])
def test_a_model_file_that_changes_disturbs_no_running_verifier(
    change: Callable[[Path], None], default_model: Path, demo_clips: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(default_model.read_bytes())
    verifier = Verifier(path)
    ann = verifier.enroll([demo_clips / "slt-enroll-1.flac"], name="ann")
    before = verifier.verify(ann, demo_clips / "slt-probe.flac")
    change(path)
    assert verifier.verify(ann, demo_clips / "slt-probe.flac") == before
    hops = verifier.stream([ann]).push(first_seconds(demo_clips), sample_rate_hz=16000)
    assert any(update.speech for update in hops)  # a new stream opens a session with other shapes


def first_seconds(demo_clips: Path) -> np.ndarray:
    """Return the first 2 s of a clip, at 16 kHz."""
    return load_recording(demo_clips / "slt-probe.flac", None)[: 2 * 16000]


@pytest.mark.parametrize("change", [replace, Path.unlink])
def test_a_gallery_whose_file_goes_is_searched_as_before(
    change: Callable[[Path], None], rng: np.random.Generator, tmp_path: Path
) -> None:
    path = tmp_path / "all.gallery"
    rows = rng.standard_normal((300, 64), np.float32)
    Gallery.from_embeddings(rows).save(path)
    gallery = Gallery.load(path)
    before = gallery.search(rows[7], 5)
    change(path)
    assert gallery.search(rows[7], 5) == before


def test_a_device_that_fails_at_run_time_is_one_error_each_time_and_may_come_back(
    default_model: Path, demo_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call fails, as on a GPU that falls off the bus. None hangs or gives a wrong vector."""
    verifier = Verifier(default_model)
    before = verifier.embed(demo_clips / "slt-probe.flac")

    class Lost:
        def __getattr__(self, _: str) -> object:
            raise RuntimeError("CUDA failure 999: unknown error")

    with monkeypatch.context() as patch:
        patch.setattr(verifier._encoder.session, "_session", Lost())
        for _ in range(2):
            with pytest.raises(InferenceError, match="CUDA failure 999"):
                verifier.embed(demo_clips / "slt-probe.flac")
    assert np.array_equal(verifier.embed(demo_clips / "slt-probe.flac"), before)


def test_a_stream_follows_its_samples_whatever_the_clock_does(
    default_model: Path, demo_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(default_model)
    ann = verifier.enroll([demo_clips / "slt-enroll-1.flac"], name="ann")
    samples = first_seconds(demo_clips)
    expected = verifier.stream([ann]).push(samples, sample_rate_hz=16000)
    jumps = itertools.cycle([0.0, 1e9, -1e9, 4e18])
    for clock in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, clock, lambda: next(jumps))
    assert verifier.stream([ann]).push(samples, sample_rate_hz=16000) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="counts steps by fork and audit hook")
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_step_of_a_write_leaves_the_old_file_or_the_new_one(
    kind: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 4  # opened, linked, renamed, and the folder opened for a sync


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_an_error_that_keeps_the_old_file(kind: str, tmp_path: Path) -> None:
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" -c "$3" "$1" "$4"'
    probe = [*mount, 'mount -t tmpfs tmpfs "$1"', "sh", str(tmp_path)]
    if (
        shutil.which("unshare") is None
        or subprocess.run(probe, check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine lets nobody mount a small file system")
    done = subprocess.run(
        [*mount, script, "sh", str(tmp_path), sys.executable, FULL, kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr
