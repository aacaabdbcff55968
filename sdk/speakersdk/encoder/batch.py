"""Encoding of several recordings in one call of the graph, for GPUs and many short files.

waveforms -> rows of equal length, padding with weight zero -> blocks -> encodings

The graph is causal, and therefore padding at the end of a row does not change the frames before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embeddings, Waveform
from speakersdk.encoder.graph import EMBEDDING, HOP_STATISTICS, NEXT_CACHE, SPEECH, StatefulGraph
from speakersdk.encoder.interface import Encoding, SpeakerEncoder, check_duration, check_waveform
from speakersdk.encoder.manifest import ModelManifest

# Frames of one call: 5 s, a length that was measured. Shorter batches are padded to whole seconds
# so that a GPU sees at most five lengths.
_BLOCK_FRAMES = 500
_FRAMES_STEP = 100


def encode_batch(encoder: SpeakerEncoder, waveforms: Sequence[Waveform]) -> list[Encoding]:
    """Encode recordings together. Encodings equal those of `encoder.encode` within 1e-4.

    Models without state or without a speech head encode them one by one.

    Args:
        encoder: an encoder from `load_encoder`.
        waveforms: each (n,) float32 at the manifest's sample rate.

    Raises:
        InvalidAudioError: a waveform is not a finite (n,) float32 array.
        AudioTooShortError: a waveform is shorter than the minimum of the model.
    """
    manifest = encoder.manifest
    rate_hz = manifest.frontend.sample_rate_hz
    for samples in waveforms:
        check_duration(manifest, len(check_waveform(samples)) / rate_hz)
    if manifest.mode != "stateful" or not manifest.has_speech_head or len(waveforms) < 2:
        return [encoder.encode(samples) for samples in waveforms]
    rows, is_frame = _padded_rows(manifest, waveforms)
    embeddings, num_speech = _encode_rows(encoder, rows, is_frame)
    return [
        Encoding(embedding, int(count) * manifest.frame_s, len(samples) / rate_hz)
        for embedding, count, samples in zip(embeddings, num_speech, waveforms, strict=True)
    ]


def _padded_rows(
    manifest: ModelManifest, waveforms: Sequence[Waveform]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Pad recordings to whole blocks of frames.

    Returns:
        (B, n) float32 samples with a zero before the first one (pre-emphasis), and (B, k) bool,
        whether each frame is a frame of the recording and not padding.
    """
    frontend = manifest.frontend
    num_frames = np.array([frontend.num_frames(len(samples)) for samples in waveforms])
    longest = int(num_frames.max())
    block = min(_BLOCK_FRAMES, -(-longest // _FRAMES_STEP) * _FRAMES_STEP)
    padded = -(-longest // block) * block
    rows = np.zeros((len(waveforms), StatefulGraph(manifest).num_samples(padded)), np.float32)
    for row, samples, count in zip(rows, waveforms, num_frames, strict=True):
        used = samples[: frontend.num_samples(count)]
        row[1 : 1 + len(used)] = used
    return rows, np.arange(padded) < num_frames[:, np.newaxis]


def _encode_rows(
    encoder: SpeakerEncoder, rows: npt.NDArray[np.float32], is_frame: npt.NDArray[np.bool_]
) -> tuple[Embeddings, npt.NDArray[np.int64]]:
    """Encode the result of `_padded_rows` block by block.

    Returns:
        (B, D) float32 embeddings, and (B,) int64 numbers of speech frames.
    """
    manifest, graph = encoder.manifest, StatefulGraph(encoder.manifest)
    block = min(_BLOCK_FRAMES, is_frame.shape[1])
    cache = None
    statistics = np.zeros((len(rows), manifest.statistics_size))  # float64, as in a stream
    num_speech = np.zeros(len(rows), np.int64)
    for first in range(0, is_frame.shape[1], block):
        start = first * manifest.frontend.hop_samples
        counted = is_frame[:, first : first + block]
        feeds = graph.feeds(
            np.ascontiguousarray(rows[:, start : start + graph.num_samples(block)]),
            frame_weights=counted.astype(np.float32),
            cache=cache,
            statistics=statistics,
        )
        shapes = {name: array.shape for name, array in feeds.items()}
        outputs = encoder.session.with_shapes(shapes).run(feeds)
        cache = outputs[NEXT_CACHE]
        statistics += outputs[HOP_STATISTICS]
        num_speech += (counted & (outputs[SPEECH] >= manifest.speech_threshold)).sum(axis=1)
    return outputs[EMBEDDING], num_speech
