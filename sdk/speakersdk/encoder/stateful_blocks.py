"""How the frames of one recording go through a stateful graph, block by block.

Two ways to the same result. Where shapes may vary, a block is as long as its frames; where every
new shape would stall, all blocks have one length, and padding that weighs nothing fills the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.runtime.bound_call import Carried
from speakersdk.runtime.session import OnnxSession

Outputs = Mapping[str, npt.NDArray[np.float32]]


def call_shapes(
    manifest: ModelManifest, *, num_frames: int, batch: int = 1, windows: int = 1
) -> dict[str, tuple[int, ...]]:
    """Shapes of a stateful graph's inputs (docs/formats/model.md).

    Args:
        num_frames: k, frames of one call.
        batch: B, streams of one call.
        windows: R, windows of each stream.
    """
    frontend = manifest.frontend
    return {
        "samples": (batch, frontend.context_samples + num_frames * frontend.hop_samples),
        "frame_weights": (batch, num_frames),
        "cache": (batch, manifest.cache_size),
        "statistics": (batch, windows * manifest.statistics_size),
    }


class Blocks(Protocol):
    """Encodes the blocks of one recording in their order and carries the cache between them."""

    def run(
        self,
        samples: Waveform,
        frame_weights: npt.NDArray[np.float32],
        statistics: npt.NDArray[np.float64],
    ) -> Outputs:
        """Encode the next block.

        Args:
            samples: (context + num_frames * hop,) float32.
            frame_weights: (num_frames,) of the block, at most as many as blocks have. Fewer end the
                recording: the padding behind them is in the cache.
            statistics: (1, statistics_size) of the blocks before it.

        Returns:
            Outputs of the graph without the cache, valid until the next call; frames beyond
            `frame_weights` are padding.
        """


class VariableBlocks:
    """See `Blocks`; for sessions that take any shape."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest) -> None:
        self._session = session
        self._frontend = manifest.frontend
        self._hop_frames = manifest.hop_frames
        self._cache = np.zeros((1, manifest.cache_size), np.float32)

    def run(
        self,
        samples: Waveform,
        frame_weights: npt.NDArray[np.float32],
        statistics: npt.NDArray[np.float64],
    ) -> Outputs:
        """Encode the next block, filled up to whole hops, so that few different lengths occur."""
        num_frames = len(frame_weights)
        padded_frames = -(-num_frames // self._hop_frames) * self._hop_frames
        weights = np.zeros((1, padded_frames), np.float32)
        weights[0, :num_frames] = frame_weights
        if padded_frames > num_frames:
            padding = (padded_frames - num_frames) * self._frontend.hop_samples
            samples = np.concatenate([samples, np.zeros(padding, np.float32)])
        outputs = self._session.run(
            {
                "samples": samples[np.newaxis],
                "frame_weights": weights,
                "cache": self._cache,
                "statistics": statistics.astype(np.float32),
            }
        )
        self._cache = outputs.pop("next_cache")
        return outputs


class FixedBlocks:
    """See `Blocks`; one shape, on memory that is set up once. The cache never leaves the device.

    The sums of the statistics are the caller's: in float64, which the graph does not have.
    """

    def __init__(self, session: OnnxSession, manifest: ModelManifest, *, num_frames: int) -> None:
        self._hop_samples = manifest.frontend.hop_samples
        shapes = call_shapes(manifest, num_frames=num_frames)
        cache = Carried("next_cache", shapes.pop("cache"))
        self._inputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self._outputs = {
            "embedding": np.zeros((1, manifest.embedding_dim), np.float32),
            "hop_statistics": np.zeros((1, manifest.statistics_size), np.float32),
        }
        if manifest.has_speech_head:
            self._outputs["speech"] = np.zeros((1, num_frames), np.float32)
        self._call = session.with_shapes(call_shapes(manifest, num_frames=num_frames)).bind(
            self._inputs, self._outputs, {"cache": cache}
        )

    def reset(self) -> None:
        """Make the next block the first of another recording."""
        self._call.reset()

    def run(
        self,
        samples: Waveform,
        frame_weights: npt.NDArray[np.float32],
        statistics: npt.NDArray[np.float64],
    ) -> Outputs:
        """Encode the next block, filled up to the one length."""
        num_frames = len(frame_weights)
        inputs = self._inputs
        inputs["samples"][0, : len(samples)] = samples
        inputs["samples"][0, len(samples) :] = 0.0
        inputs["frame_weights"][0, :num_frames] = frame_weights
        inputs["frame_weights"][0, num_frames:] = 0.0
        inputs["statistics"][:] = statistics
        self._call()
        return self._outputs
