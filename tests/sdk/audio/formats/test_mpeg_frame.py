"""Headers of MPEG frames."""

from __future__ import annotations

import pytest

from speakersdk.audio.formats.mpeg_frame import (
    HEADER_START,
    MOST_FRAME_BYTES,
    announced_frames,
    parse_header,
)


@pytest.mark.parametrize(
    ("head", "num_bytes", "num_samples", "rate_hz"),
    [
        ("fffb9064", 417, 1152, 44100),  # MPEG 1, layer 3, 128 kbit/s
        ("fffb9264", 418, 1152, 44100),  # with padding
        ("fff388c4", 288, 576, 16000),  # MPEG 2, layer 3, 64 kbit/s
        ("ffe388c4", 576, 576, 8000),  # MPEG 2.5, layer 3, 64 kbit/s
        ("fffda004", 626, 1152, 44100),  # MPEG 1, layer 2, 192 kbit/s
        ("ffff9004", 312, 384, 44100),  # MPEG 1, layer 1, 288 kbit/s
        ("ffe5eac4", MOST_FRAME_BYTES, 1152, 8000),
    ],
)
def test_a_header_gives_size_and_rate(
    head: str, num_bytes: int, num_samples: int, rate_hz: int
) -> None:
    """The sizes follow 144 * bit rate / sample rate, or 4 * (12 * bit rate / sample rate)."""
    header = parse_header(bytes.fromhex(head))
    assert header is not None
    assert HEADER_START.match(bytes.fromhex(head))
    assert (header.num_samples, header.sample_rate_hz) == (num_samples, rate_hz)
    assert header.num_bytes == num_bytes


@pytest.mark.parametrize(
    "head", ["fffb", "00fb9064", "ffdb9064", "fff99064", "fffbf064", "fffb9c64"]
)
def test_other_bytes_are_not_a_header(head: str) -> None:
    assert parse_header(bytes.fromhex(head)) is None


def test_the_count_of_a_tag() -> None:
    header = parse_header(b"\xff\xfb\x90\x64")
    assert header is not None
    xing = bytes(36) + b"Xing\0\0\0\1" + (77).to_bytes(4, "big")
    assert announced_frames(xing, header) == 77
    assert announced_frames(xing.replace(b"\0\1\0", b"\0\0\0"), header) == 0
    assert announced_frames(bytes(36) + b"VBRI" + bytes(10) + (55).to_bytes(4, "big"), header) == 55
    assert announced_frames(bytes(60), header) is None
