"""A buffer that collects chunks of any length into the overlapping hops of the graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.encoder.frontend import FrontendConfig


class HopBuffer:
    """The samples of one hop and the context before it, in constant memory.

    Attributes:
        samples: (context + hop,) float32; complete when `is_full`.
        num_samples: samples taken since the start.
    """

    def __init__(self, frontend: FrontendConfig, *, hop_frames: int) -> None:
        self._frontend = frontend
        self._hop_samples = hop_frames * frontend.hop_samples
        self.samples: Waveform = np.zeros(frontend.context_samples + self._hop_samples, np.float32)
        self.num_samples = 0
        # The first value is a zero before the first sample (pre-emphasis).
        self._filled = 1

    @property
    def is_full(self) -> bool:
        """Whether a hop is complete."""
        return self._filled == len(self.samples)

    @property
    def num_frames(self) -> int:
        """Number of complete frames in the buffer after the context."""
        complete = self._filled - self._frontend.context_samples
        return max(0, complete // self._frontend.hop_samples)

    def fill(self, samples: Waveform) -> int:
        """Take as many samples as fit and return their number."""
        count = min(len(samples), len(self.samples) - self._filled)
        self.samples[self._filled : self._filled + count] = samples[:count]
        self._filled += count
        self.num_samples += count
        return count

    def hops(self, samples: Waveform) -> Iterator[Waveform]:
        """Take all samples and yield at each completed hop.

        Yields:
            (hop,) float32, the newest samples of a complete hop. The caller must encode the hop,
            which advances the buffer, before the next one.
        """
        while len(samples):
            samples = samples[self.fill(samples) :]
            if self.is_full:
                yield self.samples[-self._hop_samples :]

    @contextlib.contextmanager
    def gap_on_error(self, samples: Waveform, gap: Callable[[float], None]) -> Iterator[None]:
        """Report the rest of the samples as lost if the block ends with an error in `hops`.

        Otherwise the next samples would continue evidence that they do not follow.

        Args:
            samples: the samples for `hops`.
            gap: function that gets the lost seconds.
        """
        end = self.num_samples + len(samples)
        try:
            yield
        except BaseException:
            gap((end - self.num_samples) / self._frontend.sample_rate_hz)
            raise

    def pad(self) -> None:
        """Fill the hop with zeros at the end of a stream."""
        self.samples[self._filled :] = 0.0
        self._filled = len(self.samples)

    def advance(self) -> None:
        """Drop the hop, except the context of the next one."""
        context = self._frontend.context_samples
        self.samples[:context] = self.samples[self._hop_samples :]
        self._filled = context

    def forget_past(self) -> None:
        """Treat the next samples as the start of a stream."""
        self.samples[0] = 0.0

    def restart(self) -> None:
        """Drop all samples: the next one is the first of a new recording."""
        self.samples[0] = 0.0
        self._filled = 1
