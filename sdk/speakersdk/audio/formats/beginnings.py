"""The first bytes of audio files, by which one is found behind the end of another."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

# Every FLAC stream begins with a STREAMINFO block.
FLAC_HEAD: Final = b"fLaC\x00\x00\x00\x22"
WAVE64_HEAD: Final = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
# At least six fixed bytes, which are in no other data by chance.
_SURE_HEAD: Final = (
    rb"(?:RIFF|RF64|BW64|RIFX).{4}WAVE|FORM.{4}(?:AIF[FC]|8SVX|16SV)|caff\x00\x01|OggS\x00\x02"
    rb"|NIST_1A\n|Creative Voice F|" + re.escape(FLAC_HEAD) + b"|" + re.escape(WAVE64_HEAD)
)
# AU has only four, but few values are possible in the other fields: the offset of the samples, the
# encoding, the rate and the number of channels.
_AU_HEAD: Final = rb"\.snd\0\0.{6}\0\0\0[\x01-\x1b]\0[\0-\x0b]..\0\0\0[^\0]"
_AU_BYTES: Final = 24
_SURE: Final = re.compile(_SURE_HEAD, re.DOTALL)
_FOUND: Final = re.compile(_SURE_HEAD + b"|" + _AU_HEAD, re.DOTALL)
_READ_BYTES: Final = 2**20
HEAD_BYTES: Final = 16


def begins_file(head: bytes) -> bool:
    """Return whether an audio file begins with these bytes, of which there are 16; not for MPEG."""
    return head[:4] == b".snd" or _SURE.match(head) is not None


def next_file(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the next offset at which an audio file begins, except of MPEG."""
    for first in range(position, end, _READ_BYTES):
        file.seek(first)
        found = _FOUND.search(file.read(min(_READ_BYTES + _AU_BYTES - 1, end - first)))
        if found is not None:
            return first + found.start()
    return None
