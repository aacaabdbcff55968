"""Loading of model files as speaker encoders.

ONNX file -> check of the bytes -> session -> manifest -> check of the graph -> encoder
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from speakersdk.arguments import checked
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.content import CONTENT_SHA256, check_content
from speakersdk.encoder.graph import SAMPLES, StatefulGraph, check_session
from speakersdk.encoder.hop import HopEncoder, HopSizes, StatefulHopEncoder
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.stateful import StatefulEncoder, offline_shapes
from speakersdk.encoder.statistics_ring import NUM_WINDOWS
from speakersdk.encoder.windowed import WindowedEncoder, WindowedHopEncoder, window_shapes
from speakersdk.errors import ConfigError, ManifestError
from speakersdk.runtime.memory import release_free_memory
from speakersdk.runtime.options import Precision, SessionOptions
from speakersdk.runtime.session import ModelFile, OnnxSession, open_session
from speakersdk.text import printable

_MOST_STREAMS: Final = 4096  # per call of the model


@checked
def load_encoder(
    path: str | os.PathLike[str],
    *,
    device: str = "cpu",
    strict: bool | None = None,
    precision: Precision = "fp32",
    num_threads: int = 1,
    fixed_shapes: bool | None = None,
) -> SpeakerEncoder:
    """Load a model file as an encoder.

    Args:
        path: the ONNX file.
        device, strict, precision, num_threads, fixed_shapes: options of
            `speakersdk.runtime.options.SessionOptions`.

    Raises:
        ManifestError: the file has no manifest or was changed, or its graph does not match the
            manifest.
        ConfigError, MissingDependencyError, InferenceError: as for `open_session`.
        TypeError: `path` is not a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"expected the path of a model file, got {path!r}; pass a false-accept rate by its "
            "name: far=0.01"
        )
    options = SessionOptions(
        device=device,
        strict=strict,
        precision=precision,
        num_threads=num_threads,
        fixed_shapes=fixed_shapes,
    )
    # A session on the CPU opens in milliseconds. On other devices the shapes must be known first.
    on_cpu = SessionOptions(num_threads=num_threads)
    file = ModelFile.read(path)
    try:
        has_checksum = check_content(file.content)
    except ManifestError as error:
        raise ManifestError(f"cannot load {printable(path)}: {error}") from error
    session = open_session(file, on_cpu)
    manifest = ModelManifest.from_metadata(session.metadata)
    if not has_checksum:
        raise ManifestError(
            f"expected the property {CONTENT_SHA256} in a file of this schema, found none; export "
            "the model again with speakersdk-export model"
        )
    check_session(session, manifest)
    if options != on_cpu:
        shapes_of = offline_shapes if manifest.mode == "stateful" else window_shapes
        session = open_session(file, options, shapes=shapes_of(manifest))
    del file  # several times its size are free now
    release_free_memory()
    return _encoder(session, manifest)


def recalibrated(encoder: SpeakerEncoder, calibration: Calibration) -> SpeakerEncoder:
    """Return an encoder with another calibration in its manifest and the same session."""
    return _encoder(encoder.session, replace(encoder.manifest, calibration=calibration))


def hop_encoder(encoder: SpeakerEncoder, sizes: HopSizes, *, capacity: int = 1) -> HopEncoder:
    """Make a hop encoder, for live streams, from a loaded encoder.

    Args:
        encoder: an encoder from `load_encoder`; its session is shared if shapes may vary.
        sizes: sizes of the evidence windows.
        capacity: maximum number of streams per call.

    Raises:
        ConfigError: the capacity is not a whole number from 1 to 4096.
    """
    is_number = isinstance(capacity, int) and not isinstance(capacity, bool)
    if not is_number or not 1 <= capacity <= _MOST_STREAMS:
        raise ConfigError(f"expected a capacity of 1 to {_MOST_STREAMS} streams, got {capacity!r}")
    manifest = encoder.manifest
    if manifest.mode == "stateful":
        shapes = StatefulGraph(manifest).inputs(
            manifest.hop_frames, batch=capacity, windows=NUM_WINDOWS
        )
        session = encoder.session.with_shapes(shapes)
        return StatefulHopEncoder(session, manifest, sizes, capacity=capacity)
    num_samples = sizes.window_hops * manifest.hop_samples
    session = encoder.session.with_shapes({SAMPLES: (1, num_samples)})
    return WindowedHopEncoder(session, manifest, sizes)


def _encoder(session: OnnxSession, manifest: ModelManifest) -> SpeakerEncoder:
    kind = StatefulEncoder if manifest.mode == "stateful" else WindowedEncoder
    return kind(session, manifest)
