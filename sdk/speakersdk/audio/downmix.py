"""From several channels to one: their mean, unless it cancels them out."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import scale

# The mean of unrelated channels has 1 / channels of their power, that of equal ones all of it.
# With less than a tenth of what unrelated ones would keep they are out of phase: a plug wired the
# wrong way round, or a balanced line recorded as stereo (L = -R).
_CANCELLED: Final = 0.1
_RESTORED: Final = 0.2  # the mean is used again from here on
_CELL_SAMPLES: Final = 512  # 10 to 130 ms at the usual rates
_MEMORY: Final = 0.98  # of the powers, per cell


class Downmix:
    """Chunks of (n, channels) -> (n,), the same whatever the chunks.

    Whether the channels cancel out is decided for every 512 samples by those before them, and for
    the first that are not digital silence by themselves. Where they do, the loudest channel stands
    for all.
    """

    def __init__(self) -> None:
        self._cell: npt.NDArray[np.float64] | None = None  # not complete: channels, and their mean
        self._num_given = 0  # samples of that cell that were returned already
        self._powers: npt.NDArray[np.float64] | None = None  # of each channel, and of their mean
        self._column = -1  # the mean, or the channel that stands for all

    def push(self, samples: npt.NDArray[Any]) -> Waveform:
        """Checked samples of any type, (n,) or (n, channels), n >= 0 -> float32 in +-1.

        The first that are not silent, up to 511, wait until it is known whether the channels
        cancel out.
        """
        if samples.ndim == 1 or samples.shape[1] == 1:
            return scale(samples.reshape(-1)).astype(np.float32)
        channels = scale(samples)
        columns = np.concatenate([channels, channels.mean(axis=1, keepdims=True)], axis=1)
        if self._cell is not None:
            columns = np.concatenate([self._cell, columns])
        num_cells = len(columns) // _CELL_SAMPLES
        complete = num_cells * _CELL_SAMPLES
        mono = columns[:, -1].copy()
        squares = np.square(columns[:complete]).reshape(num_cells, _CELL_SAMPLES, columns.shape[1])
        for number, powers in enumerate(squares.mean(axis=1)):
            if self._powers is None:
                self._hear(powers)
            self._fill(mono, columns, number * _CELL_SAMPLES)
            self._hear(powers)
        self._fill(mono, columns, complete)
        end = len(columns)
        if self._powers is None:  # silence is silence whatever stands for it
            heard = columns[complete:].any(axis=1)
            end = complete + int(heard.argmax()) if heard.any() else end
        given, self._num_given = self._num_given, end - complete
        self._cell = columns[complete:].copy()
        return mono[given:end].astype(np.float32)

    def finish(self) -> Waveform:
        """The samples that still wait."""
        if self._cell is None:
            return np.zeros(0, np.float32)
        waiting = self._cell[self._num_given :]
        if self._powers is None and len(waiting):
            self._hear(np.square(waiting).mean(axis=0))
        self._cell, self._num_given = None, 0
        return waiting[:, self._column].astype(np.float32)

    def _fill(
        self,
        mono: npt.NDArray[np.float64],
        columns: npt.NDArray[np.float64],
        first: int,
    ) -> None:
        """Take the cell that begins at `first` from the channel that stands for all."""
        if self._column >= 0:
            cell = slice(first, first + _CELL_SAMPLES)
            mono[cell] = columns[cell, self._column]

    def _hear(self, powers: npt.NDArray[np.float64]) -> None:
        """Decide what stands for all from now on."""
        if self._powers is None:
            if not powers.any():
                return
            self._powers = powers.copy()
        else:
            self._powers = _MEMORY * self._powers + (1 - _MEMORY) * powers
        *channels, mean = self._powers.tolist()
        unrelated = sum(channels) / len(channels) ** 2
        if mean < _CANCELLED * unrelated and self._column < 0:
            self._column = int(np.argmax(channels))
        elif mean > _RESTORED * unrelated:
            self._column = -1
