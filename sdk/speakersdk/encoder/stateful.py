"""The encoder of recordings by stateful models.

A recording of any length is encoded in one pass over blocks, and the state is kept between them.
Each call embeds two sums: the speech so far, and the current piece of speech.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Waveform
from speakersdk.encoder.graph import EMBEDDING, HOP_STATISTICS, SPEECH, Shapes, StatefulGraph
from speakersdk.encoder.interface import (
    EncoderStream,
    Encoding,
    FrameListener,
    check_duration,
    detector,
)
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.pieces import PieceCollector, Pieces
from speakersdk.encoder.stateful_blocks import Block, Blocks, FixedBlocks, VariableBlocks
from speakersdk.errors import AudioTooShortError
from speakersdk.runtime.session import OnnxSession

# Hops of one call when a whole recording is available: 0.5 s at 10 frames of 10 ms. Measured RTF on
# one thread: .0056 with calls of 10 frames, .0018 with 50, .0017 with 100 and .0016 with 500.
# Pieces end with blocks.
_HOPS_PER_BLOCK = 5
# Rows of the sums to which a block is added.
_SO_FAR, _PIECE = 0, 1
NUM_SUMS: Final = 2


def offline_shapes(manifest: ModelManifest) -> Shapes:
    """Return the input shapes of the call that encodes a recording, for fixed shapes."""
    num_frames = _HOPS_PER_BLOCK * manifest.hop_frames
    return StatefulGraph(manifest).inputs(num_frames, windows=NUM_SUMS)


class StatefulEncoder:
    """The `SpeakerEncoder` of stateful models. Several threads may use it."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest) -> None:
        self.session = session
        self.manifest = manifest
        # Set up once per concurrent thread, and then reused.
        self._idle_blocks: list[FixedBlocks] = []

    def encode(
        self, samples: Waveform | Iterable[Waveform], *, listener: FrameListener | None = None
    ) -> Encoding:
        """Encode a whole recording."""
        try:
            blocks: Blocks = self._idle_blocks.pop()
        except IndexError:
            blocks = self._blocks(_HOPS_PER_BLOCK)
        stream = StatefulStream(
            blocks,
            self.manifest,
            block_frames=_HOPS_PER_BLOCK * self.manifest.hop_frames,
            listener=listener,
        )
        encoding = stream.encode(samples)
        if isinstance(blocks, FixedBlocks):
            blocks.reset()
            self._idle_blocks.append(blocks)
        return encoding

    def stream(self) -> StatefulStream:
        """Start a stream that is encoded hop by hop."""
        return StatefulStream(self._blocks(1), self.manifest, block_frames=self.manifest.hop_frames)

    def _blocks(self, num_hops: int) -> Blocks:
        if not self.session.has_fixed_shapes:
            return VariableBlocks(self.session, self.manifest)
        num_frames = num_hops * self.manifest.hop_frames
        return FixedBlocks(self.session, self.manifest, num_frames=num_frames, windows=NUM_SUMS)


class StatefulStream(EncoderStream):
    """The `EncoderStream` of stateful models. It keeps less than one block of samples."""

    def __init__(
        self,
        blocks: Blocks,
        manifest: ModelManifest,
        *,
        block_frames: int,
        listener: FrameListener | None = None,
    ) -> None:
        super().__init__(manifest, listener)
        self._blocks = blocks
        self._frontend = manifest.frontend
        self._block_frames = block_frames
        # The zero is the sample before the first one (pre-emphasis).
        self._pending: Waveform = np.zeros(1, np.float32)
        # Summed in float64, because float32 would lose single hops in hours of statistics.
        self._statistics: npt.NDArray[np.float64] = np.zeros((NUM_SUMS, manifest.statistics_size))
        self._collector = PieceCollector(manifest.embedding_dim, manifest.temperature)
        self._num_piece_frames = 0
        self._embedding: Embedding | None = None
        self._activity = None if manifest.has_speech_head else detector(manifest)
        # 1 for speech and 0 for other frames in `_pending`, unless the graph has a speech head.
        self._weights: npt.NDArray[np.float32] = np.zeros(0, np.float32)

    def _take(self, samples: Waveform) -> None:
        if self._activity is not None:
            detected = self._activity.push(samples).astype(np.float32)
            self._weights = np.concatenate([self._weights, detected])
        pending = np.concatenate([self._pending, samples])
        step = self._block_frames * self._frontend.hop_samples
        block_samples = self._frontend.context_samples + step
        first = 0
        while first + block_samples <= len(pending):
            self._encode_block(pending[first : first + block_samples], self._block_frames)
            first += step
        self._pending = pending[first:].copy()

    def embedding(self) -> Embedding:
        """Return the (D,) float32 embedding of all complete blocks so far."""
        check_duration(self._manifest, self.duration_s)
        if self._embedding is None:
            block_s = self._frontend.num_samples(self._block_frames) / self._frontend.sample_rate_hz
            raise AudioTooShortError(needed_s=block_s, got_s=self.duration_s)
        return self._embedding

    @property
    def _pieces(self) -> Pieces:
        return self._collector.pieces

    def _take_rest(self) -> None:
        context, hop = self._frontend.context_samples, self._frontend.hop_samples
        num_frames = (len(self._pending) - context) // hop
        if num_frames > 0:
            self._encode_block(self._pending[: context + num_frames * hop], num_frames)

    def _encode_block(self, samples: Waveform, num_frames: int) -> None:
        weights = np.ones(num_frames, np.float32)
        if self._activity is not None:
            weights, self._weights = np.split(self._weights, [num_frames])
        outputs = self._blocks.run(Block(samples, weights, self._statistics))
        self._statistics += outputs[HOP_STATISTICS]
        embeddings = outputs[EMBEDDING].copy()
        self._embedding = embeddings[_SO_FAR]
        is_speech = weights > 0
        if self._activity is None:
            is_speech = outputs[SPEECH][0, :num_frames] >= self._manifest.speech_threshold
        self._num_piece_frames += int(np.count_nonzero(is_speech))
        self._count_frames(samples[self._frontend.context_samples :], is_speech)
        self._end_piece(embeddings[_PIECE])

    def _end_piece(self, piece: Embedding) -> None:
        """Keep the current piece and begin another if it has enough speech."""
        speech_s = self._num_piece_frames * self._manifest.frame_s
        if speech_s >= self._collector.piece_s:
            self._collector.add(piece, speech_s)
            self._statistics[_PIECE] = 0.0
            self._num_piece_frames = 0
