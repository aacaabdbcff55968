"""A voiceprint: what enrollment keeps of a speaker, and the file format that stores it.

It holds one embedding per recording (exemplar), never audio, and is bound to the weights that made
them. Exemplars of accepted probes, if any, are kept apart, weigh less, and can be taken back.
docs/voiceprint-format.md describes the bytes:

    magic (8) | version u32 | header length u32 | header JSON | exemplars float32 | SHA-256 (32)
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Embeddings
from speakersdk.errors import ConfigError, IncompatibleModelError, VoiceprintError
from speakersdk.files import replacement

SUFFIX: Final = ".voiceprint"
FORMAT_VERSION: Final = 2  # the highest that is read; the lowest that suffices is written
_WITHOUT_ADAPTED = 1
# As in PNG: the high bit shows a 7-bit transfer, CR LF a converted line end.
MAGIC: Final = b"\x89SPKV\r\n\x1a"
_PREFIX = struct.Struct("<8sII")
_CHECKSUM_BYTES = 32
# UTF-8 bytes of a name. A file name may have 255; suffix and temporary part need some 30.
_MAXIMUM_NAME_BYTES = 200
# The model scales to length T in float32 (1e-6); this only tells scaled from unscaled embeddings.
_LENGTH_TOLERANCE = 1e-3
# Adapted exemplars weigh as much as as many enrolled ones, but never more than this share together,
# and the newest push out the oldest: what was enrolled outweighs whatever came later.
ADAPTED_SHARE: Final = 0.3
MAXIMUM_ADAPTED: Final = 8
_NAME_PUNCTUATION = " -_.'@+"


def check_distinct(voiceprints: Sequence[Voiceprint]) -> None:
    """Refuse candidates that a decision could not name.

    Raises:
        ConfigError: no voiceprint, or two of one name.
    """
    if not voiceprints:
        raise ConfigError("expected at least one voiceprint, got none")
    names = Counter(voiceprint.name for voiceprint in voiceprints)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise ConfigError(f"expected voiceprints of different names, got {name!r} {count} times")


def check_name(name: str) -> str:
    """A speaker's name in Unicode form NFC, safe as a file name and on a command line.

    Letters, marks and digits of any script and ``space - _ . ' @ +``; the first character is a
    letter or digit, the last is no space or full stop; at most 200 bytes of UTF-8.

    Raises:
        ConfigError: the name breaks one of these rules.
    """
    name = unicodedata.normalize("NFC", name)
    is_allowed = all(
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
            "expected a name of letters, digits, spaces and - _ . ' @ +, beginning with a letter "
            f"or digit, ending in neither space nor full stop, at most {_MAXIMUM_NAME_BYTES} bytes "
            f"long, got {name!r}"
        )
    return name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voiceprint:
    """One speaker's exemplars and the model they belong to. Equal means equal in every byte.

    Attributes:
        name: the speaker, see `check_name`.
        model_name: name of the model that made the exemplars, for people.
        model_sha256: hash of its weights; the voiceprint fits no other.
        temperature: T, Euclidean length of every exemplar.
        exemplars: (N, D) float32 logits, read-only, one row per recording.
        speech_s: (N,) float64, read-only, net speech of each recording in seconds.
        created_utc: ISO 8601 time of enrollment, such as 2026-11-22T14:00:00+00:00.
        adapted: (M, D) float32 logits, read-only, of accepted probes, oldest first; M may be 0.
        adapted_speech_s: (M,) float64, read-only, likewise.
    """

    name: str
    model_name: str
    model_sha256: str
    temperature: float
    exemplars: Embeddings
    speech_s: npt.NDArray[np.float64]
    created_utc: str
    adapted: Embeddings = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    adapted_speech_s: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name))
        object.__setattr__(self, "temperature", float(self.temperature))
        object.__setattr__(self, "exemplars", _frozen(self.exemplars, np.float32))
        object.__setattr__(self, "speech_s", _frozen(self.speech_s, np.float64))
        if self.exemplars.ndim != 2 or self.exemplars.size == 0:
            raise ValueError(f"expected exemplars of shape (N, D), got {self.exemplars.shape}")
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"expected a temperature above 0, got {self.temperature}")
        adapted = np.reshape(self.adapted, (-1, self.exemplars.shape[1]))
        object.__setattr__(self, "adapted", _frozen(adapted, np.float32))
        object.__setattr__(self, "adapted_speech_s", _frozen(self.adapted_speech_s, np.float64))
        if len(self.adapted) > MAXIMUM_ADAPTED:
            raise ValueError(
                f"expected at most {MAXIMUM_ADAPTED} adapted exemplars, got {len(self.adapted)}"
            )
        self._check_rows(self.exemplars, self.speech_s)
        self._check_rows(self.adapted, self.adapted_speech_s)
        if not self._mean().any():
            raise ValueError("expected exemplars that do not cancel each other")
        # Both are shown on terminals and may come from a stranger's file.
        if not (self.model_name.isprintable() and self.model_sha256.isprintable()):
            raise ValueError("expected a printable model_name and model_sha256")
        if datetime.fromisoformat(self.created_utc).utcoffset() != timedelta(0):
            raise ValueError(f"expected created_utc with offset +00:00, got {self.created_utc!r}")

    @property
    def embedding(self) -> Embedding:
        """(D,) float32, the exemplars' mean scaled to length T."""
        mean = self._mean()
        scaled: Embedding = (mean * (self.temperature / np.linalg.norm(mean))).astype(np.float32)
        return scaled

    @property
    def total_speech_s(self) -> float:
        """Net speech of all recordings in seconds, without that of adapted exemplars."""
        return float(self.speech_s.sum())

    def _mean(self) -> npt.NDArray[np.float64]:
        mean: npt.NDArray[np.float64] = self.exemplars.mean(axis=0, dtype=np.float64)
        num_adapted = len(self.adapted)
        if num_adapted > 0:
            share = min(ADAPTED_SHARE, num_adapted / (num_adapted + len(self.exemplars)))
            mean = (1 - share) * mean + share * self.adapted.mean(axis=0, dtype=np.float64)
        return mean

    def _check_rows(self, rows: Embeddings, speech_s: npt.NDArray[np.float64]) -> None:
        if speech_s.shape != (len(rows),):
            raise ValueError(f"expected speech_s of shape ({len(rows)},), got {speech_s.shape}")
        lengths = np.linalg.norm(rows, axis=1)
        if not np.allclose(lengths, self.temperature, rtol=_LENGTH_TOLERANCE, atol=0):
            raise ValueError(f"expected exemplars of length {self.temperature:g}, got {lengths}")
        if not (np.isfinite(speech_s).all() and (speech_s >= 0).all()):
            raise ValueError(f"expected finite speech_s of at least 0, got {speech_s}")

    def check_model(self, *, name: str, sha256: str) -> None:
        """Raise IncompatibleModelError, naming both, unless made by the weights `sha256`."""
        if self.model_sha256 != sha256:
            raise IncompatibleModelError(
                expected=f"{name} ({sha256[:12]})",
                got=f"{self.model_name} ({self.model_sha256[:12]})",
            )

    def with_exemplars(self, other: Voiceprint) -> Voiceprint:
        """A copy with the recordings of another voiceprint of the same speaker added.

        Raises:
            IncompatibleModelError: the two were made with different models.
        """
        self.check_model(name=other.model_name, sha256=other.model_sha256)
        return replace(
            self,
            exemplars=np.concatenate([self.exemplars, other.exemplars]),
            speech_s=np.concatenate([self.speech_s, other.speech_s]),
        )._with_adapted(other.adapted, other.adapted_speech_s)

    def adapted_by(self, embedding: Embedding, *, speech_s: float) -> Voiceprint:
        """A copy with an accepted probe added to the adapted exemplars; see `Verifier.adapt`.

        Args:
            embedding: (D,) float32 of the probe.
            speech_s: net speech of the probe in seconds.
        """
        return self._with_adapted(embedding[np.newaxis], np.array([speech_s]))

    def reverted(self) -> Voiceprint:
        """A copy as it was enrolled, without adapted exemplars."""
        return replace(self, adapted=self.adapted[:0], adapted_speech_s=self.adapted_speech_s[:0])

    def _with_adapted(
        self, embeddings: Embeddings, speech_s: npt.NDArray[np.float64]
    ) -> Voiceprint:
        adapted = np.concatenate([self.adapted, embeddings])
        adapted_speech_s = np.concatenate([self.adapted_speech_s, speech_s])
        return replace(
            self,
            adapted=adapted[-MAXIMUM_ADAPTED:],
            adapted_speech_s=adapted_speech_s[-MAXIMUM_ADAPTED:],
        )

    def to_bytes(self) -> bytes:
        """The voiceprint as bytes; the same voiceprint always gives the same ones."""
        num_exemplars, embedding_dim = self.exemplars.shape
        values: dict[str, Any] = {
            "name": self.name,
            "model_name": self.model_name,
            "model_sha256": self.model_sha256,
            "temperature": self.temperature,
            "num_exemplars": num_exemplars,
            "embedding_dim": embedding_dim,
            "speech_s": self.speech_s.tolist(),
            "created_utc": self.created_utc,
        }
        version = _WITHOUT_ADAPTED
        if len(self.adapted):
            version = FORMAT_VERSION
            values["adapted_speech_s"] = self.adapted_speech_s.tolist()
        header = json.dumps(
            values, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ).encode()
        body = (
            _PREFIX.pack(MAGIC, version, len(header))
            + header
            + self.exemplars.astype("<f4").tobytes()
            + self.adapted.astype("<f4").tobytes()
        )
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Voiceprint:
        """Read what `to_bytes` wrote.

        Raises:
            VoiceprintError: not a voiceprint, of an unknown version, truncated or damaged.
        """
        header, values = _checked_parts(data)
        try:
            num_exemplars = header.pop("num_exemplars")
            num_adapted = len(header["adapted_speech_s"]) if "adapted_speech_s" in header else 0
            shape = (num_exemplars + num_adapted, header.pop("embedding_dim"))
            rows = np.frombuffer(values, dtype="<f4")
            if rows.size != shape[0] * shape[1] or num_exemplars < 1:
                raise ValueError(f"expected {shape} exemplar values, got {rows.size}")
            rows = rows.reshape(shape)
            return cls(exemplars=rows[:num_exemplars], adapted=rows[num_exemplars:], **header)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise VoiceprintError(f"the voiceprint's content is not valid: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, readable by its owner alone: all of it or, on an error, nothing.

        Raises:
            OSError: the file cannot be written.
        """
        with replacement(Path(path)) as file:
            file.write(self.to_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Voiceprint:
        """Read a file that `save` wrote.

        Raises:
            OSError: the file cannot be read.
            VoiceprintError: as `from_bytes`, naming the file.
        """
        data = Path(path).read_bytes()
        try:
            return cls.from_bytes(data)
        except VoiceprintError as error:
            raise VoiceprintError(f"{os.fspath(path)}: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Voiceprint):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())


def _frozen(values: npt.ArrayLike, dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
    """A read-only copy."""
    array = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _checked_parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and exemplar bytes of undamaged data."""
    if data[: len(MAGIC)] != MAGIC:
        raise VoiceprintError(
            f"not a voiceprint: expected it to begin with {MAGIC!r}, got {data[: len(MAGIC)]!r}"
        )
    if len(data) < _PREFIX.size + _CHECKSUM_BYTES:
        raise VoiceprintError(f"the voiceprint is truncated after {len(data)} bytes")
    _, version, header_bytes = _PREFIX.unpack_from(data)
    if version not in (_WITHOUT_ADAPTED, FORMAT_VERSION):
        raise VoiceprintError(
            f"expected voiceprint format version {FORMAT_VERSION} or lower, got {version}; "
            "install a speakersdk version that knows it"
        )
    body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if hashlib.sha256(body).digest() != checksum:
        raise VoiceprintError("the voiceprint is truncated or damaged: its checksum does not match")
    header_end = _PREFIX.size + header_bytes
    try:
        header = json.loads(body[_PREFIX.size : header_end])
    except (ValueError, RecursionError) as error:
        raise VoiceprintError(f"the voiceprint's header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise VoiceprintError("the voiceprint's header is not a JSON object")
    if (version == FORMAT_VERSION) != ("adapted_speech_s" in header):
        raise VoiceprintError(f"the voiceprint's header does not fit format version {version}")
    return header, body[header_end:]
