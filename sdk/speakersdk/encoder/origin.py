"""Where the weights of an adopted model come from, and how its front end was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from speakersdk.errors import ManifestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The published encoder that a model file was made of.

    Attributes:
        family: of published encoders, such as ``3d-speaker``.
        source: where the file was published.
        licence: of the weights.
        trained_by: who trained them.
        sha256: of the published file.
        front_end: every option of the front end that was put before the network.
        golden_cosine: least cosine to embeddings that the original code computed; None = unchecked.
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
        """Read what `dataclasses.asdict` wrote.

        Raises:
            ManifestError: another type, an unknown or a missing field.
        """
        if not isinstance(values, dict) or set(values) != {each.name for each in fields(cls)}:
            raise ManifestError(
                f"expected an origin with {', '.join(each.name for each in fields(cls))}, got "
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
        """What a bug report needs: everything but the options of the front end."""
        values = asdict(self)
        del values["front_end"]
        return values

    @property
    def is_checked(self) -> bool:
        """Whether the embeddings were compared with those of the original code."""
        return self.golden_cosine is not None
