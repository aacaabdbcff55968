"""The microphone for real: PulseAudio's virtual source, PortAudio, and speech played into it.

Every test starts a sound server of its own. It needs `apt-get install pulseaudio pulseaudio-utils
libasound2-plugins libportaudio2`, and is skipped without, or fails if SPEAKERSDK_REQUIRE_AUDIO=1.
"""

from __future__ import annotations

import ctypes.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RATE_HZ = 16000
# Device names for PortAudio, which lists those of ALSA: the virtual microphone, and the default.
ASOUNDRC = """
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.virtual_microphone { type pulse device virtual_microphone hint { show on } }
"""
SERVER = (
    "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
    "--load=module-native-protocol-unix",
    f"--load=module-null-sink sink_name=speaker rate={RATE_HZ} channels=1",
    "--load=module-remap-source source_name=virtual_microphone master=speaker.monitor",
)  # fmt: skip
CAPTURE = """
import signal, sys
from speakersdk import Microphone
signal.signal(signal.SIGINT, signal.default_int_handler)
with Microphone("virtual") as microphone, open(sys.argv[1], "wb") as file:
    print("open", flush=True)
    try:
        for block in microphone.blocks():
            file.write(block.tobytes())
    except KeyboardInterrupt:
        print(microphone.counters, flush=True)
"""
# Half a second of queue, and a consumer that sleeps for two seconds and continues.
STALL = """
import json, time
from dataclasses import asdict
from speakersdk import Microphone
with Microphone("virtual", queue_s=0.5) as microphone:
    blocks = microphone.blocks()
    next(blocks)
    time.sleep(2.0)
    stalled = microphone.counters
    read = sum(len(next(blocks)) for _ in range(40)) / microphone.sample_rate_hz
    print(json.dumps([asdict(stalled), asdict(microphone.counters), read]))
"""
IDLE = """
import time
from speakersdk import Microphone
with Microphone("virtual") as microphone:
    blocks = microphone.blocks()
    next(blocks)
    for _ in range(4):
        before = time.process_time()
        for _ in range(30):
            next(blocks)
        print((time.process_time() - before) / (30 * 0.05))
"""


