"""The parity check of a model file: the same numbers as torch, in one pass and as a stream.

There are three comparisons: torch with onnxruntime, the SDK's streaming with one offline pass, and
the front end of the graph with python_speech_features. Each uses speech, and the first also uses
digital silence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.stride_tricks import sliding_window_view
from python_speech_features import sigproc

from speakersdk.arrays import Waveform
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.graph import (
    EMBEDDING,
    FRAME_WEIGHTS,
    HOP_STATISTICS,
    NEXT_CACHE,
    OUTPUTS,
    SAMPLES,
    SPEECH,
    Arrays,
    StatefulGraph,
)
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.runtime.session import OnnxSession, open_session
from speakersdk_export.errors import ParityError
from speakersdk_export.graph.stateful import log_mel_graph
from speakersdk_training.models.encoder import Encoder
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.mel_filters import analysis_window, mel_filters

DURATIONS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
BATCHES: Final = (1, 8)
# The limits are absolute for embeddings and speech probabilities. Sums over 2000 frames and
# unbounded features have a relative precision, and their limits are relative to the largest value.
_RELATIVE: Final = frozenset({HOP_STATISTICS, NEXT_CACHE})
TORCH_LIMIT: Final = 1e-4
STREAMING_LIMIT: Final = 1e-4
# Absolute, in units of the logarithm. Measured on speech and on synthetic voices: up to 2e-4.
LOG_MEL_LIMIT: Final = 1e-3
_STREAMED_S: Final = 12.0
_NUM_CHUNKINGS: Final = 4
_SEED: Final = 20261122


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest measured difference of one check, and its limit."""

    check: str
    measured: float
    limit: float


def check_parity(encoder: Encoder, path: Path, speech: Waveform) -> tuple[Difference, ...]:
    """Compare a model file with the encoder from which it was made.

    Args:
        encoder: the encoder in eval mode on the CPU.
        path: the model file.
        speech: (n,) float32 at the encoder's sample rate; repeated if shorter than needed.

    Raises:
        ParityError: a difference is above its limit.
    """
    rng = np.random.default_rng(_SEED)
    return _checked(
        (
            *_torch_differences(encoder, open_session(path), speech, rng),
            *_streaming_differences(path, speech, rng, STREAMING_LIMIT),
            log_mel_difference(encoder.frontend, speech),
        )
    )


def check_streaming(path: Path, speech: Waveform, *, limit: float) -> tuple[Difference, ...]:
    """Compare streams in random chunks with one offline pass of a model file.

    Raises:
        ParityError: a difference is above the limit.
    """
    rng = np.random.default_rng(_SEED)
    return _checked(_streaming_differences(path, speech, rng, limit))


