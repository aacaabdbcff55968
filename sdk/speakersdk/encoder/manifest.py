"""The manifest: everything the runtime must know of a model, stored in the ONNX file's metadata.

Export writes it, the runtime configures itself from it alone. Each field is one metadata property
``speakersdk.<field>`` holding JSON, so that any language can read it.
docs/formats/model.md describes the fields and both graph contracts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from speakersdk.audio.voice_activity import SPEECH_PROBABILITY
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ManifestError, SpeakerSdkError

# 2: a graph with a speech head pools speech alone. Graphs of schema 1 pool silence, too.
SCHEMA_VERSION = 2
PREFIX = "speakersdk."

Mode = Literal["stateful", "windowed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """What the runtime knows of a model.

    Attributes:
        name: model name and version for people, such as ``front-0.8m-2026.11``.
        mode: ``stateful`` (samples in blocks, state carried by the caller) or ``windowed`` (one
            window in, embedding out).
        frontend: the front end inside the graph.
        embedding_dim: D, length of the embedding.
        temperature: T; the graph scales every embedding to this Euclidean length.
        hop_frames: frames of one streaming update (10 = 100 ms).
        window_s: default seconds of speech that a windowed score looks at.
        minimum_s: shortest audio for which the model gives an embedding.
        cache_size: stateful only, values of the cache tensor per stream.
        statistics_size: stateful only, values of the pooling statistics per stream.
        has_speech_head: whether the graph outputs a speech probability per frame; it then pools
            the frames that reach `speech_threshold` and no others.
        speech_threshold: from this probability on a frame counts as speech; the value that the
            graph compares with.
        weights_sha256: hash of the trained weights; a voiceprint is bound to it.
        training_corpora: names of the corpora the weights were trained on.
        calibration: score -> log-likelihood ratio and operating points; None = scores only.
    """

    name: str
    mode: Mode
    frontend: FrontendConfig
    embedding_dim: int
    temperature: float
    hop_frames: int = 10
    window_s: float = 3.0
    minimum_s: float = 0.5
    cache_size: int = 0
    statistics_size: int = 0
    has_speech_head: bool = False
    speech_threshold: float = SPEECH_PROBABILITY
    weights_sha256: str
    training_corpora: tuple[str, ...] = ()
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ManifestError(f"expected mode {' or '.join(get_args(Mode))}, got {self.mode!r}")
        if self.mode == "stateful" and min(self.cache_size, self.statistics_size) < 1:
            raise ManifestError("a stateful model needs cache_size and statistics_size above 0")
        if self.embedding_dim < 1 or not self.temperature > 0:
            raise ManifestError(
                "expected embedding_dim >= 1 and temperature > 0, got "
                f"{self.embedding_dim} and {self.temperature}"
            )

    @property
    def frame_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.frontend.hop_samples / self.frontend.sample_rate_hz

    @property
    def hop_samples(self) -> int:
        """Samples of one streaming update."""
        return self.hop_frames * self.frontend.hop_samples

    @property
    def hop_s(self) -> float:
        """Seconds of one streaming update."""
        return self.hop_samples / self.frontend.sample_rate_hz

    def to_metadata(self) -> dict[str, str]:
        """The ONNX metadata properties that hold this manifest."""
        metadata = {f"{PREFIX}schema_version": json.dumps(SCHEMA_VERSION)}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, FrontendConfig | Calibration):
                value = asdict(value)
            metadata[PREFIX + field.name] = json.dumps(value)
        return metadata

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelManifest:
        """Read the manifest out of ONNX metadata properties.

        Raises:
            ManifestError: no manifest, another schema version, a missing, unknown or invalid field.
        """
        values = {
            key.removeprefix(PREFIX): text
            for key, text in metadata.items()
            if key.startswith(PREFIX)
        }
        if "schema_version" not in values:
            raise ManifestError(
                "the file has no speakersdk manifest; export it with speakersdk-export model"
            )
        try:
            decoded: dict[str, Any] = {key: json.loads(text) for key, text in values.items()}
            version = decoded.pop("schema_version")
            if version != SCHEMA_VERSION:
                remedy = (
                    "its embeddings count silence as speech: export the model again"
                    if version == 1
                    else "install a speakersdk version that knows it"
                )
                raise ManifestError(
                    f"expected manifest schema {SCHEMA_VERSION}, got {version}; {remedy}"
                )
            decoded["frontend"] = FrontendConfig(**decoded["frontend"])
            decoded["training_corpora"] = tuple(decoded["training_corpora"])
            if decoded["calibration"] is not None:
                decoded["calibration"] = Calibration.from_json(decoded["calibration"])
            return cls(**decoded)
        except ManifestError:
            raise
        except SpeakerSdkError as error:
            raise ManifestError(f"the manifest is not valid: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestError(f"the manifest is not valid: {error!r}") from error
