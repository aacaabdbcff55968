"""A voiceprint: the result of an enrollment.

A voiceprint contains one embedding per recording (exemplar) and no audio, and is bound to the model
weights that made them. Exemplars of accepted probes are kept separately, have less weight and can
be removed. docs/formats/voiceprint.md describes the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.arrays import Embedding, Embeddings, scaled
from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.cohort import Cohort
from speakersdk.errors import (
    IncompatibleModelError,
    SealError,
    VoiceprintError,
)
from speakersdk.files import open_regular, replacement
from speakersdk.sealing import SEAL_BYTES, SealingKey, sealed, unsealed
from speakersdk.text import is_visible, printable
from speakersdk.voiceprint.embedding_model import ROTATED, EmbeddingModel
from speakersdk.voiceprint.file import FORMAT, MAXIMUM_BYTES, read_fields, write_voiceprint
from speakersdk.voiceprint.life import (
    MAXIMUM_CHANGES,
    Change,
    ChangeKind,
    Consent,
    check_end,
    utc_now,
    utc_time,
)
from speakersdk.voiceprint.names import check_name

SUFFIX: Final = ".voiceprint"
_MAXIMUM_LABEL: Final = 200  # characters
_MAXIMUM_SPEECH_S: Final = 1e9  # 30 years
# The model scales to length T in float32 (1e-6); the tolerance detects unscaled embeddings.
_LENGTH_TOLERANCE = 1e-3
# An adapted exemplar has the weight of an enrolled one, but together they have at most this share,
# and new ones replace the oldest. The enrolled exemplars therefore always dominate.
ADAPTED_SHARE: Final = 0.3
MAXIMUM_ADAPTED: Final = 8


@checked
@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Voiceprint:
    """The exemplars of one speaker and their model. Two voiceprints are equal if all bytes are.

    Attributes:
        name: name of the speaker, as `speakersdk.voiceprint.names.check_name` accepts it.
        model_name: name of the model that made the exemplars, for display.
        model_sha256: SHA-256 of its weights; the voiceprint works with no other weights.
        temperature: T, the Euclidean length of every exemplar.
        exemplars: (N, D) float32 logits, read-only, one row per recording.
        speech_s: (N,) float64, read-only, net speech of each recording in seconds.
        created_utc: ISO 8601 time of enrollment, such as 2026-11-22T14:00:00+00:00.
        adapted: (M, D) float32 logits of accepted probes, read-only, oldest first; M may be 0.
        adapted_speech_s: (M,) float64, read-only, net speech of each accepted probe in seconds.
        expires_utc: ISO 8601 time of expiry; None means never.
        consent: record of the speaker's consent; None means no record.
        history: the newest 100 changes since enrollment, oldest first.
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
    expires_utc: str | None = None
    consent: Consent | None = None
    history: tuple[Change, ...] = ()
    # Computed once, because every decision needs them. The nearness is that to the cohort.
    _total_speech_s: float = field(init=False)
    _embedding: Embedding = field(init=False)
    _nearness: tuple[Cohort | None, npt.NDArray[np.float64]] | None = field(
        init=False, default=None
    )

    def __post_init__(self) -> None:
        exemplars = _frozen(self.exemplars, np.float32)
        if exemplars.ndim != 2 or exemplars.size == 0:
            raise ValueError(f"expected exemplars of shape (N, D), got {exemplars.shape}")
        adapted = np.asarray(self.adapted)
        if adapted.size % exemplars.shape[1] or adapted.ndim > 2:
            raise ValueError(
                f"expected adapted of shape (M, {exemplars.shape[1]}), got {adapted.shape}"
            )
        adapted = _frozen(np.reshape(adapted, (-1, exemplars.shape[1])), np.float32)
        for name, value in {
            "name": check_name(self.name),
            "temperature": float(self.temperature),
            "exemplars": exemplars,
            "speech_s": _frozen(self.speech_s, np.float64),
            "adapted": adapted,
            "adapted_speech_s": _frozen(self.adapted_speech_s, np.float64),
        }.items():
            object.__setattr__(self, name, value)
        self._check_labels()
        self._check_exemplars()
        mean = self._mean()
        if not mean.any():
            raise ValueError("expected exemplars that do not cancel each other")
        embedding = _frozen(scaled(mean, self.temperature), np.float32)
        object.__setattr__(self, "_embedding", embedding)
        object.__setattr__(self, "_total_speech_s", float(self.speech_s.sum()))

    def _check_labels(self) -> None:
        # They are shown on terminals and may come from an untrusted file.
        for label in (self.model_name, self.model_sha256):
            if not is_visible(label) or len(label) > _MAXIMUM_LABEL:
                raise ValueError(
                    "expected a model_name and model_sha256 of visible characters, at most "
                    f"{_MAXIMUM_LABEL} of them, got '{printable(label[:_MAXIMUM_LABEL])}'"
                )
        for time in (self.created_utc, self.expires_utc):
            if time is not None:
                utc_time(time)
        if len(self.history) > MAXIMUM_CHANGES:
            raise ValueError(f"expected at most {MAXIMUM_CHANGES} changes, got {len(self.history)}")

    def _check_exemplars(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"expected a temperature above 0, got {self.temperature}")
        if len(self.adapted) > MAXIMUM_ADAPTED:
            raise ValueError(
                f"expected at most {MAXIMUM_ADAPTED} adapted exemplars, got {len(self.adapted)}"
            )
        self._check_rows(self.exemplars, self.speech_s)
        self._check_rows(self.adapted, self.adapted_speech_s)

    @property
    def embedding(self) -> Embedding:
        """The mean of the exemplars, scaled to length T: (D,) float32, read-only."""
        return self._embedding

    @property
    def total_speech_s(self) -> float:
        """The net speech of all recordings in seconds, without adapted exemplars."""
        return self._total_speech_s

    def nearness(self, calibration: Calibration) -> npt.NDArray[np.float64]:
        """Return the (K,) nearness of the embedding to the cohort of a calibration, read-only.

        It is computed for the first decision, and again only for another cohort.
        """
        cached = self._nearness
        if cached is None or cached[0] is not calibration.cohort:
            row = calibration.nearness(self._embedding[np.newaxis])[0]
            cached = calibration.cohort, _frozen(row, np.float64)
            object.__setattr__(self, "_nearness", cached)
        return cached[1]

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
        if not np.isfinite(rows).all():
            raise ValueError("expected finite exemplars")
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)  # squares overflow float32
        if not np.allclose(lengths, self.temperature, rtol=_LENGTH_TOLERANCE, atol=0):
            raise ValueError(f"expected exemplars of length {self.temperature:g}, got {lengths}")
        if not ((speech_s >= 0) & (speech_s <= _MAXIMUM_SPEECH_S)).all():  # False for NaN
            raise ValueError(f"expected speech_s from 0 to {_MAXIMUM_SPEECH_S:g}, got {speech_s}")

    def check_made_by(self, model: EmbeddingModel) -> None:
        """Check that a model made the exemplars. The name of the model is not compared.

        Raises:
            IncompatibleModelError: a different model made them; the message names both.
        """
        self._check_model(model.name, model.weights_sha256, model.embedding_dim, model.temperature)

    def check_current(self, now: datetime | None = None, *, used: datetime | None = None) -> None:
        """Check that the voiceprint has not expired.

        Args:
            now: the current time; None means that of the clock. A clock that was set back before
                the latest time in the voiceprint counts as that time.
            used: time of the last use, which counts in the same way.

        Raises:
            ExpiredVoiceprintError: the voiceprint has expired.
        """
        if self.expires_utc is not None:
            times = [self.created_utc, *(change.at_utc for change in self.history)]
            passed = [*map(utc_time, times), *([] if used is None else [used])]
            check_end(self.name, self.expires_utc, now=now or datetime.now(UTC), passed=max(passed))

    def check_usable(self, model: EmbeddingModel) -> None:
        """Check that the voiceprint may be used: `check_made_by` and `check_current`."""
        self.check_made_by(model)
        self.check_current()

    def _check_model(self, name: str, sha256: str, dim: int, length: float) -> None:
        own_dim = self.exemplars.shape[1]
        if (self.model_sha256, own_dim, self.temperature) == (sha256, dim, length):
            return
        expected, got = f"{name} ({sha256[:12]}", f"{self.model_name} ({self.model_sha256[:12]}"
        if self.model_sha256 == sha256:
            # A forged file can name the right weights but contain other embeddings.
            expected += f", D {dim}, T {length:g}"
            got += f", D {own_dim}, T {self.temperature:g}"
        raise IncompatibleModelError(
            expected=f"{expected})",
            got=f"{got})",
            what=f"voiceprint of {self.name!r}",
            remedy="restore it first" if self.model_sha256.startswith(ROTATED) else None,
        )

    def with_exemplars(self, other: Voiceprint) -> Voiceprint:
        """Return a copy with the recordings of another voiceprint of the same speaker added.

        Raises:
            IncompatibleModelError: the voiceprints were made with different models.
        """
        self._check_model(
            other.model_name, other.model_sha256, other.exemplars.shape[1], other.temperature
        )
        return replace(
            self,
            exemplars=np.concatenate([self.exemplars, other.exemplars]),
            speech_s=np.concatenate([self.speech_s, other.speech_s]),
            history=self._history("appended", other.created_utc, other.total_speech_s),
        )._with_adapted(other.adapted, other.adapted_speech_s)

    def adapted_by(
        self, embedding: Embedding, *, speech_s: float, at_utc: str | None = None
    ) -> Voiceprint:
        """Return a copy with an accepted probe added to the adapted exemplars.

        Args:
            embedding: (D,) float32 embedding of the probe.
            speech_s: net speech of the probe in seconds.
            at_utc: ISO 8601 time for the history; None leaves the history unchanged.
        """
        rows = np.asarray(embedding, np.float32)[np.newaxis]
        if rows.shape[1:] != self.embedding.shape:
            raise ValueError(
                f"expected an embedding of shape {self.embedding.shape}, got {rows.shape[1:]}"
            )
        adapted = self._with_adapted(rows, np.array([speech_s]))
        return replace(adapted, history=self._history("adapted", at_utc, speech_s))

    def reverted(self, *, at_utc: str | None = None) -> Voiceprint:
        """Return a copy without adapted exemplars. `at_utc` is as for `adapted_by`."""
        speech_s = float(self.adapted_speech_s.sum())
        return replace(
            self,
            adapted=self.adapted[:0],
            adapted_speech_s=self.adapted_speech_s[:0],
            history=self._history("reverted", at_utc, speech_s),
        )

    def _history(self, kind: ChangeKind, at_utc: str | None, speech_s: float) -> tuple[Change, ...]:
        if at_utc is None:
            return self.history
        change = Change(kind=kind, at_utc=at_utc, speech_s=speech_s)
        return (*self.history, change)[-MAXIMUM_CHANGES:]

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
        """Serialize the voiceprint; equal voiceprints give equal bytes."""
        return write_voiceprint(self)

    @classmethod
    def new(
        cls,
        model: EmbeddingModel,
        *,
        name: str,
        exemplars: Sequence[Embedding],
        speech_s: Sequence[float],
    ) -> Voiceprint:
        """Make the voiceprint of a speaker who is enrolled now.

        Args:
            model: the model that made the exemplars.
            name: name of the speaker.
            exemplars: N embeddings, (D,) float32 logits.
            speech_s: net speech of each in seconds.
        """
        return cls(
            name=name,
            model_name=model.name,
            model_sha256=model.weights_sha256,
            temperature=model.temperature,
            exemplars=np.asarray(exemplars),
            speech_s=np.array(speech_s),
            created_utc=utc_now(),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Voiceprint:
        """Read a voiceprint from the bytes of `to_bytes`.

        Raises:
            VoiceprintError: the bytes are not a voiceprint, of an unknown version, truncated or
                damaged.
        """
        fields = read_fields(data)
        try:
            return cls(**fields)
        except (OverflowError, ValueError) as error:
            raise VoiceprintError(f"the voiceprint's content is not valid: {error}") from error

    def save(
        self, path: str | os.PathLike[str], *, is_new: bool = False, key: SealingKey | None = None
    ) -> None:
        """Write the voiceprint to a file atomically, readable only by its owner.

        Args:
            path: file to write.
            is_new: refuse an existing file instead of replacing it.
            key: key with which to seal the file.

        Raises:
            OSError: the file cannot be written; FileExistsError with `is_new`.
        """
        data = sealed(self.to_bytes(), key)
        with replacement(Path(path), is_new=is_new) as file:
            file.write(data)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, key: SealingKey | None = None) -> Voiceprint:
        """Read a file of `save`, which must be sealed if there is a key, and plain otherwise.

        Raises:
            SealError: the file is not as expected, or cannot be opened; the message names it.
            OSError: the file cannot be read, or is a directory, a pipe or a device.
            VoiceprintError: as for `from_bytes`; the message names the file.
        """
        try:
            with open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size > MAXIMUM_BYTES + SEAL_BYTES:
                    FORMAT.refuse(
                        f"not a voiceprint: expected at most {MAXIMUM_BYTES} bytes, got {size}"
                    )
                return cls.from_bytes(unsealed(file.read(size), key))
        except (SealError, VoiceprintError) as error:
            raise type(error)(f"{printable(path)}: {error}") from error

    def __repr__(self) -> str:
        # Embeddings are biometric data and must not appear in logs.
        return (
            f"Voiceprint(name='{self.name}', model='{self.model_name}', "
            f"recordings={len(self.exemplars)}, speech_s={self.total_speech_s:.1f})"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Unpickling through the checked bytes gives a valid, read-only voiceprint.
        return Voiceprint.from_bytes, (self.to_bytes(),)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Voiceprint):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())


def _frozen(values: npt.ArrayLike, dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
    """Return a read-only copy."""
    array = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array
