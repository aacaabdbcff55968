"""The pooling statistics of recent hops of speech, and their sums over windows.

The statistics of a window are the sum over its hops. Sums are always computed from the hops and
never by subtraction so that rounding errors do not accumulate in long streams.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

# Rows of `fill`, in the order of the embeddings of the graph.
WINDOW: Final = 0
SO_FAR: Final = 1
RECENT: Final = 2
NUM_WINDOWS: Final = 3
# Length of the recent speech in seconds: less is unreliable, and more delays the detection.
RECENT_S: Final = 1.4


class StatisticsRing:
    """The statistics of the speech in one stream.

    There are three sums: over the speech in the last `window_hops` hops, over all speech so far,
    and over the last `recent_hops` hops with speech.

    Attributes:
        frames_so_far: number of speech frames since the start or restart.
        window_frames: number of speech frames in the window that ends with the last hop.
    """

    def __init__(self, size: int, *, window_hops: int, recent_hops: int) -> None:
        self._window_hops = window_hops
        self._recent_hops = recent_hops
        self._num_slots = max(window_hops, recent_hops)
        self._rows = np.zeros((self._num_slots, size), np.float32)
        # The rows to which the next hop is added in each window; a few values change per hop.
        self._is_in = np.zeros((NUM_WINDOWS, self._num_slots), np.float32)
        # Speech that is no longer among the rows. In float64, 10^9 hops lose no digit that float32
        # statistics have.
        self._older: npt.NDArray[np.float64] = np.zeros(size)
        self._hop = 0  # number of the next hop
        self._clear()

    def _clear(self) -> None:
        self._rows[:] = 0.0
        self._is_in[:] = 0.0
        self._older[:] = 0.0
        self._hop_of_row = [-1] * self._num_slots
        self._frames_of_row = [0] * self._num_slots
        # For each hop in the window: its row, or -1 without speech, and its speech.
        self._row_of_hop = [-1] * self._window_hops
        self._frames_of_hop = [0] * self._window_hops
        self._num_rows = 0  # number of rows added since the last restart
        self.frames_so_far = 0
        self.window_frames = 0

    @property
    def num_speech_hops(self) -> int:
        """Number of hops with speech since the start or restart."""
        return self._num_rows

    def fill(self, sums: npt.NDArray[np.float32]) -> None:
        """Write the sums to which the next hop is added into `sums`, (NUM_WINDOWS, size)."""
        np.matmul(self._is_in, self._rows, out=sums)  # sums of rows as a product with 0 and 1
        sums[SO_FAR] += self._older

    def add(self, statistics: npt.NDArray[np.float32], *, speech_frames: int) -> None:
        """Add a hop with speech and its (size,) statistics."""
        row = self._num_rows % self._num_slots
        if self._num_rows >= self._num_slots:
            self._older += self._rows[row]
        self._rows[row] = statistics
        self._hop_of_row[row] = self._hop
        self._frames_of_row[row] = speech_frames
        self._num_rows += 1
        self.frames_so_far += speech_frames
        self._is_in[:, row] = 1.0
        # The next hop of speech ends the oldest of the recent hops.
        self._is_in[RECENT, (self._num_rows - self._recent_hops) % self._num_slots] = 0.0
        self._move_window(row, speech_frames)

    def skip(self) -> None:
        """Add a hop without speech."""
        self._move_window(-1, 0)

    def restart(self, *, keep_hops: int = 0) -> None:
        """Forget all speech except the last `keep_hops` hops, at most the recent ones."""
        now = self._hop
        numbers = range(max(0, self._num_rows - min(keep_hops, self._recent_hops)), self._num_rows)
        kept = [
            (self._hop_of_row[row], self._rows[row].copy(), self._frames_of_row[row])
            for row in (number % self._num_slots for number in numbers)
        ]
        self._clear()
        self._hop = kept[0][0] if kept else now
        for hop, statistics, speech_frames in kept:
            while self._hop < hop:
                self.skip()
            self.add(statistics, speech_frames=speech_frames)
        while self._hop < now:
            self.skip()

    def _move_window(self, row: int, speech_frames: int) -> None:
        """Advance the window by a hop that is in `row`, or has no speech."""
        slot = self._hop % self._window_hops
        self.window_frames += speech_frames - self._frames_of_hop[slot]
        self._row_of_hop[slot] = row
        self._frames_of_hop[slot] = speech_frames
        self._hop += 1
        # The oldest hop leaves the window when the next one arrives.
        leaving = self._row_of_hop[self._hop % self._window_hops]
        if leaving >= 0:
            self._is_in[WINDOW, leaving] = 0.0
