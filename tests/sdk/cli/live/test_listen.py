"""``speakersdk listen`` on recordings and pipes; microphones are in tests/integration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.microphone import AudioBlock, CaptureCounters
from speakersdk.audio.waveform import read_audio
from speakersdk.cli import main
from speakersdk.cli.live import sources
from speakersdk.voiceprint.store import VoiceprintStore

COMMAND = (sys.executable, "-m", "speakersdk", "listen")


@pytest.fixture
def talk(voices: dict[str, Any], tmp_path: Path) -> Path:
    """Three sentences of one voice, one of another."""
    clips = [*voices["slt"].enroll, voices["slt"].probe, voices["rms"].probe]
    path = tmp_path / "talk.wav"
    sf.write(path, np.concatenate([read_audio(clip) for clip in clips]), 16000)
    return path


def test_an_enrolled_speaker_is_accepted_and_summed_up(
    slt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", "--input", slt, "--fast"]) == 0
    captured = capsys.readouterr()
    assert "slt: accept after" in captured.out
    assert captured.err.startswith("listened for 4.0 s; accepted slt for ")


def test_nobody_accepted_is_status_1(
    slt: str, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", "slt", "--input", str(voices["rms"].probe), "--fast"]) == 1
    assert "accepted nobody" in capsys.readouterr().err


def test_json_is_one_object_for_each_update(slt: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["listen", "--input", slt, "--fast", "--json"])
    updates = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(updates) == round(len(read_audio(slt)) / 1600)
    assert {update["kind"] for update in updates} == {"update"}
    assert updates[-1]["speaker"] == "slt"
    assert updates[-1]["candidates"][0]["verdict"] == "accept"


def test_enrollment_is_followed_by_verification(
    talk: Path, store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["listen", "--enroll", "ann", "--speech", "5", "--input", str(talk), "--fast"]
    assert main([*arguments, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds == sorted(kinds)  # enrollment, then updates
    assert lines[kinds.index("update") - 1]["percent"] == 100
    speakers = [line["speaker"] for line in lines if line["kind"] == "update"]
    assert "ann" in speakers
    assert speakers[-1] is None
    assert store.load("ann").total_speech_s == pytest.approx(5, abs=0.2)


def test_an_expired_speaker_enrolls_again(
    talk: Path, slt: str, store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was refused, because everybody in the folder had expired."""
    voiceprint = store.load("slt")
    store.save(replace(voiceprint, expires_utc=voiceprint.created_utc), replace=True)
    arguments = ["listen", "--enroll", "slt", "--replace", "--speech", "5", "--fast"]
    assert main([*arguments, "--input", str(talk)]) == 0
    assert "slt: accept" in capsys.readouterr().out
    assert store.load("slt").expires_utc is None


