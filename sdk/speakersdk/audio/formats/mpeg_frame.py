"""The four-byte headers of MPEG audio frames, and the counts in Xing and VBRI tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_LOW: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# (is MPEG 1, layer) -> bit rates in kbit/s of the indices 1 to 14.
_BIT_RATES: Final = {
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): _LOW,
    (False, 3): _LOW,
}
_RATES_HZ: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# The largest frame: MPEG 2.5, layer 2, 160 kbit/s at 8 kHz, with padding.
MOST_FRAME_BYTES: Final = 144 * 160_000 // 8000 + 1
# The first three bytes of a header, as far as a search can tell: the sync word with a version and a
# layer, a bit rate and a sample rate.
HEADER_START: Final = re.compile(rb"\xff(?=[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x00-\xef])")


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The four-byte header of a frame."""

    kind: int  # version, layer and rate: the same in all frames of a stream
    num_bytes: int  # size of the frame; 0 for the free format, whose frames do not state it
    num_samples: int
    sample_rate_hz: int
    side_bytes: int  # between the header and a Xing tag


def parse_header(head: bytes) -> FrameHeader | None:
    """Return the header in the first four bytes of `head`; None if there is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    return _make_header(head[1] & 0x1E, head[2] & 0xFE, head[3] & 0xC0)


@cache
def _make_header(second: int, third: int, fourth: int) -> FrameHeader | None:
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    bit_rate_index, rate_index = third >> 4, third >> 2 & 3
    if version == 1 or layer == 4 or bit_rate_index == 15 or rate_index == 3:
        return None
    is_first, rate_hz = version == 3, _RATES_HZ[version][rate_index]
    num_samples = 384 if layer == 1 else 1152 if is_first or layer == 2 else 576
    num_bytes = 0
    if bit_rate_index:
        bit_rate = 1000 * _BIT_RATES[is_first, layer][bit_rate_index - 1]
        padding = third >> 1 & 1
        num_bytes = num_samples // 8 * bit_rate // rate_hz + padding
        if layer == 1:
            num_bytes = 4 * (12 * bit_rate // rate_hz + padding)
    is_mono = fourth >> 6 == 3
    side_bytes = {(True, False): 32, (False, True): 9}.get((is_first, is_mono), 17)
    kind = (second & 0x1E) << 8 | rate_index
    return FrameHeader(kind, num_bytes, num_samples, rate_hz, side_bytes)


def announced_frames(frame: bytes, header: FrameHeader) -> int | None:
    """Return the count in a Xing or VBRI tag; 0 if the tag has none; None without a tag."""
    tag = frame[4 + header.side_bytes :]
    if tag[:4] in (b"Xing", b"Info") and int.from_bytes(tag[4:8], "big") < 16:
        return int.from_bytes(tag[8:12], "big") if tag[7] & 1 else 0
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big")
    return None
