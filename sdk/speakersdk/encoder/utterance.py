"""Encoder of stateful models: samples in blocks, the state carried from block to block.

A stream so costs only what is new, and a recording of any length is encoded in bounded blocks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Waveform
from speakersdk.encoder.interface import Encoding, check_duration, check_waveform, detector
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.stateful_blocks import Blocks, FixedBlocks, VariableBlocks, call_shapes
from speakersdk.errors import AudioTooShortError, ClosedError
from speakersdk.runtime.session import OnnxSession

# Hops of one call when a whole recording is at hand: 5 s at 10 frames of 10 ms. Measured on one
# thread, RTF of calls of 10 frames .0056, 100 .0021, 500 .0017, 1000 .0018.
_HOPS_PER_BLOCK = 50
# Hops of every call where all have one length: 3 s. A GPU takes as long for .1 s as for 3 s (1.2 ms
# on an H200), so that most recordings are one or two calls, and padding costs nothing.
_HOPS_PER_FIXED_BLOCK = 30


def offline_shapes(manifest: ModelManifest) -> dict[str, tuple[int, ...]]:
    """Shapes of the call that encodes a recording, for sessions of fixed shapes."""
    return call_shapes(manifest, num_frames=_HOPS_PER_FIXED_BLOCK * manifest.hop_frames)


class StatefulEncoder:
    """See `speakersdk.encoder.load.SpeakerEncoder`; may be used by several threads."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest) -> None:
        self.session = session
        self.manifest = manifest
        # Set up once for each thread that encodes at the same time, then used again.
        self._idle_blocks: list[FixedBlocks] = []

    def encode(self, samples: Waveform) -> Encoding:
        """Encode a whole recording."""
        num_hops = _HOPS_PER_FIXED_BLOCK if self.session.has_fixed_shapes else _HOPS_PER_BLOCK
        try:
            blocks: Blocks = self._idle_blocks.pop()
        except IndexError:
            blocks = self._blocks(num_hops)
        stream = StatefulStream(
            blocks, self.manifest, block_frames=num_hops * self.manifest.hop_frames
        )
        stream.push(samples)
        encoding = stream.finish()
        if isinstance(blocks, FixedBlocks):
            blocks.reset()
            self._idle_blocks.append(blocks)
        return encoding

    def stream(self) -> StatefulStream:
        """A new stream that has heard nothing, encoded hop by hop."""
        return StatefulStream(self._blocks(1), self.manifest, block_frames=self.manifest.hop_frames)

    def _blocks(self, num_hops: int) -> Blocks:
        if not self.session.has_fixed_shapes:
            return VariableBlocks(self.session, self.manifest)
        num_frames = num_hops * self.manifest.hop_frames
        return FixedBlocks(self.session, self.manifest, num_frames=num_frames)


class StatefulStream:
    """See `speakersdk.encoder.load.EncoderStream`; keeps less than one block of samples."""

    def __init__(self, blocks: Blocks, manifest: ModelManifest, *, block_frames: int) -> None:
        self._blocks = blocks
        self._manifest = manifest
        self._frontend = manifest.frontend
        self._block_frames = block_frames
        # One zero stands for the sample before the first (pre-emphasis).
        self._pending: Waveform = np.zeros(1, np.float32)
        # Summed in float64: float32 would lose hops against hours of statistics.
        self._statistics: npt.NDArray[np.float64] = np.zeros((1, manifest.statistics_size))
        self._embedding: Embedding | None = None
        self._num_samples = 0
        self._num_speech_frames = 0
        self._activity = None if manifest.has_speech_head else detector(manifest)
        # What the detector said of the frames in `_pending`; a graph with a head weighs them.
        self._weights: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._finished = False

    @property
    def duration_s(self) -> float:
        """Seconds pushed so far."""
        return self._num_samples / self._frontend.sample_rate_hz

    @property
    def speech_s(self) -> float:
        """Seconds of speech among what has been encoded so far."""
        return self._num_speech_frames * self._manifest.frame_s

    def push(self, samples: Waveform) -> None:
        """Take the next samples and encode every block they complete."""
        self._check_open()
        samples = check_waveform(samples)
        if self._activity is not None:
            detected = self._activity.push(samples).astype(np.float32)
            self._weights = np.concatenate([self._weights, detected])
        self._num_samples += len(samples)
        pending = np.concatenate([self._pending, samples])
        step = self._block_frames * self._frontend.hop_samples
        block_samples = self._frontend.context_samples + step
        first = 0
        while first + block_samples <= len(pending):
            self._encode_block(pending[first : first + block_samples], self._block_frames)
            first += step
        self._pending = pending[first:].copy()

    def embedding(self) -> Embedding:
        """(D,) float32 embedding of every complete block so far."""
        check_duration(self._manifest, self.duration_s)
        if self._embedding is None:
            block_s = self._frontend.num_samples(self._block_frames) / self._frontend.sample_rate_hz
            raise AudioTooShortError(needed_s=block_s, got_s=self.duration_s)
        return self._embedding

    def finish(self) -> Encoding:
        """Encode the remaining frames, close the stream and return its encoding."""
        self._check_open()
        self._finished = True
        context, hop = self._frontend.context_samples, self._frontend.hop_samples
        num_frames = (len(self._pending) - context) // hop
        if num_frames > 0:
            self._encode_block(self._pending[: context + num_frames * hop], num_frames)
        return Encoding(self.embedding(), self.speech_s, self.duration_s)

    def _check_open(self) -> None:
        if self._finished:
            raise ClosedError("the stream is finished; start another with stream()")

    def _encode_block(self, samples: Waveform, num_frames: int) -> None:
        weights = np.ones(num_frames, np.float32)
        if self._activity is not None:
            weights, self._weights = np.split(self._weights, [num_frames])
        outputs = self._blocks.run(samples, weights, self._statistics)
        self._statistics += outputs["hop_statistics"]
        self._embedding = outputs["embedding"][0].copy()
        is_speech = weights > 0
        if self._activity is None:
            is_speech = outputs["speech"][0, :num_frames] >= self._manifest.speech_threshold
        self._num_speech_frames += int(np.count_nonzero(is_speech))
