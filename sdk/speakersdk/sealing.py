"""Sealed files: AES-256-GCM around the bytes of a voiceprint or a gallery.

    magic (8) | version u32 | kind u8 | log2 n u8 | 0 u16 | size u64 | salt (16) | key id (16)
    | nonce (12) | ciphertext (size) | tag (16)

Integers are little-endian. Everything before the ciphertext is authenticated with it. Kind 0 is a
key of 32 random bytes, kind 1 a passphrase through scrypt with the salt and n. A nonce is random
and is never used again; one key is good for 2^32 files (NIST SP 800-38D, 8.3).
docs/guides/sealing.md says what this protects against and what it does not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from speakersdk.errors import ConfigError, MissingDependencyError, SealError
from speakersdk.files import open_regular, replacement
from speakersdk.text import printable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"\x89SPKS\r\n\x1a"
VERSION: Final = 1
KEY_BYTES: Final = 32
_HEADER: Final = struct.Struct("<8sIBBHQ16s16s12s")
_TAG_BYTES: Final = 16
SEAL_BYTES: Final = _HEADER.size + _TAG_BYTES  # by which a sealed file is longer
_RANDOM, _PASSPHRASE = 0, 1
# 128 MiB and some 0.3 s a derivation: RFC 7914 with r = 8, p = 1 and the n of OWASP's advice.
_LOG_N: Final = 17
_LOG_N_READ: Final = range(14, 21)  # a file cannot ask for more than 1 GiB
_NO_SALT: Final = bytes(16)
_MAXIMUM_BYTES: Final = (1 << 31) - 1  # of one call of AES-GCM
_KEYRING_SERVICE: Final = "speakersdk"
_DIGITS: Final = 2 * KEY_BYTES


class SealingKey:
    """A key that seals files and opens them. Make one with a class method.

    The key is not part of `repr` and cannot be pickled.
    """

    def __init__(self, *, key: bytes | None = None, passphrase: str | None = None) -> None:
        self._passphrase = passphrase
        # Keys by salt and log2 n: scrypt is slow, and files of one key share a salt.
        self._derived: dict[tuple[bytes, int], bytes] = {}
        if key is not None:
            self._derived[_NO_SALT, 0] = key
        _aead()

    @classmethod
    def from_bytes(cls, key: bytes) -> SealingKey:
        """A key of 32 random bytes, such as from a service that manages keys.

        Raises:
            ConfigError: the key has another length.
            MissingDependencyError: the extra `secure` is not installed. The other methods raise it
                too.
        """
        if len(key) != KEY_BYTES:
            raise ConfigError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
        return cls(key=bytes(key))

    @classmethod
    def from_passphrase(cls, passphrase: str) -> SealingKey:
        """A key that scrypt derives from a passphrase; the first use takes some 0.3 s.

        Raises:
            ConfigError: the passphrase is empty.
        """
        if not passphrase:
            raise ConfigError("expected a passphrase, got an empty text")
        return cls(passphrase=passphrase)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, create: bool = False) -> SealingKey:
        """The key in a file of 64 hexadecimal digits, which its owner alone may read.

        Args:
            path: of the file, mode 0600 or stricter.
            create: make the file with a new key if there is none.

        Raises:
            ConfigError: the file is missing, readable by others, or not a key.
        """
        path = Path(path)
        if create and not os.path.lexists(path):
            with replacement(path, is_new=True) as file:
                file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
        shown = printable(path)
        try:
            with open_regular(path) as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(_DIGITS + 2)
        except OSError as error:
            raise ConfigError(
                f"expected a key in {shown}: {error.strerror}; "
                f"speakersdk profiles seal --key file:{shown} makes one"
            ) from error
        if os.name == "posix" and mode & 0o077:
            raise ConfigError(
                f"expected a key file that its owner alone may read, got mode {mode:04o} of "
                f"{shown}; run chmod 600 {shown}"
            )
        try:
            key = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigError(f"expected {_DIGITS} hexadecimal digits in the key file {shown}")
        return cls.from_bytes(key)

    @classmethod
    def from_keyring(cls, name: str = "default", *, create: bool = False) -> SealingKey:
        """The key in the keyring of the operating system, under the service ``speakersdk``.

        Args:
            name: of the key.
            create: make a new key if there is none.

        Raises:
            ConfigError: there is no such key, or no keyring that can be used.
        """
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError as error:
            raise _missing("keyring") from error
        try:
            text = keyring.get_password(_KEYRING_SERVICE, name)
            if text is None and create:
                text = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
                keyring.set_password(_KEYRING_SERVICE, name, text)
        except KeyringError as error:
            raise ConfigError(
                f"expected a keyring of the operating system, got: {error}; use a key file "
                "(file:PATH) or a passphrase"
            ) from error
        if text is None:
            raise ConfigError(
                f"expected a key named {name!r} in the keyring, found none; "
                f"speakersdk profiles seal --key keyring:{name} makes one"
            )
        try:
            return cls.from_bytes(base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise ConfigError(f"the keyring's entry {name!r} is no key of speakersdk") from error

    def seal(self, data: bytes) -> bytes:
        """The sealed form of a file's bytes.

        Raises:
            SealError: more than 2 GiB.
        """
        if len(data) > _MAXIMUM_BYTES:
            raise SealError(f"expected at most {_MAXIMUM_BYTES} bytes to seal, got {len(data)}")
        if not self._derived:
            self._key(secrets.token_bytes(16), _LOG_N)
        (salt, log_n), key = next(reversed(self._derived.items()))
        kind = _RANDOM if self._passphrase is None else _PASSPHRASE
        nonce = secrets.token_bytes(12)
        header = _HEADER.pack(MAGIC, VERSION, kind, log_n, 0, len(data), salt, _key_id(key), nonce)
        return header + _aead()(key).encrypt(nonce, data, header)

    def open(self, sealed: bytes) -> bytes:
        """The bytes that `seal` was given.

        Raises:
            SealError: not sealed, another version, truncated, sealed with another key, or changed.
        """
        if not is_sealed(sealed):
            raise SealError(
                "expected a sealed file, got a plain one; if it is yours, seal it: "
                "speakersdk profiles seal"
            )
        if len(sealed) < SEAL_BYTES:
            raise SealError(f"the sealed file is truncated after {len(sealed)} bytes")
        header = sealed[: _HEADER.size]
        _, version, kind, log_n, _, size, salt, key_id, nonce = _HEADER.unpack(header)
        if version != VERSION:
            raise SealError(
                f"expected sealed files of version {VERSION}, got {version}; install a speakersdk "
                "version that knows it"
            )
        if len(sealed) != size + SEAL_BYTES:
            raise SealError(
                f"the sealed file is truncated or was changed: expected {size + SEAL_BYTES} "
                f"bytes, got {len(sealed)}"
            )
        expected = _RANDOM if self._passphrase is None else _PASSPHRASE
        if kind != expected or (kind == _PASSPHRASE and log_n not in _LOG_N_READ):
            raise _wrong_key()
        key = self._key(salt, log_n)
        if key is None or not secrets.compare_digest(_key_id(key), key_id):
            raise _wrong_key()
        from cryptography.exceptions import InvalidTag

        try:
            return _aead()(key).decrypt(nonce, sealed[_HEADER.size :], header)
        except InvalidTag as error:
            raise SealError(
                "the sealed file was changed after it was sealed: its authentication failed; "
                "restore it from a copy, or enroll again"
            ) from error

    def derived(self, purpose: str) -> bytes:
        """32 secret bytes for another purpose, which say nothing of the key.

        Raises:
            ConfigError: the key is a passphrase, which has another key for every salt.
        """
        key = self._derived.get((_NO_SALT, 0))
        if key is None:
            raise ConfigError("expected a key from the keyring, a file or bytes, got a passphrase")
        return hmac.digest(key, b"speakersdk\0" + purpose.encode(), "sha256")

    def _key(self, salt: bytes, log_n: int) -> bytes | None:
        known = self._derived.get((salt, log_n))
        if known is None and self._passphrase is not None:
            known = hashlib.scrypt(
                self._passphrase.encode(),
                salt=salt,
                n=1 << log_n,
                r=8,
                p=1,
                maxmem=(1 << log_n) * 1024 + (1 << 20),
                dklen=KEY_BYTES,
            )
            self._derived[salt, log_n] = known
        return known

    def __repr__(self) -> str:
        return f"SealingKey({'random' if self._passphrase is None else 'passphrase'})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled or copied; read it again where it is needed")


def is_sealed(data: bytes) -> bool:
    """Whether a file's bytes, or its first 8, are those of a sealed file."""
    return data[: len(MAGIC)] == MAGIC


def sealed(data: bytes, key: SealingKey | None) -> bytes:
    """What is written to a file: sealed with a key, plain without one."""
    return data if key is None else key.seal(data)


def unsealed(data: bytes, key: SealingKey | None) -> bytes:
    """What a file holds. With a key it must be sealed, without one it must be plain.

    Raises:
        SealError: it is not, or cannot be opened with this key.
    """
    if key is not None:
        return key.open(data)
    if is_sealed(data):
        raise SealError("the file is sealed; give its key (key=..., on the command line --key)")
    return data


def _aead() -> type[AESGCM]:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise _missing("cryptography") from error
    return AESGCM


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"sealing needs the package {package}, which is not installed",
        remedy='pip install "speakersdk[secure]"',
    )


def _key_id(key: bytes) -> bytes:
    """Tells keys apart without saying anything of a random key."""
    return hashlib.sha256(b"speakersdk key id\0" + key).digest()[:16]


def _wrong_key() -> SealError:
    return SealError("the file was sealed with another key; give the key that it was sealed with")
