"""Names of speakers: valid characters, and names that look like an existing one.

The rules for new names follow Unicode Technical Standard 39, "Unicode Security Mechanisms".
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from speakersdk.arguments import checked
from speakersdk.errors import ConfigError, DuplicateSpeakerError
from speakersdk.text import decoded_argument, is_visible, printable
from speakersdk.voiceprint.sealed_store import SUFFIXES

# In UTF-8 bytes. A file name may have 255 including the suffix.
_MAXIMUM_NAME_BYTES: Final = 200
_NAME_PUNCTUATION: Final = " -_.'@+"
# Scripts that may be mixed in a word, by the first word of the Unicode names of their characters.
_EAST_ASIAN: Final = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
# Windows opens a device by these names, whatever follows the first period.
_WINDOWS_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)}
)
_CONFUSABLES: Final = Path(__file__).with_name("confusables.txt")


def check_name(name: str) -> str:
    """Check a speaker's name and return it in Unicode form NFC.

    A name is safe as a file name and on a command line. It consists of visible letters, marks and
    digits of any script and ``space - _ . ' @ +``. It begins with a letter or digit, does not end
    with a space or period, and has at most 200 bytes in UTF-8.

    Raises:
        ConfigError: the name breaks one of these rules.
    """
    if not isinstance(name, str):
        raise ConfigError(f"expected a name as text, got {type(name).__name__}")
    name = unicodedata.normalize("NFC", decoded_argument(name))
    is_allowed = is_visible(name) and all(
        character.isalnum()
        or character in _NAME_PUNCTUATION
        or unicodedata.category(character).startswith("M")
        for character in name
    )
    if (
        not is_allowed
        or not name[:1].isalnum()
        or name.endswith((" ", "."))
        or len(name.encode()) > _MAXIMUM_NAME_BYTES
    ):
        raise ConfigError(
            "expected a name of letters, digits, spaces and - _ . ' @ +, none of them invisible, "
            "beginning with a letter or digit, ending in neither space nor period, at most "
            f"{_MAXIMUM_NAME_BYTES} bytes long, got '{printable(name[:_MAXIMUM_NAME_BYTES])}'"
        )
    return name


@checked
def check_new_name(name: str, taken: Iterable[str] = ()) -> str:
    """Check a new name like `check_name`, and that it cannot be confused with another name.

    A word must not mix scripts, except Latin with Chinese, Japanese or Korean. The name must not
    differ from a taken name only in case, which some file systems ignore, or in characters that
    look alike, such as Latin o and Cyrillic o. ASCII names are compared by case only. Two spaces in
    a row look like one and are refused, and so is a name with the suffix of a file of speakersdk.
    Names that Windows reserves for devices are refused everywhere, because folders may be moved.

    Args:
        name: the new name.
        taken: names in use; they may include the name itself.

    Raises:
        ConfigError: the name breaks a rule.
        DuplicateSpeakerError: a taken name differs only in case.
    """
    name = check_name(name)
    _check_spelling(name)
    _check_distinct(name, taken)
    return name


def _check_spelling(name: str) -> None:
    """Refuse a name that is a device or a file, or that mixes scripts in a word."""
    stem = unicodedata.normalize("NFKC", name.partition(".")[0].rstrip())
    if stem.casefold() in _WINDOWS_DEVICES:
        raise ConfigError(
            f"expected a name that can be a file's name on every system, got '{printable(name)}', "
            f"which Windows reserves for a device; choose another, such as '{stem} 1'"
        )
    if "  " in name:
        raise ConfigError(
            f"expected one space between the words of a name, got '{printable(name)}', which looks "
            "like the name with one; remove the others"
        )
    if name.casefold().endswith(SUFFIXES):
        raise ConfigError(
            f"expected a name, got the name of a file, '{printable(name)}'; leave out its suffix"
        )
    for word in _words(name):
        scripts = _scripts(word)
        if len(scripts) > 1 and not scripts <= _EAST_ASIAN:
            raise ConfigError(
                f"expected letters of one script in each word of a name, got '{printable(name)}' "
                f"with {' and '.join(sorted(script.lower() for script in scripts))} letters in "
                "one word; write it with one"
            )


def _check_distinct(name: str, taken: Iterable[str]) -> None:
    """Refuse a name that can be confused with another one that is taken."""
    folded, look = name.casefold(), _skeleton(name)
    for other in taken:
        if other == name:
            continue
        if other.casefold() == folded:
            raise DuplicateSpeakerError(other)
        if not (name.isascii() and other.isascii()) and _skeleton(other) == look:
            raise ConfigError(
                f"expected a name that cannot be mistaken for another, got '{printable(name)}' "
                f"({_spelled(name)}), which looks like the stored '{printable(other)}' "
                f"({_spelled(other)}); choose another name"
            )


def _words(name: str) -> list[str]:
    for punctuation in _NAME_PUNCTUATION:
        name = name.replace(punctuation, " ")
    return name.split()


def _scripts(word: str) -> set[str]:
    """Return the scripts of the letters and non-ASCII digits of a word."""
    scripts = set()
    for character in unicodedata.normalize("NFKC", word):
        category = unicodedata.category(character)
        if category in {"Lu", "Ll", "Lt", "Lo"} or (category == "Nd" and not character.isascii()):
            script = unicodedata.name(character).split()[0]
            scripts.add("ARABIC" if script in {"ARABIC-INDIC", "EXTENDED"} else script)
    return scripts


def _skeleton(name: str) -> str:
    """Return a key that is equal for names that look alike but for case (UTS 39, section 4)."""
    return unicodedata.normalize("NFKC", name).translate(_prototypes()).casefold()


@functools.cache
def _prototypes() -> dict[int, str]:
    """Return the representative of the class of each confusable character."""
    lines = _CONFUSABLES.read_text(encoding="utf-8").splitlines()
    return {
        ord(character): line[0]
        for line in lines
        if not line.startswith("#")
        for character in line[1:]
    }


def _spelled(name: str) -> str:
    """Name the scripts of a name, for a message about names that look the same."""
    scripts = sorted({script.lower() for word in _words(name) for script in _scripts(word)})
    return ", ".join(scripts) or "digits"
