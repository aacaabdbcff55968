"""Encoding of a recording by a stateful graph, block by block.

There are two methods with the same result. If shapes may vary, a block has the length of its
frames. If new shapes would be slow, all blocks have one length, and the last one is padded with
weight zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.encoder.graph import (
    CACHE,
    FRAME_WEIGHTS,
    NEXT_CACHE,
    SAMPLES,
    STATISTICS,
    StatefulGraph,
)
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.runtime.bound_call import Carried
from speakersdk.runtime.session import OnnxSession

Outputs = Mapping[str, npt.NDArray[np.float32]]


class Block(NamedTuple):
    """One block of a recording.

    Attributes:
        samples: (context + num_frames * hop,) float32.
        frame_weights: (num_frames,) weights, at most as many as the blocks have. Fewer end the
            recording, because the padding is then in the cache.
        statistics: (R, statistics_size) sums to which the block is added.
    """

    samples: Waveform
    frame_weights: npt.NDArray[np.float32]
    statistics: npt.NDArray[np.float64]


class Blocks(Protocol):
    """An encoder of the blocks of a recording in order, which keeps the cache between them."""

    def run(self, block: Block) -> Outputs:
        """Encode the next block.

        Returns:
            The outputs of the graph without the cache, valid until the next call: an embedding for
            each of the R sums; frames beyond those of the block are padding.
        """


class VariableBlocks:
    """`Blocks` for sessions with variable shapes."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest) -> None:
        self._session = session
        self._frontend = manifest.frontend
        self._hop_frames = manifest.hop_frames
        self._graph = StatefulGraph(manifest)
        self._cache: npt.NDArray[np.float32] | None = None

    def run(self, block: Block) -> Outputs:
        """Encode the next block, padded to whole hops to keep the number of lengths small."""
        samples, frame_weights, statistics = block
        num_frames = len(frame_weights)
        padded_frames = -(-num_frames // self._hop_frames) * self._hop_frames
        weights = np.zeros((1, padded_frames), np.float32)
        weights[0, :num_frames] = frame_weights
        if padded_frames > num_frames:
            padding = (padded_frames - num_frames) * self._frontend.hop_samples
            samples = np.concatenate([samples, np.zeros(padding, np.float32)])
        outputs = self._session.run(
            self._graph.feeds(
                samples[np.newaxis],
                frame_weights=weights,
                cache=self._cache,
                statistics=statistics.reshape(1, -1),
            )
        )
        self._cache = outputs.pop(NEXT_CACHE)
        return outputs


class FixedBlocks:
    """`Blocks` of one shape in memory that is allocated once. The cache stays on the device.

    The caller sums the statistics, because the graph has no float64.
    """

    def __init__(
        self, session: OnnxSession, manifest: ModelManifest, *, num_frames: int, windows: int = 1
    ) -> None:
        graph = StatefulGraph(manifest)
        inputs = graph.inputs(num_frames, windows=windows)
        outputs = graph.outputs(num_frames, windows=windows)
        cache = Carried(NEXT_CACHE, outputs.pop(NEXT_CACHE))
        self._inputs = {
            name: np.zeros(shape, np.float32) for name, shape in inputs.items() if name != CACHE
        }
        self._outputs = {name: np.zeros(shape, np.float32) for name, shape in outputs.items()}
        self._call = session.with_shapes(inputs).bind(self._inputs, self._outputs, {CACHE: cache})

    def reset(self) -> None:
        """Make the next block the first of another recording."""
        self._call.reset()

    def run(self, block: Block) -> Outputs:
        """Encode the next block, padded to the fixed length."""
        samples, frame_weights, statistics = block
        num_frames = len(frame_weights)
        inputs = self._inputs
        inputs[SAMPLES][0, : len(samples)] = samples
        inputs[SAMPLES][0, len(samples) :] = 0.0
        inputs[FRAME_WEIGHTS][0, :num_frames] = frame_weights
        inputs[FRAME_WEIGHTS][0, num_frames:] = 0.0
        inputs[STATISTICS][:] = statistics.reshape(1, -1)
        self._call()
        return self._outputs
