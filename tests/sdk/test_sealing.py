from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="extra secure is not installed")

from speakersdk.errors import ConfigError, SealError
from speakersdk.sealing import SEAL_BYTES, SealingKey, is_sealed, sealed, unsealed

KEY = SealingKey.from_bytes(bytes(range(32)))
DATA = b"biometric data" * 10


def test_what_is_sealed_is_opened() -> None:
    first, second = KEY.seal(DATA), KEY.seal(DATA)
    assert KEY.open(first) == KEY.open(second) == DATA
    assert len(first) == len(DATA) + SEAL_BYTES
    assert first != second  # a nonce is used once
    assert DATA[:14] not in first
    assert is_sealed(first)


def test_every_changed_byte_is_refused() -> None:
    content = KEY.seal(DATA)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(SealError):
            KEY.open(bytes(changed))


def test_every_truncation_is_refused() -> None:
    content = KEY.seal(DATA)
    for size in range(len(content)):
        with pytest.raises(SealError, match="truncated" if size >= 8 else "plain"):
            KEY.open(content[:size])


def test_each_fault_has_its_message() -> None:
    content = KEY.seal(DATA)
    with pytest.raises(SealError, match="another key"):
        SealingKey.from_bytes(bytes(32)).open(content)
    with pytest.raises(SealError, match="another key"):
        SealingKey.from_passphrase("word").open(content)
    with pytest.raises(SealError, match="was changed after it was sealed"):
        KEY.open(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(SealError, match="truncated or was changed"):
        KEY.open(content[:-1])
    with pytest.raises(SealError, match="got a plain one"):
        unsealed(DATA, KEY)
    with pytest.raises(SealError, match="give its key"):
        unsealed(content, None)
    assert unsealed(sealed(DATA, None), None) == DATA


def test_a_passphrase_opens_what_it_sealed() -> None:
    content = SealingKey.from_passphrase("correct horse").seal(DATA)
    assert SealingKey.from_passphrase("correct horse").open(content) == DATA
    with pytest.raises(SealError, match="another key"):
        SealingKey.from_passphrase("wrong horse").open(content)


def test_a_file_cannot_ask_for_any_amount_of_memory() -> None:
    key = SealingKey.from_passphrase("word")
    content = bytearray(key.seal(DATA))
    content[13] = 40
    with pytest.raises(SealError, match="another key"):
        key.open(bytes(content))


def test_a_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(ConfigError, match="profiles seal --key file:"):
        SealingKey.from_file(path)
    content = SealingKey.from_file(path, create=True).seal(DATA)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SealingKey.from_file(path, create=True).open(content) == DATA
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        SealingKey.from_file(path)


@pytest.mark.parametrize("text", ["", "ab", "x" * 64, "ab" * 33])
def test_a_file_that_holds_no_key_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    message = r"64 hexadecimal digits .* got \d+ bytes? of other .*; name another file"
    with pytest.raises(ConfigError, match=message):
        SealingKey.from_file(path)


def test_the_keyring_keeps_keys_by_name() -> None:
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    class Memory(backend.KeyringBackend):  # type: ignore[name-defined, misc]
        priority = 1

        def __init__(self) -> None:
            super().__init__()
            self.entries: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.entries.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.entries[service, username] = password

    before = keyring.get_keyring()
    try:
        keyring.set_keyring(Memory())
        with pytest.raises(ConfigError, match="found none"):
            SealingKey.from_keyring()
        content = SealingKey.from_keyring(create=True).seal(DATA)
        assert SealingKey.from_keyring().open(content) == DATA
        with pytest.raises(SealError, match="another key"):
            SealingKey.from_keyring("other", create=True).open(content)
    finally:
        keyring.set_keyring(before)


def test_a_machine_without_a_keyring_names_the_alternatives() -> None:
    keyring = pytest.importorskip("keyring")
    fail = pytest.importorskip("keyring.backends.fail")
    before = keyring.get_keyring()
    try:
        keyring.set_keyring(fail.Keyring())
        with pytest.raises(ConfigError, match="use a key file"):
            SealingKey.from_keyring()
    finally:
        keyring.set_keyring(before)


def test_keys_show_and_pass_on_nothing() -> None:
    assert repr(KEY) == "SealingKey(random)"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(KEY)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        SealingKey.from_bytes(bytes(size))


@pytest.mark.parametrize(
    ("package", "call"),
    [("cryptography", "from_bytes(bytes(32))"), ("keyring", "from_keyring()")],
)
def test_without_the_extra_there_is_one_clear_error(package: str, call: str) -> None:
    source = f"""
import sys
sys.modules[{package!r}] = None
from speakersdk.errors import MissingDependencyError
from speakersdk.sealing import SealingKey
try:
    SealingKey.{call}
except MissingDependencyError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert result.stdout == (
        f"sealing needs the package {package}, which is not installed; "
        'pip install "speakersdk[secure]"\n'
    )


def test_a_key_gives_other_secrets_for_other_purposes() -> None:
    key = SealingKey.from_bytes(bytes(32))
    assert key.derived("rotation") == SealingKey.from_bytes(bytes(32)).derived("rotation")
    secrets = {key.derived("rotation"), key.derived("other"), bytes(32)}
    assert len(secrets) == 3
    assert {len(secret) for secret in secrets} == {32}
    with pytest.raises(ConfigError, match="got a passphrase"):
        SealingKey.from_passphrase("horse").derived("rotation")
