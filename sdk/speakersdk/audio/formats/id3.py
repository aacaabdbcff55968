"""ID3 tags, which music players write in front of MP3 and other files, or behind them.

The size that a tag declares may be wrong: readers must not skip audio because of it.
"""

from __future__ import annotations

from typing import BinaryIO, Final

HEADER_BYTES: Final = 10
_OLD_BYTES: Final = 128  # of a tag of the first version, which is behind the audio


def behind_tags(file: BinaryIO, position: int, end: int) -> int:
    """Return the end of the ID3v2 tags at `position`; `position` if there is none."""
    while position < end:
        file.seek(position)
        head = file.read(HEADER_BYTES)
        if head[:3] != b"ID3" or len(head) < HEADER_BYTES:
            break
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        position += HEADER_BYTES + size + (HEADER_BYTES if head[5] & 0x10 else 0)
    return position


def behind_old_tag(file: BinaryIO, position: int, end: int) -> int:
    """Return the end of the ID3v1 tag at `position`; `position` if there is none."""
    file.seek(position)
    return min(end, position + _OLD_BYTES) if file.read(3) == b"TAG" else position


def before_old_tag(file: BinaryIO, position: int, end: int) -> int:
    """Return the start of the ID3v1 tag with which a stream from `position` ends; else `end`."""
    tag = end - _OLD_BYTES
    return tag if tag > position and behind_old_tag(file, tag, end) == end else end


def tag_problem(start: int, behind: int, end: int) -> str:
    """Describe what is wrong with a file of which only a tag is known.

    Args:
        start: offset of the tag.
        behind: offset after it, as it declares.
        end: offset after the last byte of the file.
    """
    if behind < end:
        return "no audio of a known format follows its ID3 tag"
    return (
        f"truncated: its ID3 tag has {end - start} of {behind - start} bytes; the audio that "
        "followed is missing"
    )
