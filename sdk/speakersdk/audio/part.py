"""A stretch of a file that one decoder reads."""

from __future__ import annotations

from dataclasses import dataclass

from speakersdk.audio.byte_range import Patch


@dataclass(frozen=True, slots=True)
class Part:
    """Where the audio of a recording lies; a file may hold several, one after the other.

    Attributes:
        start: offset of its first byte in the file.
        end: offset behind its last byte.
        patches: header fields that were wrong in the file, set right.
        is_endless: the decoder would take the length from the size of the file; see `ByteRange`.
        raw_encoding: libsndfile's name of an encoding at 8 kHz that has no header; None = it has.
    """

    start: int
    end: int
    patches: tuple[Patch, ...] = ()
    is_endless: bool = False
    raw_encoding: str | None = None


class DamagedError(Exception):
    """Audio is missing from a file, or nothing decodes it; the message says what and how much."""
