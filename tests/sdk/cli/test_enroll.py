"""``speakersdk enroll``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.cli import main
from speakersdk.enrollment.remembered_recordings import RememberedRecordings
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint


@pytest.fixture
def recordings(voices: dict[str, Any]) -> list[str]:
    return [str(path) for path in voices["slt"].enroll]


def test_enroll_stores_one_exemplar_per_recording(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "Zoë", *recordings]) == 0
    voiceprint = store.load("Zoë")
    assert len(voiceprint.exemplars) == 2
    output = capsys.readouterr()
    assert output.err.startswith("note: decisions are more reliable with 10 s of speech")
    assert output.out == (
        f"enrolled Zoë: 2 recordings, {voiceprint.total_speech_s:.1f} s of speech, "
        f"in {store.path('Zoë')}\n"
    )


def test_a_recording_in_the_place_of_the_name_is_refused(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(Path(recordings[0]).parent)
    names = [Path(recording).name for recording in recordings]
    assert main(["enroll", *names]) == 2
    assert f"expected the speaker's name before the recordings, got the file {names[0]};" in (
        capsys.readouterr().err
    )
    assert store.names() == ()


def test_json(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", *recordings, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    voiceprint = store.load("slt")
    assert document == {
        "name": "slt",
        "recordings": 2,
        "speech_s": pytest.approx(voiceprint.total_speech_s, abs=1e-9),
        "model_name": voiceprint.model_name,
        "model_sha256": voiceprint.model_sha256,
        "created_utc": voiceprint.created_utc,
        "expires_utc": None,
        "consent": None,
        "history": [],
        "path": str(store.path("slt")),
    }


def test_expiry_and_consent_are_stored(store: VoiceprintStore, recordings: list[str]) -> None:
    assert main(["enroll", "slt", *recordings, "--expires", "90d", "--consent", "notice-3"]) == 0
    voiceprint = store.load("slt")
    assert voiceprint.consent is not None
    assert (voiceprint.consent.given_by, voiceprint.consent.text_id) == ("slt", "notice-3")
    assert voiceprint.expires_utc is not None
    assert main(["enroll", "ann", recordings[0], "--expires", "soon"]) == 2


def test_a_file_remembers_no_recordings(
    tmp_path: Path, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["-o", str(tmp_path / "slt.voiceprint"), "--remember"]
    assert main(["enroll", "slt", recordings[0], *output]) == 2
    assert "expected --remember without --output" in capsys.readouterr().err


# Other SDKs silently ignore a second enrollment of a name.
def test_a_second_enrollment_needs_a_choice(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0]]) == 0
    assert main(["enroll", "slt", recordings[1]]) == 2
    assert "--replace" in capsys.readouterr().err
    first = store.load("slt").exemplars[0]

    assert main(["enroll", "slt", recordings[1], "--append"]) == 0
    both = store.load("slt").exemplars
    assert len(both) == 2
    assert (both[0] == first).all()

    assert main(["enroll", "slt", recordings[1], "--replace"]) == 0
    assert (store.load("slt").exemplars == both[1:]).all()


def test_output_writes_a_file_and_stores_nothing(
    store: VoiceprintStore,
    recordings: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "slt.voiceprint"
    arguments = ["enroll", "slt", recordings[0], "-o", str(path)]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["enroll", "slt", recordings[1], "-o", str(path), "--append"]) == 0
    assert len(Voiceprint.load(path).exemplars) == 2
    assert main([*arguments, "--replace"]) == 0
    assert len(Voiceprint.load(path).exemplars) == 1
    assert not store.folder.exists()


def test_output_must_be_a_voiceprint_file(
    recordings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0], "-o", str(tmp_path / "slt.wav")]) == 2
    assert "ends in .voiceprint" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_append_with_another_model_is_refused(
    store: VoiceprintStore,
    recordings: list[str],
    edit_model: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["enroll", "slt", recordings[0]]) == 0
    other = str(edit_model(name="other-model", weights_sha256="cd" * 32))
    assert main(["enroll", "slt", recordings[1], "--append", "--model", other]) == 2
    assert "other-model (cdcdcdcdcdcd)" in capsys.readouterr().err
    assert len(store.load("slt").exemplars) == 1


def test_a_failed_enrollment_stores_nothing(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0], "missing.wav"]) == 2
    assert "recording 2 (missing.wav)" in capsys.readouterr().err
    assert not store.folder.exists()


def test_poor_recordings_are_refused_unless_accepted(
    store: VoiceprintStore,
    recordings: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loud = str(tmp_path / "loud.wav")
    samples, rate_hz = sf.read(recordings[0])
    sf.write(loud, np.clip(10 * samples, -1, 1), rate_hz)
    assert main(["enroll", "slt", recordings[1], loud]) == 2
    error = capsys.readouterr().err
    assert f"recording 2 ({loud}): clipped (" in error
    assert "expected at most 5%): lower the input level" in error
    assert "accept clipped" in error
    assert not store.folder.exists()
    assert main(["enroll", "slt", recordings[1], loud, "--accept", "noisy"]) == 2
    assert main(["enroll", "slt", recordings[1], loud, "--accept", "clipped"]) == 0
    assert main(["enroll", "all", recordings[1], loud, "--accept", "all"]) == 0


def test_what_is_appended_must_be_of_the_same_voice(
    store: VoiceprintStore,
    recordings: list[str],
    voices: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["enroll", "slt", *recordings]) == 0
    stranger = str(voices["rms"].probe)
    assert main(["enroll", "slt", stranger, "--append"]) == 2
    assert f"recording 1 ({stranger}): unlike the other recordings" in capsys.readouterr().err
    assert len(store.load("slt").exemplars) == 2
    assert main(["enroll", "slt", stranger, "--append", "--accept", "unlike-others"]) == 0
    assert len(store.load("slt").exemplars) == 3


def test_a_taken_name_is_refused_before_listening(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0]]) == 0
    assert main(["enroll", "SLT", "missing.wav"]) == 2
    assert "'slt' already exists" in capsys.readouterr().err


def run_together(*commands: list[str]) -> list[int]:
    """Run commands at the same time, each in a process of its own, and return their statuses."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "speakersdk", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    return [process.wait() for process in processes]


