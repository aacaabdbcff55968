"""``speakersdk listen --jsonl-socket`` with real readers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.cli.live.jsonl_socket import JsonlSocket
from speakersdk.errors import ConfigError
from speakersdk.streaming.update import StreamUpdate
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore

LISTEN = (sys.executable, "-m", "speakersdk", "listen")
PATIENCE_S = 60.0


def connected(path: Path) -> socket.socket:
    reader = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    reader.settimeout(PATIENCE_S)
    reader.connect(os.fspath(path))
    return reader


def lines(reader: socket.socket) -> list[dict[str, Any]]:
    """Read everything until the end."""
    with reader, reader.makefile("r", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert process.poll() is None, "speakersdk listen ended before it made the socket"
        assert time.monotonic() < deadline_s, f"no socket within {PATIENCE_S:g} s"
        time.sleep(0.05)


def test_every_reader_gets_every_update(tmp_path: Path, updates: list[StreamUpdate]) -> None:
    path = tmp_path / "updates.sock"
    with JsonlSocket(path) as server:
        first = connected(path)
        server.updated(updates[0])
        second = connected(path)
        for update in updates[1:]:
            server.updated(update)
    assert [line["time_s"] for line in lines(first)] == [update.time_s for update in updates]
    assert [line["time_s"] for line in lines(second)] == [update.time_s for update in updates[1:]]


def test_only_the_owner_may_connect_and_the_file_goes_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "updates.sock"
    before = os.umask(0)
    try:
        with JsonlSocket(path):
            mode = path.stat().st_mode
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert not path.exists()


def test_a_slow_reader_is_dropped_and_the_others_are_not(
    tmp_path: Path, updates: list[StreamUpdate], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "updates.sock"
    line_bytes = 600
    received = 0
    with JsonlSocket(path, backlog_bytes=100 * line_bytes) as server:
        slow, quick = connected(path), connected(path)
        # More than the buffers of the system (about 200 kB) and of the command.
        for _ in range(2000):
            server.updated(updates[0])
            received += quick.recv(1 << 16).count(b"\n")
        assert capsys.readouterr().err.startswith(
            "speakersdk: --jsonl-socket: dropped a reader that was "
        )
    while data := quick.recv(1 << 16):
        received += data.count(b"\n")
    assert received == 2000
    slow.close()
    quick.close()


def test_a_reader_waits_while_the_process_has_too_many_open_files(
    tmp_path: Path, updates: list[StreamUpdate], capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "updates.sock"
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with JsonlSocket(path) as server, contextlib.ExitStack() as others:
        early = connected(path)
        server.updated(updates[0])
        late = connected(path)
        others.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], 256), before[1]))
        with contextlib.suppress(OSError):
            while True:
                others.enter_context(Path(os.devnull).open("rb"))
        for _ in range(2):
            server.updated(updates[0])
        assert capsys.readouterr().err == (
            "speakersdk: --jsonl-socket: cannot accept a reader: Too many open files; close other "
            "files\n"
        )
        others.close()
        server.updated(updates[0])
    assert len(lines(early)) == 4
    assert len(lines(late)) == 1


def test_a_reader_that_leaves_disturbs_no_other(
    tmp_path: Path, updates: list[StreamUpdate]
) -> None:
    path = tmp_path / "updates.sock"
    with JsonlSocket(path) as server:
        leaving, staying = connected(path), connected(path)
        server.updated(updates[0])
        leaving.close()
        server.updated(updates[1])
        server.updated(updates[2])
    assert len(lines(staying)) == 3


def test_a_socket_left_behind_is_replaced_and_others_are_not(tmp_path: Path) -> None:
    path = tmp_path / "updates.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(os.fspath(path))
    with JsonlSocket(path), pytest.raises(ConfigError, match="another process listens"):
        JsonlSocket(path)
    path.write_text("a file")
    with pytest.raises(ConfigError, match="is not a socket"):
        JsonlSocket(path)
    assert path.read_text() == "a file"
    with pytest.raises(ConfigError, match="cannot make the socket"):
        JsonlSocket(tmp_path / "no-such-folder" / "updates.sock")


def test_readers_follow_a_listening_process(
    tmp_path: Path, verifier: Verifier, voices: dict[str, Any]
) -> None:
    store = VoiceprintStore(tmp_path / "speakersdk" / "voiceprints")
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    path = tmp_path / "updates.sock"
    audio = np.concatenate([read_audio(voices["slt"].probe)] * 2)
    pcm = (audio * 32767).astype("<i2").tobytes()
    with subprocess.Popen(
        [*LISTEN, "--input", "-", "--fast", "--jsonl-socket", str(path)],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_for(path, process)
            reader = connected(path)
            process.communicate(pcm, PATIENCE_S)
            updated = lines(reader)
        finally:
            process.kill()
    assert process.returncode == 0
    assert {line["kind"] for line in updated} == {"update"}
    assert any(line["verdict"] == "accept" and line["speaker"] == "slt" for line in updated)
