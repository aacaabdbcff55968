"""Part of a file as a file of its own, with some bytes replaced."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

# How much longer an endless range claims to be than it is. With 8 bytes a second, the least that a
# lossy format takes, this is still three years.
_ENDLESS_BYTES: Final = 2**30


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that stand in a file from an offset on, instead of its own."""

    offset: int
    data: bytes


class ByteRange:
    """The bytes of `file` from `start` to `end`, for libsndfile to read.

    No call raises, for an exception cannot pass libsndfile: `error` tells what happened.

    Args:
        file: seekable.
        start: of the range, in the file.
        end: of the range, in the file.
        patches: replaced bytes; their offsets are those of the file.
        is_endless: claim a size that is far too large. A decoder that estimates how long the audio
            is from the size of the file then reads to the end.

    Attributes:
        error: of the last read that failed.
        furthest: offset in the file up to which bytes were read.
    """

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        end: int,
        *,
        patches: Iterable[Patch] = (),
        is_endless: bool = False,
    ) -> None:
        self._file = file
        self._start = start
        self._end = end
        self._patches = tuple(patches)
        self._claimed = end - start + (_ENDLESS_BYTES if is_endless else 0)
        self._position = 0
        self._has_told_size = False
        self.error: OSError | None = None
        self.furthest = start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as files do."""
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            # libsndfile asks first, for itself; its decoders ask later.
            offset += self._claimed if self._has_told_size else self._end - self._start
            self._has_told_size = True
        self._position = max(0, offset)
        return self._position

    def tell(self) -> int:
        """Where it stands."""
        return self._position

    def read(self, num: int) -> bytes:
        """Up to `num` bytes; zeros stand at the end of an endless range, where tags are sought."""
        position = self._start + self._position
        data = b""
        try:
            if position < self._end:
                self._file.seek(position)
                data = self._patched(self._file.read(min(num, self._end - position)), position)
        except OSError as error:
            self.error = error
        if position > self._end:
            data = bytes(max(0, min(num, self._claimed - self._position)))
        self._position += len(data)
        self.furthest = max(self.furthest, self._start + self._position)
        return data

    def _patched(self, data: bytes, position: int) -> bytes:
        for patch in self._patches:
            first = patch.offset - position
            if -len(patch.data) < first < len(data):
                changed = bytearray(data)
                inside = patch.data[max(0, -first) : len(data) - first]
                changed[max(0, first) : max(0, first) + len(inside)] = inside
                data = bytes(changed)
        return data