class SoundServer:
    """PulseAudio for one test, in its own folder."""

    def __init__(self, folder: Path) -> None:
        self._spawned: list[subprocess.Popen[str]] = []
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_DATA_HOME": str(folder / "share"),
            "PULSE_SERVER": f"unix:{folder}/pulse/native",
        }
        folder.chmod(0o700)
        (folder / ".asoundrc").write_text(ASOUNDRC, encoding="utf-8")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            SERVER,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # pactl does not wait: ask until the server answers.
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s:
            if self.run("pactl", "info").returncode == 0:
                return
        pytest.fail("PulseAudio did not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)

    def close(self) -> None:
        """Stop, and end the processes that a failed test left."""
        self.stop()
        for process in self._spawned:
            process.kill()
            process.communicate()

    def play(self, path: Path) -> subprocess.Popen[str]:
        """Play raw int16 in real time, far enough ahead for a busy machine."""
        command = ("pacat", "--device=speaker", "--latency-msec=1000", f"--rate={RATE_HZ}")
        return self.spawn(*command, "--channels=1", "--format=s16le", "--raw", str(path))

    def python(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        return self.spawn(sys.executable, "-c", code, *arguments)

    def listen(self, *arguments: str) -> subprocess.Popen[str]:
        return self.spawn(
            sys.executable, "-m", "speakersdk", "listen", "--device", "virtual", *arguments
        )

    def spawn(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._spawned.append(process)
        return process

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env=self.environment, capture_output=True, check=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SoundServer]:
    missing = [name for name in ("pulseaudio", "pactl", "pacat") if shutil.which(name) is None]
    if ctypes.util.find_library("portaudio") is None:
        missing.append("libportaudio2")
    if missing:
        reason = f"no {', '.join(missing)}: see the top of this file"
        if os.environ.get("SPEAKERSDK_REQUIRE_AUDIO") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    server = SoundServer(tmp_path)
    try:
        yield server
    finally:
        server.close()


def read_update(listener: subprocess.Popen[str]) -> Any:
    """Read the next line of a listener.

    A listener that has ended fails the test with its output.
    """
    assert listener.stdout is not None
    line = listener.stdout.readline()
    if not line:
        pytest.fail(f"the listener ended: {listener.communicate(timeout=30)[1]}")
    return json.loads(line)


def speech(speech_data: Any, reader: str, seconds: float) -> np.ndarray:
    utterances = speech_data.utterances(corpus="librispeech", split="demo", speaker=reader)
    samples = np.concatenate([speech_data.samples(utterance) for utterance in utterances[:20]])
    return np.round(samples[: round(seconds * RATE_HZ)] * 32767).astype(np.int16)


@pytest.mark.speech
def test_a_minute_of_speech_is_enrolled_verified_and_complete(
    server: SoundServer, speech_data: Any, tmp_path: Path
) -> None:
    played = np.concatenate(
        [speech(speech_data, "librispeech/19", 40.0), speech(speech_data, "librispeech/27", 20.0)]
    )
    capture = server.python(CAPTURE, str(tmp_path / "captured.f32"))
    listener = server.listen("--enroll", "reader", "--json")
    assert capture.stdout is not None
    assert capture.stdout.readline() == "open\n"
    lines = [read_update(listener)]  # the first update: it records
    # Silence before, in which the server chooses a latency and may repeat audio; and after, while
    # the last samples are on their way.
    silence = np.zeros(2 * RATE_HZ, np.int16)
    np.concatenate([silence, played, silence]).tofile(tmp_path / "played.s16")
    player = server.play(tmp_path / "played.s16")
    while player.poll() is None:
        lines.append(read_update(listener))
    for process in (capture, listener):
        process.send_signal(signal.SIGINT)
    counters, _ = capture.communicate(timeout=30)
    output, errors = listener.communicate(timeout=30)

    # Samples in = samples out, all of them, over 60 s.
    captured = np.fromfile(tmp_path / "captured.f32", np.float32)
    received = np.round(captured * 32768).astype(np.int16)
    first_loud = int(np.flatnonzero(np.abs(played) > 500)[0])
    offset = received.tobytes().find(played[first_loud : first_loud + 400].tobytes()) // 2
    assert offset >= first_loud
    start = offset - first_loud
    np.testing.assert_array_equal(received[start : start + len(played)], played)
    assert "dropped_s=0.0, gaps=0, overflows=0" in counters

    assert listener.returncode == 0, errors
    lines += [json.loads(line) for line in output.splitlines()]
    updates = [line for line in lines if line["kind"] == "update"]
    assert updates[-1]["capture"]["dropped_s"] == 0
    verdicts = [update["verdict"] for update in updates]
    assert "accept" in verdicts
    last_accept = len(verdicts) - 1 - verdicts[::-1].index("accept")
    # 20 s of the other reader end the recording; a pause of a few seconds may follow.
    assert updates[-1]["time_s"] - updates[last_accept]["time_s"] > 15
    assert "reject" in verdicts[last_accept:]
    assert "enrolled reader" in errors
    assert "overflows" in errors


def test_a_stalled_consumer_loses_counted_samples_and_continues(server: SoundServer) -> None:
    output, errors = server.python(STALL).communicate(timeout=60)
    stalled, after, read_s = json.loads(output or errors)
    assert stalled["queue_depth"] == 10  # full
    assert 1.0 < stalled["dropped_s"] < 2.0
    assert read_s == pytest.approx(2.0)
    # All captured samples were read, are in the queue, or were dropped and counted. The first block
    # was read before, and the last ones may have come while the figures were taken.
    accounted_s = 0.05 + read_s + 0.05 * after["queue_depth"] + after["dropped_s"]
    assert after["captured_s"] == pytest.approx(accounted_s, abs=0.11)


def test_waiting_for_audio_costs_next_to_nothing(server: SoundServer) -> None:
    output, errors = server.python(IDLE).communicate(timeout=60)
    # Share of a core. Other work of the machine can only add to it. Therefore the least of four
    # counts.
    assert min(map(float, (output or errors).split())) < 0.01


def test_a_device_that_disappears_is_one_clear_error(server: SoundServer) -> None:
    listener = server.listen("--enroll", "ann", "--json")
    read_update(listener)
    server.stop()
    _, errors = listener.communicate(timeout=30)
    server.start()
    assert listener.returncode == 2
    assert "has delivered nothing" in errors
    assert "--reconnect" in errors
    assert len(errors.splitlines()) == 1  # and nothing of PortAudio


def test_a_device_that_cannot_be_opened_is_one_clear_error(server: SoundServer) -> None:
    server.run("pactl", "unload-module", "module-remap-source")
    listener = server.listen("--enroll", "ann")
    _, errors = listener.communicate(timeout=30)
    assert listener.returncode == 2
    assert "cannot record from" in errors
    assert len(errors.splitlines()) == 1


def test_a_device_that_comes_back_is_used_again(server: SoundServer) -> None:
    listener = server.listen("--enroll", "ann", "--json", "--reconnect")
    assert read_update(listener)["capture"]["reconnects"] == 0
    server.stop()
    while listener.stderr is not None and "waiting" not in listener.stderr.readline():
        pass
    server.start()
    while read_update(listener)["capture"]["reconnects"] == 0:
        pass
    listener.send_signal(signal.SIGINT)
    _, errors = listener.communicate(timeout=30)
    # The updates have reported the new start; only the interruption ends the wait.
    assert "interrupted: ann is not enrolled" in errors
