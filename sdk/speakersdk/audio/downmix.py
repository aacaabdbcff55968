"""Mixing channels down to one: their mean, unless they cancel out."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import scale

# The mean of N unrelated channels has 1/N of their power; that of equal channels has all of it.
# With less than a tenth of 1/N, the channels are out of phase, because of wrong wiring or a
# balanced line that was recorded as stereo (L = -R).
_CANCELLED: Final = 0.1
_RESTORED: Final = 0.2  # above this share the mean is used again
_CELL_SAMPLES: Final = 512  # 10 to 130 ms at common sample rates
_MEMORY: Final = 0.98  # decay of the powers per cell


class Downmix:
    """Mixes chunks of (n, channels) down to (n,), independently of the chunk boundaries.

    For each cell of 512 samples the preceding samples decide whether the channels cancel out; the
    first cell that is not digital silence decides for itself. Channels that cancel out are replaced
    by the loudest of them.
    """

    def __init__(self) -> None:
        # The incomplete cell, (channels + 1, n): the channels and their mean.
        self._cell: npt.NDArray[np.float64] | None = None
        self._num_given = 0  # samples of that cell that were already returned
        # Smoothed powers: that of the mean, and that of a mean of unrelated channels.
        self._powers: tuple[float, float] | None = None
        self._row = -1  # the mean, or the channel that replaces it

    def push(self, samples: npt.NDArray[Any]) -> Waveform:
        """Mix checked samples of any type, (n,) or (n, channels), to float32 in +-1.

        Up to 511 samples at the start are held back until the first decision.
        """
        if samples.ndim == 1 or samples.shape[1] == 1:
            return scale(samples.reshape(-1)).astype(np.float32)
        channels = scale(np.ascontiguousarray(samples.T))
        rows = np.concatenate([channels, channels.mean(axis=0, keepdims=True)])
        if self._cell is not None:
            rows = np.concatenate([self._cell, rows], axis=1)
        num_samples = rows.shape[1]
        num_cells = num_samples // _CELL_SAMPLES
        complete = num_cells * _CELL_SAMPLES
        mono = rows[-1].copy()
        self._mix(rows[:, :complete].reshape(len(rows), num_cells, _CELL_SAMPLES), mono)
        end = num_samples
        if self._powers is None:  # silence is the same in all channels
            is_sound = rows[:, complete:].any(axis=0)
            end = complete + int(is_sound.argmax()) if is_sound.any() else end
        mono[complete:] = rows[self._row, complete:]
        given, self._num_given = self._num_given, end - complete
        self._cell = rows[:, complete:].copy()
        result: Waveform = mono[given:end].astype(np.float32)
        return result

    def finish(self) -> Waveform:
        """Return the samples that are still held back."""
        if self._cell is None:
            return np.zeros(0, np.float32)
        waiting = self._cell[:, self._num_given :]
        if self._powers is None and waiting.size:
            self._choose(np.square(waiting).mean(axis=1))
        self._cell, self._num_given = None, 0
        result: Waveform = waiting[self._row].astype(np.float32)
        return result

    def _mix(self, cells: npt.NDArray[np.float64], mono: npt.NDArray[np.float64]) -> None:
        """Fill `mono` with the mean or the loudest channel, cell by cell.

        Args:
            cells: (channels + 1, cells, samples).
            mono: (n,), contains the mean so far.
        """
        powers = np.square(cells).mean(axis=2)
        means = powers[-1].tolist()
        unrelated = (powers[:-1].sum(axis=0) / (len(powers) - 1) ** 2).tolist()
        for number, (mean, expected) in enumerate(zip(means, unrelated, strict=True)):
            if self._powers is None:
                self._choose(powers[:, number])
            if self._row >= 0:
                first = number * _CELL_SAMPLES
                mono[first : first + _CELL_SAMPLES] = cells[self._row, number]
            if self._powers is None:
                continue
            kept_mean = _MEMORY * self._powers[0] + (1 - _MEMORY) * mean
            kept_expected = _MEMORY * self._powers[1] + (1 - _MEMORY) * expected
            self._powers = kept_mean, kept_expected
            if self._row < 0 and kept_mean < _CANCELLED * kept_expected:
                self._row = int(powers[:-1, number].argmax())
            elif self._row >= 0 and kept_mean > _RESTORED * kept_expected:
                self._row = -1

    def _choose(self, powers: npt.NDArray[np.float64]) -> None:
        """Decide from the first cell that is not silent."""
        if not powers.any():
            return
        expected = float(powers[:-1].sum()) / (len(powers) - 1) ** 2
        self._powers = float(powers[-1]), expected
        if self._powers[0] < _CANCELLED * expected:
            self._row = int(powers[:-1].argmax())
