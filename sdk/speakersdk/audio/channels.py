"""The channels of a recording: which one is read, and whether two people speak in two of them.

A mix of two people is not a recording of either. One voice in both channels of ordinary stereo
rises and falls in both at once, at any levels, delays and phases, and has the same spectrum in
both. Two voices in turn are the louder ones for a part of the time each. Two voices at once have
different spectra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.samples import SAMPLE_RATE_HZ, scale
from speakersdk.audio.spectral_track import Powers, SpectralTrack, band_levels
from speakersdk.audio.voice_activity import CHUNK_SAMPLES, VoiceActivityDetector
from speakersdk.errors import ConfigError, InvalidAudioError
from speakersdk.text import counted

# A number from 1, "mix" for the mean of all channels in any case, and None for their mean
# unless two people speak.
Channel = int | Literal["mix"] | None
MIX: Final = "mix"

_CELL_S: Final = CHUNK_SAMPLES / SAMPLE_RATE_HZ
_SEGMENT_CELLS: Final = 30
# Samples that are kept for the comparison: 65 s of stereo, evenly spaced over the recording.
_KEPT_SAMPLES: Final = 2**21
_LEAST_SEGMENTS: Final = 8
# More channels belong to an array of microphones, and all of them record everybody.
_MOST_CHANNELS: Final = 8
_INT16: Final = 2.0**15
# Levels follow 160 ms. That of a channel is relative to its loud speech, because microphones differ
# in sensitivity.
_SMOOTHED_CELLS: Final = 5
_LOUD_PERCENT: Final = 98
_SILENT_DB: Final = -70.0
_AUDIBLE_DB: Final = -30.0  # below loud speech
_FLOOR_DB: Final = -35.0
# A voice belongs to a channel if it is louder there by this much.
_OWN_DB: Final = 8.0
# Two people speak if each of two channels has its own voice for this share of the speech, and the
# levels of the two are this little correlated. `python -m benchmarks.voices.channels` measures
# both.
OWN_SHARE: Final = 0.04
OWN_S: Final = 0.25
CORRELATION: Final = 0.2
# Two people speak at once if their spectra, in the bands of `SpectralTrack`, are this
# little correlated for this long. Pairs of voices have -0.2 to 0.2; one voice with delays up to
# 20 ms, noise, other levels and other tones has 0.3 to 1.
SPECTRAL_CORRELATION: Final = 0.2
AT_ONCE_S: Final = 0.5

_Levels = npt.NDArray[np.float64]


def check_channel(channel: Any) -> Channel:
    """Check the choice of a channel and return it.

    Raises:
        ConfigError: it is neither a number from 1, nor "mix", nor None.
    """
    is_number = isinstance(channel, int | np.integer) and not isinstance(channel, bool)
    if channel is None or channel == MIX or (is_number and channel >= 1):
        checked: Channel = channel
        return checked
    raise ConfigError(f"expected a channel, numbered from 1, or {MIX!r}, got {channel!r}")


def chosen(samples: npt.NDArray[Any], channel: Channel, label: str) -> npt.NDArray[Any]:
    """Return the samples of a channel, or all of them, (n,) or (n, channels).

    Raises:
        InvalidAudioError: there are fewer channels.
    """
    if channel is None or channel == MIX:
        return samples
    num_channels = samples.shape[1] if samples.ndim == 2 else 1
    if channel > num_channels:
        raise InvalidAudioError(
            f"{label}: expected a recording with channel {channel}, got "
            f"{counted(num_channels, 'channel')}; choose another"
        )
    return samples[:, channel - 1] if samples.ndim == 2 else samples


class ChannelVoices:
    """Listens for two people in two channels, with bounded memory.

    Args:
        sample_rate_hz: sample rate of the samples.
        channel: the choice of the user; only None lets it listen.
    """

    def __init__(self, *, sample_rate_hz: float, channel: Channel) -> None:
        self._rate_hz = sample_rate_hz
        self._listens = channel is None
        self._cell = max(1, round(_CELL_S * sample_rate_hz))
        self._waiting: list[npt.NDArray[Any]] = []
        self._num_waiting = 0
        self._kept: list[_Segment] = []
        self._num_segments = 0
        self._stride = 1

    def push(self, samples: npt.NDArray[Any]) -> None:
        """Take the next checked samples, (n,) or (n, channels)."""
        if not self._listens or samples.ndim == 1 or samples.shape[1] == 1:
            return
        samples = samples[:, :_MOST_CHANNELS]
        self._waiting.append(samples)
        self._num_waiting += len(samples)
        length = _SEGMENT_CELLS * self._cell
        if self._num_waiting < length:
            return
        joined = np.concatenate(self._waiting)
        num_segments = len(joined) // length
        for first in range(0, num_segments * length, length):
            self._keep(joined[first : first + length])
        self._waiting = [joined[num_segments * length :].copy()]
        self._num_waiting = len(self._waiting[0])

    def check(self, label: str) -> None:
        """Raise InvalidAudioError if two people speak in two channels; call it at the end."""
        if self._num_waiting >= self._cell:
            rest = np.concatenate(self._waiting)
            self._keep(rest[: len(rest) // self._cell * self._cell])
        if not self._kept:
            return
        found = _two_voices(self._kept)
        self._kept = []
        if found is not None:
            one, other = (number + 1 for number in found)
            raise InvalidAudioError(
                f"{label}: expected one voice in all channels, got different speech in channels "
                f"{one} and {other}; choose one with --channel (channel= in Python), or {MIX!r} "
                "to mix them"
            )

    def _keep(self, segment: npt.NDArray[Any]) -> None:
        if self._num_segments % self._stride == 0:
            self._kept.append(_segment(segment, self._cell, self._rate_hz))
            if len(self._kept) > max(_LEAST_SEGMENTS, _KEPT_SAMPLES // self._kept[0].samples.size):
                self._kept = self._kept[::2]
                self._stride *= 2
        self._num_segments += 1


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """A part of a recording.

    Attributes:
        powers: (channels, cells) mean squares.
        samples: (num_samples, channels) int16 at 16 kHz, `CHUNK_SAMPLES` for each cell.
    """

    powers: npt.NDArray[np.float64]
    samples: npt.NDArray[np.int16]


def _segment(samples: npt.NDArray[Any], cell: int, rate_hz: float) -> _Segment:
    """Measure samples of whole cells, (n, channels)."""
    scaled = scale(samples)
    num_cells, num_channels = len(scaled) // cell, scaled.shape[1]
    powers = np.square(scaled).reshape(num_cells, cell, num_channels).mean(axis=1).T
    resampled = np.zeros((num_cells * CHUNK_SAMPLES, num_channels))
    for channel in range(num_channels):
        resampler = StreamResampler()
        blocks = [resampler.take(scaled[:, channel], sample_rate_hz=rate_hz), resampler.finish()]
        mono = np.concatenate(blocks)[: len(resampled)]
        resampled[: len(mono), channel] = mono
    pcm = np.clip(resampled * _INT16, -_INT16, _INT16 - 1).astype(np.int16)
    return _Segment(powers, pcm)


def _two_voices(segments: list[_Segment]) -> tuple[int, int] | None:
    """Return the indices of two channels with voices of their own; None if there are none."""
    powers = np.concatenate([segment.powers for segment in segments], axis=1)
    if (powers == powers[:1]).all():
        return None
    kernel = np.ones(_SMOOTHED_CELLS) / _SMOOTHED_CELLS
    smoothed = np.stack([np.convolve(row, kernel, "same") for row in powers])
    levels = 10 * np.log10(smoothed[:, : powers.shape[1]] + 1e-10)
    loud = np.percentile(levels, _LOUD_PERCENT, axis=1)
    audible = np.flatnonzero(loud > _SILENT_DB)
    levels -= loud[:, np.newaxis]
    speech: dict[int, npt.NDArray[np.bool_]] = {}
    for place, one in enumerate(audible):
        for other in audible[place + 1 :]:
            pair = int(one), int(other)
            differences = levels[one] - levels[other]
            own = {
                at: (margin > _OWN_DB) & (levels[at] > _AUDIBLE_DB)
                for at, margin in zip(pair, (differences, -differences), strict=True)
            }
            # The speech detector is slow; ordinary stereo ends here, before it.
            in_turn = all(_is_enough(own[at], num_cells=0) for at in pair)
            if in_turn and _are_two(segments, pair, levels, own, speech):
                return pair
            if _speak_at_once(segments, pair, speech):
                return pair
    return None


def _are_two(
    segments: list[_Segment],
    pair: tuple[int, int],
    levels: _Levels,
    own: dict[int, npt.NDArray[np.bool_]],
    speech: dict[int, npt.NDArray[np.bool_]],
) -> bool:
    """Return whether two channels have speech of their own, with the speech found so far."""
    for at in sorted(pair, key=lambda at: np.count_nonzero(own[at])):
        if at not in speech:
            speech[at] = _speech(segments, at)
        if not _is_enough(own[at] & speech[at], num_cells=0):
            return False
    either = speech[pair[0]] | speech[pair[1]]
    num_cells = int(either.sum())
    if not all(_is_enough(own[at] & speech[at], num_cells=num_cells) for at in pair):
        return False
    one, other = np.maximum(levels[list(pair)][:, either], _FLOOR_DB)
    return bool(np.corrcoef(one, other)[0, 1] < CORRELATION)


def _speak_at_once(
    segments: list[_Segment],
    pair: tuple[int, int],
    speech: dict[int, npt.NDArray[np.bool_]],
) -> bool:
    """Return whether both channels have speech of different spectra, with the speech so far."""
    spectra = [_spectra(segments, at) for at in pair]
    if len(spectra[0]) < AT_ONCE_S / _CELL_S:
        return False
    loud = np.logical_and(*(bands.mean(axis=1) > bands.mean() for bands in spectra))
    if not _differ(spectra, loud):
        return False
    for at in pair:
        if at not in speech:
            speech[at] = _speech(segments, at)
        loud &= _framed(segments, speech[at])
        if not _differ(spectra, loud):
            return False
    return True


def _spectra(segments: list[_Segment], channel: int) -> Powers:
    """Return (frames, bands) levels of frames of two cells, one from each cell but the last."""
    track = SpectralTrack(sample_rate_hz=SAMPLE_RATE_HZ, frame_s=_CELL_S)
    for segment in segments:
        track.push((segment.samples[:, channel] / _INT16).astype(np.float32))
        track.cut()
    return band_levels(track.powers) if len(track.powers) else track.powers


def _framed(segments: list[_Segment], speech: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the cells from which frames of `_spectra` start."""
    ends = np.cumsum([segment.powers.shape[1] for segment in segments])
    return np.delete(speech, ends - 1)


