"""Encoder for stateful models.

A recording of any length is encoded in one pass over blocks, and the state is kept between them.
Each call embeds two sums: the speech so far, and the current piece of speech.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Waveform
from speakersdk.audio.levels import SpeechLevel
from speakersdk.encoder.graph import EMBEDDING, HOP_STATISTICS, SPEECH, Shapes, StatefulGraph
from speakersdk.encoder.interface import (
    Encoding,
    FrameListener,
    check_duration,
    check_waveform,
    detector,
    waveform_blocks,
)
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.pieces import PieceCollector
from speakersdk.encoder.stateful_blocks import Blocks, FixedBlocks, VariableBlocks
from speakersdk.errors import AudioTooShortError, ClosedError
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
        for block in waveform_blocks(samples):
            stream.push(block)
        encoding = stream.finish()
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


class StatefulStream:
    """The `EncoderStream` of stateful models. It keeps less than one block of samples."""

    def __init__(
        self,
        blocks: Blocks,
        manifest: ModelManifest,
        *,
        block_frames: int,
        listener: FrameListener | None = None,
    ) -> None:
        self._blocks = blocks
        self._listener = listener
        self._manifest = manifest
        self._frontend = manifest.frontend
        self._block_frames = block_frames
        # The zero is the sample before the first one (pre-emphasis).
        self._pending: Waveform = np.zeros(1, np.float32)
        # Summed in float64, because float32 would lose single hops in hours of statistics.
        self._statistics: npt.NDArray[np.float64] = np.zeros((NUM_SUMS, manifest.statistics_size))
        self._collector = PieceCollector(manifest.embedding_dim, manifest.temperature)
        self._level = SpeechLevel(hop_frames=manifest.hop_frames)
        self._num_piece_frames = 0
        self._embedding: Embedding | None = None
        self._num_samples = 0
        self._num_speech_frames = 0
        self._activity = None if manifest.has_speech_head else detector(manifest)
        # Decisions of the detector on the frames in `_pending`; a graph with a speech head makes
        # its own.
        self._weights: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._finished = False

    @property
    def duration_s(self) -> float:
        """The seconds pushed so far."""
        return self._num_samples / self._frontend.sample_rate_hz

    @property
    def speech_s(self) -> float:
        """The seconds of speech in the audio encoded so far."""
        return self._num_speech_frames * self._manifest.frame_s

    def push(self, samples: Waveform) -> None:
        """Take the next samples and encode every block that they complete."""
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
        """Return the (D,) float32 embedding of all complete blocks so far."""
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
        embedding = self.embedding()
        pieces = self._collector.pieces
        return Encoding(
            embedding,
            self.speech_s,
            self.duration_s,
            pieces,
            self._level.dbfs,
            self._level.variation_db,
            self._level.clipped_share,
        )

    def _check_open(self) -> None:
        if self._finished:
            raise ClosedError("the stream is finished; start another with stream()")

    def _encode_block(self, samples: Waveform, num_frames: int) -> None:
        weights = np.ones(num_frames, np.float32)
        if self._activity is not None:
            weights, self._weights = np.split(self._weights, [num_frames])
        outputs = self._blocks.run(samples, weights, self._statistics)
        self._statistics += outputs[HOP_STATISTICS]
        embeddings = outputs[EMBEDDING].copy()
        self._embedding = embeddings[_SO_FAR]
        is_speech = weights > 0
        if self._activity is None:
            is_speech = outputs[SPEECH][0, :num_frames] >= self._manifest.speech_threshold
        num_speech_frames = int(np.count_nonzero(is_speech))
        self._num_speech_frames += num_speech_frames
        self._num_piece_frames += num_speech_frames
        newest = samples[self._frontend.context_samples :]
        self._level.take(newest, is_speech)
        if self._listener is not None:
            self._listener(newest, is_speech)
        self._end_piece(embeddings[_PIECE])

    def _end_piece(self, piece: Embedding) -> None:
        """Keep the current piece and begin another if it has enough speech."""
        speech_s = self._num_piece_frames * self._manifest.frame_s
        if speech_s >= self._collector.piece_s:
            self._collector.add(piece, speech_s)
            self._statistics[_PIECE] = 0.0
            self._num_piece_frames = 0
