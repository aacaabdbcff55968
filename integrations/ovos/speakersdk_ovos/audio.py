"""The audio format of OpenVoiceOS: bytes of PCM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk import ConfigError

_RATE_HZ: Final = 16000
# Sample types by bytes per sample.
_TYPES: Final = {2: "<i2", 4: "<i4"}


def check_format(config: Mapping[str, Any]) -> None:
    """Check the configured format.

    Raises:
        ConfigError: `sample_width` is neither 2 nor 4, or the others are not numbers.
    """
    rate_hz = config.get("sample_rate", _RATE_HZ)
    if not isinstance(rate_hz, int | float) or isinstance(rate_hz, bool):
        raise ConfigError(f"expected sample_rate to be a number, got {rate_hz!r}")
    width, channels = config.get("sample_width", 2), config.get("channels", 1)
    numbers = [type(number) is int for number in (width, channels)]
    if not all(numbers) or width not in _TYPES or channels < 1:
        raise ConfigError(
            f"expected a sample_width of 2 or 4 and at least 1 channel, got {width!r} and "
            f"{channels!r}"
        )


def sample_rate_of(config: Mapping[str, Any]) -> float:
    """Return the configured sample rate; OpenVoiceOS records at 16 kHz."""
    return float(config.get("sample_rate", _RATE_HZ))


def samples_of(pcm: bytes, config: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Convert PCM of a checked format to (n, channels) integers.

    Raises:
        ConfigError: the bytes are not whole samples.
    """
    width, channels = config.get("sample_width", 2), config.get("channels", 1)
    if len(pcm) % (width * channels):
        raise ConfigError(
            f"expected whole samples of {width} bytes in {channels} channels, got {len(pcm)} bytes"
        )
    return np.frombuffer(pcm, _TYPES[width]).reshape(-1, channels)
