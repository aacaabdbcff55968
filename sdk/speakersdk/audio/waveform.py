"""From a recording to the waveform that every model takes: mono, float32, 16 kHz, full scale +-1.

file or array -> checks -> one channel -> band-limited resampling -> Waveform
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.input_file import BinaryReader, file_label, file_suffix, open_input
from speakersdk.audio.reading import decoded_blocks
from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.samples import (
    BLOCK_SAMPLES,
    SAMPLE_RATE_HZ,
    as_array,
    check_rate,
    check_samples,
)
from speakersdk.errors import AudioTooShortError, InvalidAudioError

__all__ = ["SAMPLE_RATE_HZ", "array_blocks", "as_waveform", "file_blocks", "join", "read_audio"]


def read_audio(
    path: str | os.PathLike[str] | BinaryReader, *, limit_s: float | None = None
) -> Waveform:
    """Read a recording: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and what else libsndfile decodes.

    Any rate, number of channels and sample format; channels are mixed down by their mean. A file
    is read to its end, whatever its header says of its length, joined files one after the other. A
    file from which audio is missing is refused.

    Args:
        path: a file, a pipe, or a file object that is open for reading bytes.
        limit_s: seconds of audio, all channels together, that are accepted; None = any number.

    Returns:
        (num_samples,) float32, mono, full scale +-1, at `SAMPLE_RATE_HZ`.

    Raises:
        UnreadableAudioError: missing, empty, corrupt or truncated file, or one without a header.
        InvalidAudioError: no samples, NaN or infinite samples, samples far beyond +-1, or more
            audio than `limit_s` or the memory holds.
        AudioTooShortError: less than one sample at 16 kHz.
    """
    return join(file_blocks(path, limit_s=limit_s), file_label(path))


def as_waveform(samples: npt.NDArray[Any], *, sample_rate_hz: float) -> Waveform:
    """Turn an array into a waveform; the input is never changed.

    Args:
        samples: (num_samples,) or (num_samples, channels). int16 and int32 span their whole range,
            uint8 is offset binary (128 is silence), float32 and float64 have full scale +-1.
            Floats beyond +-1 are kept as they are up to +-16 and refused above. Channels are mixed
            down by their mean; where they are out of phase and cancel out, by their loudest.
        sample_rate_hz: rate at which the samples were recorded.

    Returns:
        (num_samples * 16000 / sample_rate_hz,) float32, mono, at `SAMPLE_RATE_HZ`; resampling is
        band-limited (soxr HQ), so nothing above 8 kHz folds back.

    Raises:
        ConfigError: `sample_rate_hz` is not a rate between 4 and 768 kHz.
        InvalidAudioError: wrong rank or sample type, no samples, NaN or infinite samples, or float
            samples beyond +-16.
        AudioTooShortError: less than one sample at 16 kHz.
    """
    return np.concatenate(list(array_blocks(samples, sample_rate_hz=sample_rate_hz)))


def file_blocks(
    path: str | os.PathLike[str] | BinaryReader, *, limit_s: float | None = None
) -> Iterator[Waveform]:
    """Give `read_audio` in blocks, none of them empty, with bounded memory; it raises the same.

    The file is opened when the first block is asked for, and closed after the last.
    """
    with open_input(path) as file:
        yield from decoded_blocks(file, file_label(path), suffix=file_suffix(path), limit_s=limit_s)


def array_blocks(samples: npt.NDArray[Any], *, sample_rate_hz: float) -> Iterator[Waveform]:
    """Give `as_waveform` in blocks, none of them empty; it raises the same, before the first."""
    check_rate(sample_rate_hz)
    array = as_array(samples)
    check_samples(array)
    return _array_blocks(array, sample_rate_hz)


def _array_blocks(array: npt.NDArray[Any], sample_rate_hz: float) -> Iterator[Waveform]:
    resampler = StreamResampler()
    step = max(1, BLOCK_SAMPLES * len(array) // array.size)
    num_samples = 0
    for first in range(0, len(array) + step, step):
        is_last = first >= len(array)
        block = (
            resampler.finish()
            if is_last
            else resampler.take(array[first : first + step], sample_rate_hz=sample_rate_hz)
        )
        num_samples += len(block)
        if len(block):
            yield block
    if num_samples == 0:
        raise AudioTooShortError(needed_s=1 / SAMPLE_RATE_HZ, got_s=len(array) / sample_rate_hz)


def join(blocks: Iterable[Waveform], label: str) -> Waveform:
    """Blocks as one waveform.

    Raises:
        InvalidAudioError: it does not fit into the memory.
    """
    try:
        return np.concatenate(list(blocks))
    except MemoryError as error:
        raise InvalidAudioError(
            f"{label} does not fit into the memory as a whole; read it in blocks with "
            "speakersdk.audio.recordings.open_recording"
        ) from error
