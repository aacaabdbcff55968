"""Decoding of audio files in blocks, with bounded memory.

Lengths in headers are not trusted: every part is decoded to its end.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.channels import Channel, ChannelVoices, chosen
from speakersdk.audio.formats.byte_range import ByteRange
from speakersdk.audio.formats.containers import CONVERT, audio_parts, foreign_format
from speakersdk.audio.formats.part import DamagedError, Part
from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.samples import (
    BLOCK_SAMPLES,
    SAMPLE_RATE_HZ,
    check_samples,
    header_rate_problem,
)
from speakersdk.errors import AudioTooShortError, InvalidAudioError, UnreadableAudioError
from speakersdk.text import counted

# libsndfile reports missing data only in its log: announced and present bytes of the audio chunk.
_SHORTENED: Final = re.compile(
    r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)
# Programs that write to a pipe announce about 2 or 4 GiB, which means "unknown".
_UNKNOWN_BYTES: Final = 0x7FFF_0000
_UNKNOWN_FRAMES: Final = 2**62  # libsndfile represents an unknown length by 2^63 - 1
_RAW_RATE_HZ: Final = 8000
# The format of instruments, which have no sample rate: libsndfile makes one up.
_NO_RATE: Final = "XI"
_READ: Final[Any] = {"dtype": "float32", "always_2d": True}
# Samples of a chunk, (n, channels) float32, and their rate.
_Chunk = tuple[npt.NDArray[np.float32], int]
# libsndfile looks for the resource fork of unknown formats. Without a file name, it finds these
# files in the working folder, which belong to no recording (netatalk makes the second).
_FORKS: Final = ("._", ".AppleDouble")
_FORK: Final = "SD2"
_FORK_ERRORS: Final = ("Error : bad resource", "Error : bad map", "Error : bad data")
# What libsndfile says of files that only other programs can read.
_REASONS: Final = {
    "Internal error : SF_INFO struct incomplete": "its header gives no usable sample rate, number "
    "of channels or length",
    **dict.fromkeys(
        (
            "File contains data in an unimplemented format",
            "Supported file format but unsupported encoding",
        ),
        f"its encoding cannot be decoded here; {CONVERT}",
    ),
}
_AT_END: Final = "the file object is at its end; rewind it with seek(0)"


def decoded_blocks(
    file: BinaryIO,
    label: str,
    *,
    suffix: str = "",
    limit_s: float | None = None,
    channel: Channel = None,
) -> Iterator[Waveform]:
    """Decode a file from its current position to its end.

    Args:
        file: seekable file, open for reading bytes.
        label: name of the file in messages.
        suffix: suffix of its name, used only for formats without a header.
        limit_s: maximum seconds of audio, summed over channels; None means any length.
        channel: as for `speakersdk.audio.waveform.read_audio`.

    Yields:
        (n,) float32, n > 0, mono, full scale +-1, at 16 kHz.

    Raises:
        UnreadableAudioError: the file contains no audio, or audio is missing.
        InvalidAudioError: no samples, NaN or infinite samples, more seconds than `limit_s`, no such
            channel, or two people in two channels.
        AudioTooShortError: less than one sample at 16 kHz.
    """
    start = file.tell()
    end = file.seek(0, 2)
    if end <= start:
        raise UnreadableAudioError(label, "the file is empty" if start == 0 else _AT_END)
    try:
        parts = audio_parts(file, start, end, suffix=suffix)
    except DamagedError as error:
        raise UnreadableAudioError(label, str(error)) from error
    chunks = chain.from_iterable(_decoded(file, part, label, suffix) for part in parts)
    yield from filter(len, _resampled(_checked(chunks, label, limit_s), label, channel))


def _checked(chunks: Iterable[_Chunk], label: str, limit_s: float | None) -> Iterator[_Chunk]:
    """Yield the chunks as they are, after checks of their samples and of their total length."""
    channel_s = 0.0
    for samples, rate_hz in chunks:
        try:
            check_samples(samples, is_chunk=True)
        except InvalidAudioError as error:
            raise InvalidAudioError(f"{label}: {error}") from error
        channel_s += samples.size / rate_hz
        if limit_s is not None and channel_s > limit_s:
            raise InvalidAudioError(
                f"{label}: expected at most {limit_s:g} s of audio, all channels together, got "
                f"more ({counted(samples.shape[1], 'channel')}); cut it, or raise the limit"
            )
        yield samples, rate_hz


def _resampled(chunks: Iterable[_Chunk], label: str, channel: Channel) -> Iterator[Waveform]:
    """Yield the waveform, with a new resampler for each stream of another format."""
    resampler, before = StreamResampler(), None
    voices = ChannelVoices(sample_rate_hz=SAMPLE_RATE_HZ, channel=channel)  # of no part yet
    decoded_s, num_samples = 0.0, 0
    for samples, rate_hz in chunks:
        decoded_s += len(samples) / rate_hz
        form = (rate_hz, samples.shape[1])
        if before not in (None, form):
            yield resampler.finish()
            resampler = StreamResampler()
        if before != form:
            voices.check(label)
            voices = ChannelVoices(sample_rate_hz=rate_hz, channel=channel)
        before = form
        read = chosen(samples, channel, label)
        voices.push(read)
        block = resampler.take(read, sample_rate_hz=rate_hz)
        num_samples += len(block)
        yield block
    if before is None:
        raise InvalidAudioError(f"{label}: expected at least one sample, got none")
    voices.check(label)
    rest = resampler.finish()
    if num_samples + len(rest) == 0:
        raise AudioTooShortError(needed_s=1 / SAMPLE_RATE_HZ, got_s=decoded_s)
    yield rest


def _decoded(file: BinaryIO, part: Part, label: str, suffix: str) -> Iterator[_Chunk]:
    """Yield the chunks of a part."""
    import soundfile

    view = ByteRange(
        file,
        part.start,
        part.end,
        patches=part.patches,
        prefix=part.prefix,
        is_endless=part.is_endless,
    )
    decoded, rate_hz = 0, 0
    try:
        with _sequential(view, part.raw_encoding) as sound:
            rate_hz = sound.samplerate
            if sound.format == _FORK:
                raise UnreadableAudioError(label, _fork_reason())
            _check_header(sound, label)
            while len(samples := sound.read(_step(sound, part, decoded), **_READ)):
                _check_interrupt(view)
                decoded += len(samples)
                yield samples, sound.samplerate
            _check_interrupt(view)
            if view.error is not None:
                raise UnreadableAudioError(label, view.error.strerror or str(view.error))
            if not part.is_endless:
                _check_complete(sound, part.num_frames or sound.frames, decoded, label)
    except soundfile.LibsndfileError as error:
        _check_interrupt(view)
        if decoded and decoded == part.num_frames:
            return  # the announced samples are complete; tags of other programs follow
        reason = error.error_string.strip().rstrip(".")
        if reason.startswith(_FORK_ERRORS):
            reason = _fork_reason()
        if part.num_frames is not None and rate_hz:
            # The block in which it stopped is lost as a whole.
            most = min(decoded + BLOCK_SAMPLES, part.num_frames)
            reason += (
                f" after {decoded / rate_hz:.3g} to {most / rate_hz:.3g} of "
                f"{part.num_frames / rate_hz:.3g} s"
            )
        reason = foreign_format(file, part.start, suffix) or _REASONS.get(
            reason, f"{reason}; if other programs play it, {CONVERT}"
        )
        raise UnreadableAudioError(label, reason) from error


def _fork_reason() -> str:
    found = next((name for name in _FORKS if os.path.lexists(name)), None)
    if found is None:
        return "Format not recognized"
    return (
        f"the decoder takes {found!r} in the current folder for a part of it; remove that, or run "
        "in another folder"
    )


def _step(sound: Any, part: Part, decoded: int) -> int:
    """Return the samples per channel of the next block, limited by the announced number."""
    step = max(1, BLOCK_SAMPLES // int(sound.channels))
    left = (part.num_frames or 0) - decoded
    return min(step, left) if left > 0 else step


def _sequential(view: ByteRange, raw_encoding: str | None) -> Any:
    """Open the decoder of a file that is read once, from start to end."""
    import soundfile

    class Sequential(soundfile.SoundFile):  # type: ignore[misc, unused-ignore]
        # soundfile stops reads at the announced length and seeks after each of them. Some decoders
        # cannot seek, and others return different samples after it.
        def seekable(self) -> bool:
            return False

        # The callbacks of soundfile print an exception and continue as if the file ended.
        def _init_virtual_io(self, _: ByteRange) -> Any:
            self._virtual_io = _callbacks(view)
            return soundfile._ffi.new("SF_VIRTUAL_IO*", self._virtual_io)

    if raw_encoding is None:
        return Sequential(view)
    return Sequential(view, samplerate=_RAW_RATE_HZ, channels=1, format="RAW", subtype=raw_encoding)


def _callbacks(view: ByteRange) -> dict[str, Any]:
    """Return the functions through which libsndfile reads a view; see `ByteRange.interrupt`."""
    import soundfile

    def length(_: Any) -> int:
        before = view.tell()
        size = view.seek(0, io.SEEK_END)
        view.seek(before)
        return size

    def read(place: Any, num: int, _: Any) -> int:
        data = view.read(num)
        soundfile._ffi.buffer(place, len(data))[:] = data
        return len(data)

    functions: dict[str, Callable[..., int]] = {
        "get_filelen": length,
        "seek": lambda offset, whence, _: view.seek(offset, whence),
        "read": read,
        "write": lambda *_: 0,
        "tell": lambda _: view.tell(),
    }
    return {
        name: soundfile._ffi.callback(f"sf_vio_{name}", function, onerror=view.keep_interrupt)
        for name, function in functions.items()
    }


def _check_interrupt(view: ByteRange) -> None:
    """Raise the exception that interrupted libsndfile, because its later results are wrong."""
    if view.interrupt is not None:
        raise view.interrupt


def _check_header(sound: Any, label: str) -> None:
    if sound.format == _NO_RATE:
        raise UnreadableAudioError(
            label, "it is an instrument (XI), which does not say its sample rate; convert it to WAV"
        )
    if (problem := header_rate_problem(sound.samplerate)) is not None:
        raise UnreadableAudioError(label, problem)
    for announced, present in _SHORTENED.findall(sound.extra_info):
        missing = int(announced) - int(present)
        if missing > 0 and int(announced) < _UNKNOWN_BYTES:
            raise UnreadableAudioError(
                label,
                f"truncated: {missing} of {announced} bytes of samples are missing "
                f"({missing / int(announced):.0%})",
            )


def _check_complete(sound: Any, announced: int, decoded: int, label: str) -> None:
    missing = announced - decoded
    if missing > 0 and announced < _UNKNOWN_FRAMES:
        raise UnreadableAudioError(
            label,
            f"truncated or damaged: {missing} of {announced} samples are missing "
            f"({missing / sound.samplerate:.3g} s)",
        )
