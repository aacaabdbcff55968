"""Untrusted text, such as names, paths and file fields, made safe for a terminal."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

# Characters without a visible glyph: those with the Unicode property Default_Ignorable_Code_Point
# that `str.isprintable` accepts, and the Braille blank.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)
# What to do about errors of the operating system.
_OS_REMEDIES: Final = {
    errno.EACCES: "check the permissions",
    errno.EBUSY: "name a file that no other program and no mount uses",
    errno.EDQUOT: "free some space, or choose another folder",
    errno.EEXIST: "name another",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f)",
    errno.EIO: "check the disk",
    errno.EISDIR: "name a file",
    errno.ELOOP: "name the file itself, or remove the link that leads to itself",
    errno.EMFILE: "close other files, or raise the limit (ulimit -n)",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ENFILE: "close other programs",
    errno.ENOENT: "check the path",
    errno.ENOSPC: "free some space, or choose another folder",
    errno.ENOTDIR: "name a folder",
    errno.ENXIO: "name a file",  # a socket
    errno.EPERM: "check the permissions",
    errno.EROFS: "choose a folder that can be written to",
}


def decoded_argument(text: str) -> str:
    """Decode text of a command line or a file name to Unicode.

    In a locale that is not Unicode, Python represents bytes of UTF-8 by surrogates.
    """
    return utf8_bytes(text).decode("utf-8", "surrogateescape")


def file_name(text: str) -> str:
    """Encode Unicode text as the name of a file, whose bytes are UTF-8 in every locale.

    This is the inverse of `decoded_argument`. If the file system uses UTF-8, nothing changes.
    """
    return os.fsdecode(utf8_bytes(text))


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


def os_error_text(error: OSError) -> str:
    """Describe an error of the operating system: the file, the reason and what to do.

    If two files are involved, as in a rename, the description names the second one.
    """
    if error.strerror is None:
        return str(error)
    path = error.filename if error.filename2 is None else error.filename2
    place = f"{printable(os.fsdecode(path))}: " if isinstance(path, str | bytes) else ""
    number = error.errno or 0
    # Other texts than the system's own say what to do themselves.
    remedy = _OS_REMEDIES.get(number) if error.strerror == os.strerror(number) else None
    return f"{place}{error.strerror}" + ("" if remedy is None else f"; {remedy}")


def utf8_bytes(text: str) -> bytes:
    """Return the bytes of a text; surrogates, which stand for bytes of other encodings, too."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that represents no byte, which JSON may contain
        return text.encode("utf-8", "surrogatepass")
