"""A part of a file as a separate file object, with replaced bytes and bytes in front."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

# Added to the size of an endless range. At 8 bytes per second, the minimum of lossy formats, this
# is still three years.
_ENDLESS_BYTES: Final = 2**30


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that replace those at an offset of a file."""

    offset: int
    data: bytes


class ByteRange:
    """The bytes of `file` from `start` to `end`, for libsndfile to read.

    Exceptions cannot pass through libsndfile. Errors of the file are kept in `error`, and others,
    such as KeyboardInterrupt, in `interrupt`.

    Args:
        file: a seekable file.
        start: start of the range in the file.
        end: end of the range in the file.
        patches: replaced bytes, with offsets in the file.
        prefix: bytes in front of the range, such as a header that the file lacks.
        is_endless: report a size that is far too large. A decoder that estimates the length from
            the size then reads to the end.

    Attributes:
        error: error of the last failed read, if any.
        interrupt: the first exception that was raised in a callback of libsndfile, if any.
        furthest: offset in the file up to which bytes were read.
    """

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        end: int,
        *,
        patches: Iterable[Patch] = (),
        prefix: bytes = b"",
        is_endless: bool = False,
    ) -> None:
        self._file = file
        # Where the range would start if the prefix were bytes of the file.
        self._origin = start - len(prefix)
        self._end = end
        self._patches = tuple(patches)
        self._prefix = prefix
        self._claimed = end - self._origin + (_ENDLESS_BYTES if is_endless else 0)
        self._position = 0
        self._has_told_size = False
        self.error: OSError | None = None
        self.interrupt: BaseException | None = None
        self.furthest = start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, as for files."""
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            # libsndfile itself asks first; its decoders ask later.
            offset += self._claimed if self._has_told_size else self._end - self._origin
            self._has_told_size = True
        self._position = max(0, offset)
        return self._position

    def tell(self) -> int:
        """Return the position in the range."""
        return self._position

    def read(self, num: int) -> bytes:
        """Read up to `num` bytes. An endless range is padded with zeros, where tags would be."""
        data = self._prefix[self._position : self._position + num]
        num -= len(data)
        position = self._origin + self._position + len(data)
        try:
            if num > 0 and position < self._end:
                self._file.seek(position)
                data += self._patched(self._file.read(min(num, self._end - position)), position)
        except OSError as error:
            self.error = error
        if position > self._end:
            data = bytes(max(0, min(num, self._claimed - self._position)))
        self._position += len(data)
        self.furthest = max(self.furthest, self._origin + self._position)
        return data

    def keep_interrupt(self, _: object, exception: BaseException, __: object) -> None:
        """Keep an exception of a callback, for cffi's ``onerror``."""
        if self.interrupt is None:
            self.interrupt = exception

    def _patched(self, data: bytes, position: int) -> bytes:
        for patch in self._patches:
            first = patch.offset - position
            if -len(patch.data) < first < len(data):
                changed = bytearray(data)
                inside = patch.data[max(0, -first) : len(data) - first]
                changed[max(0, first) : max(0, first) + len(inside)] = inside
                data = bytes(changed)
        return data
