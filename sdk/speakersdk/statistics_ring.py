"""Pooling statistics of the latest hops of speech, and the sums that windows are made of.

A window's statistics are the sum of its hops'. They are added up anew for every window, and nothing
is ever subtracted: a stream of days rounds no worse than one of seconds.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

# Rows of `fill`, in the order of the embeddings that come out of the graph.
WINDOW: Final = 0
SO_FAR: Final = 1
RECENT: Final = 2
NUM_WINDOWS: Final = 3


class StatisticsRing:
    """Statistics of one stream's speech.

    Three sums: of the speech within the last `window_hops` hops of time, of all speech so far, and
    of the last `recent_hops` hops of speech, however long ago.
    """

    def __init__(self, size: int, *, window_hops: int, recent_hops: int) -> None:
        self._window_hops = window_hops
        self._recent_hops = recent_hops
        num_rows = max(window_hops, recent_hops)
        self._rows = np.zeros((num_rows, size), np.float32)
        self._hop_of_row = np.full(num_rows, -1, np.int64)
        self._row_numbers = np.arange(num_rows)
        self._is_in = np.zeros((NUM_WINDOWS, num_rows), np.float32)
        self._speech_frames = np.zeros(num_rows, np.int64)
        # Speech so far that is no longer among the rows, in float64: 10^9 hops lose no digit that
        # float32 statistics have.
        self._older: npt.NDArray[np.float64] = np.zeros(size)
        self._num_rows = 0  # rows ever added since the last restart
        self._hop = 0  # number of the hop that comes next
        self.frames_so_far = 0

    @property
    def num_speech_hops(self) -> int:
        """Hops of speech since the start or restart."""
        return self._num_rows

    @property
    def window_frames(self) -> int:
        """Frames of speech within the window that ends with the last hop."""
        in_window = self._hop_of_row >= self._hop - self._window_hops
        return int(self._speech_frames[in_window & (self._hop_of_row >= 0)].sum())

    def fill(self, sums: npt.NDArray[np.float32]) -> None:
        """Write what the next hop is to be added to into (NUM_WINDOWS, size) `sums`."""
        is_filled = self._hop_of_row >= 0
        self._is_in[WINDOW] = self._hop_of_row > self._hop - self._window_hops
        self._is_in[WINDOW] *= is_filled
        self._is_in[SO_FAR] = is_filled
        # Row r was the (num_rows - 1 - r)-th last to be added, modulo the length of the ring.
        age = (self._num_rows - 1 - self._row_numbers) % len(self._rows)
        self._is_in[RECENT] = age < self._recent_hops - 1
        self._is_in[RECENT] *= is_filled
        np.matmul(self._is_in, self._rows, out=sums)  # sums of rows: a product with 0 and 1
        sums[SO_FAR] += self._older

    def add(self, statistics: npt.NDArray[np.float32], *, speech_frames: int) -> None:
        """The next hop is speech: keep its (size,) statistics."""
        row = self._num_rows % len(self._rows)
        if self._num_rows >= len(self._rows):
            self._older += self._rows[row]
        self._rows[row] = statistics
        self._hop_of_row[row] = self._hop
        self._speech_frames[row] = speech_frames
        self._num_rows += 1
        self.frames_so_far += speech_frames
        self._hop += 1

    def skip(self) -> None:
        """The next hop is no speech."""
        self._hop += 1

    def restart(self, *, keep_recent: bool = False) -> None:
        """Forget all speech, or all but the last `recent_hops` hops of it."""
        kept = min(self._num_rows, self._recent_hops) if keep_recent else 0
        order = (self._num_rows - kept + np.arange(kept)) % len(self._rows)
        for values, empty in ((self._rows, 0), (self._hop_of_row, -1), (self._speech_frames, 0)):
            recent = values[order].copy()
            values[:] = empty
            values[:kept] = recent
        self._older[:] = 0.0
        self._num_rows = kept
        self.frames_so_far = int(self._speech_frames.sum())
