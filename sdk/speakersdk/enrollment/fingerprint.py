"""Fingerprints of recordings, which show whether a probe repeats a known recording.

powers in narrow bands, every 10 ms -> means over 0.37 s in 16 bands -> signs of how the difference
between neighboring bands changes over 0.16 s, every 80 ms -> 15 bits and one for sound

A fingerprint survives a loudspeaker, a room, another microphone and a codec: these change the level
of a band, but rarely whether it rises more than its neighbor. Speech cannot be reconstructed from
it: it has 200 bits per second, and means over 0.37 s contain neither pitch nor single sounds.

Source of the signs: J. Haitsma and T. Kalker, "A highly robust audio fingerprinting system", 2002.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.spectral_track import Powers, band_powers

Fingerprint = npt.NDArray[np.uint16]  # (frames,), one per 80 ms; bit 15 marks sound
FRAMES_PER_S: Final = 12.5
# Only the first 90 s of a recording are used.
MAXIMUM_S: Final = 90.0
_STEP: Final = 8  # in frames of 10 ms
_MEAN_FRAMES: Final = 31
_LAG_FRAMES: Final = 16
# Bands of 62.5 Hz each from 187.5 Hz on, in 16 groups of about the same width in
# octaves.
_BAND_EDGES: Final = (0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 14, 16, 20, 24, 28, 34, 40)
_NUM_BANDS: Final = 16
_SOUND_BIT: Final = 15
# A mean this far (in nats of power) below the loudest is a pause and is not compared.
_PAUSE: Final = 5.0
# The power of 16-bit rounding noise is below this.
_SILENCE: Final = -30.0
_FLOOR: Final = 1e-4
# Pieces of 2.5 s are compared; at least half of a piece must be sound.
_PIECE: Final = 31
# Agreement of signs, from -1 to 1; docs/guides/replay.md has the figures.
REPEATED: Final = 0.48

_Signs = npt.NDArray[np.float32]


def fingerprint_of(blocks: Iterable[Waveform]) -> Fingerprint:
    """Compute the fingerprint of the first 90 s of a recording at 16 kHz, given in blocks."""
    return _packed(_signs(band_powers(_beginning(blocks)))[::_STEP])


def repeats(blocks: Iterable[Waveform], known: Sequence[Fingerprint]) -> float:
    """Return the highest agreement of 2.5 s of a recording with a known one, from -1 to 1.

    `REPEATED` or more means that it repeats the known recording. The result is 0 for recordings
    below 2.9 s, which are too short to compare.

    Args:
        blocks: the recording at 16 kHz, in blocks.
        known: fingerprints of the known recordings.
    """
    signs = _signs(band_powers(blocks))
    # The offset is unknown: known frames are 80 ms apart, those of the probe 10 ms.
    return max(
        (
            _agreement(signs[phase::_STEP], _unpacked(fingerprint))
            for fingerprint in known
            for phase in range(_STEP)
        ),
        default=0.0,
    )


def _beginning(blocks: Iterable[Waveform]) -> Iterator[Waveform]:
    """Yield the blocks that begin within the first 90 s."""
    num_samples = 0
    for block in blocks:
        if num_samples < MAXIMUM_S * SAMPLE_RATE_HZ:
            yield block
        num_samples += len(block)


def _signs(powers: Powers) -> _Signs:
    """Return signs of shape (frames, 15): -1 or 1, and 0 in pauses."""
    num_frames = len(powers) - _MEAN_FRAMES + 1 - _LAG_FRAMES
    if num_frames <= 0:
        return np.zeros((0, _NUM_BANDS - 1), np.float32)
    sums = np.add.reduceat(powers.astype(np.float64), _BAND_EDGES[:-1], axis=1)
    total = np.cumsum(np.pad(sums, ((1, 0), (0, 0))), axis=0)
    means = (total[_MEAN_FRAMES:] - total[:-_MEAN_FRAMES]).clip(0)
    level = np.log(means + _FLOOR * means.mean() + 1e-20)
    change = level[_LAG_FRAMES:] - level[:-_LAG_FRAMES]
    loudest = level.max(axis=1)
    quietest = max(float(loudest.max()) - _PAUSE, _SILENCE)
    is_sound = np.maximum(loudest[_LAG_FRAMES:], loudest[:-_LAG_FRAMES]) > quietest
    signs: _Signs = np.where(np.diff(change, axis=1) > 0, 1.0, -1.0).astype(np.float32)
    signs[~is_sound] = 0
    return signs


def _packed(signs: _Signs) -> Fingerprint:
    weights = (1 << np.arange(signs.shape[1])).astype(np.uint16)
    bits = (signs > 0).astype(np.uint16) @ weights
    return np.asarray(bits | (signs.any(axis=1).astype(np.uint16) << _SOUND_BIT), np.uint16)


def _unpacked(fingerprint: Fingerprint) -> _Signs:
    bits = (fingerprint[:, np.newaxis] >> np.arange(_SOUND_BIT, dtype=np.uint16)) & 1
    is_sound = fingerprint >> _SOUND_BIT
    signs: _Signs = ((2.0 * bits - 1.0) * is_sound[:, np.newaxis]).astype(np.float32)
    return signs


def _agreement(probe: _Signs, known: _Signs) -> float:
    """Return the highest mean product of signs over all pairs of pieces."""
    highest = 0.0
    if min(len(probe), len(known)) < _PIECE:
        return highest
    products = probe @ known.T / np.float32(probe.shape[1])
    sounds = np.abs(probe[:, :1]) @ np.abs(known[:, :1]).T
    for lag in range(_PIECE - len(probe), len(known) - _PIECE + 1):
        agreed, sounding = (
            np.cumsum(np.pad(np.diagonal(values, lag), (1, 0))) for values in (products, sounds)
        )
        weight = sounding[_PIECE:] - sounding[:-_PIECE]
        found = (agreed[_PIECE:] - agreed[:-_PIECE]) / np.maximum(weight, 1)
        highest = max(highest, float(found[weight >= _PIECE / 2].max(initial=0.0)))
    return highest
