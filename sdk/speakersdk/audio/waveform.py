"""Conversion of recordings to the waveform of the models: mono, float32, 16 kHz, full scale +-1.

file or array -> checks -> one channel -> band-limited resampling -> Waveform
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.arrays import Waveform
from speakersdk.audio.channels import Channel, ChannelVoices, check_channel, chosen
from speakersdk.audio.input_file import BinaryReader, file_label, file_suffix, open_input
from speakersdk.audio.reading import decoded_blocks
from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.samples import (
    BLOCK_SAMPLES,
    SAMPLE_RATE_HZ,
    Samples,
    as_array,
    check_rate,
    check_samples,
)
from speakersdk.errors import AudioTooShortError, InvalidAudioError

ARRAY_LABEL: Final = "the array"


@checked
def read_audio(
    path: str | os.PathLike[str] | BinaryReader,
    *,
    limit_s: float | None = None,
    channel: Channel = None,
) -> Waveform:
    """Read a recording: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF or another format of libsndfile.

    The file may have any sample rate, format and number of channels. It is read to its end,
    whatever length its header gives; joined files are read in sequence. It is refused if audio is
    missing.

    Args:
        path: a file, a pipe, or a file object open for reading bytes.
        limit_s: maximum seconds of audio, summed over channels; None means any length.
        channel: number of the channel to read, from 1. None means the mean of all channels, or the
            loudest one where they are out of phase and cancel out, but refuses a file with
            different speech in two channels; "mix" mixes that, too.

    Returns:
        (num_samples,) float32, mono, full scale +-1, at `SAMPLE_RATE_HZ`.

    Raises:
        UnreadableAudioError: missing, empty, corrupt or truncated file, or one without a header.
        InvalidAudioError: no samples, NaN or infinite samples, samples far beyond +-1, more
            audio than `limit_s` or than the memory can hold, no such channel, or different speech
            in two channels.
        AudioTooShortError: less than one sample at 16 kHz.
        ConfigError: `channel` is not a choice.
    """
    return join(file_blocks(path, limit_s=limit_s, channel=channel), file_label(path))


@checked
def as_waveform(samples: Samples, *, sample_rate_hz: float, channel: Channel = None) -> Waveform:
    """Convert an array to a waveform. The input is not changed.

    Args:
        samples: (num_samples,) or (num_samples, channels). int16 and int32 use their whole range:
            multiply 24-bit values in int32 by 256. uint8 is offset binary (128 is silence), float32
            and float64 have full scale +-1. Floats up to +-16 are accepted unchanged.
        sample_rate_hz: sample rate of the array.
        channel: as for `read_audio`.

    Returns:
        (num_samples * 16000 / sample_rate_hz,) float32, mono, at `SAMPLE_RATE_HZ`; resampling is
        band-limited (soxr HQ), without aliasing.

    Raises:
        ConfigError: `sample_rate_hz` is not a rate between 5 and 768 kHz, or `channel` is not a
            choice.
        InvalidAudioError: wrong rank or sample type, no samples, NaN or infinite samples, float
            samples beyond +-16, no such channel, or different speech in two channels.
        AudioTooShortError: less than one sample at 16 kHz.
    """
    blocks = array_blocks(samples, sample_rate_hz=sample_rate_hz, channel=channel)
    return np.concatenate(list(blocks))


def file_blocks(
    path: str | os.PathLike[str] | BinaryReader,
    *,
    limit_s: float | None = None,
    channel: Channel = None,
) -> Iterator[Waveform]:
    """Read a recording in non-empty blocks with bounded memory, like `read_audio`.

    The first `next` opens the file; the end of the iteration closes it.
    """
    channel = check_channel(channel)
    with open_input(path) as file:
        yield from decoded_blocks(
            file, file_label(path), suffix=file_suffix(path), limit_s=limit_s, channel=channel
        )


def array_blocks(
    samples: Samples, *, sample_rate_hz: float, channel: Channel = None
) -> Iterator[Waveform]:
    """Convert an array to non-empty blocks, like `as_waveform`.

    All checks come first, except that for different speech in two channels.
    """
    check_rate(sample_rate_hz)
    array = as_array(samples)
    check_samples(array)
    channel = check_channel(channel)
    voices = ChannelVoices(sample_rate_hz=sample_rate_hz, channel=channel)
    return _array_blocks(chosen(array, channel, ARRAY_LABEL), sample_rate_hz, voices)


def _array_blocks(
    array: npt.NDArray[Any], sample_rate_hz: float, voices: ChannelVoices
) -> Iterator[Waveform]:
    resampler = StreamResampler()
    step = max(1, BLOCK_SAMPLES * len(array) // array.size)
    num_samples = 0
    for first in range(0, len(array) + step, step):
        is_last = first >= len(array)
        if is_last:
            voices.check(ARRAY_LABEL)
        else:
            voices.push(array[first : first + step])
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
    """Concatenate blocks.

    Raises:
        InvalidAudioError: the waveform does not fit into memory.
    """
    try:
        return np.concatenate(list(blocks))
    except MemoryError as error:
        raise InvalidAudioError(
            f"{label} does not fit into memory; read it in blocks with "
            "speakersdk.audio.recordings.open_recording"
        ) from error