def test_two_people_do_not_get_one_name(store: VoiceprintStore, voices: dict[str, Any]) -> None:
    commands = [["enroll", "ann", *map(str, voices[name].enroll)] for name in ("slt", "rms")]
    assert sorted(run_together(*commands)) == [0, 2]
    assert len(store.load("ann").exemplars) == 2


def test_two_appends_are_both_stored(
    store: VoiceprintStore, verifier: Verifier, voices: dict[str, Any]
) -> None:
    first, second = voices["slt"].enroll
    store.save(verifier.enroll([voices["slt"].probe], name="slt"))
    commands = [["enroll", "slt", str(path), "--append"] for path in (first, second)]
    assert run_together(*commands) == [0, 0]
    assert len(store.load("slt").exemplars) == 3


def test_an_append_starts_a_voiceprint_once(store: VoiceprintStore, voices: dict[str, Any]) -> None:
    commands = [["enroll", "slt", str(path), "--append"] for path in voices["slt"].enroll]
    assert run_together(*commands) == [0, 0]
    assert len(store.load("slt").exemplars) == 2


@pytest.mark.parametrize("name", ["b\u043eb", "bob\ufe0f", "red\x1b[31m", "Sl\u03c4"])
def test_misleading_names_are_refused_before_listening(
    store: VoiceprintStore, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", name, "none.wav"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("speakersdk: error: expected ")
    assert "none.wav" not in error
    assert error.rstrip("\n").isprintable()
    assert not store.folder.exists()


@pytest.mark.parametrize("is_there", [False, True])
def test_two_appends_to_one_file_are_both_kept(
    store: VoiceprintStore,
    verifier: Verifier,
    voices: dict[str, Any],
    tmp_path: Path,
    is_there: bool,
) -> None:
    path = tmp_path / "slt.voiceprint"
    if is_there:
        verifier.enroll([voices["slt"].probe], name="slt").save(path)
    commands = [
        ["enroll", "slt", str(recording), "--append", "-o", str(path)]
        for recording in voices["slt"].enroll
    ]
    assert run_together(*commands) == [0, 0]
    assert len(Voiceprint.load(path).exemplars) == 2 + is_there
    assert [one for one in tmp_path.iterdir() if one.is_file()] == [path]
    assert not store.folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_pipe_is_enrolled_and_remembered(
    store: VoiceprintStore, recordings: list[str], tmp_path: Path
) -> None:
    """The pipe was empty when it was read again, after the voiceprint had been stored."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[Path(recordings[0]).read_bytes()])
    writer.start()
    assert main(["enroll", "slt", str(pipe), recordings[1], "--remember"]) == 0
    writer.join()
    assert len(RememberedRecordings(store).known("slt")) == 2


def test_recordings_that_cannot_be_kept_store_nothing(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", *recordings, "--keep-recordings", recordings[0]]) == 2
    assert "name a folder" in capsys.readouterr().err
    assert store.names() == ()


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_disk_that_is_full_before_the_recordings_are_kept_stores_nothing(
    store: VoiceprintStore, recordings: list[str], tmp_path: Path
) -> None:
    """A voiceprint has 3 kB, and a recording more."""
    source = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "from speakersdk.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    folder = tmp_path / "kept"
    arguments = ["enroll", "slt", *recordings, "--keep-recordings", str(folder)]
    command = [sys.executable, "-c", source, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "raise the limit of the size of files" in done.stderr
    assert store.names() == ()
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_stored_is_announced_although_it_cannot_be_remembered(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (store.folder / "slt.heard").mkdir(parents=True)
    assert main(["enroll", "slt", *recordings, "--remember"]) == 2
    out, err = capsys.readouterr()
    assert "enrolled slt" in out
    assert "slt.heard" in err
    assert store.names() == ("slt",)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize("output", [[], ["-o", "slt.voiceprint"]])
@pytest.mark.parametrize("made", ["folder", "pipe", "link to nothing"])
def test_what_is_not_a_file_is_appended_to_with_one_error(
    store: VoiceprintStore,
    recordings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output: list[str],
    made: str,
) -> None:
    """The command tried again without end."""
    monkeypatch.chdir(tmp_path)
    place = (tmp_path if output else store.folder) / "slt.voiceprint"
    place.parent.mkdir(parents=True, exist_ok=True)
    if made == "folder":
        place.mkdir()
    elif made == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("nowhere")
    assert main(["enroll", "slt", *recordings, "--append", *output]) == 2
    expected = "No such file" if made == "link to nothing" else "expected a regular file"
    assert f"slt.voiceprint: {expected}" in capsys.readouterr().err


def test_of_many_poor_recordings_the_first_are_named(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", *[recordings[0]] * 9]) == 2
    error = capsys.readouterr().err
    assert error.count("it is the same as recording 1") == 5
    assert error.endswith("leave it out; 3 more; speakersdk quality shows all\n")
    assert store.names() == ()
