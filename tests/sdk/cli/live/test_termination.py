"""SIGTERM and SIGHUP during ``speakersdk listen``, with real commands and sockets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.cli.live.termination import ended_cleanly
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore


@contextlib.contextmanager
def handled(number: signal.Signals, action: signal.Handlers) -> Iterator[None]:
    """Set the action for a signal, which new processes inherit: nohup ignores SIGHUP."""
    before = signal.signal(number, action)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_hooks_and_ends_the_process_by_itself(
    number: signal.Signals,
    tmp_path: Path,
    verifier: Verifier,
    voices: dict[str, Any],
    store: VoiceprintStore,
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    log, place = tmp_path / "log", tmp_path / "s"
    samples = (read_audio(voices["slt"].probe) * 2**15).astype(np.int16)
    command = f"sh -c 'echo $SPEAKERSDK_VERDICT >>{log}'"
    with (
        handled(number, signal.SIG_DFL),
        subprocess.Popen(
            [
                *(sys.executable, "-m", "speakersdk", "listen", "--json", "--input", "-"),
                *("--exec", command, "--jsonl-socket", str(place)),
            ],
            env={**os.environ, "XDG_DATA_HOME": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as listening,
    ):
        assert listening.stdin is not None
        assert listening.stdout is not None
        listening.stdin.write(samples.tobytes())
        listening.stdin.flush()
        while json.loads(listening.stdout.readline())["speaker"] != "slt":
            assert place.is_socket()
        listening.send_signal(number)
        _, errors = listening.communicate(timeout=120)
    assert listening.returncode == -number
    assert errors.decode().startswith("listened for ")
    assert log.read_text().splitlines()[-2:] == ["accept", "no_speech"]
    assert not place.exists()


def test_signals_that_the_caller_ignores_stay_ignored() -> None:
    with handled(signal.SIGTERM, signal.SIG_DFL), handled(signal.SIGHUP, signal.SIG_IGN):
        with ended_cleanly():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert callable(signal.getsignal(signal.SIGTERM))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
