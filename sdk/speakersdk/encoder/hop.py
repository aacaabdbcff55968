"""Live encoding: one call of the model encodes a hop of several streams.

samples + cache -> graph -> speech probability, statistics -> three embeddings if there is speech
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embeddings
from speakersdk.encoder.graph import (
    CACHE,
    EMBEDDING,
    FRAME_WEIGHTS,
    HOP_STATISTICS,
    NEXT_CACHE,
    SAMPLES,
    SPEECH,
    STATISTICS,
    StatefulGraph,
)
from speakersdk.encoder.hop_buffer import HopBuffer
from speakersdk.encoder.interface import detector
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.statistics_ring import NUM_WINDOWS, RECENT_S, StatisticsRing
from speakersdk.runtime.bound_call import BoundCall, Carried
from speakersdk.runtime.session import OnnxSession

# Minimum share of speech frames of a hop that counts as evidence for scores and tests. One frame of
# 10 is often a click. Embeddings use every speech frame.
_SPEECH_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class HopSizes:
    """Lengths of the evidence windows in hops.

    Attributes:
        window_hops: length of the window of the windowed score.
        recent_hops: length of the recent speech, which detects a change of speaker.
    """

    window_hops: int
    recent_hops: int


def hop_sizes(manifest: ModelManifest, window_s: float | None = None) -> HopSizes:
    """Return the lengths of the windows in hops; None means the window of the model."""
    window_s = manifest.window_s if window_s is None else window_s
    return HopSizes(
        window_hops=max(1, round(window_s / manifest.hop_s)),
        recent_hops=max(1, round(RECENT_S / manifest.hop_s)),
    )


class HopState:
    """The state of one stream.

    Attributes:
        buffer: samples of the next hop.
        speech_probability: highest speech probability of the frames in the last hop.
        hop_speech_s: net speech of the last hop in seconds.
        embeddings: (NUM_WINDOWS, D) float32 embeddings of the window, the speech so far and the
            recent speech, as of the last hop with speech.
        has_speech: whether the last hop has speech frames that count.
        is_evidence: whether the last hop has enough speech to be scored.
        is_usable: set to False to ignore the speech of the next hops.
    """

    def __init__(self, manifest: ModelManifest, sizes: HopSizes) -> None:
        self.buffer = HopBuffer(manifest.frontend, hop_frames=manifest.hop_frames)
        self.embeddings: Embeddings = np.zeros((NUM_WINDOWS, manifest.embedding_dim), np.float32)
        self.speech_probability = 0.0
        self.hop_speech_s = 0.0
        self.has_speech = False
        self.is_evidence = False
        self.is_usable = True
        self._manifest = manifest
        self._activity = None if manifest.has_speech_head else detector(manifest)
        self._is_first_hop = True
        self.cache = np.zeros(manifest.cache_size, np.float32)
        # The call that keeps the cache on a GPU between hops, if there is one.
        self.carrier: BoundCall | None = None
        self.ring = StatisticsRing(
            manifest.statistics_size,
            window_hops=sizes.window_hops,
            recent_hops=sizes.recent_hops,
        )

    @property
    def speech_s(self) -> float:
        """Net speech since the last restart in seconds."""
        return self.ring.frames_so_far * self._manifest.frame_s

    @property
    def window_speech_s(self) -> float:
        """Net speech in the window in seconds."""
        return self.ring.window_frames * self._manifest.frame_s

    def reset(self) -> None:
        """Reset the state: the next hop is the first of a stream."""
        self.cache[:] = 0.0
        if self.carrier is not None:
            self.carrier.reset()
        self.buffer.forget_past()
        self.ring.restart()
        if self._activity is not None:
            self._activity.reset()
            self._is_first_hop = True

    def restart(self, *, keep_hops: int = 0) -> None:
        """Forget the speech so far, except its last hops; the encoder state is kept."""
        self.ring.restart(keep_hops=keep_hops)

    def detect_speech(self, num_frames: int) -> npt.NDArray[np.bool_]:
        """Detect speech in the first `num_frames` frames of the hop in the buffer.

        Models without a speech head need it. Returns (num_frames,) bool of the voice activity
        detector.
        """
        if self._activity is None:
            raise ValueError("expected a model without a speech head: its graph detects speech")
        context = 1 if self._is_first_hop else self._manifest.frontend.context_samples
        self._is_first_hop = False
        is_speech = self._activity.push(self.buffer.samples[context:])[:num_frames]
        self.speech_probability = self._activity.probability
        return is_speech

    def count_speech(self, speech_frames: int, num_frames: int) -> None:
        """Record how many of the `num_frames` frames of the hop are speech."""
        self.hop_speech_s = speech_frames * self._manifest.frame_s
        self.has_speech = self.is_usable and speech_frames > 0
        self.is_evidence = self.has_speech and speech_frames >= _SPEECH_SHARE * num_frames


class HopEncoder(Protocol):
    """An encoder of hops, for use by one thread."""

    @property
    def manifest(self) -> ModelManifest:
        """The manifest of the model file."""

    def start(self) -> HopState:
        """Return the initial state of a stream."""

    def encode(self, states: Sequence[HopState]) -> None:
        """Encode the complete hop in the buffer of each state and advance the buffers."""

    def encode_remainder(self, state: HopState) -> None:
        """Encode the frames of an incomplete hop, at the end of a stream."""


class StatefulHopEncoder:
    """A `HopEncoder` for stateful models. It allocates its buffers once."""

    def __init__(
        self, session: OnnxSession, manifest: ModelManifest, sizes: HopSizes, *, capacity: int = 1
    ) -> None:
        self.manifest = manifest
        self._session = session
        self._sizes = sizes
        self._capacity = capacity
        graph = StatefulGraph(manifest)
        shape = {"num_frames": manifest.hop_frames, "batch": capacity, "windows": NUM_WINDOWS}
        self._inputs = {
            name: np.zeros(size, np.float32) for name, size in graph.inputs(**shape).items()
        }
        self._inputs[FRAME_WEIGHTS][:] = 1.0
        self._outputs = {
            name: np.zeros(size, np.float32) for name, size in graph.outputs(**shape).items()
        }
        self._runs: dict[int, BoundCall] = {}

    def start(self) -> HopState:
        """Return the initial state of a stream."""
        state = HopState(self.manifest, self._sizes)
        if self._capacity == 1 and self._session.has_fixed_shapes:
            # The streams of a pool change between calls, and their caches go through the host.
            inputs, outputs = dict(self._inputs), dict(self._outputs)
            cache = Carried(NEXT_CACHE, inputs.pop(CACHE).shape)
            del outputs[NEXT_CACHE]
            state.carrier = self._session.bind(inputs, outputs, {CACHE: cache})
        return state

    def encode(self, states: Sequence[HopState]) -> None:
        """Encode the complete hop in the buffer of each state and advance the buffers."""
        for first in range(0, len(states), self._capacity):
            self._encode_batch(states[first : first + self._capacity])

    def encode_remainder(self, state: HopState) -> None:
        """Encode the frames of an incomplete hop, at the end of a stream."""
        num_frames = state.buffer.num_frames
        state.buffer.pad()
        self._encode_batch([state], num_frames=num_frames)

    def _encode_batch(self, states: Sequence[HopState], *, num_frames: int | None = None) -> None:
        inputs = self._inputs
        num_frames = self.manifest.hop_frames if num_frames is None else num_frames
        weights = inputs[FRAME_WEIGHTS]
        weights[: len(states), num_frames:] = 0.0
        for row, state in enumerate(states):
            inputs[SAMPLES][row] = state.buffer.samples
            inputs[CACHE][row] = state.cache
            state.ring.fill(inputs[STATISTICS][row].reshape(NUM_WINDOWS, -1))
            if not self.manifest.has_speech_head:
                weights[row, :num_frames] = state.detect_speech(num_frames)
        if (carrier := states[0].carrier) is not None:
            carrier()
        else:
            self._run(len(states))
        for row, state in enumerate(states):
            if carrier is None:
                state.cache[:] = self._outputs[NEXT_CACHE][row]
            self._take_outputs(row, state, num_frames)
            state.buffer.advance()
        weights[: len(states)] = 1.0

    def _take_outputs(self, row: int, state: HopState, num_frames: int) -> None:
        """Update a state with its row of the outputs."""
        outputs = self._outputs
        if self.manifest.has_speech_head:
            # With about ten numbers, a loop is faster than an array.
            probabilities: list[float] = outputs[SPEECH][row, :num_frames].tolist()
            state.speech_probability = max(probabilities, default=0.0)
            speech_frames = sum(at >= self.manifest.speech_threshold for at in probabilities)
        else:
            speech_frames = int(self._inputs[FRAME_WEIGHTS][row].sum())
        state.count_speech(speech_frames, num_frames)
        if state.has_speech:
            state.ring.add(outputs[HOP_STATISTICS][row], speech_frames=speech_frames)
            first = row * NUM_WINDOWS
            state.embeddings[:] = outputs[EMBEDDING][first : first + NUM_WINDOWS]
        else:
            state.ring.skip()

    def _run(self, batch: int) -> None:
        """Run the graph on the first `batch` rows of the buffers, or on all for fixed shapes."""
        batch = self._capacity if self._session.has_fixed_shapes else batch
        if batch not in self._runs:
            rows = {
                name: batch * (NUM_WINDOWS if name == EMBEDDING else 1) for name in self._outputs
            }
            self._runs[batch] = self._session.bind(
                {name: values[:batch] for name, values in self._inputs.items()},
                {name: values[: rows[name]] for name, values in self._outputs.items()},
            )
        self._runs[batch]()
