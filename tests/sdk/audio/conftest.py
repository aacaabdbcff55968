"""A stand-in for PortAudio where no sound server is needed; tests/integration has the real one."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class PortAudioError(Exception):
    pass


class StandIn(ModuleType):
    """Two inputs and an output; `rates` are what the devices accept."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.rates = {16000.0, 48000.0}
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
        self.failures = 0  # starts that fail from now on
        self.clock_s = 100.0  # of the device

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, Any]]:
        return self.devices

    def check_input_settings(self, *, samplerate: float, **_: Any) -> None:
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate")

    def InputStream(self, **options: Any) -> Any:  # noqa: N802
        if options["samplerate"] not in self.rates:
            raise PortAudioError("Invalid sample rate")
        self.stream = SimpleNamespace(
            **options, closed=False, start=lambda: None, abort=lambda: None, close=self._close
        )
        return self.stream

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
