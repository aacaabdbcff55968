"""Audio sources of ``speakersdk listen``: a microphone, a file or a pipe."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from speakersdk.audio.channels import MIX
from speakersdk.audio.input_file import PipeReader, is_pipe
from speakersdk.audio.microphone import CaptureCounters, Microphone, wait_for_device
from speakersdk.audio.pipe import open_pipe, recut
from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import file_blocks
from speakersdk.cli.program import one_line
from speakersdk.errors import ConfigError, MicrophoneError


class RecordedSource:
    """A recording, played in real time or as fast as possible."""

    counters = None

    def __init__(
        self,
        chunks: Iterator[npt.NDArray[Any]],
        *,
        rate_hz: float,
        is_fast: bool,
        pipe: PipeReader | None = None,
    ) -> None:
        self._chunks = chunks
        self._pipe = pipe
        self._is_fast = is_fast
        self.sample_rate_hz = rate_hz

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the chunks, each at the time of its last sample."""
        started_s, num_samples = time.monotonic(), 0
        for chunk in self._chunks:
            num_samples += len(chunk)
            if not self._is_fast:
                due_s = started_s + num_samples / self.sample_rate_hz
                time.sleep(max(0.0, due_s - time.monotonic()))
            yield chunk

    def close(self) -> None:
        """Release the pipe, if there is one."""
        if self._pipe is not None:
            self._pipe.close()


class MicrophoneSource:
    """A microphone. A lost device is an error; with `reconnect` the source waits for it."""

    def __init__(self, device: str | None, *, reconnect: bool) -> None:
        self._device = device
        self._reconnect = reconnect
        self._microphone = wait_for_device(device) if reconnect else Microphone(device)
        self._before = CaptureCounters()  # totals of the earlier connections

    @property
    def sample_rate_hz(self) -> float:
        """The sample rate of the next block in Hz."""
        return self._microphone.sample_rate_hz

    @property
    def counters(self) -> CaptureCounters:
        """The counters over all connections."""
        now, before = self._microphone.counters, self._before
        return CaptureCounters(
            captured_s=before.captured_s + now.captured_s,
            dropped_s=before.dropped_s + now.dropped_s,
            gaps=before.gaps + now.gaps,
            overflows=before.overflows + now.overflows,
            queue_depth=now.queue_depth,
            reconnects=before.reconnects,
        )

    def blocks(self) -> Iterator[npt.NDArray[Any] | None]:
        """Yield the blocks as they are captured; None marks an interruption."""
        while True:
            try:
                yield from self._microphone.blocks()
            except MicrophoneError as error:
                self._microphone.close()
                if not self._reconnect:
                    raise
                what = error.args[0].split(";")[0]
                print(one_line(f"speakersdk: {what}; waiting"), file=sys.stderr)
                self._before = replace(self.counters, reconnects=self._before.reconnects + 1)
                self._microphone = wait_for_device(self._device)
                yield None
            else:
                return

    def close(self) -> None:
        """Release the device."""
        self._microphone.close()


Source: TypeAlias = RecordedSource | MicrophoneSource


def open_source(arguments: argparse.Namespace) -> Source:
    """Open the source that the options select.

    Raises:
        ConfigError: an option has no effect with the others, or the rate is out of range.
        AudioError, MissingDependencyError: the file or the microphone cannot be used.
    """
    _check_options(arguments)
    if arguments.input is None:
        return MicrophoneSource(arguments.device, reconnect=arguments.reconnect)
    if _is_pipe(arguments.input):
        named = None if arguments.input == "-" else PipeReader(arguments.input)
        try:
            audio = open_pipe(named or sys.stdin.buffer, sample_rate_hz=arguments.rate)
        except BaseException:
            if named is not None:
                named.close()
            raise
        return RecordedSource(
            audio.blocks, rate_hz=audio.sample_rate_hz, is_fast=arguments.fast, pipe=named
        )
    chunks = recut(file_blocks(arguments.input, channel=MIX))
    first = next(chunks)  # report an unreadable file before anything else
    return RecordedSource(
        itertools.chain([first], chunks), rate_hz=SAMPLE_RATE_HZ, is_fast=arguments.fast
    )


def _is_pipe(path: str | None) -> bool:
    return path is not None and (path == "-" or is_pipe(path))


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that would have no effect."""
    is_piped, is_microphone = _is_pipe(arguments.input), arguments.input is None
    got = "no --input" if is_microphone else f"--input {arguments.input}"
    for option, is_given, is_used, needed in (
        ("--rate", arguments.rate is not None, is_piped, "--input -"),
        ("--fast", arguments.fast, not is_microphone, "--input FILE"),
        ("--device", arguments.device is not None, is_microphone, "no --input"),
        ("--reconnect", arguments.reconnect, is_microphone, "no --input"),
    ):
        if is_given and not is_used:
            raise ConfigError(f"expected {needed} with {option}, got {got}; leave {option} out")
    if is_piped and arguments.rate is not None:
        StreamResampler().check(np.zeros(0, np.float32), sample_rate_hz=arguments.rate)
