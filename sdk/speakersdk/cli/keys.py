"""Keys of sealed voiceprints on the command line: ``--key`` or the variable SPEAKERSDK_KEY."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Final

from speakersdk.errors import ConfigError
from speakersdk.sealing import SealingKey
from speakersdk.text import printable

KEY_VARIABLE: Final = "SPEAKERSDK_KEY"
PASSPHRASE_VARIABLE: Final = "SPEAKERSDK_PASSPHRASE"
KEY_HELP: Final = (
    "key of sealed voiceprints: keyring, keyring:NAME, file:PATH or passphrase (default: "
    f"${KEY_VARIABLE}; without it, not encrypted)"
)


def find_key(text: str | None, *, create: bool = False) -> SealingKey | None:
    """Find the key that an option names, or the environment if there is no option.

    Args:
        text: value of the option; None means that it is not given.
        create: make the key if the keyring or the file does not have it.

    Raises:
        ConfigError: the text does not name a kind of key, or there is no such key.
        MissingDependencyError: the extra `secure` is not installed.
    """
    text = os.environ.get(KEY_VARIABLE) if text is None else text
    if not text:
        return None
    kind, _, place = text.partition(":")
    if kind == "keyring":
        return SealingKey.from_keyring(place or "default", create=create)
    if kind == "file" and place:
        return SealingKey.from_file(Path(place).expanduser(), create=create)
    if text == "passphrase":
        return SealingKey.from_passphrase(_passphrase())
    raise ConfigError(
        f"expected a key as keyring, keyring:NAME, file:PATH or passphrase, got '{printable(text)}'"
    )


def _passphrase() -> str:
    passphrase = os.environ.get(PASSPHRASE_VARIABLE)
    if passphrase is not None:
        return passphrase
    if not sys.stdin.isatty():
        raise ConfigError(
            f"expected the passphrase in ${PASSPHRASE_VARIABLE}, or a terminal to ask for it"
        )
    return getpass.getpass("passphrase: ")
