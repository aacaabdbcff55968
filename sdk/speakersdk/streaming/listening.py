"""A stream on a microphone: blocks in, updates with the microphone's counters out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from speakersdk.audio.microphone import Microphone
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import StreamUpdate


def updates_of(stream: SpeakerStream, device: int | str | None) -> Iterator[StreamUpdate]:
    """Open the device at the first `next`, and close it and the stream at the end.

    Raises:
        MicrophoneError, MissingDependencyError: it cannot be opened, or is gone.
    """
    with stream, Microphone(device) as microphone:
        for block in microphone.blocks():
            for update in stream.push(block, sample_rate_hz=microphone.sample_rate_hz):
                yield replace(update, capture=microphone.counters)
