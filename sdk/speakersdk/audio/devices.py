"""Input devices: listing and selecting them.

This is the only module that imports sounddevice, which loads PortAudio. It does so when a device is
listed or opened.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final

from speakersdk.errors import MicrophoneError, MissingDependencyError
from speakersdk.text import printable

_NOT_STARTED: Final = "PortAudio cannot be started"
_START_REMEDY: Final = (
    "check that the system's sound works for this user (on Linux PulseAudio, PipeWire or ALSA: "
    "arecord -l), or wait for it with --reconnect"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDevice:
    """A device that can record.

    Attributes:
        index: index of the device, for `Microphone`.
        name: name of the device in the system.
        api: host API of PortAudio, such as ALSA.
        num_channels: maximum number of channels.
        sample_rate_hz: default sample rate of the device.
        is_default: whether it is the default device.
    """

    index: int
    name: str
    api: str
    num_channels: int
    sample_rate_hz: float
    is_default: bool


def list_devices() -> tuple[InputDevice, ...]:
    """List all devices that can record.

    Raises:
        MicrophoneError: PortAudio cannot be started, or cannot list the devices.
        MissingDependencyError: PortAudio is missing.
    """
    sounddevice = import_sounddevice()
    with translated(sounddevice, "cannot list the audio devices"):
        apis = sounddevice.query_hostapis()
        listed = sounddevice.query_devices()
    devices = [
        InputDevice(
            index=index,
            name=printable(device["name"]),
            api=apis[device["hostapi"]]["name"],
            num_channels=device["max_input_channels"],
            sample_rate_hz=device["default_samplerate"],
            is_default=False,
        )
        for index, device in enumerate(listed)
        if device["max_input_channels"] > 0
    ]
    wanted = _default_device(sounddevice)
    defaults = [] if wanted is None else _matches(devices, wanted)
    if len(defaults) == 1:
        devices = [replace(at, is_default=at == defaults[0]) for at in devices]
    return tuple(devices)


def find_device(device: int | str | None = None) -> InputDevice:
    """Find a device.

    Args:
        device: index, name, or parts of "name, api" in this order, separated by spaces. None means
            `sounddevice.default.device` if it is set, otherwise the default of the system.

    Raises:
        MicrophoneError: no device or several devices match, or PortAudio cannot list them.
        MissingDependencyError: PortAudio is missing.
        TypeError: `device` is neither a number nor text.
    """
    # True would be the device of index 1.
    if device is not None and (isinstance(device, bool) or not isinstance(device, int | str)):
        raise TypeError(
            f"expected the index of an input device or a part of its name, got {device!r}"
        )
    devices = list_devices()
    if not devices:
        raise MicrophoneError(
            "expected a microphone, found no device that records; plug one in, and on Linux check "
            "that PulseAudio, PipeWire or ALSA runs for this user (arecord -l)"
        )
    wanted = _default_device(import_sounddevice()) if device is None else device
    if wanted is None:  # the system has no default
        return devices[0]
    matches = _matches(devices, wanted)
    if len(matches) != 1:
        found = "none" if not matches else f"{len(matches)} of them"
        asked = " (sounddevice.default.device)" if device is None else ""
        listing = ", ".join(f"{at.index} {at.name!r}" for at in devices)
        raise MicrophoneError(
            f"expected one input device that matches {wanted!r}{asked}, found {found}; "
            f"choose from: {listing}"
        )
    return matches[0]


def _matches(devices: Sequence[InputDevice], wanted: int | str) -> list[InputDevice]:
    """Find the devices that match an index or a name, by the rules of sounddevice."""
    if isinstance(wanted, int) or wanted.isdecimal():
        return [at for at in devices if at.index == int(wanted)]
    # Arguments that are not UTF-8 contain surrogates; in names these are \\xNN.
    text = wanted.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").casefold()
    full_names = [f"{at.name}, {at.api}".casefold() for at in devices]
    exact = [
        at
        for at, full in zip(devices, full_names, strict=True)
        if text in (at.name.casefold(), full)
    ]
    parts = re.compile(".*".join(map(re.escape, text.split())), re.DOTALL)
    return exact or [at for at, full in zip(devices, full_names, strict=True) if parts.search(full)]


def _default_device(sounddevice: ModuleType) -> int | str | None:
    """Return the default input device of sounddevice or the system; None if there is none."""
    device = sounddevice.default.device
    if not isinstance(device, int | str):
        device = device[0]
    if device is None or device == -1:
        return None
    return device if isinstance(device, str) else int(device)


def restart_portaudio(sounddevice: ModuleType) -> None:
    """Restart PortAudio, which lists the devices only when it starts."""
    with contextlib.suppress(sounddevice.PortAudioError):  # PortAudio did not start the last time
        sounddevice._terminate()
    with translated(sounddevice, _NOT_STARTED, _START_REMEDY):
        sounddevice._initialize()


def import_sounddevice() -> ModuleType:
    """Import sounddevice, which loads and starts PortAudio."""
    try:
        import sounddevice
    except OSError as error:  # raised by sounddevice if the library is missing
        raise MissingDependencyError(
            "the PortAudio library is missing",
            remedy="sudo apt-get install libportaudio2 (macOS and Windows wheels include it)",
        ) from error
    except Exception as error:
        # The class of this error is in the module whose import failed.
        if type(error).__name__ != "PortAudioError":
            raise
        raise MicrophoneError(f"{_NOT_STARTED}: {error}; {_START_REMEDY}") from error
    module: ModuleType = sounddevice
    _tolerate_names(module)
    return module


def _tolerate_names(sounddevice: ModuleType) -> None:
    """Let sounddevice read names that are not UTF-8; otherwise it cannot list or open any device.

    On Windows sounddevice needs the error to find the right encoding.
    """
    read = getattr(sounddevice, "_ffi_string", None)
    if read is None or sys.platform == "win32" or isinstance(read, _NameReader):
        return
    sounddevice._ffi_string = _NameReader(read)  # type: ignore[attr-defined]


class _NameReader:
    """Reads C strings into bytes that can always be decoded."""

    def __init__(self, read: Callable[[Any], bytes]) -> None:
        self._read = read

    def __call__(self, string: Any) -> bytes:
        return _NameBytes(self._read(string))


class _NameBytes(bytes):
    r"""Bytes of a name; what is not UTF-8 becomes ``\xNN``."""

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


@contextlib.contextmanager
def translated(sounddevice: ModuleType, what: str, remedy: str = _START_REMEDY) -> Iterator[None]:
    """Translate errors of sounddevice to MicrophoneError.

    sounddevice also raises ValueError for options and UnicodeDecodeError for names.
    """
    try:
        yield
    except (sounddevice.PortAudioError, ValueError) as error:
        raise MicrophoneError(f"{what}: {error}; {remedy}") from error
