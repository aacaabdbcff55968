"""A stand-in for PortAudio, which needs no sound server, and audio files made by soundfile.

tests/integration uses the real PortAudio.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile as sf

RATE_HZ = 16000
EncodeTone = Callable[..., bytes]


class PortAudioError(Exception):
    pass


class StandIn(ModuleType):
    """Two inputs and an output; `rates` and `channels` are what the devices accept.

    A stream is opened and does not start unless `starts` is set.
    """

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.rates = {16000.0, 48000.0}
        self.channels = {1, 2}
        self.starts = True
        self.devices = [
            {"name": "Speakers", "hostapi": 0, "max_input_channels": 0, "default_samplerate": 48e3},
            {"name": "USB Mic", "hostapi": 0, "max_input_channels": 2, "default_samplerate": 48e3},
            {
                "name": "Webcam Mic",
                "hostapi": 0,
                "max_input_channels": 1,
                "default_samplerate": 48e3,
            },
        ]
        self.default = SimpleNamespace(device=(2, 0))
        self.stream: Any = None
        self.initialised = 0
        self.failures = 0  # number of starts that fail
        self.clock_s = 100.0  # of the device

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, Any]]:
        return self.devices

    def check_input_settings(self, *, samplerate: float, channels: int, **_: Any) -> None:
        if samplerate not in self.rates or channels not in self.channels:
            raise PortAudioError("Invalid sample rate")

    def InputStream(self, **options: Any) -> Any:  # noqa: N802
        if options["samplerate"] not in self.rates:
            raise PortAudioError("Invalid sample rate")
        self.stream = SimpleNamespace(
            **options, closed=False, start=self._start, abort=lambda: None, close=self._close
        )
        return self.stream

    def _start(self) -> None:
        if not self.starts:
            raise PortAudioError("Unanticipated host error")

    def _close(self) -> None:
        self.stream.closed = True

    def _terminate(self) -> None:
        if self.initialised < 0:
            raise PortAudioError("PortAudio not initialized")
        self.initialised -= 1

    def _initialize(self) -> None:
        if self.failures:
            self.failures -= 1
            raise PortAudioError("no host API")
        self.initialised += 1


@pytest.fixture
def port_audio(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    module = StandIn()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


@pytest.fixture(scope="session")
def sound() -> np.ndarray:
    """Two seconds, no part of which equals another."""
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * (200 + 400 * seconds) * seconds)
    noise = np.random.default_rng(1).normal(0, 0.01, len(seconds))
    return (0.4 * tone + noise).astype(np.float32)


@pytest.fixture(scope="session")
def encode(sound: np.ndarray) -> EncodeTone:
    """Return the bytes of `sound`, or of other samples, in a format."""

    def encoded(
        container: str,
        encoding: str | None = None,
        *,
        samples: np.ndarray | None = None,
        rate_hz: int = RATE_HZ,
        **options: Any,
    ) -> bytes:
        file = io.BytesIO()
        data = sound if samples is None else samples
        sf.write(file, data, rate_hz, format=container, subtype=encoding, **options)
        return file.getvalue()

    return encoded
