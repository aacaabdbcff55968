"""Text from elsewhere: names, paths and fields of files, made safe to show on a terminal."""

from __future__ import annotations

import os
import re
from typing import Final

# Letters, marks and symbols that show nothing: the Default_Ignorable_Code_Point characters of
# Unicode that `str.isprintable` lets through, and the blank of Braille.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)


def is_visible(text: str) -> bool:
    """Whether every character shows something: no control, format, blank or unassigned one.

    The space counts as visible; other separators, such as no-break space, do not.
    """
    return text.isprintable() and not _BLANK.search(text)


def printable(text: str | os.PathLike[str]) -> str:
    r"""The text with every character that is not visible escaped, as in ``\x1b`` and ``\ufe0f``.

    Use it for whatever a person reads and a stranger may have written: names and fields of files,
    paths, names of devices. The result is one line that cannot steer a terminal or hide a part.
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
