"""Recording from a microphone through a bounded queue.

    with Microphone("usb") as microphone:
        for block in microphone.blocks():
            stream.push(block, sample_rate_hz=microphone.sample_rate_hz)

A block says whether audio was lost before it; a stream then resets its evidence.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.audio.devices import find_device, import_sounddevice, restart_portaudio, translated
from speakersdk.audio.downmix import Downmix
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.errors import ConfigError, MicrophoneError
from speakersdk.lifetime import Lifetime

# Length of a block: shorter than a hop, longer than a context switch.
_BLOCK_S: Final = 0.05
# With one channel, some systems (Core Audio, ALSA) record only the first input of an interface, and
# silence if the microphone is on the second.
_MAXIMUM_CHANNELS: Final = 2
# Buffer of the system. The default of PortAudio wakes its thread twice as often for the same
# blocks, which is most of the cost of waiting.
_LATENCY_S: Final = 0.2
# Delay of a consumer before samples are dropped; longer than any pause of the SDK.
QUEUE_S: Final = 5.0
# A device without data for this long is lost; some backends do not report it.
_LOST_S: Final = 2.0
# The first data may take longer: a wireless headset first changes its profile.
_START_S: Final = 5.0
_RETRY_S: Final = 0.5
# A reported overflow is a loss only if the clock of the device advanced by more than this; the
# clock of an undisturbed device varies by less.
_CLOCK_JUMP_S: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCounters:
    """Counters of a recording.

    Attributes:
        captured_s: seconds that the device delivered, including dropped ones.
        dropped_s: seconds dropped because the queue was full.
        gaps: number of blocks before which audio was lost.
        overflows: number of losses reported by the driver. macOS reports losses that did not
            happen; a gap is a loss that the clock of the device confirms.
        queue_depth: number of blocks waiting in the queue.
        reconnects: number of reconnections of a lost device.
    """

    captured_s: float = 0.0
    dropped_s: float = 0.0
    gaps: int = 0
    overflows: int = 0
    queue_depth: int = 0
    reconnects: int = 0


class AudioBlock(np.ndarray[tuple[int], np.dtype[np.float32]]):
    """(n,) float32 samples from a microphone, full scale +-1.

    Slices, copies and results of arithmetic are blocks without lost audio.

    Attributes:
        lost_s: seconds of audio lost directly before the block; None if no audio was lost.
    """

    lost_s: float | None = None


def check_gap(lost_s: float) -> None:
    """Check the length of a gap in seconds.

    Raises:
        ConfigError: the length is negative or not finite.
    """
    if not 0 <= lost_s < math.inf:
        raise ConfigError(f"expected a gap of 0 s or more, got {lost_s!r}")


@checked
class Microphone:
    """An open input device; a context manager. Two channels are mixed down to one.

    Attributes:
        device: the open device.
        sample_rate_hz: sample rate of the blocks: 16 kHz, or the rate of the device if it does not
            support that.

    Raises:
        MicrophoneError: the device is missing or cannot be opened.
        MissingDependencyError: PortAudio is missing.
        ConfigError: `queue_s` is not above 0 s.
        TypeError: `device` is neither a number nor text.
    """

    def __init__(self, device: int | str | None = None, *, queue_s: float = QUEUE_S) -> None:
        is_number = isinstance(queue_s, int | float) and not isinstance(queue_s, bool)
        if not (is_number and 0 < queue_s < math.inf):
            raise ConfigError(f"expected a queue of more than 0 s, got {queue_s!r}")
        sounddevice = import_sounddevice()
        self.device = find_device(device)
        self.sample_rate_hz = float(SAMPLE_RATE_HZ)
        self._downmix = Downmix()
        # Blocks (n, channels), each with the samples lost before it; None means none.
        self._queue: queue.Queue[tuple[npt.NDArray[np.float32], int | None]] = queue.Queue(
            maxsize=max(1, round(queue_s / _BLOCK_S))
        )
        self._lifetime = Lifetime("microphone", remedy="open another")
        self._reader = Lifetime("microphone's blocks", remedy="open another")
        self._captured_samples = 0
        self._dropped_samples = 0
        self._lost_samples: int | None = None  # before the next block
        self._gaps = 0
        self._overflows = 0
        self._due_s: float | None = None  # when the clock of the device expects the next block
        with translated(
            sounddevice,
            f"cannot record from {self.device.name!r}",
            "close other programs that use it, or choose another with --device "
            "(speakersdk devices lists them)",
        ):
            self._stream = self._open(sounddevice)
            try:
                self._stream.start()
            except sounddevice.PortAudioError:
                self.close()  # otherwise the device stays open until the process ends
                raise

    def __enter__(self) -> Self:
        self._lifetime.check()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counters(self) -> CaptureCounters:
        """The counters so far."""
        return CaptureCounters(
            captured_s=self._captured_samples / self.sample_rate_hz,
            dropped_s=self._dropped_samples / self.sample_rate_hz,
            gaps=self._gaps,
            overflows=self._overflows,
            queue_depth=self._queue.qsize(),
        )

    def blocks(self) -> Iterator[AudioBlock]:
        """Yield blocks until the device is closed, for one reader at a time.

        After the device is closed, the iterator still yields the blocks in the queue.

        Raises:
            ClosedError: the device was closed before the call.
            ConcurrentUseError: another thread is waiting for a block.
            MicrophoneError: the device was lost.
        """
        self._lifetime.check()
        return self._blocks()

    def _blocks(self) -> Iterator[AudioBlock]:
        while (block := self._next_block()) is not None:
            yield block

    def _next_block(self) -> AudioBlock | None:
        patience_s = _LOST_S if self._captured_samples else _START_S
        if self._lifetime.is_over:
            patience_s = 0.0
        try:
            with self._reader:
                samples, lost_samples = self._queue.get(timeout=patience_s)
        except queue.Empty:
            if self._lifetime.is_over:
                return None
            raise MicrophoneError(
                f"{self.device.name!r} has delivered nothing for {patience_s:g} s; plug it in "
                "again and start over, or use --reconnect to wait for it"
            ) from None
        block = self._downmix.push(samples).view(AudioBlock)
        if lost_samples is not None:
            block.lost_s = lost_samples / self.sample_rate_hz
        return block

    def close(self) -> None:
        """Release the device. Further calls have no effect."""
        if self._lifetime.is_over:
            return
        self._lifetime.end()
        # On some systems an unplugged device cannot be stopped.
        with contextlib.suppress(import_sounddevice().PortAudioError):
            self._stream.abort()
        with contextlib.suppress(import_sounddevice().PortAudioError):
            self._stream.close()

    def _open(self, sounddevice: ModuleType) -> Any:
        """Open a stream of two channels, or of one if the device has no more or refuses two.

        Its rate is 16 kHz, or what the device requires.
        """
        index = self.device.index
        most = min(self.device.num_channels, _MAXIMUM_CHANNELS)
        rates_hz = float(SAMPLE_RATE_HZ), float(self.device.sample_rate_hz)
        for channels, self.sample_rate_hz in itertools.product(range(most, 0, -1), rates_hz):
            with contextlib.suppress(sounddevice.PortAudioError):
                sounddevice.check_input_settings(
                    device=index,
                    channels=channels,
                    dtype="float32",
                    samplerate=self.sample_rate_hz,
                )
                break
        return sounddevice.InputStream(
            device=index,
            channels=channels,
            dtype="float32",
            samplerate=self.sample_rate_hz,
            blocksize=round(_BLOCK_S * self.sample_rate_hz),
            latency=_LATENCY_S,
            callback=self._take,
        )

    def _take(self, samples: npt.NDArray[np.float32], frames: int, clock: Any, status: Any) -> None:
        """The callback of PortAudio, on a real-time thread: only copies and counts."""
        self._captured_samples += frames
        started_s = clock.inputBufferAdcTime
        if status.input_overflow:
            self._overflows += 1
            late_s = 0.0 if self._due_s is None else started_s - self._due_s
            if late_s > _CLOCK_JUMP_S:
                self._lose(round(late_s * self.sample_rate_hz))
        self._due_s = started_s + frames / self.sample_rate_hz
        try:
            self._queue.put_nowait((samples.copy(), self._lost_samples))
        except queue.Full:
            self._dropped_samples += frames
            self._lose(frames)
        else:
            self._lost_samples = None

    def _lose(self, num_samples: int) -> None:
        """Add lost audio to the gap before the next block."""
        if self._lost_samples is None:
            self._gaps += 1
        self._lost_samples = (self._lost_samples or 0) + num_samples


def wait_for_device(device: int | str | None, *, timeout_s: float | None = None) -> Microphone:
    """Open a device as soon as it is present.

    Raises:
        MicrophoneError: it is not present within `timeout_s` seconds; None waits forever.
        MissingDependencyError: PortAudio is missing.
    """
    deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        try:
            restart_portaudio(import_sounddevice())
            return Microphone(device)
        except MicrophoneError:
            if deadline_s is not None and time.monotonic() >= deadline_s:
                raise
            time.sleep(_RETRY_S)
