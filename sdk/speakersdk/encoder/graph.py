"""The tensors of a model graph: names, shapes and feeds.

docs/formats/model.md describes the contract. All calls of a graph use this module.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ManifestError
from speakersdk.runtime.session import OnnxSession

# Inputs; windowed graphs have only the first.
SAMPLES: Final = "samples"
FRAME_WEIGHTS: Final = "frame_weights"
CACHE: Final = "cache"
STATISTICS: Final = "statistics"
# Outputs; windowed graphs have only the first.
EMBEDDING: Final = "embedding"
HOP_STATISTICS: Final = "hop_statistics"
SPEECH: Final = "speech"
NEXT_CACHE: Final = "next_cache"
# All of a stateful graph, in the order in which the trained encoder returns them.
OUTPUTS: Final = (EMBEDDING, HOP_STATISTICS, SPEECH, NEXT_CACHE)

Shapes = dict[str, tuple[int, ...]]
Arrays = dict[str, npt.NDArray[np.float32]]
# Sizes after the batch by name; None is a variable size.
_Contract = dict[str, tuple[int | None, ...]]


class StatefulGraph:
    """The calls of a stateful graph with B streams, k frames, and R windows per stream."""

    def __init__(self, manifest: ModelManifest) -> None:
        self._manifest = manifest
        self._frontend = manifest.frontend

    def num_samples(self, num_frames: int) -> int:
        """Return the number of samples of a call: the hops of the frames and the context."""
        return self._frontend.context_samples + num_frames * self._frontend.hop_samples

    def inputs(self, num_frames: int, *, batch: int = 1, windows: int = 1) -> Shapes:
        """Return the shapes of the inputs.

        Args:
            num_frames: k, the number of frames.
            batch: B, the number of streams.
            windows: R, the number of windows per stream.
        """
        return {
            SAMPLES: (batch, self.num_samples(num_frames)),
            FRAME_WEIGHTS: (batch, num_frames),
            CACHE: (batch, self._manifest.cache_size),
            STATISTICS: (batch, windows * self._manifest.statistics_size),
        }

    def outputs(self, num_frames: int, *, batch: int = 1, windows: int = 1) -> Shapes:
        """Return the shapes of the outputs; arguments as for `inputs`."""
        shapes: Shapes = {
            EMBEDDING: (batch * windows, self._manifest.embedding_dim),
            HOP_STATISTICS: (batch, self._manifest.statistics_size),
            NEXT_CACHE: (batch, self._manifest.cache_size),
        }
        if self._manifest.has_speech_head:
            shapes[SPEECH] = (batch, num_frames)
        return shapes

    def feeds(
        self,
        samples: npt.NDArray[np.float32],
        *,
        frame_weights: npt.NDArray[np.float32] | None = None,
        cache: npt.NDArray[np.float32] | None = None,
        statistics: npt.NDArray[np.floating] | None = None,
    ) -> Arrays:
        """Return the feeds of one call. The defaults are those of the start of a stream.

        Args:
            samples: (B, `num_samples(k)`) float32.
            frame_weights: (B, k) float32; None means weight 1.
            cache: (B, cache_size) float32, NEXT_CACHE of the last call; None means zeros.
            statistics: (B, R * statistics_size), sums of earlier calls; None means zeros, R = 1.
        """
        batch, num_samples = samples.shape
        num_frames = (num_samples - self._frontend.context_samples) // self._frontend.hop_samples
        shapes = self.inputs(num_frames, batch=batch)
        return {
            SAMPLES: samples,
            FRAME_WEIGHTS: _or(frame_weights, np.ones(shapes[FRAME_WEIGHTS])),
            CACHE: _or(cache, np.zeros(shapes[CACHE])),
            STATISTICS: _or(statistics, np.zeros(shapes[STATISTICS])),
        }

    def whole(self, waveform: Waveform) -> Arrays:
        """Return the feeds of one call for a whole recording of (n,) float32 samples.

        A zero is inserted before the first sample; samples after the last frame are dropped.
        """
        used = 1 + self._frontend.num_samples(self._frontend.num_frames(len(waveform)))
        padded = np.concatenate([np.zeros(1, np.float32), waveform])
        return self.feeds(padded[np.newaxis, :used])


def check_session(session: OnnxSession, manifest: ModelManifest) -> None:
    """Check that the inputs and outputs of a graph match the mode of the manifest.

    Raises:
        ManifestError: the inputs or outputs differ.
    """
    inputs: _Contract = {SAMPLES: (None,)}
    outputs: _Contract = {EMBEDDING: (manifest.embedding_dim,)}
    if manifest.mode == "stateful":
        inputs |= {
            FRAME_WEIGHTS: (None,),
            CACHE: (manifest.cache_size,),
            STATISTICS: (None,),  # R * statistics_size: R windows of each stream
        }
        outputs |= {
            HOP_STATISTICS: (manifest.statistics_size,),
            NEXT_CACHE: (manifest.cache_size,),
        }
        if manifest.has_speech_head:
            outputs[SPEECH] = (None,)
    _check_values("inputs", inputs, session.inputs)
    _check_values("outputs", outputs, session.outputs)


def _check_values(
    kind: str, expected: _Contract, got: dict[str, tuple[int | str | None, ...]]
) -> None:
    if set(got) != set(expected):
        raise ManifestError(
            f"the manifest promises the {kind} {sorted(expected)}, the graph has {sorted(got)}; "
            "export the model again"
        )
    for name, sizes in expected.items():
        shape = tuple(size if isinstance(size, int) else None for size in got[name])
        if shape != (None, *sizes):
            raise ManifestError(
                f"the manifest promises {name} of shape {(None, *sizes)} (None: any size), the "
                f"graph has {got[name]}; export the model again"
            )


def _or(
    given: npt.NDArray[np.floating] | None, default: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    return (default if given is None else given).astype(np.float32, copy=False)
