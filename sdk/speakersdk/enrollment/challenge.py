"""A challenge: random digits to be spoken, checked by length, timing and variety of sounds.

band powers every 10 ms -> sound -> peaks of the level, about one per syllable -> compared with what
the digits would have: the number of peaks, the duration and the variety of the sounds

There is no speech recognizer: the check cannot tell which digits were spoken, or in which language.
A recording of other words of similar length passes. docs/guides/replay.md has the figures.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.arrays import Waveform
from speakersdk.audio.spectral_track import FRAME_S, Powers, band_powers, is_sound
from speakersdk.decision.outcome import Decision
from speakersdk.errors import ConfigError

DEFAULT_DIGITS: Final = 6
_FEWEST, _MOST = 4, 12
# Seconds of sound per digit, then seconds per digit from the first sound to the last.
_SOUND_S: Final = (0.12, 0.9)
_LONGEST_S: Final = 1.6
# Peaks of the level per digit: "one" has one, the longest digits of other languages three.
_PEAKS: Final = (0.6, 3.0)
_PEAK_FRAMES: Final = 8
# Mean distance of the spectra at the peaks, in nats of power; it is 0 for a single repeated sound.
_VARIETY: Final = 0.7


@checked
@dataclass(frozen=True, slots=True)
class Challenge:
    """Digits that a speaker is asked to say.

    Attributes:
        digits: the digits, 4 to 12 of them.
    """

    digits: str

    def __post_init__(self) -> None:
        is_ascii = self.digits.isascii() and self.digits.isdigit()
        if not is_ascii or not _FEWEST <= len(self.digits) <= _MOST:
            raise ConfigError(f"expected {_FEWEST} to {_MOST} digits, got {self.digits[:40]!r}")

    @classmethod
    def random(cls, num_digits: int = DEFAULT_DIGITS) -> Self:
        """Make a new unpredictable challenge, in which no digit follows itself."""
        if not _FEWEST <= num_digits <= _MOST:
            raise ConfigError(f"expected {_FEWEST} to {_MOST} digits, got {num_digits}")
        digits = [secrets.choice("0123456789")]
        while len(digits) < num_digits:
            digits.append(secrets.choice([digit for digit in "0123456789" if digit != digits[-1]]))
        return cls("".join(digits))

    def __str__(self) -> str:
        return " ".join(self.digits)

    def objection(self, blocks: Iterable[Waveform]) -> str | None:
        """Return why a recording cannot be these digits; None if it can.

        Args:
            blocks: the recording at 16 kHz, in blocks.
        """
        powers, num = band_powers(blocks), len(self.digits)
        has_sound = is_sound(powers)
        frames = np.flatnonzero(has_sound)
        sound_s = FRAME_S * len(frames)
        least_s, most_s = (num * limit for limit in _SOUND_S)
        if not least_s <= sound_s <= most_s:
            return f"expected {least_s:.1f} to {most_s:.1f} s of sound, got {sound_s:.1f} s"
        span_s = FRAME_S * float(frames[-1] - frames[0] + 1)
        if span_s > _LONGEST_S * num:
            return f"expected the digits within {_LONGEST_S * num:.1f} s, took {span_s:.1f} s"
        peaks = _peaks(np.log(powers.sum(axis=1) + 1e-9), has_sound)
        fewest, most = (num * limit for limit in _PEAKS)
        if not fewest <= len(peaks) <= most:
            return f"expected about {num} digits, got {len(peaks)} syllables"
        variety = _variety(powers[peaks])
        if variety < _VARIETY:
            return f"expected different digits, got sounds that differ by {variety:.2f}"
        return None

    def checked(self, blocks: Iterable[Waveform], decision: Decision) -> Decision:
        """Return the decision, made INCONCLUSIVE if an accepted probe cannot be the digits.

        Args:
            blocks: the probe at 16 kHz, in blocks.
            decision: the decision on the voice of the probe.
        """
        objection = self.objection(blocks) if decision.accepted else None
        if objection is None:
            return decision
        reason = f"{decision.reason}; not the requested digits: {objection}"
        return decision.inconclusive(reason)


def _peaks(level: npt.NDArray[np.float32], has_sound: npt.NDArray[np.bool_]) -> list[int]:
    """Return the frames with sound whose level, averaged over 70 ms, is a local maximum."""
    smooth = np.convolve(level, np.full(7, 1 / 7), "same")
    return [
        at
        for at in np.flatnonzero(has_sound).tolist()
        if smooth[at] == smooth[max(0, at - _PEAK_FRAMES) : at + _PEAK_FRAMES + 1].max()
    ]


def _variety(powers: Powers) -> float:
    """Return the mean absolute difference of levels in eight wide bands over all frame pairs."""
    wide = powers.reshape(len(powers), 8, -1).sum(axis=2)
    level = np.log(wide + 1e-3 * wide.sum(axis=1, keepdims=True))
    level -= level.mean(axis=1, keepdims=True)
    differences = np.abs(level[:, np.newaxis] - level[np.newaxis]).mean(axis=2)
    return float(differences.sum() / max(len(powers) * (len(powers) - 1), 1))
