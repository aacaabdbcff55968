"""The power of a recording in narrow bands, by default every 10 ms.

The bands are 62.5 Hz wide, which resolves the harmonics of a voice, and cover the range of a
telephone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ

FRAME_S: Final = 0.01
_WINDOW_S: Final = 0.064
_BAND_HZ: Final = 62.5
_LOW_HZ: Final = 187.5
_HIGH_HZ: Final = 2687.5
# Number of frames transformed at once: 64 take less than 1 MB, whatever the recording's length.
_BLOCK_FRAMES: Final = 64
# A frame with less than this share of the mean power is a pause.
_PAUSE_POWER: Final = 0.05
# A band below this share of the mean power is silence, whose changes are noise.
_FLOOR: Final = 1e-3

Powers = npt.NDArray[np.float32]  # (frames, bands)


class SpectralTrack:
    """The band powers of recordings, computed from samples that arrive in any number of calls.

    Args:
        sample_rate_hz: sample rate of the samples.
        frame_s: seconds from one frame to the next.
        kept_frames: number of the last frames that are kept at least; None means all.

    Attributes:
        num_frames: number of frames so far, with those that are no longer kept.
    """

    def __init__(
        self, *, sample_rate_hz: float, frame_s: float = FRAME_S, kept_frames: int | None = None
    ) -> None:
        self._num_samples = round(_WINDOW_S * sample_rate_hz)
        self._hop = round(frame_s * sample_rate_hz)
        width_hz = sample_rate_hz / self._num_samples
        self._bins_per_band = round(_BAND_HZ / width_hz)
        self._first_bin = round(_LOW_HZ / width_hz)
        self._num_bands = round((_HIGH_HZ - _LOW_HZ) / _BAND_HZ)
        self._window = np.hanning(self._num_samples).astype(np.float32)
        self._rest: Waveform = np.zeros(0, np.float32)
        self._powers: list[Powers] = []
        self._kept_frames = kept_frames
        self._num_kept = 0
        self.num_frames = 0

    def push(self, samples: Waveform) -> None:
        """Take the next samples, (n,) float32."""
        rest = np.concatenate([self._rest, samples])
        num_frames = max(0, 1 + (len(rest) - self._num_samples) // self._hop)
        if num_frames:
            frames = np.lib.stride_tricks.sliding_window_view(rest, self._num_samples)[:: self._hop]
            last_bin = self._first_bin + self._num_bands * self._bins_per_band
            for first in range(0, num_frames, _BLOCK_FRAMES):
                block = frames[first : first + _BLOCK_FRAMES] * self._window
                spectrum = np.fft.rfft(block, axis=1)[:, self._first_bin : last_bin]
                power = np.abs(spectrum).astype(np.float32) ** 2
                shape = (len(power), self._num_bands, self._bins_per_band)
                self._powers.append(power.reshape(shape).sum(axis=2))
        self._rest = rest[num_frames * self._hop :].copy()
        self.num_frames += num_frames
        self._num_kept += num_frames
        if self._kept_frames is not None and self._num_kept > 2 * self._kept_frames:
            self._powers = [self.powers[-self._kept_frames :].copy()]
            self._num_kept = self._kept_frames

    def cut(self) -> None:
        """Start the next recording and keep the earlier ones."""
        self._rest = np.zeros(0, np.float32)

    @property
    def powers(self) -> Powers:
        """The (frames, bands) powers so far, or the last of them."""
        if not self._powers:
            return np.zeros((0, self._num_bands), np.float32)
        self._powers = [np.concatenate(self._powers)]
        return self._powers[0]


def band_powers(blocks: Iterable[Waveform]) -> Powers:
    """Return the (frames, bands) powers of a recording at 16 kHz, given in blocks."""
    track = SpectralTrack(sample_rate_hz=SAMPLE_RATE_HZ)
    for block in blocks:
        track.push(block)
    return track.powers


def is_sound(powers: Powers) -> npt.NDArray[np.bool_]:
    """Return (frames,) booleans: false in pauses, which are far below the mean power."""
    total = powers.sum(axis=1)
    return np.asarray(total > _PAUSE_POWER * total.mean() if len(total) else total > 0)


def band_levels(powers: Powers) -> Powers:
    """Return the (frames, bands) natural logarithms of powers; all silence has the same level."""
    levels: Powers = np.log(powers + _FLOOR * powers.mean() + np.float32(1e-20))
    return levels
