"""Untrusted text, such as names, paths and file fields, made safe for a terminal."""

from __future__ import annotations

import os
import re
from typing import Final

# Characters without a visible glyph: those with the Unicode property Default_Ignorable_Code_Point
# that `str.isprintable` accepts, and the Braille blank.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)


def decoded_argument(text: str) -> str:
    """Decode text of a command line or a file name to Unicode.

    In a locale that is not Unicode, Python represents bytes of UTF-8 by surrogates.
    """
    return _bytes(text).decode("utf-8", "surrogateescape")


def file_name(text: str) -> str:
    """Encode Unicode text as the name of a file, whose bytes are UTF-8 in every locale.

    This is the inverse of `decoded_argument`. If the file system uses UTF-8, nothing changes.
    """
    return os.fsdecode(_bytes(text))


def counted(number: int, what: str) -> str:
    """Return a number with its noun: ``1 recording``, ``2 recordings``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def is_visible(text: str) -> bool:
    """Return whether every character is visible: not control, format, blank or unassigned.

    The space counts as visible; other separators, such as the no-break space, do not.
    """
    return text.isprintable() and not _BLANK.search(text)


def printable(text: str | os.PathLike[str]) -> str:
    r"""Escape the invisible characters of a text, as in ``\x1b`` and ``\ufe0f``.

    Use it to show text from other people: names, file fields, paths, device names. The result is
    one line, contains no terminal control sequences and hides nothing.
    """
    text = os.fspath(text)
    if is_visible(text):
        return text
    return "".join(
        character
        if is_visible(character)
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that represents no byte, which JSON may contain
        return text.encode("utf-8", "surrogatepass")
