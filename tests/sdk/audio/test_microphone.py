"""Tests without a sound server; tests/integration has the real microphone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.microphone import AudioBlock, CaptureCounters, Microphone, wait_for_device
from speakersdk.errors import ClosedError, ConcurrentUseError, ConfigError, MicrophoneError

StandIn = Any  # the fixture `port_audio`


def deliver(
    port_audio: StandIn, num_blocks: int, *, overflow: bool = False, late_s: float = 0.0
) -> None:
    """Blocks of 50 ms; before each, the clock of the device advances by `late_s` more."""
    block = np.ones((800, 1), np.float32)
    port_audio.clock_s += late_s
    for _ in range(num_blocks):
        clock = SimpleNamespace(inputBufferAdcTime=port_audio.clock_s)
        port_audio.stream.callback(block, 800, clock, SimpleNamespace(input_overflow=overflow))
        port_audio.clock_s += 0.05


def test_no_device_says_what_to_do(port_audio: StandIn) -> None:
    port_audio.devices = port_audio.devices[:1]
    with pytest.raises(MicrophoneError, match="plug one in"):
        Microphone()


def test_a_device_that_refuses_16_khz_is_opened_at_its_own_rate(port_audio: StandIn) -> None:
    assert Microphone("usb").sample_rate_hz == 16000
    port_audio.rates = {48000.0}
    assert Microphone("usb").sample_rate_hz == 48000


@pytest.mark.parametrize("first", [True, False])
def test_a_microphone_on_the_second_input_is_recorded(port_audio: StandIn, first: bool) -> None:
    """An interface gave silence: only its first input was recorded."""
    voice = np.sin(np.arange(800)).astype(np.float32)
    block = np.zeros((800, 2), np.float32)
    block[:, 0 if first else 1] = voice
    with Microphone("usb") as microphone:
        assert port_audio.stream.channels == 2
        clock = SimpleNamespace(inputBufferAdcTime=1.0)
        port_audio.stream.callback(block, 800, clock, SimpleNamespace(input_overflow=False))
        np.testing.assert_allclose(next(microphone.blocks()), voice / 2, rtol=1e-6)


def test_one_channel_is_opened_where_two_are_not_to_be_had(port_audio: StandIn) -> None:
    Microphone("webcam")
    assert port_audio.stream.channels == 1
    port_audio.channels = {1}
    port_audio.rates = {48000.0}
    assert Microphone("usb").sample_rate_hz == 48000
    assert port_audio.stream.channels == 1


def test_a_device_that_cannot_be_opened_says_what_to_do(port_audio: StandIn) -> None:
    port_audio.rates = set()
    with pytest.raises(MicrophoneError, match="close other programs"):
        Microphone("usb")


def test_a_device_that_does_not_start_is_released(port_audio: StandIn) -> None:
    port_audio.starts = False
    with pytest.raises(MicrophoneError, match="close other programs"):
        Microphone("usb")
    assert port_audio.stream.closed


def test_options_of_a_wrong_type_are_named(port_audio: StandIn) -> None:
    for device in (True, 1.5, b"USB", ["USB"]):
        with pytest.raises(TypeError, match="expected device to be a whole number"):
            Microphone(device)  # type: ignore[arg-type, unused-ignore]
    for queue_s in (0, -1.0, float("nan"), float("inf"), "5", True, None):
        with pytest.raises(ConfigError, match=r"expected (a queue of more|queue_s to be a number)"):
            Microphone(queue_s=queue_s)  # type: ignore[arg-type, unused-ignore]


def test_what_a_stalled_consumer_misses_is_counted(port_audio: StandIn) -> None:
    with Microphone(queue_s=0.5) as microphone:
        deliver(port_audio, 14)
        deliver(port_audio, 1, overflow=True)
        assert microphone.counters == CaptureCounters(
            captured_s=0.75, dropped_s=0.25, gaps=1, overflows=1, queue_depth=10
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
        reading = microphone.blocks()
    assert list(reading) == []  # closed while it is read: the end, and no error


def test_a_block_reports_what_was_lost_before_it(port_audio: StandIn) -> None:
    with Microphone(queue_s=0.1) as microphone:
        blocks = microphone.blocks()
        deliver(port_audio, 5)  # two fit
        first, second = next(blocks), next(blocks)
        deliver(port_audio, 1)
        after, following = next(blocks), None
        deliver(port_audio, 1)
        following = next(blocks)
    lost = [block.lost_s for block in (first, second, after, following)]
    assert lost == [None, None, pytest.approx(0.15), None]
    assert isinstance(after, AudioBlock)
    assert after[:10].lost_s is None  # a part of a block follows no other block
    assert after.dtype == np.float32
    assert after.ndim == 1


def test_every_stall_is_a_gap_of_its_own(port_audio: StandIn) -> None:
    with Microphone(queue_s=0.05) as microphone:
        blocks = microphone.blocks()
        lost = []
        for num_blocks in (2, 1, 4, 1):
            deliver(port_audio, num_blocks)
            lost.append(next(blocks).lost_s)
        assert lost == [None, pytest.approx(0.05), None, pytest.approx(0.15)]
        assert microphone.counters.gaps == 2


def test_an_overflow_is_a_gap_where_the_clock_confirms_it(port_audio: StandIn) -> None:
    with Microphone() as microphone:
        blocks = microphone.blocks()
        deliver(port_audio, 1)
        deliver(port_audio, 1, overflow=True)  # macOS reports overflows that did not happen
        deliver(port_audio, 1, overflow=True, late_s=0.3)
        lost = [next(blocks).lost_s for _ in range(3)]
        assert lost == [None, None, pytest.approx(0.3)]
        assert (microphone.counters.overflows, microphone.counters.gaps) == (2, 1)


def test_a_closed_microphone_says_so(port_audio: StandIn) -> None:
    microphone = Microphone()
    microphone.close()
    microphone.close()
    with pytest.raises(ClosedError, match="open another"):
        microphone.blocks()
    with pytest.raises(ClosedError, match="open another"), microphone:
        pass


def test_what_was_delivered_before_the_end_can_be_read(port_audio: StandIn) -> None:
    with Microphone() as microphone:
        blocks = microphone.blocks()
        deliver(port_audio, 3)
        next(blocks)
    assert len(list(blocks)) == 2


def test_two_readers_of_one_microphone_are_refused(port_audio: StandIn) -> None:
    with Microphone() as microphone:
        blocks = microphone.blocks()
        with microphone._reader, pytest.raises(ConcurrentUseError, match="one thread at a time"):
            next(blocks)  # like another thread that waits
        deliver(port_audio, 1)


def test_waiting_looks_for_the_device_again(port_audio: StandIn) -> None:
    assert wait_for_device("usb").device.name == "USB Mic"
    assert port_audio.initialised == 0
    with pytest.raises(MicrophoneError, match="none"):
        wait_for_device("line", timeout_s=0.0)


def test_waiting_outlasts_a_portaudio_that_does_not_start(
    port_audio: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakersdk.audio.microphone._RETRY_S", 0.0)
    port_audio.failures = 3
    assert wait_for_device("usb").device.name == "USB Mic"
    port_audio.failures = 3
    with pytest.raises(MicrophoneError, match=r"cannot be started: .*no host.*arecord"):
        wait_for_device("usb", timeout_s=0.0)
