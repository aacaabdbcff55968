"""The container of the SDK's own files: magic, version, header, content, checksum.

    magic (8) | version u32 | header length u32 | header JSON | [SHA-256 so far (32)]
    | content | SHA-256 so far (32)

Integers are little-endian. The checksum after the header is optional; it is for content that is
mapped into memory. Every value is checked before it is used: lengths against the size of the file,
and each field of the header against its type.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NoReturn

from speakersdk.errors import SpeakerSdkError
from speakersdk.sealing import is_sealed
from speakersdk.text import printable

CHECKSUM_BYTES: Final = 32
# Parsed JSON takes about thirty times the memory of its text. The header of a voiceprint with
# 40,000 recordings fits.
MAXIMUM_HEADER_BYTES: Final = 1 << 20
_PREFIX = struct.Struct("<8sII")
_CHUNK_BYTES = 1 << 22
_AGAIN = "copy it again, or make a new one"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFormat:
    """A file format.

    Attributes:
        noun: name of the format in messages.
        magic: the first 8 bytes. As in PNG, the high bit detects 7-bit transfers, and CR LF detects
            converted line ends.
        versions: the versions that can be read.
        error: class of the errors raised for invalid files.
        has_header_checksum: whether a checksum follows the header.
    """

    noun: str
    magic: bytes
    versions: tuple[int, ...]
    error: type[SpeakerSdkError]
    has_header_checksum: bool = False

    def read_header(self, file: BinaryIO, size: int) -> tuple[int, dict[str, Any], int]:
        """Read the version and header of a file.

        Args:
            file: the file, positioned at its start.
            size: size of the file in bytes.

        Returns:
            The version, the header, and the position of the content. If the header has no checksum
            of its own, call `check` before using it.
        """
        prefix = file.read(_PREFIX.size)
        magic = prefix[: len(self.magic)]
        if is_sealed(magic):
            self.refuse(
                f"expected a plain {self.noun}, got a sealed file; open it with its key first "
                "(SealingKey.open, speakersdk profiles unseal)"
            )
        if magic != self.magic:
            self.refuse(
                f"not a {self.noun}: expected a file that speakersdk saved as one, which begins "
                f"with {self.magic!r}, got {magic!r}"
            )
        least = _PREFIX.size + CHECKSUM_BYTES * (1 + self.has_header_checksum)
        if size < least:
            self.refuse(f"the {self.noun} is truncated after {size} bytes; {_AGAIN}")
        _, version, num_bytes = _PREFIX.unpack(prefix)
        if version not in self.versions:
            lower = " or lower" if len(self.versions) > 1 else ""
            self.refuse(
                f"expected {self.noun} format version {max(self.versions)}{lower}, got {version}; "
                "install a speakersdk version that knows it"
            )
        if num_bytes > MAXIMUM_HEADER_BYTES:
            self.refuse(
                f"expected a header of at most {MAXIMUM_HEADER_BYTES} bytes, got {num_bytes}"
            )
        if least + num_bytes > size:
            self.refuse(
                f"the {self.noun} is truncated or damaged: its header ends after the file; {_AGAIN}"
            )
        content = file.read(num_bytes)
        position = _PREFIX.size + num_bytes
        if self.has_header_checksum:
            position += CHECKSUM_BYTES
            if hashlib.sha256(prefix + content).digest() != file.read(CHECKSUM_BYTES):
                self.refuse(
                    f"the {self.noun} is damaged: the checksum of its header does not match; "
                    f"{_AGAIN}"
                )
        return version, self._parsed(content), position

    def _parsed(self, content: bytes) -> dict[str, Any]:
        try:
            header = json.loads(content, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise self.error(
                f"the {self.noun}'s content is not valid: its header is not JSON: {error}"
            ) from error
        if not isinstance(header, dict):
            self.refuse(f"the {self.noun}'s content is not valid: its header is not a JSON object")
        return header

    def check(self, file: BinaryIO, size: int) -> None:
        """Compare the last 32 bytes of a file with the hash of the preceding bytes."""
        file.seek(0)
        checksum = hashlib.sha256()
        remaining = size - CHECKSUM_BYTES
        while remaining > 0 and (part := file.read(min(_CHUNK_BYTES, remaining))):
            checksum.update(part)
            remaining -= len(part)
        if remaining or checksum.digest() != file.read():
            self.refuse(
                f"the {self.noun} is truncated or damaged: its checksum does not match; {_AGAIN}"
            )

    def fields(self, header: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
        """Check the keys and types of a header and return its values.

        Args:
            header: the header as read.
            types: the type, or union of types, of every key. `float` also accepts whole numbers;
                the items of a `list` are not checked.
        """
        if header.keys() != types.keys():
            expected, got = ", ".join(sorted(types)), ", ".join(sorted(header)) or "nothing"
            self.refuse(
                f"the {self.noun}'s content is not valid: expected a header with the keys "
                f"{expected}, got {printable(got[:200])}"
            )
        for key, value in header.items():
            # In Python, bool is a subclass of int, and int is not a subclass of float.
            accepted = float | int if types[key] is float else types[key]
            if not isinstance(value, accepted) or (
                isinstance(value, bool) and accepted is not bool
            ):
                self.refuse(
                    f"the {self.noun}'s content is not valid: expected {key} in the header of type "
                    f"{_type_name(types[key])}, got {type(value).__name__}"
                )
        return dict(header)

    def refuse(self, message: str) -> NoReturn:
        """Raise an error of the format."""
        raise self.error(message)


class ContainerWriter:
    """A writer of one file: the header, the content, and the checksum on `close`."""

    def __init__(
        self,
        file: BinaryIO,
        container_format: ContainerFormat,
        version: int,
        header: Mapping[str, Any],
    ) -> None:
        self._file = file
        self._checksum = hashlib.sha256()
        self.position = 0
        content = json.dumps(
            header, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
        ).encode()
        if len(content) > MAXIMUM_HEADER_BYTES:
            raise ValueError(
                f"expected a header of at most {MAXIMUM_HEADER_BYTES} bytes, got {len(content)}"
            )
        self.put(_PREFIX.pack(container_format.magic, version, len(content)))
        self.put(content)
        if container_format.has_header_checksum:
            self.put(self._checksum.digest())

    def put(self, data: bytes) -> None:
        """Write a part of the content."""
        self._checksum.update(data)
        self._file.write(data)
        self.position += len(data)

    def close(self) -> None:
        """Write the checksum. The file stays open."""
        self._file.write(self._checksum.digest())


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"expected numbers, got {name}")


def _type_name(expected: Any) -> str:
    return getattr(expected, "__name__", str(expected))