def _differ(spectra: list[Powers], chosen_frames: npt.NDArray[np.bool_]) -> bool:
    """Return whether the spectra of enough frames differ, apart from their mean and level."""
    if chosen_frames.sum() < AT_ONCE_S / _CELL_S:
        return False
    centered = []
    for bands in spectra:
        frames = bands[chosen_frames]
        frames = frames - frames.mean(axis=0)
        centered.append((frames - frames.mean(axis=1, keepdims=True)).ravel())
    return bool(np.corrcoef(*centered)[0, 1] < SPECTRAL_CORRELATION)


def _is_enough(cells: npt.NDArray[np.bool_], *, num_cells: int) -> bool:
    return bool(cells.sum() >= max(OWN_S / _CELL_S, OWN_SHARE * num_cells))


def _speech(segments: list[_Segment], channel: int) -> npt.NDArray[np.bool_]:
    """Return (cells,) bool, whether each cell of a channel is speech."""
    detector = VoiceActivityDetector(
        sample_rate_hz=SAMPLE_RATE_HZ, window_samples=CHUNK_SAMPLES, hop_samples=CHUNK_SAMPLES
    )
    parts = [(one.samples[:, channel] / _INT16).astype(np.float32) for one in segments]
    return np.concatenate([detector.push(part) for part in parts])
