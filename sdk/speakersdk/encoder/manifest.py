"""The manifest: the description of a model in the metadata of its ONNX file.

Export writes it, and the runtime needs no other configuration. Each field is a metadata property
``speakersdk.<field>`` with a JSON value, that programs in any language can read.
docs/formats/model.md describes the fields and both graph contracts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

from speakersdk.arguments import checked
from speakersdk.audio.voice_activity import SPEECH_PROBABILITY
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.origin import Origin
from speakersdk.errors import ManifestError, SpeakerSdkError
from speakersdk.text import printable

# 2: a graph with a speech head pools only speech. Graphs of schema 1 also pool silence.
# 3: the file has the hash of its content, see `speakersdk.encoder.content`.
SCHEMA_VERSION = 3
_REMEDIES: Final = {
    1: "its embeddings count silence as speech: export the model again",
    2: "nothing in the file shows whether it is damaged: export the model again",
}
PREFIX = "speakersdk."
# Limits far above the values of any model, and far below those of memory and arithmetic.
_MAXIMUM_SIZE: Final = 1 << 24  # values of an embedding, a cache or the statistics
_MAXIMUM_HOP_FRAMES: Final = 10_000
_MAXIMUM_TEMPERATURE: Final = 1e6
_MAXIMUM_S: Final = 3600.0
_MAXIMUM_TEXT: Final = 500
_LISTS: Final = ("training_corpora", "teachers")  # lists of texts
_LATER: Final = {"origin", "utterance_s"}  # fields that older files lack
_SHA256: Final = re.compile("[0-9a-f]{64}")

Mode = Literal["stateful", "windowed"]


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """The description of a model.

    Attributes:
        name: model name and version for display, such as ``front-0.8m-2026.11``.
        mode: ``stateful`` (samples in blocks, state carried by the caller) or ``windowed`` (one
            window in, embedding out).
        frontend: the front end inside the graph.
        embedding_dim: D, length of the embedding.
        temperature: T; the graph scales every embedding to this Euclidean length.
        hop_frames: number of frames per streaming update (10 = 100 ms).
        window_s: default window of the windowed score in seconds.
        utterance_s: windowed only, maximum seconds of speech per call when a recording is encoded;
            longer speech is embedded in windows of this length. None means `window_s`.
        minimum_s: minimum duration of audio in seconds.
        cache_size: stateful only, number of cache values per stream.
        statistics_size: stateful only, number of pooling statistics per stream.
        has_speech_head: whether the graph outputs a speech probability per frame; it then pools
            only the frames that reach `speech_threshold`.
        speech_threshold: minimum probability at which a frame counts as speech.
        weights_sha256: hash of the trained weights, to which voiceprints are bound.
        training_corpora: names of the corpora on which the weights were trained.
        teachers: published encoders that were the teachers in training: name, license and SHA-256
            of the weights in one line each.
        origin: published encoder of which an adopted model was made; None for models that
            speakersdk trained.
        calibration: map from scores to log-likelihood ratios, and operating points; None means
            that the model gives only scores.
    """

    name: str
    mode: Mode
    frontend: FrontendConfig
    embedding_dim: int
    temperature: float
    hop_frames: int = 10
    window_s: float = 3.0
    utterance_s: float | None = None
    minimum_s: float = 0.5
    cache_size: int = 0
    statistics_size: int = 0
    has_speech_head: bool = False
    speech_threshold: float = SPEECH_PROBABILITY
    weights_sha256: str
    training_corpora: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    origin: Origin | None = None
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.mode, str) or self.mode not in get_args(Mode):
            raise ManifestError(
                f"expected mode {' or '.join(get_args(Mode))}, got {_short(self.mode)}"
            )
        _check_text("name", self.name)
        for field in _LISTS:
            for text in getattr(self, field):
                _check_text(field, text)
        if not isinstance(self.weights_sha256, str) or not _SHA256.fullmatch(self.weights_sha256):
            raise ManifestError(
                "expected weights_sha256 of 64 hexadecimal digits, got "
                f"{_short(self.weights_sha256)}"
            )
        if not isinstance(self.has_speech_head, bool):
            raise ManifestError(
                f"expected has_speech_head true or false, got {_short(self.has_speech_head)}"
            )
        least = 1 if self.mode == "stateful" else 0
        _check_number("embedding_dim", self.embedding_dim, 1, _MAXIMUM_SIZE, int)
        _check_number("cache_size", self.cache_size, least, _MAXIMUM_SIZE, int)
        _check_number("statistics_size", self.statistics_size, least, _MAXIMUM_SIZE, int)
        _check_number("hop_frames", self.hop_frames, 1, _MAXIMUM_HOP_FRAMES, int)
        _check_number(
            "temperature", self.temperature, 1 / _MAXIMUM_TEMPERATURE, _MAXIMUM_TEMPERATURE
        )
        _check_number("window_s", self.window_s, self.hop_s, _MAXIMUM_S)
        if self.utterance_s is not None:
            if self.mode != "windowed":
                raise ManifestError(f"expected no utterance_s of a {self.mode} model")
            _check_number("utterance_s", self.utterance_s, self.window_s, _MAXIMUM_S)
        _check_number("minimum_s", self.minimum_s, self.frame_s, _MAXIMUM_S)
        _check_number("speech_threshold", self.speech_threshold, 0, 1)
        cohort = None if self.calibration is None else self.calibration.cohort
        if cohort is not None and cohort.embedding_dim != self.embedding_dim:
            raise ManifestError(
                f"expected a cohort of embeddings of {self.embedding_dim} values, got "
                f"{cohort.embedding_dim}: it belongs to another model"
            )

    @property
    def frame_s(self) -> float:
        """Step between frames in seconds."""
        return self.frontend.hop_samples / self.frontend.sample_rate_hz

    @property
    def hop_samples(self) -> int:
        """Length of a hop in samples."""
        return self.hop_frames * self.frontend.hop_samples

    @property
    def hop_s(self) -> float:
        """Length of a hop in seconds."""
        return self.hop_samples / self.frontend.sample_rate_hz

    def summary(self) -> dict[str, Any]:
        """Return a description of the model for reports, as values for JSON."""
        return {
            "model_name": self.name,
            "model_sha256": self.weights_sha256,
            "mode": self.mode,
            "training_corpora": list(self.training_corpora),
            "teachers": list(self.teachers),
            "calibrated": self.calibration is not None,
        }

    def to_metadata(self) -> dict[str, str]:
        """Return the manifest as ONNX metadata properties."""
        metadata = {f"{PREFIX}schema_version": json.dumps(SCHEMA_VERSION)}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, FrontendConfig | Calibration | Origin):
                value = asdict(value)
            metadata[PREFIX + field.name] = json.dumps(value)
        return metadata

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelManifest:
        """Read a manifest from ONNX metadata properties.

        Raises:
            ManifestError: there is no manifest, its schema version is unknown, or a field is
                missing, unknown or invalid.
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
            return cls(**_decoded(values))
        except ManifestError:
            raise
        except SpeakerSdkError as error:
            raise ManifestError(
                printable(f"the manifest is not valid: {error}"[:_MAXIMUM_TEXT])
            ) from error
        except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise ManifestError(
                printable(f"the manifest is not valid: {error!r}"[:_MAXIMUM_TEXT])
            ) from error


