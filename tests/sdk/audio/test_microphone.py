"""What needs no sound server: a stand-in for PortAudio. The real one is in tests/integration."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.microphone import (
    CaptureCounters,
    Microphone,
    find_device,
    list_devices,
    wait_for_device,
)
from speakersdk.errors import MicrophoneError, MissingDependencyError


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
        self.initialised -= 1

    def _initialize(self) -> None:
        self.initialised += 1


@pytest.fixture
def port_audio(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    module = StandIn()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def deliver(port_audio: StandIn, num_blocks: int, *, overflow: bool = False) -> None:
    block = np.ones((800, 1), np.float32)
    for _ in range(num_blocks):
        port_audio.stream.callback(block, 800, None, SimpleNamespace(input_overflow=overflow))


def test_only_inputs_are_listed(port_audio: StandIn) -> None:
    assert [device.name for device in list_devices()] == ["USB Mic", "Webcam Mic"]
    assert [device.is_default for device in list_devices()] == [False, True]


@pytest.mark.parametrize(
    ("wanted", "name"), [(None, "Webcam Mic"), (1, "USB Mic"), ("1", "USB Mic"), ("usb", "USB Mic")]
)
def test_a_device_is_found_by_index_or_part_of_its_name(
    port_audio: StandIn, wanted: Any, name: str
) -> None:
    assert find_device(wanted).name == name


@pytest.mark.parametrize(("wanted", "found"), [("mic", "2 of them"), ("line", "none"), (0, "none")])
def test_a_device_that_is_not_one_is_refused_with_the_list(
    port_audio: StandIn, wanted: Any, found: str
) -> None:
    with pytest.raises(MicrophoneError, match=rf"found {found}; .* 1 'USB Mic', 2 'Webcam Mic'"):
        find_device(wanted)


def test_no_device_says_what_to_do(port_audio: StandIn) -> None:
    port_audio.devices = port_audio.devices[:1]
    with pytest.raises(MicrophoneError, match="plug one in"):
        Microphone()


def test_a_device_that_refuses_16_khz_is_opened_at_its_own_rate(port_audio: StandIn) -> None:
    assert Microphone("usb").sample_rate_hz == 16000
    port_audio.rates = {48000.0}
    assert Microphone("usb").sample_rate_hz == 48000


def test_a_device_that_cannot_be_opened_says_what_to_do(port_audio: StandIn) -> None:
    port_audio.rates = set()
    with pytest.raises(MicrophoneError, match="close other programs"):
        Microphone("usb")


def test_what_a_stalled_consumer_misses_is_counted(port_audio: StandIn) -> None:
    with Microphone(queue_s=0.5) as microphone:
        deliver(port_audio, 14)
        deliver(port_audio, 1, overflow=True)
        assert microphone.counters == CaptureCounters(
            captured_s=0.75, dropped_s=0.25, overflows=1, queue_depth=10
        )
        blocks = microphone.blocks()
        for _ in range(10):
            next(blocks)
        deliver(port_audio, 1)
        assert len(next(blocks)) == 800
        assert microphone.counters.dropped_s == 0.25


def test_a_device_that_falls_silent_is_lost(
    port_audio: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakersdk.audio.microphone._START_S", 0.02)
    monkeypatch.setattr("speakersdk.audio.microphone._LOST_S", 0.01)
    with Microphone() as microphone:
        with pytest.raises(MicrophoneError, match=r"nothing for 0\.02 s; .*--reconnect"):
            next(microphone.blocks())
        deliver(port_audio, 1)
        blocks = microphone.blocks()
        next(blocks)
        with pytest.raises(MicrophoneError, match=r"nothing for 0\.01 s; .*--reconnect"):
            next(blocks)
    assert list(microphone.blocks()) == []  # closed: the end, and no error


def test_waiting_looks_for_the_device_anew(port_audio: StandIn) -> None:
    assert wait_for_device("usb").device.name == "USB Mic"
    assert port_audio.initialised == 0
    with pytest.raises(MicrophoneError, match="none"):
        wait_for_device("line", timeout_s=0.0)


def test_a_missing_portaudio_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    real_import = builtins.__import__

    def without_portaudio(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_portaudio)
    with pytest.raises(MissingDependencyError, match="apt-get install libportaudio2"):
        list_devices()
