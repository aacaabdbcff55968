"""Sealed files: AES-256-GCM around the bytes of a voiceprint or a gallery.

    magic (8) | version u32 | kind u8 | log2 n u8 | 0 u16 | size u64 | salt (16) | key id (16)
    | nonce (12) | ciphertext (size) | tag (16)

Integers are little-endian. Everything before the ciphertext is authenticated with it. Kind 0 is a
key of 32 random bytes, kind 1 a passphrase through scrypt with the salt and n. A nonce is random
and is never used again; one key is good for 2^32 files (NIST SP 800-38D, 8.3).
docs/guides/sealing.md describes the protection and its limits.
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
from typing import TYPE_CHECKING, BinaryIO, Final

from speakersdk.arguments import checked
from speakersdk.errors import ConfigError, MissingDependencyError, SealError
from speakersdk.files import open_regular, replacement
from speakersdk.text import counted, printable, utf8_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"\x89SPKS\r\n\x1a"
VERSION: Final = 1
KEY_BYTES: Final = 32
_HEADER: Final = struct.Struct("<8sIBBHQ16s16s12s")
_TAG_BYTES: Final = 16
SEAL_BYTES: Final = _HEADER.size + _TAG_BYTES  # added to the length of a file
_RANDOM, _PASSPHRASE = 0, 1
# A derivation takes 128 MiB and about 0.3 s: RFC 7914 with r = 8, p = 1 and n as OWASP advises.
_LOG_N: Final = 17
_LOG_N_READ: Final = range(14, 21)  # a file cannot ask for more than 1 GiB
_NO_SALT: Final = bytes(16)
_MAXIMUM_BYTES: Final = (1 << 31) - 1  # limit of one call of AES-GCM
_KEYRING_SERVICE: Final = "speakersdk"
_DIGITS: Final = 2 * KEY_BYTES


@checked
class SealingKey:
    """A key that seals files and opens them. Make one with a class method.

    The key is not part of `repr` and cannot be pickled.
    """

    def __init__(self, *, key: bytes | None = None, passphrase: str | None = None) -> None:
        self._passphrase = passphrase
        # Keys by salt and log2 n: scrypt is slow, and the files of one key share a salt.
        self._derived: dict[tuple[bytes, int], bytes] = {}
        if key is not None:
            self._derived[_NO_SALT, 0] = key
        _aead()

    @classmethod
    def from_bytes(cls, key: bytes) -> SealingKey:
        """Make a key from 32 random bytes, for example from a key management service.

        Raises:
            ConfigError: the key has another length.
            MissingDependencyError: the extra `secure` is not installed; this also applies to the
                other methods.
        """
        if len(key) != KEY_BYTES:
            raise ConfigError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
        return cls(key=bytes(key))

    @classmethod
    def from_passphrase(cls, passphrase: str) -> SealingKey:
        """Make a key that scrypt derives from a passphrase; the first use takes about 0.3 s.

        Raises:
            ConfigError: the passphrase is empty.
        """
        if not passphrase:
            raise ConfigError("expected a passphrase, got an empty text")
        return cls(passphrase=passphrase)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, create: bool = False) -> SealingKey:
        """Read the key in a file of 64 hexadecimal digits that only its owner may read.

        Args:
            path: path of the file, mode 0600 or stricter.
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
                f"expected a key file that only its owner may read, got mode {mode:04o} of "
                f"{shown}; run chmod 600 {shown}"
            )
        try:
            key = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigError(
                f"expected {_DIGITS} hexadecimal digits in the key file {shown}, got "
                f"{counted(len(text), 'byte')} of other content; name another file, which "
                "speakersdk profiles seal --key makes if there is none"
            )
        return cls.from_bytes(key)

    @classmethod
    def from_keyring(cls, name: str = "default", *, create: bool = False) -> SealingKey:
        """Read a key from the operating system's keyring, from the service ``speakersdk``.

        Args:
            name: name of the key.
            create: make a new key if there is none.

        Raises:
            ConfigError: there is no such key, or no usable keyring.
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
                "expected a keyring of the operating system, got none that works "
                f"({str(error).partition('. ')[0]}); use a key file (file:PATH) or a passphrase"
            ) from error
        if text is None:
            raise ConfigError(
                f"expected a key named {name!r} in the keyring, found none; "
                f"speakersdk profiles seal --key keyring:{name} makes one"
            )
        try:
            return cls.from_bytes(base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise ConfigError(f"the keyring's entry {name!r} is not a key of speakersdk") from error

    def seal(self, data: bytes) -> bytes:
        """Seal the bytes of a file.

        Raises:
            SealError: there are more than 2 GiB.
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
        """Open the result of `seal` and return the original bytes.

        Raises:
            SealError: the bytes are not sealed, of another version, truncated, changed, or sealed
                with another key.
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
        """Derive 32 secret bytes for another purpose, which do not reveal the key.

        Raises:
            ConfigError: the key is a passphrase, which gives another key for every salt.
        """
        key = self._derived.get((_NO_SALT, 0))
        if key is None:
            raise ConfigError("expected a key from the keyring, a file or bytes, got a passphrase")
        return hmac.digest(key, b"speakersdk\0" + utf8_bytes(purpose), "sha256")

    def _key(self, salt: bytes, log_n: int) -> bytes | None:
        key = self._derived.get((salt, log_n))
        if key is None and self._passphrase is not None:
            key = hashlib.scrypt(
                utf8_bytes(self._passphrase),
                salt=salt,
                n=1 << log_n,
                r=8,
                p=1,
                maxmem=(1 << log_n) * 1024 + (1 << 20),
                dklen=KEY_BYTES,
            )
            self._derived[salt, log_n] = key
        return key

    def __repr__(self) -> str:
        return f"SealingKey({'random' if self._passphrase is None else 'passphrase'})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled or copied; read it again where it is needed")


def is_sealed(data: bytes) -> bool:
    """Return whether the bytes of a file, or its first 8, are those of a sealed file."""
    return data[: len(MAGIC)] == MAGIC


def sealed(data: bytes, key: SealingKey | None) -> bytes:
    """Return the bytes to write to a file: sealed if there is a key, otherwise plain."""
    return data if key is None else key.seal(data)


def unsealed(data: bytes, key: SealingKey | None) -> bytes:
    """Return the content of a file, which must be sealed if there is a key, and plain otherwise.

    Raises:
        SealError: the file is not as expected, or cannot be opened with this key.
    """
    if key is not None:
        return key.open(data)
    if is_sealed(data):
        raise SealError("the file is sealed; give its key (key=..., on the command line --key)")
    return data


def unsealed_content(file: BinaryIO, key: SealingKey | None) -> bytes | None:
    """Return the content of an open file that is sealed, or must be because there is a key.

    The result is None for a plain file, which can then be read in place from its start.

    Raises:
        SealError: as for `unsealed`.
    """
    is_plain = key is None and not is_sealed(file.read(len(MAGIC)))
    file.seek(0)
    return None if is_plain else unsealed(file.read(), key)


def key_if_sealed(path: Path, key: SealingKey | None) -> SealingKey | None:
    """Return the key to open a file with: None if the file is plain.

    Raises:
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        return key if is_sealed(file.read(len(MAGIC))) else None


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
    """Return an identifier that does not reveal a random key."""
    return hashlib.sha256(b"speakersdk key id\0" + key).digest()[:16]


def _wrong_key() -> SealError:
    return SealError("the file was sealed with another key; give the key that it was sealed with")
