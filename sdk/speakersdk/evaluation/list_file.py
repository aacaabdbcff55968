"""Text files that list recordings, segments, trials, scores or speakers, one per line.

The encoding is UTF-8, or UTF-16 or UTF-32 with a byte order mark. Columns are separated by tabs, or
by white space if no name contains any outside quotation marks.
"""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from pathlib import Path
from typing import Final

from speakersdk.audio.input_file import open_input
from speakersdk.errors import ConfigError, UnreadableAudioError

# UTF-32 before UTF-16: the mark of UTF-16-LE is a prefix of that of UTF-32-LE.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# A column in quotation marks that end before white space, or one without white space.
_COLUMN: Final = re.compile(r"""(["']).+?\1(?!\S)|\S+""")
_NO_TEXT: Final = (
    "expected text, got a zero byte; name a list, not a recording, and save it as UTF-8, or as "
    "UTF-16 with a byte order mark"
)


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines that are not blank, with their line numbers.

    Raises:
        ConfigError: the file is missing or is not text.
    """
    try:
        with open_input(path) as file:
            content = file.read()
    except UnreadableAudioError as error:
        if not os.access(path, os.F_OK):
            hint = "; /dev/stdin is standard input" if path.name == "-" else ""
            raise ConfigError(f"expected a list at {path}, found none{hint}") from error
        if path.is_dir():
            raise ConfigError(f"expected a list at {path}, found a folder; name a file") from error
        raise ConfigError(f"cannot read the list {path}: {error.reason}") from error
    text = _decoded(path, content).replace("\r\n", "\n").replace("\r", "\n")
    numbered = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    for number, line in numbered:
        if "\0" in line:
            raise ConfigError(f"{path}:{number}: {_NO_TEXT}")
    return [(number, line) for number, line in numbered if line]


def columns(line: str, at_least: int) -> list[str]:
    """Split a line at tabs if that gives enough columns, otherwise at white space.

    The quotation marks around a column are left out, and white space between them does not split
    it. A second pair keeps those that belong to a name.
    """
    cells = tab_columns(line)
    if len(cells) < at_least:
        cells = [match[0] for match in _COLUMN.finditer(line)]
    return [unquoted(cell) or cell for cell in cells]


def tab_columns(line: str) -> list[str]:
    """Split a line at tabs and leave out empty columns."""
    return [cell.strip() for cell in line.split("\t") if cell.strip()]


def unquoted(text: str) -> str | None:
    """Return a text without the quotation marks around it; None if there are none."""
    is_quoted = len(text) > 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if is_quoted else None


def name_key(name: str) -> str:
    """Return a name in Unicode form NFC, in which names are compared."""
    return unicodedata.normalize("NFC", name)


def _decoded(path: Path, content: bytes) -> str:
    mark, encoding = next(
        ((mark, encoding) for mark, encoding in _MARKS if content.startswith(mark)), (b"", "utf-8")
    )
    content = content[len(mark) :]
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if not mark and b"\0" in content:
            number = content[: content.index(b"\0")].count(b"\n") + 1
            raise ConfigError(f"{path}:{number}: {_NO_TEXT}") from error
        before = content[: error.start].decode(encoding)
        number = before.count("\n") + 1
        found = content[error.start : error.end].hex(" ")
        raise ConfigError(
            f"{path}:{number}: expected {encoding.upper()}, got the bytes {found} after "
            f"{before.rpartition(chr(10))[2]!r}; save the list as UTF-8, for example with "
            "`iconv -f latin1 -t utf-8`"
        ) from error
