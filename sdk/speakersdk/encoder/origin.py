"""The origin of an adopted model: where its weights come from and how its front end was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from speakersdk.errors import ManifestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The published encoder of which a model file was made.

    Attributes:
        family: family of published encoders, such as ``3d-speaker``.
        source: place where the file was published.
        licence: license of the weights.
        trained_by: who trained the weights.
        sha256: SHA-256 of the published file.
        front_end: all options of the front end that precedes the network.
        golden_cosine: lowest cosine to embeddings of the original code; None means not checked.
    """

    family: str
    source: str
    licence: str
    trained_by: str
    sha256: str
    front_end: Mapping[str, Any]
    golden_cosine: float | None = None

    @classmethod
    def from_json(cls, values: Any) -> Origin:
        """Rebuild an origin from the result of `dataclasses.asdict`.

        Raises:
            ManifestError: a field has a wrong type, is unknown or is missing.
        """
        if not isinstance(values, dict) or set(values) != {field.name for field in fields(cls)}:
            raise ManifestError(
                f"expected an origin with {', '.join(field.name for field in fields(cls))}, got "
                f"{sorted(values) if isinstance(values, dict) else type(values).__name__}"
            )
        texts = ("family", "source", "licence", "trained_by", "sha256")
        if any(not isinstance(values[name], str) for name in texts):
            raise ManifestError(f"expected texts for {', '.join(texts)} of the origin")
        cosine = values["golden_cosine"]
        if not isinstance(values["front_end"], dict) or not isinstance(cosine, float | None):
            raise ManifestError("expected a front end and a cosine of the origin")
        return cls(**values)

    def report(self) -> dict[str, Any]:
        """Return the fields for a bug report: all except the options of the front end."""
        values = asdict(self)
        del values["front_end"]
        return values
