from __future__ import annotations

import io
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.cli.live import sources
from speakersdk.cli.live.sources import MicrophoneSource, RecordedSource, open_source
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.errors import ConfigError, MicrophoneError

ARGUMENTS = {"input": None, "rate": None, "fast": False, "device": None, "reconnect": False}


def test_a_recording_keeps_the_pace_at_which_it_was_spoken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, slept = [0.0], list[float]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    chunks = [np.zeros(1600, np.int16)] * 3
    source = RecordedSource(iter(chunks), rate_hz=16000.0, is_fast=False)
    for _ in source.blocks():
        now[0] += 0.03  # the samples for the listener
    np.testing.assert_allclose(slept, [0.1, 0.07, 0.07])


def test_a_file_is_cut_into_chunks_without_loss() -> None:
    source = open_source(
        Namespace(**{**ARGUMENTS, "fast": True, "input": str(CLIPS / "slt-probe.flac")})
    )
    blocks = list(source.blocks())
    assert {len(block) for block in blocks[:-1]} == {1600}
    assert sum(map(len, blocks)) == 63760
    assert source.counters is None


def test_half_a_sample_at_the_end_of_a_pipe_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.arange(2000, dtype="<i2").tobytes() + b"\x01"
    monkeypatch.setattr("sys.stdin", Namespace(buffer=io.BytesIO(data)))
    source = open_source(Namespace(**{**ARGUMENTS, "fast": True, "input": "-", "rate": 8000.0}))
    np.testing.assert_array_equal(np.concatenate(list(source.blocks())), np.arange(2000))
    assert source.sample_rate_hz == 8000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fast": True}, "--input FILE with --fast, got no --input"),
        ({"rate": 8000.0}, "--input - with --rate"),
        ({"input": "a.wav", "rate": 8000.0}, "--input - with --rate"),
        ({"input": "a.wav", "device": "usb"}, "no --input with --device, got --input a.wav"),
        ({"input": "-", "reconnect": True}, "no --input with --reconnect"),
        ({"input": "-", "rate": 0.0}, "sample_rate_hz between"),
        ({"input": "-", "rate": float("nan")}, "sample_rate_hz between"),
    ],
)
def test_options_that_would_be_ignored_or_mean_nothing_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        open_source(Namespace(**{**ARGUMENTS, **options}))


class Lost:
    """A microphone that delivers one block and is then lost."""

    sample_rate_hz = 16000.0
    counters = CaptureCounters(captured_s=1.0, dropped_s=0.5, overflows=2)

    def blocks(self) -> Iterator[Any]:
        yield np.zeros(800, np.float32)
        raise MicrophoneError("'USB Mic' has delivered nothing for 2 s; plug it in")

    def close(self) -> None:
        pass


def test_a_lost_microphone_is_an_error_or_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "Microphone", lambda _: Lost())
    monkeypatch.setattr(sources, "wait_for_device", lambda _: Lost())
    with pytest.raises(MicrophoneError):
        list(MicrophoneSource(None, reconnect=False).blocks())
    source = MicrophoneSource(None, reconnect=True)
    blocks = source.blocks()
    received = [next(blocks) for _ in range(3)]
    assert received[1] is None  # what follows is not related
    assert len(received[2]) == 800
    # Through both connections.
    assert source.counters == CaptureCounters(
        captured_s=2.0, dropped_s=1.0, overflows=4, reconnects=1
    )
    assert "waiting" in capsys.readouterr().err
