"""A part of a file that one decoder reads."""

from __future__ import annotations

from dataclasses import dataclass

from speakersdk.audio.formats.byte_range import Patch


@dataclass(frozen=True, slots=True)
class Part:
    """The position of a recording in a file. A file may contain several in sequence.

    Attributes:
        start: offset of its first byte in the file.
        end: offset after its last byte.
        patches: corrections of wrong header fields.
        prefix: a header in front of it, which tells the decoder the format.
        is_endless: whether the decoder derives the length from the file size; see `ByteRange`.
        num_frames: announced samples per channel, if the decoder does not know the number.
        raw_encoding: name in libsndfile of an 8 kHz encoding without a header; None for files with
            a header.
    """

    start: int
    end: int
    patches: tuple[Patch, ...] = ()
    prefix: bytes = b""
    is_endless: bool = False
    num_frames: int | None = None
    raw_encoding: str | None = None


class DamagedError(Exception):
    """Raised if audio is missing or cannot be decoded; the message says what and how much."""
