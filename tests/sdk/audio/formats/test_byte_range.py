"""Ranges of a file, with bytes replaced."""

from __future__ import annotations

import io

from speakersdk.audio.formats.byte_range import ByteRange, Patch


def test_a_range_is_a_file_of_its_own() -> None:
    view = ByteRange(io.BytesIO(b"0123456789"), 2, 8)
    assert view.seek(0, io.SEEK_END) == 6
    assert view.read(4) == b""
    assert view.seek(-2, io.SEEK_END) == 4
    assert view.read(10) == b"67"
    assert view.furthest == 8
    view.seek(1)
    view.seek(1, io.SEEK_CUR)
    assert (view.tell(), view.read(2)) == (2, b"45")


def test_patches_are_read_by_any_reads() -> None:
    file = io.BytesIO(b"0123456789")
    for num in range(1, 9):
        view = ByteRange(file, 1, 10, patches=[Patch(3, b"abc"), Patch(8, b"xyz")])
        data = b""
        while piece := view.read(num):
            data += piece
        assert data == b"12abc67xy"


def test_a_prefix_is_read_as_if_it_were_in_the_file() -> None:
    file = io.BytesIO(b"0123456789")
    for num in range(1, 12):
        view = ByteRange(file, 2, 8, patches=[Patch(3, b"x")], prefix=b"head")
        assert view.seek(0, io.SEEK_END) == 10
        view.seek(0)
        data = b""
        while piece := view.read(num):
            data += piece
        assert data == b"head2x4567"
        assert (view.tell(), view.furthest) == (10, 8)


def test_an_endless_range_ends_where_its_bytes_do() -> None:
    view = ByteRange(io.BytesIO(b"0123456789"), 0, 10, is_endless=True)
    assert view.seek(0, io.SEEK_END) == 10  # libsndfile reads first
    assert view.seek(0, io.SEEK_END) > 2**29
    view.seek(-128, io.SEEK_END)
    assert view.read(128) == bytes(128)  # no tag
    view.seek(8)
    assert view.read(10) == b"89"
    assert view.read(10) == b""


class Failing(io.BytesIO):
    def read(self, num: int | None = -1) -> bytes:
        del num
        raise OSError(5, "Input/output error")


def test_a_failed_read_is_reported_and_not_raised() -> None:
    view = ByteRange(Failing(b"0123"), 0, 4)
    assert view.read(4) == b""
    assert view.error is not None
    assert view.error.strerror == "Input/output error"


def test_the_first_interruption_is_kept() -> None:
    view = ByteRange(io.BytesIO(b"0123"), 0, 4)
    first = KeyboardInterrupt()
    view.keep_interrupt(KeyboardInterrupt, first, None)
    view.keep_interrupt(RuntimeError, RuntimeError(), None)
    assert view.interrupt is first
