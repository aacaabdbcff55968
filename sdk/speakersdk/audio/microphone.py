"""The microphone: PortAudio's callback fills a bounded queue, and nobody waits busily for it.

    with Microphone("usb") as microphone:
        for block in microphone.blocks():
            stream.push(block, sample_rate_hz=microphone.sample_rate_hz)

Only this module knows sounddevice, which is imported when a device is listed or opened.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from speakersdk.audio.waveform import SAMPLE_RATE_HZ
from speakersdk.errors import MicrophoneError, MissingDependencyError

# The callback hands over blocks of this length: short against a hop, long against a context switch.
_BLOCK_S: Final = 0.05
# The system's buffer. PortAudio's own choice wakes its thread twice as often for the same blocks,
# and that is most of what waiting costs.
_LATENCY_S: Final = 0.2
# What a consumer may lag behind before samples are dropped: longer than any pause of ours.
QUEUE_S: Final = 5.0
# A device that delivers nothing for this long is gone; some backends never say so.
_LOST_S: Final = 2.0
# Before it delivers anything it may take longer: a wireless headset changes its profile first.
_START_S: Final = 5.0
_RETRY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDevice:
    """A device that can record.

    Attributes:
        index: number for `Microphone`.
        name: as the system calls it.
        api: PortAudio's host API, such as ALSA.
        num_channels: at most.
        sample_rate_hz: the device's own.
        is_default: whether it is used when none is named.
    """

    index: int
    name: str
    api: str
    num_channels: int
    sample_rate_hz: float
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCounters:
    """What happened between the device and the consumer.

    Attributes:
        captured_s: seconds that the device delivered, the dropped ones included.
        dropped_s: seconds dropped because the queue was full.
        overflows: times that the driver reported losing samples before the callback. macOS reports
            some that did not happen, so they are counted and nothing is stopped.
        queue_depth: blocks that wait for the consumer now.
        reconnects: times that the device came back after it was lost.
    """

    captured_s: float = 0.0
    dropped_s: float = 0.0
    overflows: int = 0
    queue_depth: int = 0
    reconnects: int = 0


def list_devices() -> tuple[InputDevice, ...]:
    """Every device that can record.

    Raises:
        MissingDependencyError: no PortAudio.
    """
    sounddevice = _import_sounddevice()
    apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    return tuple(
        InputDevice(
            index=index,
            name=device["name"],
            api=apis[device["hostapi"]]["name"],
            num_channels=device["max_input_channels"],
            sample_rate_hz=device["default_samplerate"],
            is_default=index == default,
        )
        for index, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    )


def find_device(device: int | str | None = None) -> InputDevice:
    """The device of that index or with that part in its name; None = the system's default.

    Raises:
        MicrophoneError: there is none, or several of that name.
        MissingDependencyError: no PortAudio.
    """
    devices = list_devices()
    if not devices:
        raise MicrophoneError(
            "expected a microphone, found no device that records; plug one in, and on Linux check "
            "that PulseAudio, PipeWire or ALSA runs for this user (arecord -l)"
        )
    listing = ", ".join(f"{at.index} {at.name!r}" for at in devices)
    if device is None:
        return next((at for at in devices if at.is_default), devices[0])
    if isinstance(device, int) or device.isdecimal():
        matches = [at for at in devices if at.index == int(device)]
    else:
        wanted = device.casefold()
        matches = [at for at in devices if at.name.casefold() == wanted] or [
            at for at in devices if wanted in at.name.casefold()
        ]
    if len(matches) != 1:
        found = "none" if not matches else f"{len(matches)} of them"
        raise MicrophoneError(
            f"expected one input device that matches {device!r}, found {found}; "
            f"choose from: {listing}"
        )
    return matches[0]


class Microphone:
    """An open input device; a context manager.

    Attributes:
        device: what was opened.
        sample_rate_hz: of the blocks: 16 kHz, or the device's own rate where it refuses that.

    Raises:
        MicrophoneError: no such device, or it cannot be opened.
        MissingDependencyError: no PortAudio.
    """

    def __init__(self, device: int | str | None = None, *, queue_s: float = QUEUE_S) -> None:
        sounddevice = _import_sounddevice()
        self.device = find_device(device)
        self.sample_rate_hz = float(SAMPLE_RATE_HZ)
        self._queue: queue.Queue[npt.NDArray[np.float32]] = queue.Queue(
            maxsize=max(1, round(queue_s / _BLOCK_S))
        )
        self._captured_samples = 0
        self._dropped_samples = 0
        self._overflows = 0
        try:
            self._stream = self._open(sounddevice)
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise MicrophoneError(
                f"cannot record from {self.device.name!r}: {error}; close other programs that use "
                "it, or choose another with --device (speakersdk devices lists them)"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counters(self) -> CaptureCounters:
        """What happened so far."""
        return CaptureCounters(
            captured_s=self._captured_samples / self.sample_rate_hz,
            dropped_s=self._dropped_samples / self.sample_rate_hz,
            overflows=self._overflows,
            queue_depth=self._queue.qsize(),
        )

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Blocks of (n,) samples as they come, until the device is closed.

        Raises:
            MicrophoneError: the device is gone.
        """
        while True:
            patience_s = _LOST_S if self._captured_samples else _START_S
            try:
                yield self._queue.get(timeout=patience_s)
            except queue.Empty:
                if self._stream.closed:
                    return
                raise MicrophoneError(
                    f"{self.device.name!r} has delivered nothing for {patience_s:g} s; plug it in "
                    "again and start over, or use --reconnect to wait for it"
                ) from None

    def close(self) -> None:
        """Release the device. What it delivered before can still be read."""
        # A device that was pulled out cannot even be stopped on some systems.
        with contextlib.suppress(_import_sounddevice().PortAudioError):
            self._stream.abort()
        with contextlib.suppress(_import_sounddevice().PortAudioError):
            self._stream.close()

    def _open(self, sounddevice: ModuleType) -> Any:
        """A stream of one channel at 16 kHz, or at the rate that the device insists on."""
        index = self.device.index
        try:
            sounddevice.check_input_settings(
                device=index, channels=1, dtype="float32", samplerate=SAMPLE_RATE_HZ
            )
        except sounddevice.PortAudioError:
            self.sample_rate_hz = float(self.device.sample_rate_hz)
        return sounddevice.InputStream(
            device=index,
            channels=1,
            dtype="float32",
            samplerate=self.sample_rate_hz,
            blocksize=round(_BLOCK_S * self.sample_rate_hz),
            latency=_LATENCY_S,
            callback=self._take,
        )

    def _take(self, samples: npt.NDArray[np.float32], frames: int, _time: Any, status: Any) -> None:
        """PortAudio's callback, on its own real-time thread: copy, count, and nothing else."""
        self._captured_samples += frames
        if status.input_overflow:
            self._overflows += 1
        try:
            self._queue.put_nowait(samples[:, 0].copy())
        except queue.Full:
            self._dropped_samples += frames


def wait_for_device(device: int | str | None, *, timeout_s: float | None = None) -> Microphone:
    """Open the device as soon as it is there.

    Raises:
        MicrophoneError: it is not there within `timeout_s`; None = wait for ever.
    """
    deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        # PortAudio lists the devices once, when it starts.
        sounddevice = _import_sounddevice()
        sounddevice._terminate()
        sounddevice._initialize()
        try:
            return Microphone(device)
        except MicrophoneError:
            if deadline_s is not None and time.monotonic() >= deadline_s:
                raise
            time.sleep(_RETRY_S)


def _import_sounddevice() -> ModuleType:
    """Import sounddevice, which loads PortAudio."""
    try:
        import sounddevice
    except OSError as error:  # what sounddevice raises without the library
        raise MissingDependencyError(
            f"the PortAudio library is missing ({error})",
            remedy="sudo apt-get install libportaudio2 (macOS and Windows wheels bring it along)",
        ) from error
    module: ModuleType = sounddevice
    return module
