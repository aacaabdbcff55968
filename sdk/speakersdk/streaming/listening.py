"""Reading a live stream from a microphone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from speakersdk.audio.microphone import Microphone
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import StreamUpdate


def updates_of(stream: SpeakerStream, device: int | str | None) -> Iterator[StreamUpdate]:
    """Yield the updates of a stream on a microphone, with the counters of the microphone.

    The first `next` opens the device. The end of the iteration closes it and the stream.

    Raises:
        MicrophoneError, MissingDependencyError: the device cannot be opened or was lost.
    """
    with stream, Microphone(device) as microphone:
        for block in microphone.blocks():
            for update in stream.push(block, sample_rate_hz=microphone.sample_rate_hz):
                yield replace(update, capture=microphone.counters)