def _decoded(values: Mapping[str, str]) -> dict[str, Any]:
    """Decode the JSON of the fields, check the schema version, and build nested values."""
    decoded: dict[str, Any] = {key: json.loads(text) for key, text in values.items()}
    version = decoded.pop("schema_version")
    if version is True or version != SCHEMA_VERSION:
        has_remedy = isinstance(version, int) and version in _REMEDIES
        remedy = _REMEDIES[version] if has_remedy else "install a speakersdk version that knows it"
        raise ManifestError(
            f"expected manifest schema {SCHEMA_VERSION}, got {_short(version)}; {remedy}"
        )
    # This hash belongs to the file and not to the model; `check_content` compares it.
    decoded.pop("content_sha256", None)
    decoded.setdefault("teachers", [])
    missing = {field.name for field in fields(ModelManifest)} - decoded.keys() - _LATER
    if missing:
        raise ManifestError(f"the manifest is not valid: it lacks {min(missing)}")
    decoded["frontend"] = FrontendConfig(**decoded["frontend"])
    for field in _LISTS:
        if not isinstance(decoded[field], list):
            raise ManifestError(
                f"expected {field} to be a list of names, got {_short(decoded[field])}"
            )
        decoded[field] = tuple(decoded[field])
    if decoded.get("origin") is not None:
        decoded["origin"] = Origin.from_json(decoded["origin"])
    if decoded["calibration"] is not None:
        decoded["calibration"] = Calibration.from_json(decoded["calibration"])
    return decoded


def _check_number(
    name: str, value: object, least: float, most: float, kind: type[int] | type[float] = float
) -> None:
    """Refuse values that are not numbers of the expected type within the limits."""
    accepted = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, accepted) or not least <= value <= most:
        raise ManifestError(
            f"expected {name} as {'a whole' if kind is int else 'a'} number from {least:g} to "
            f"{most:g}, got {_short(value)}"
        )


def _check_text(name: str, value: object) -> None:
    """Refuse values that are not short texts."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAXIMUM_TEXT:
        raise ManifestError(
            f"expected {name} to be text of 1 to {_MAXIMUM_TEXT} characters, got {_short(value)}"
        )


def _short(value: object) -> str:
    """Return a value as text, shortened for a message."""
    return printable(json.dumps(value)[:60])