def test_a_block_that_completes_no_hop_has_no_news(
    talk: Path,
    store: VoiceprintStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = read_audio(talk)
    blocks = [samples[first : first + 400] for first in range(0, len(samples), 400)]
    monkeypatch.setattr(sources, "recut", lambda _: iter(blocks))
    arguments = ["listen", "--enroll", "ann", "--speech", "2", "--input", str(talk), "--fast"]
    assert main([*arguments, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    times_s = [line["time_s"] for line in lines if line["kind"] == "enrollment"]
    assert times_s == sorted(set(times_s))


def test_a_taken_name_is_refused_before_anybody_speaks(
    slt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", "--enroll", "slt", "--input", slt, "--fast"]) == 2
    assert "already exists" in capsys.readouterr().err


def test_options_that_belong_together_are_required(
    slt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in (["--replace"], ["--speech", "5"]):
        assert main(["listen", *option, "--input", slt, "--fast"]) == 2
        assert "no --enroll" in capsys.readouterr().err


def test_too_little_speech_and_nobody_enrolled_are_errors(
    voices: dict[str, Any], store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    probe = str(voices["slt"].probe)
    assert main(["listen", "--enroll", "ann", "--input", probe, "--fast"]) == 2
    error = capsys.readouterr().err
    assert "expected 10 s of good speech to enroll 'ann'" in error
    assert error.endswith("use a longer recording, or ask for less speech with --speech\n")
    assert main(["listen", "--input", probe, "--fast"]) == 2
    assert "nobody is enrolled" in capsys.readouterr().err


def test_raw_samples_come_from_a_pipe(slt: str) -> None:
    samples = read_audio(slt)
    done = subprocess.run(
        [*COMMAND, "--input", "-", "--rate", "16000", "--fast", "--json"],
        input=(samples * 32767).astype("<i2").tobytes() + b"\0",
        capture_output=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == round(len(samples) / 1600)


@pytest.mark.skipif(os.name != "posix", reason="named pipes are of POSIX")
def test_a_named_pipe_is_read_before_its_program_ends(slt: str, tmp_path: Path) -> None:
    """It was copied to its end first, which a live source does not have."""
    path = tmp_path / "radio.fifo"
    os.mkfifo(path)
    with subprocess.Popen(
        [*COMMAND, "--input", str(path), "--rate", "16000", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    ) as process:
        assert process.stdout is not None
        with path.open("wb") as writer:
            writer.write((read_audio(slt)[:16000] * 32767).astype("<i2").tobytes())
            writer.flush()
            assert b"time_s" in process.stdout.readline()
        output, errors = process.communicate(timeout=60)
    assert len(output.splitlines()) == 9, errors


def interrupted(recording: str, *options: str, after: bytes) -> tuple[int, str]:
    """Return status and stderr of a command that gets Ctrl-C after its first output."""
    with subprocess.Popen(
        [*COMMAND, *options, "--input", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write((read_audio(recording) * 32767).astype("<i2").tobytes())
        process.stdin.flush()
        while after not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    return process.returncode, errors.decode()


def test_ctrl_c_ends_with_a_summary(slt: str) -> None:
    status, errors = interrupted(slt, after=b"accept")
    assert status == 0
    assert errors.startswith("listened for ")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--enroll", "a/b"], "expected a name"),
        (["--enroll", "ann", "--voiceprints", "FILE"], "Not a directory"),
        (["--enroll", "ann", "--voiceprints", "FILE/below"], "Not a directory"),
        (["bob", "--enroll", "ann"], "no voiceprint named 'bob'"),
        (["--enroll", "slt", "--append", "--replace"], "not allowed with"),
    ],
)
def test_what_cannot_be_stored_is_reported_before_anybody_speaks(
    slt: str, tmp_path: Path, options: list[str], message: str
) -> None:
    """The source is a pipe that nobody writes to. The command must end before it reads it."""
    file = tmp_path / "file"
    file.touch()
    with subprocess.Popen(
        [*COMMAND, *[one.replace("FILE", str(file)) for one in options], "--input", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    ) as process:
        assert process.stderr is not None
        error = process.stderr.read().decode()  # reads until it ends; stdin stays open
        assert process.wait(timeout=30) == 2
    assert message in error
    assert error.count("\n") == 1


def test_ctrl_c_says_what_is_lost(slt: str, store: VoiceprintStore) -> None:
    status, line = interrupted(slt, "--enroll", "ann", after=b"10 %")
    assert status == 128 + signal.SIGINT
    assert line.startswith("interrupted: ann is not enrolled; ")
    assert line.endswith(" s of speech discarded\n")
    assert "ann" not in store.names()


def test_another_voice_joins_no_profile(
    slt: str, voices: dict[str, Any], store: VoiceprintStore, tmp_path: Path
) -> None:
    before = store.load("slt")
    for voice in ("rms", "slt"):
        clips = [voices[voice].probe, *(voices[voice].enroll if voice == "rms" else [])]
        path = tmp_path / f"{voice}.wav"
        sf.write(path, np.concatenate([read_audio(clip) for clip in clips]), 16000)
        options = ["--append", "--speech", "3", "--input", str(path), "--fast", "--json"]
        is_refused = main(["listen", "--enroll", "slt", *options]) == 2
        assert is_refused == (voice == "rms")
        if is_refused:
            assert store.load("slt") == before
    assert len(store.load("slt").exemplars) > len(before.exemplars)


class Dropping:
    """A microphone whose queue was full once: a second of audio is missing between two voices."""

    sample_rate_hz = 16000.0
    counters = CaptureCounters(captured_s=8.0, dropped_s=1.0, gaps=1)

    def __init__(self, before: np.ndarray, after: np.ndarray) -> None:
        self._voices = before, after

    def blocks(self) -> Iterator[AudioBlock]:
        for number, voice in enumerate(self._voices):
            for first in range(0, len(voice), 800):
                block = voice[first : first + 800].view(AudioBlock)
                block.lost_s = 1.0 if number and not first else None
                yield block

    def close(self) -> None:
        pass


def test_lost_audio_is_shown_and_what_follows_is_anybody(
    slt: str,
    voices: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    microphone = Dropping(read_audio(slt), read_audio(voices["rms"].probe))
    monkeypatch.setattr(sources, "Microphone", lambda _: microphone)
    assert main(["listen", "slt"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    lost = next(at for at, line in enumerate(lines) if "1.0 s of audio was lost" in line)
    assert any("slt: accept" in line for line in lines[:lost])
    assert not any("slt: accept" in line for line in lines[lost:])
    assert "dropped 1.0 s, 1 gaps" in captured.err
    assert main(["listen", "slt", "--json"]) == 0
    updates = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (gap,) = (at for at, update in enumerate(updates) if update["lost_s"] is not None)
    assert updates[gap]["lost_s"] == 1.0
    assert updates[gap - 1]["speaker"] == "slt"
    assert [updates[gap][key] for key in ("speaker", "total_llr")] == [None, None]
    assert updates[gap]["time_s"] > updates[gap - 1]["time_s"] + 1.0
