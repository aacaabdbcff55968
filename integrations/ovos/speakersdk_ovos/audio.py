"""The audio format of OpenVoiceOS: bytes of PCM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk import ConfigError

# Sample types by bytes per sample.
_TYPES: Final = {2: "<i2", 4: "<i4"}


def sample_rate_of(config: Mapping[str, Any]) -> float:
    """Return the configured sample rate; OpenVoiceOS records at 16 kHz."""
    return float(config.get("sample_rate", 16000))


def samples_of(pcm: bytes, config: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Convert PCM to (n, channels) integers.

    Raises:
        ConfigError: `sample_width` is neither 2 nor 4, or the bytes are not whole samples.
    """
    width = config.get("sample_width", 2)
    channels = config.get("channels", 1)
    if width not in _TYPES or not isinstance(channels, int) or channels < 1:
        raise ConfigError(
            f"expected a sample_width of 2 or 4 and at least 1 channel, got {width} and {channels}"
        )
    if len(pcm) % (width * channels):
        raise ConfigError(
            f"expected whole samples of {width} bytes in {channels} channels, got {len(pcm)} bytes"
        )
    return np.frombuffer(pcm, _TYPES[width]).reshape(-1, channels)
