"""Live encoding with a windowed model: the latest window is encoded anew at every hop of speech.

The speech so far is the mean of its windows' embeddings, one taken every half window of speech.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from speakersdk.encoder.hop import HopSizes, HopState
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.statistics_ring import RECENT, SO_FAR, WINDOW
from speakersdk.runtime.session import OnnxSession


class WindowedHopState(HopState):
    """What one stream of a windowed model carries from hop to hop."""

    def __init__(self, manifest: ModelManifest, sizes: HopSizes) -> None:
        super().__init__(manifest, sizes)
        window_samples = sizes.window_hops * self._hop_samples
        self.window = np.zeros(window_samples, np.float32)
        self.num_window_samples = 0
        self.sum: npt.NDArray[np.float64] = np.zeros(manifest.embedding_dim)
        self.hops_to_next = sizes.window_hops

    def take_hop(self) -> None:
        """Move the window on by the hop in the buffer."""
        hop = self.buffer.samples[-self._hop_samples :]
        self.window[: -len(hop)] = self.window[len(hop) :]
        self.window[-len(hop) :] = hop
        self.num_window_samples = min(len(self.window), self.num_window_samples + len(hop))

    def reset(self) -> None:
        """Make the next hop the first: nothing that came before it leaves a trace."""
        super().reset()
        self.num_window_samples = 0
        self.sum[:] = 0.0
        self.hops_to_next = len(self.window) // self._hop_samples

    def restart(self, *, keep_hops: int = 0) -> None:
        """Forget the speech so far but for the last hops of it, and go on hearing."""
        super().restart(keep_hops=keep_hops)
        self.sum[:] = 0.0


class WindowedHopEncoder:
    """See `speakersdk.encoder.hop.HopEncoder`."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest, sizes: HopSizes) -> None:
        self.manifest = manifest
        self._session = session
        self._sizes = sizes

    def start(self) -> HopState:
        """State of a stream that has heard nothing."""
        return WindowedHopState(self.manifest, self._sizes)

    def encode(self, states: Sequence[HopState]) -> None:
        """Encode the windows that end with the hops in the buffers and move the buffers on."""
        for state in states:
            self._encode(state, self.manifest.hop_frames)

    def encode_remainder(self, state: HopState) -> None:
        """Encode the frames of an incomplete hop, at the end of a stream."""
        num_frames = state.buffer.num_frames
        state.buffer.pad()
        self._encode(state, num_frames)

    def _encode(self, state: HopState, num_frames: int) -> None:
        if not isinstance(state, WindowedHopState):
            raise TypeError(f"expected a state made by start(), got {type(state).__name__}")
        state.take_hop()
        speech_frames = state.count_speech(np.zeros(0, np.float32), num_frames)
        state.buffer.advance()
        if not state.is_evidence:
            state.ring.skip()
            return
        state.ring.add(np.zeros(0, np.float32), speech_frames=speech_frames)
        window = state.window[-state.num_window_samples :]
        embedding = self._session.run_any_shape({"samples": window[np.newaxis]})["embedding"][0]
        total = state.sum + embedding
        state.hops_to_next -= 1
        if state.hops_to_next == 0:
            state.sum += embedding
            state.hops_to_next = self._sizes.window_hops // 2
        state.embeddings[WINDOW] = state.embeddings[RECENT] = embedding
        state.embeddings[SO_FAR] = total * (self.manifest.temperature / np.linalg.norm(total))