def _checked(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return the differences if none is above its limit."""
    checked = []
    for difference in differences:
        # The form of the comparison makes NaN fail.
        if not difference.measured <= difference.limit:
            raise ParityError(
                difference.check,
                expected=f"a difference of at most {difference.limit:g}",
                got=f"{difference.measured:.3g}",
            )
        checked.append(difference)
    return tuple(checked)


def _torch_differences(
    encoder: Encoder,
    session: OnnxSession,
    speech: Waveform,
    rng: np.random.Generator,
) -> Iterator[Difference]:
    """Yield the largest difference of the graph's outputs for each duration and batch."""
    rate_hz = encoder.frontend.config.sample_rate_hz
    manifest = ModelManifest.from_metadata(session.metadata)
    for duration_s in DURATIONS_S:
        for batch in BATCHES:
            samples = _excerpts(speech, batch, round(duration_s * rate_hz), rng)
            measured = []
            for feeds in _feeds(encoder, manifest, samples, rng):
                expected = _run_torch(encoder, manifest, feeds)
                outputs = session.run(feeds)
                measured += [_difference(name, outputs[name], expected[name]) for name in outputs]
            yield Difference(
                f"torch against onnxruntime, {duration_s:g} s, batch {batch}",
                float(np.max(measured)),  # unlike max(), np.max propagates NaN
                TORCH_LIMIT,
            )


def _excerpts(
    speech: Waveform, batch: int, num_samples: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return (batch, num_samples) excerpts; the last of several ends with digital silence."""
    repeated = np.resize(speech, len(speech) + num_samples)
    starts = rng.integers(len(speech), size=batch)
    samples = np.stack([repeated[start : start + num_samples] for start in starts])
    if batch > 1:
        samples[-1, num_samples // 2 :] = 0.0
    return samples


def _feeds(
    encoder: Encoder,
    manifest: ModelManifest,
    samples: npt.NDArray[np.float32],
    rng: np.random.Generator,
) -> Iterator[Arrays]:
    """Yield inputs of the graph: for stateful ones, a stream's first block and a later one."""
    if manifest.mode == "windowed":
        yield {SAMPLES: samples}
        return
    graph = StatefulGraph(manifest)
    num_frames = manifest.frontend.num_frames(samples.shape[1])
    samples = np.pad(samples, ((0, 0), (1, 0)))[:, : graph.num_samples(num_frames)]
    first = graph.feeds(samples)
    after = _run_torch(encoder, manifest, first)
    second = graph.feeds(
        samples[::-1].copy(),
        frame_weights=rng.random((len(samples), num_frames), np.float32),
        cache=after[NEXT_CACHE],
        statistics=after[HOP_STATISTICS],
    )
    for feeds in (first, second):
        if manifest.has_speech_head:
            # If only rounding decides whether a frame is speech, the two may differ.
            speech = _run_torch(encoder, manifest, feeds)[SPEECH]
            is_close = np.abs(speech - manifest.speech_threshold) <= TORCH_LIMIT
            feeds[FRAME_WEIGHTS][is_close] = 0.0
        yield feeds


@torch.no_grad()
def _run_torch(encoder: Encoder, manifest: ModelManifest, feeds: Arrays) -> Arrays:
    inputs = [torch.from_numpy(array) for array in feeds.values()]
    if manifest.mode == "windowed":
        return {EMBEDDING: encoder(*inputs).numpy()}
    threshold = manifest.speech_threshold if manifest.has_speech_head else None
    outputs = encoder(*inputs, speech_threshold=threshold)
    return {name: output.numpy() for name, output in zip(OUTPUTS, outputs, strict=True)}


def _streaming_differences(
    path: Path, speech: Waveform, rng: np.random.Generator, limit: float
) -> Iterator[Difference]:
    """Compare random chunk lengths, from single samples to a second, with one offline pass."""
    encoder = load_encoder(path)
    rate_hz = encoder.manifest.frontend.sample_rate_hz
    # Not a whole number of hops or frames, in order to test the remainder.
    samples = np.resize(speech, round(_STREAMED_S * rate_hz) + 777)
    offline = encoder.encode(samples)
    for number in range(1, _NUM_CHUNKINGS + 1):
        stream = encoder.stream()
        first = 0
        while first < len(samples):
            chunk = int(np.exp(rng.uniform(0, np.log(rate_hz))))
            stream.push(samples[first : first + chunk])
            first += chunk
        measured = _difference(EMBEDDING, stream.finish().embedding, offline.embedding)
        yield Difference(f"streaming against offline, chunking {number}", measured, limit)


def log_mel_difference(frontend: LogMel, speech: Waveform) -> Difference:
    """Compare the exported front end with python_speech_features, its definition."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log_mel.onnx"
        path.write_bytes(log_mel_graph(frontend).SerializeToString())
        padded = np.concatenate([np.zeros(1, np.float32), speech])
        log_mel = open_session(path).run({SAMPLES: padded[np.newaxis]})["log_mel"][0]
    expected = reference_log_mel(frontend.config, speech)[: log_mel.shape[1]].T
    return Difference(
        "log-mel against python_speech_features",
        float(np.abs(log_mel - expected).max()),
        LOG_MEL_LIMIT,
    )


def reference_log_mel(config: FrontendConfig, samples: Waveform) -> npt.NDArray[np.float64]:
    """Compute (num_frames, num_mels) with python_speech_features; the last frame may be padded."""
    frames = _framed(config, samples.astype(np.float64)) * analysis_window(config)
    energies = sigproc.powspec(frames, config.fft_size) @ mel_filters(config).T
    log_mel: npt.NDArray[np.float64]
    if config.compression == "log10_one_plus":
        log_mel = np.log10(1 + config.compression_gain * energies)
    else:
        log_mel = np.log(energies + config.log_floor)
    return log_mel


def _framed(config: FrontendConfig, samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (num_frames, window_samples) frames of the pre-emphasized samples."""
    if not config.remove_dc:
        emphasized = sigproc.preemphasis(samples, config.preemphasis)
        frames: npt.NDArray[np.float64] = sigproc.framesig(
            emphasized, config.window_samples, config.hop_samples
        )
        return frames
    padded = np.append(np.zeros(1), samples)
    with_past = sliding_window_view(padded, config.window_samples + 1)[:: config.hop_samples]
    centered = with_past - with_past.mean(axis=1, keepdims=True)
    without_dc: npt.NDArray[np.float64] = centered[:, 1:] - config.preemphasis * centered[:, :-1]
    return without_dc


def _difference(
    name: str, got: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]
) -> float:
    """Return the largest difference of an output, for some relative to values above 1."""
    scale = max(1.0, float(np.abs(expected).max())) if name in _RELATIVE else 1.0
    return float(np.abs(got - expected).max()) / scale
