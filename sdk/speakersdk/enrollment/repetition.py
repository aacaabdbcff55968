"""Detection of repeated speech: loops, copies at another level, and the same recording again.

powers in narrow bands, every 10 ms -> their changes -> pieces of 1.5 s, each compared at every lag
with all earlier audio

Two recordings of a voice never have the same pitch and timing. A copy does, whatever its level,
start and codec. Haitsma and Kalker (2002) identify music by the same changes, in wider bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.audio.spectral_track import Powers, band_levels, is_sound

# Changes are taken over 40 ms.
_CHANGE_FRAMES: Final = 4
_PIECE_FRAMES: Final = 150
_STEP_FRAMES: Final = 50
# Only every second frame of a piece is compared, because neighbors overlap by 5/6.
_STRIDE: Final = 2
# Longer recordings are judged by this number of evenly spaced pieces.
_MOST_PIECES: Final = 240
# Minimum lag within one recording; a shorter loop is found at a multiple of its length.
_LEAST_LAG_FRAMES: Final = 50
# Copies reach this correlation and other recordings do not; docs/enrollment.md has the figures.
_COPY: Final = 0.75
# A recording with this share of repeated speech contains nothing new.
USELESS_SHARE: Final = 0.75
# What remains of a loop must be as long as the speech that any recording needs.
LEAST_NEW_S: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """The repeated speech of a recording.

    Attributes:
        share: repeated share of its speech, 0 to 1.
        source: index of the recording with most of that speech, the same one for a loop; None
            if nothing is repeated.
    """

    share: float = 0.0
    source: int | None = None


def repetitions(recordings: Sequence[Powers]) -> list[Repetition]:
    """Find the speech of each recording that repeats itself or an earlier recording.

    Args:
        recordings: (frames, bands) powers of each recording.
    """
    changes = [_changes(powers) for powers in recordings]
    return [
        _repetition(changes[: number + 1], is_sound(recordings[number]))
        for number in range(len(recordings))
    ]


def repeated_share(powers: Powers, *, first_frame: int) -> float:
    """Return the repeated share of the speech from `first_frame` on."""
    has_sound = is_sound(powers)
    has_sound[:first_frame] = False
    return _repetition([_changes(powers)], has_sound, first_frame=first_frame).share


def _changes(powers: Powers) -> Powers:
    """Return the changes of the level in each band; silence has none."""
    if len(powers) <= _CHANGE_FRAMES:
        return np.zeros((0, powers.shape[1]), np.float32)
    level = band_levels(powers)
    changes: Powers = level[_CHANGE_FRAMES:] - level[:-_CHANGE_FRAMES]
    return changes


def _repetition(
    recordings: Sequence[Powers], has_sound: npt.NDArray[np.bool_], *, first_frame: int = 0
) -> Repetition:
    """Find the repeated speech of the last recording."""
    last = recordings[-1]
    # A copy may begin and end with silence where the original does not.
    padding = ((_STEP_FRAMES, _STEP_FRAMES), (0, 0))
    recordings = [*(np.pad(changes, padding) for changes in recordings[:-1]), last]
    # Count pieces from the end to cover it; the first may begin half a piece before the start.
    firsts = np.arange(len(last) - _PIECE_FRAMES, -1, -_STEP_FRAMES)
    firsts = firsts[firsts >= first_frame - _PIECE_FRAMES // 2]
    if len(firsts) > _MOST_PIECES:
        firsts = firsts[np.linspace(0, len(firsts) - 1, _MOST_PIECES).round().astype(int)]
    energies = [_window_energies(changes) for changes in recordings]
    speech, repeated = 0, np.zeros(len(recordings))
    for first in firsts.tolist():
        weight = int(np.count_nonzero(has_sound[first : first + _PIECE_FRAMES]))
        if not weight:
            continue
        speech += weight
        piece = last[first : first + _PIECE_FRAMES]
        found = [
            _highest(piece, changes, energy)
            for changes, energy in zip(recordings[:-1], energies[:-1], strict=True)
        ]
        before = max(0, first - _LEAST_LAG_FRAMES + _PIECE_FRAMES)
        found.append(_highest(piece, last[:before], energies[-1]))
        if max(found) >= _COPY:
            repeated[int(np.argmax(found))] += weight
    if not repeated.any():
        return Repetition()
    return Repetition(share=float(repeated.sum() / speech), source=int(np.argmax(repeated)))


def _window_energies(changes: Powers) -> npt.NDArray[np.float64]:
    """Return the energy of the frames that a piece is compared with, for every start."""
    energy = np.square(changes, dtype=np.float64).sum(axis=1)
    num_windows = len(changes) - _PIECE_FRAMES + 1
    if num_windows <= 0:
        return np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(energy, _PIECE_FRAMES)
    total: npt.NDArray[np.float64] = windows[:, ::_STRIDE].sum(axis=1)
    return total


def _highest(piece: Powers, changes: Powers, energies: npt.NDArray[np.float64]) -> float:
    """Return the highest correlation of a piece with earlier audio at any lag; 0 by default."""
    num_windows = len(changes) - len(piece) + 1
    if num_windows <= 0:
        return 0.0
    few = piece[::_STRIDE]
    products = changes @ few.T  # products of every frame with every frame of the piece
    strides = (products.strides[0], _STRIDE * products.strides[0] + products.strides[1])
    diagonals = np.lib.stride_tricks.as_strided(
        products, (num_windows, len(few)), strides, writeable=False
    )
    norm = np.sqrt(energies[:num_windows] * float(np.square(few, dtype=np.float64).sum()))
    correlation = diagonals.sum(axis=1) / np.maximum(norm, 1e-9)
    return float(correlation.max())
