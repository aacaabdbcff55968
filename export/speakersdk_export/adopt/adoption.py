"""Adoption of a published encoder: network -> front end -> checks -> calibration -> model file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from speakersdk.calibration.calibration import DEFAULT_MINIMUM_SPEECH_S
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.graph import EMBEDDING, SAMPLES
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.origin import Origin
from speakersdk.errors import ConfigError, ModelError
from speakersdk.evaluation.embedding_cache import EmbeddingCache
from speakersdk.files import file_sha256
from speakersdk.runtime.session import open_session
from speakersdk_export.adopt.families import Family, family_of
from speakersdk_export.adopt.golden import Golden, golden_cosine
from speakersdk_export.adopt.graft import graft, metadata_of, read_published
from speakersdk_export.adopt.network import published_network
from speakersdk_export.calibrate import CalibrationTrials, calibrate, score_lists
from speakersdk_export.model_file import check_graph, check_output, new_model_file, write_model

# Longer embeddings are less accurate than the cosine (docs/adoption.md), and shorter ones hardly
# more accurate. The length is that of the bundled model.
DEFAULT_TEMPERATURE: Final = 2.0
_WINDOW_S: Final = 3.0
# The original code embeds whole recordings. Longer windows only take more memory.
_UTTERANCE_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The result of an adoption.

    Attributes:
        manifest: the written manifest.
        num_bytes: size of the file in bytes.
        num_rewritten: number of operators that were rewritten, because some versions of onnxruntime
            are wrong.
    """

    manifest: ModelManifest
    num_bytes: int
    num_rewritten: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The description of a published model.

    Attributes:
        name: name of the model; None means that of the file.
        source: place of publication; None means the address in sherpa-onnx's metadata, or the name
            of the file.
        licence: license of the weights; None means that of the family.
        trained_by: who trained the model; None means the family.
        training_corpora: corpora of the training.
    """

    name: str | None = None
    source: str | None = None
    licence: str | None = None
    trained_by: str | None = None
    training_corpora: tuple[str, ...] = ()


def adopt_model(
    file: Path,
    output: Path,
    *,
    family: str,
    description: Description,
    golden: Golden | None,
    trials: CalibrationTrials | None,
    cache: Path | None = None,
    temperature: float = DEFAULT_TEMPERATURE,
) -> Adopted:
    """Write a published encoder as a model file, or write nothing.

    Args:
        file: the published ONNX file, or torch weights of CAM++ or ResNet34.
        output: model file to write; an existing one is replaced.
        family: name of the family, see `families.family_of`.
        description: description for the manifest.
        golden: an embedding of the original code for comparison; None means unchecked, which
            the manifest then records.
        trials: trials for the calibration; None means that the model gives only scores.
        cache: folder of the trials' embeddings; None means no cache.
        temperature: T, the Euclidean length of every embedding.

    Raises:
        AudioError, ConfigError, ModelError: the family, the file or an option cannot be used.
        ParityError: the embedding differs from that of the original code.
    """
    if not temperature > 0:
        raise ConfigError(f"expected a temperature above 0, got {temperature}")
    check_output(output, [file])
    metadata = metadata_of(read_published(file)) if family == "sherpa" else {}
    chosen = family_of(family, metadata)
    description = replace(description, source=description.source or metadata.get("url"))
    network = published_network(file, chosen)
    graph, size, num_rewritten = graft(network, chosen, temperature=temperature)
    check_graph(graph)
    manifest = _manifest(file, chosen, description, size=size, temperature=temperature)
    with new_model_file(output) as partial:
        write_model(partial, graph, manifest)
        _check_runs(partial, manifest)
        if golden is not None:
            cosine = golden_cosine(open_session(partial), golden, size)
            assert manifest.origin is not None
            manifest = replace(manifest, origin=replace(manifest.origin, golden_cosine=cosine))
            write_model(partial, graph, manifest)
        if trials is not None:
            kept = EmbeddingCache(cache, model_sha256=manifest.weights_sha256) if cache else None
            scored = score_lists(load_encoder(partial), trials, cache=kept)
            # Too little speech for the network gives no embedding, and therefore no decision.
            least_s = max(DEFAULT_MINIMUM_SPEECH_S, manifest.minimum_s)
            calibration = calibrate(scored, minimum_speech_s=least_s)
            manifest = replace(manifest, calibration=calibration)
            write_model(partial, graph, manifest)
        load_encoder(partial)
    return Adopted(manifest=manifest, num_bytes=output.stat().st_size, num_rewritten=num_rewritten)


def _manifest(
    file: Path, family: Family, description: Description, *, size: int, temperature: float
) -> ModelManifest:
    front_end = family.front_end
    sha256 = file_sha256(file)
    return ModelManifest(
        name=description.name or file.stem,
        mode="windowed",
        frontend=FrontendConfig(
            sample_rate_hz=front_end.sample_rate_hz,
            window_samples=front_end.window_samples,
            hop_samples=front_end.hop_samples,
            fft_size=front_end.fft_size,
            num_mels=front_end.num_mels,
            low_hz=front_end.low_hz,
            high_hz=front_end.high_hz,
        ),
        embedding_dim=size,
        temperature=temperature,
        window_s=_WINDOW_S,
        utterance_s=min(_UTTERANCE_S, family.maximum_s or _UTTERANCE_S),
        minimum_s=family.minimum_s,
        weights_sha256=sha256,
        training_corpora=description.training_corpora,
        origin=Origin(
            family=family.name,
            source=description.source or file.name,
            licence=description.licence or family.licence or "not stated",
            trained_by=description.trained_by or family.name,
            sha256=sha256,
            front_end=asdict(front_end),
        ),
    )


def _check_runs(path: Path, manifest: ModelManifest) -> None:
    """Raise ModelError unless the graph embeds noise of the minimum and of other lengths."""
    session = open_session(path)
    rng = np.random.default_rng(0)
    for seconds in (manifest.minimum_s, _WINDOW_S, 2 * _WINDOW_S + 0.137, _UTTERANCE_S):
        num_samples = round(seconds * manifest.frontend.sample_rate_hz)
        noise = rng.normal(0, 0.05, (1, num_samples)).astype(np.float32)
        embedding = session.run_any_shape({SAMPLES: noise})[EMBEDDING]
        if embedding.shape != (1, manifest.embedding_dim) or not np.isfinite(embedding).all():
            raise ModelError(
                f"expected an embedding of {manifest.embedding_dim} finite numbers for "
                f"{seconds:g} s of noise, got shape {embedding.shape}; is it another family?"
            )
