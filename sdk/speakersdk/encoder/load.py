"""Load a model file as a speaker encoder, whichever mode it has.

ONNX file -> check of its bytes -> session -> manifest -> check of the graph against it -> encoder
"""

from __future__ import annotations

import os
from dataclasses import replace

from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.content import CONTENT_SHA256, check_content
from speakersdk.encoder.hop import HopEncoder, HopSizes, StatefulHopEncoder
from speakersdk.encoder.interface import EncoderStream, Encoding, SpeakerEncoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.stateful_blocks import call_shapes
from speakersdk.encoder.statistics_ring import NUM_WINDOWS
from speakersdk.encoder.utterance import StatefulEncoder, offline_shapes
from speakersdk.encoder.windowed import WindowedEncoder, WindowedHopEncoder, window_shapes
from speakersdk.errors import ManifestError
from speakersdk.runtime.options import Precision, SessionOptions
from speakersdk.runtime.session import ModelFile, OnnxSession, open_session

__all__ = [
    "EncoderStream", "Encoding", "SpeakerEncoder", "hop_encoder", "load_encoder", "recalibrated",
]  # fmt: skip

# Name -> sizes after the batch; None = the number of samples or frames, which varies.
_Shapes = dict[str, tuple[int | None, ...]]


def load_encoder(
    path: str | os.PathLike[str],
    *,
    device: str = "cpu",
    strict: bool | None = None,
    precision: Precision = "fp32",
    num_threads: int = 1,
    fixed_shapes: bool | None = None,
) -> SpeakerEncoder:
    """Load an ONNX file that speakersdk-export wrote.

    Args:
        path: the file.
        device, strict, precision, num_threads, fixed_shapes: see
            `speakersdk.runtime.options.SessionOptions`.

    Raises:
        ManifestError: no manifest, a graph that is not what the manifest says, or a file that was
            changed after it was written.
        ConfigError, MissingDependencyError, InferenceError: see `open_session`.
    """
    options = SessionOptions(
        device=device,
        strict=strict,
        precision=precision,
        num_threads=num_threads,
        fixed_shapes=fixed_shapes,
    )
    # The CPU reads any file in milliseconds: elsewhere the shapes must be known beforehand.
    on_cpu = SessionOptions(num_threads=num_threads)
    file = ModelFile.read(path)
    has_checksum = check_content(file.content)
    session = open_session(file, on_cpu)
    manifest = ModelManifest.from_metadata(session.metadata)
    if not has_checksum:
        raise ManifestError(
            f"expected the property {CONTENT_SHA256} in a file of this schema, found none; export "
            "the model again with speakersdk-export model"
        )
    _check_graph(session, manifest)
    is_stateful = manifest.mode == "stateful"
    if options != on_cpu:
        shapes = offline_shapes(manifest) if is_stateful else window_shapes(manifest)
        session = session.reopened(options, shapes=shapes)
    return StatefulEncoder(session, manifest) if is_stateful else WindowedEncoder(session, manifest)


def recalibrated(encoder: SpeakerEncoder, calibration: Calibration) -> SpeakerEncoder:
    """The same encoder with another calibration in its manifest; the session is shared."""
    manifest = replace(encoder.manifest, calibration=calibration)
    if manifest.mode == "stateful":
        return StatefulEncoder(encoder.session, manifest)
    return WindowedEncoder(encoder.session, manifest)


def hop_encoder(encoder: SpeakerEncoder, sizes: HopSizes, *, capacity: int = 1) -> HopEncoder:
    """The live side of a loaded encoder: hops instead of recordings.

    Args:
        encoder: made by `load_encoder`; the session is shared where shapes may vary.
        sizes: of the evidence windows.
        capacity: streams that one call may serve.
    """
    manifest = encoder.manifest
    if manifest.mode == "stateful":
        shapes = call_shapes(
            manifest, num_frames=manifest.hop_frames, batch=capacity, windows=NUM_WINDOWS
        )
        session = encoder.session.with_shapes(shapes)
        return StatefulHopEncoder(session, manifest, sizes, capacity=capacity)
    num_samples = sizes.window_hops * manifest.hop_frames * manifest.frontend.hop_samples
    session = encoder.session.with_shapes({"samples": (1, num_samples)})
    return WindowedHopEncoder(session, manifest, sizes)


def _check_graph(session: OnnxSession, manifest: ModelManifest) -> None:
    """Compare the graph's inputs and outputs with the contract of the manifest's mode."""
    inputs, outputs = _contract(manifest)
    _check_values("inputs", inputs, session.inputs)
    _check_values("outputs", outputs, session.outputs)


def _contract(manifest: ModelManifest) -> tuple[_Shapes, _Shapes]:
    """Inputs and outputs that docs/formats/model.md prescribes."""
    if manifest.mode == "windowed":
        return {"samples": (None,)}, {"embedding": (manifest.embedding_dim,)}
    inputs: _Shapes = {
        "samples": (None,),
        "frame_weights": (None,),
        "cache": (manifest.cache_size,),
        "statistics": (None,),  # R * statistics_size: R windows of each stream
    }
    outputs: _Shapes = {
        "embedding": (manifest.embedding_dim,),
        "hop_statistics": (manifest.statistics_size,),
        "next_cache": (manifest.cache_size,),
    }
    if manifest.has_speech_head:
        outputs["speech"] = (None,)
    return inputs, outputs


def _check_values(
    kind: str, expected: _Shapes, got: dict[str, tuple[int | str | None, ...]]
) -> None:
    if set(got) != set(expected):
        raise ManifestError(
            f"the manifest promises the {kind} {sorted(expected)}, the graph has {sorted(got)}; "
            "export the model again"
        )
    for name, sizes in expected.items():
        shape = tuple(size if isinstance(size, int) else None for size in got[name])
        if shape != (None, *sizes):
            raise ManifestError(
                f"the manifest promises {name} of shape {(None, *sizes)} (None = any size), the "
                f"graph has {got[name]}; export the model again"
            )
