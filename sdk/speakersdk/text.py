"""Text from elsewhere: names, paths and fields of files, made safe to show on a terminal."""

from __future__ import annotations

import os
import unicodedata
from typing import Final

# Letters, marks and symbols that show nothing: the Default_Ignorable_Code_Point characters of
# Unicode outside category C, and the blank of Braille. Those inside it are unprintable anyway.
_BLANK_RANGES: Final = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0000, 0xE0FFF),
)  # fmt: skip


def is_visible(character: str) -> bool:
    """Whether a character shows something: no control, format, blank or unassigned one.

    The space counts as visible; other separators, such as no-break space, do not.
    """
    if character.isascii():
        return character.isprintable()
    # Categories C (control, format, surrogate, private, unassigned) and Z (separators).
    if unicodedata.category(character)[0] in "CZ":
        return False
    code = ord(character)
    return not any(first <= code <= last for first, last in _BLANK_RANGES)


def printable(text: str | os.PathLike[str]) -> str:
    r"""The text with every character that is not visible escaped, as in ``\x1b`` and ``\ufe0f``.

    Use it for whatever a person reads and a stranger may have written: names and fields of files,
    paths, names of devices. The result is one line that cannot steer a terminal or hide a part.
    """
    return "".join(
        character
        if is_visible(character)
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in os.fspath(text)
    )
