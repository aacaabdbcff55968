"""Audio of a client: converted to 16 kHz mono, as a whole or its last seconds."""

from __future__ import annotations

from collections import deque
from typing import Final

from wyoming.audio import AudioChunk, AudioChunkConverter

from speakersdk import InvalidAudioError

RATE_HZ: Final = 16000
WIDTH_BYTES: Final = 2
_BYTES_PER_S: Final = RATE_HZ * WIDTH_BYTES


class Recording:
    """Audio from audio-start to audio-stop.

    Args:
        limit_s: maximum duration in seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._converter = AudioChunkConverter(rate=RATE_HZ, width=WIDTH_BYTES, channels=1)
        self._limit_s = limit_s
        self._pcm = bytearray()

    def add(self, chunk: AudioChunk) -> None:
        """Add a chunk of any rate, width and number of channels.

        Raises:
            InvalidAudioError: the recording becomes too long.
        """
        self._pcm += self._converter.convert(chunk).audio
        if len(self._pcm) > self._limit_s * _BYTES_PER_S:
            raise InvalidAudioError(f"expected at most {self._limit_s:g} s of audio, got more")

    @property
    def pcm(self) -> bytes:
        """Return 16-bit mono samples at 16 kHz."""
        return bytes(self._pcm)


class LastSeconds:
    """The last seconds of an endless stream.

    Args:
        kept_s: minimum seconds that are kept.
    """

    def __init__(self, kept_s: float) -> None:
        self._converter = AudioChunkConverter(rate=RATE_HZ, width=WIDTH_BYTES, channels=1)
        self._kept_bytes = round(kept_s * _BYTES_PER_S)
        self._chunks: deque[bytes] = deque()
        self._num_bytes = 0

    def add(self, chunk: AudioChunk) -> None:
        """Add a chunk, and drop samples that are too old."""
        pcm = self._converter.convert(chunk).audio
        self._chunks.append(pcm)
        self._num_bytes += len(pcm)
        while self._num_bytes - len(self._chunks[0]) >= self._kept_bytes:
            self._num_bytes -= len(self._chunks.popleft())

    @property
    def pcm(self) -> bytes:
        """Return 16-bit mono samples at 16 kHz."""
        return b"".join(self._chunks)
