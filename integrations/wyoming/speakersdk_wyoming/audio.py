"""Audio of a client, as a whole or its last seconds, in the format in which it arrives."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from wyoming.audio import AudioChunk

from speakersdk import InvalidAudioError, as_waveform

# Sample types by bytes per sample; 24 bits are widened to 32.
_TYPES: Final = {1: "|u1", 2: "<i2", 3: "<i4", 4: "<i4"}
# They bound the memory of a recording of limited duration.
_MOST_RATE_HZ: Final = 768_000
_MOST_CHANNELS: Final = 64
_MOST: Final = (_MOST_RATE_HZ, max(_TYPES), _MOST_CHANNELS)
_SHOWN: Final = 200  # characters of a message
Waveform = npt.NDArray[np.float32]  # (n,) mono at 16 kHz, full scale +-1


class _Format(NamedTuple):
    """The format of PCM."""

    rate_hz: int
    width_bytes: int
    channels: int

    @classmethod
    def of(cls, chunk: AudioChunk) -> _Format:
        """Return the format of a chunk.

        Raises:
            InvalidAudioError: such samples cannot be read, or the last one is incomplete.
        """
        found = cls(chunk.rate, chunk.width, chunk.channels)
        if not all(
            type(at) is int and 0 < at <= most for at, most in zip(found, _MOST, strict=True)
        ):
            raise InvalidAudioError(
                "expected whole numbers as rate, width and channels, with 1 to 4 bytes per sample, "
                f"at most {_MOST_RATE_HZ} Hz and {_MOST_CHANNELS} channels, got "
                f"{', '.join(map(repr, found))[:_SHOWN]}"
            )
        if len(chunk.audio) % found.frame_bytes:
            raise InvalidAudioError(
                f"expected whole samples of {found.width_bytes} bytes and {found.channels} "
                f"channels, got {len(chunk.audio)} bytes; cut chunks between samples"
            )
        return found

    @property
    def frame_bytes(self) -> int:
        """Size of one sample of every channel."""
        return self.width_bytes * self.channels

    def num_bytes(self, duration_s: float) -> int:
        """Return the size of so many seconds."""
        return round(duration_s * self.rate_hz) * self.frame_bytes

    def waveform(self, pcm: bytes) -> Waveform:
        """Convert PCM to mono at 16 kHz, without aliasing; channels are mixed.

        Raises:
            ConfigError: the rate is not one of audio.
            InvalidAudioError: there are no samples.
        """
        if self.width_bytes == 3:
            widened = np.zeros((len(pcm) // 3, 4), np.uint8)
            widened[:, 1:] = np.frombuffer(pcm, np.uint8).reshape(-1, 3)
            pcm = widened.tobytes()
        samples = np.frombuffer(pcm, _TYPES[self.width_bytes]).reshape(-1, self.channels)
        return as_waveform(samples, sample_rate_hz=self.rate_hz, channel="mix")


class Recording:
    """Audio from audio-start to audio-stop.

    Args:
        limit_s: maximum duration in seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._format: _Format | None = None
        self._pcm = bytearray()

    def add(self, chunk: AudioChunk) -> None:
        """Add a chunk of any rate, width and number of channels.

        Raises:
            InvalidAudioError: it is not audio, has another format than the chunks before it, or
                makes the recording too long.
        """
        found = _Format.of(chunk)
        if self._format not in (None, found):
            raise InvalidAudioError("expected chunks of one format, got a second one")
        self._format = found
        self._pcm += chunk.audio
        if len(self._pcm) > found.num_bytes(self._limit_s):
            raise InvalidAudioError(f"expected at most {self._limit_s:g} s of audio, got more")

    def waveform(self) -> Waveform:
        """Return the recording as mono at 16 kHz.

        Raises:
            ConfigError: the rate is not one of audio.
            InvalidAudioError: there was no audio.
        """
        if self._format is None:
            raise InvalidAudioError("expected at least one audio-chunk, got none")
        return self._format.waveform(bytes(self._pcm))


class LastSeconds:
    """The last seconds of an endless stream.

    Args:
        kept_s: minimum seconds that are kept.
    """

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._format: _Format | None = None
        self._chunks: deque[bytes] = deque()
        self._num_bytes = 0

    def add(self, chunk: AudioChunk) -> None:
        """Add a chunk, and drop samples that are too old, or of another format.

        Raises:
            InvalidAudioError: it is not audio.
        """
        found = _Format.of(chunk)
        if found != self._format:
            self._format = found
            self._chunks.clear()
            self._num_bytes = 0
        self._chunks.append(chunk.audio)
        self._num_bytes += len(chunk.audio)
        kept_bytes = max(1, found.num_bytes(self._kept_s))
        while self._num_bytes - len(self._chunks[0]) >= kept_bytes:
            self._num_bytes -= len(self._chunks.popleft())

    def waveform(self) -> Waveform:
        """Return the last seconds as mono at 16 kHz; errors as for `Recording.waveform`."""
        if self._format is None:
            raise InvalidAudioError("expected at least one audio-chunk, got none")
        return self._format.waveform(b"".join(self._chunks))
