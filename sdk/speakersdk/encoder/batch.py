"""Encoding of several recordings in one call of the graph, for GPUs and many short files.

waveforms -> rows of equal length, padding with weight zero -> blocks -> encodings

The graph is causal, and therefore padding at the end of a row does not change the frames before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.encoder.graph import EMBEDDING, HOP_STATISTICS, NEXT_CACHE, SPEECH, StatefulGraph
from speakersdk.encoder.interface import Encoding, SpeakerEncoder, check_duration, check_waveform

# Frames of one call: 5 s, a length that was measured. Shorter batches are padded to whole
# seconds so that a GPU sees at most five lengths.
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
    frontend = manifest.frontend
    frames = np.array([frontend.num_frames(len(samples)) for samples in waveforms])
    block = min(_BLOCK_FRAMES, -(-int(frames.max()) // _FRAMES_STEP) * _FRAMES_STEP)
    num_blocks = -(-int(frames.max()) // block)
    graph = StatefulGraph(manifest)
    rows = np.zeros((len(waveforms), graph.num_samples(num_blocks * block)), np.float32)
    for row, samples, count in zip(rows, waveforms, frames, strict=True):
        used = samples[: frontend.num_samples(count)]
        row[1 : 1 + len(used)] = used  # one zero before the first sample (pre-emphasis)
    is_frame = np.arange(num_blocks * block) < frames[:, np.newaxis]
    cache = None
    statistics = np.zeros((len(rows), manifest.statistics_size))  # float64, as in a stream
    num_speech = np.zeros(len(rows), np.int64)
    for number in range(num_blocks):
        first = number * block * frontend.hop_samples
        last = first + graph.num_samples(block)
        counted = is_frame[:, number * block : (number + 1) * block]
        feeds = graph.feeds(
            np.ascontiguousarray(rows[:, first:last]),
            frame_weights=counted.astype(np.float32),
            cache=cache,
            statistics=statistics,
        )
        shapes = {name: array.shape for name, array in feeds.items()}
        outputs = encoder.session.with_shapes(shapes).run(feeds)
        cache = outputs[NEXT_CACHE]
        statistics += outputs[HOP_STATISTICS]
        num_speech += (counted & (outputs[SPEECH] >= manifest.speech_threshold)).sum(axis=1)
    return [
        Encoding(embedding, int(count) * manifest.frame_s, len(samples) / rate_hz)
        for embedding, count, samples in zip(outputs[EMBEDDING], num_speech, waveforms, strict=True)
    ]
