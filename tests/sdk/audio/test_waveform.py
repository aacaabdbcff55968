"""Audio of every format. Files are written by soundfile, and some are then damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import as_waveform, read_audio
from speakersdk.errors import (
    AudioTooShortError,
    ConfigError,
    InvalidAudioError,
    UnreadableAudioError,
)

DURATION_S = 1.0
FREQUENCY_HZ = 440.0
# soxr HQ promises 20 bits: its errors are below 2^-20 of the peak of the input. Twice that leaves
# room for the float32 rounding of the samples (2^-24 each way).
RESAMPLER_ERROR = 2.0**-19
# At its start and end a tone is a click with energy at all frequencies; 50 ms are more than soxr's
# longest filter at these rates.
EDGE_S = 0.05


def tone(frequency_hz: float, sample_rate_hz: int, *, amplitude: float = 0.5) -> np.ndarray:
    seconds = np.arange(round(DURATION_S * sample_rate_hz)) / sample_rate_hz
    return amplitude * np.sin(2 * np.pi * frequency_hz * seconds)


def interior(waveform: np.ndarray) -> np.ndarray:
    edge = round(EDGE_S * SAMPLE_RATE_HZ)
    return waveform[edge:-edge]


@pytest.mark.parametrize("sample_rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_gives_the_same_tone(sample_rate_hz: int) -> None:
    waveform = as_waveform(tone(FREQUENCY_HZ, sample_rate_hz), sample_rate_hz=sample_rate_hz)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - DURATION_S * SAMPLE_RATE_HZ) <= 1  # rounding of the length
    expected = tone(FREQUENCY_HZ, SAMPLE_RATE_HZ)[: len(waveform)]
    assert np.abs(interior(waveform - expected)).max() < RESAMPLER_ERROR


def test_a_tone_above_the_new_band_is_removed() -> None:
    # Keeping every third sample would leave it at full level, at 4 kHz.
    samples = tone(12000, 48000)
    assert np.abs(samples[::3]).max() > 0.4
    waveform = as_waveform(samples, sample_rate_hz=48000)
    assert np.abs(interior(waveform)).max() < 0.5 * RESAMPLER_ERROR


@pytest.mark.parametrize(
    ("dtype", "silence", "full_scale"),
    [("uint8", 128, 2**7), ("int16", 0, 2**15), ("int32", 0, 2**31), ("float64", 0, 1)],
)
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_every_sample_type_means_the_same(
    dtype: str, silence: int, full_scale: int, byte_order: str
) -> None:
    # Powers of two are exact in every type.
    fractions = np.array([0.0, 0.5, -0.5, 0.25, -1.0])
    samples = (silence + fractions * full_scale).astype(np.dtype(dtype).newbyteorder(byte_order))
    assert np.array_equal(as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ), fractions)


def test_channels_are_mixed_down_by_their_mean() -> None:
    samples = np.array([[0.5, 0.0], [1.0, -1.0], [0.25, 0.75]])
    waveform = as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ)
    assert waveform.tolist() == [0.25, 0.0, 0.5]


def test_full_scale_int32_channels_do_not_overflow() -> None:
    samples = np.full((4, 2), np.iinfo(np.int32).min, dtype=np.int32)
    assert as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ).tolist() == [-1.0] * 4


def test_the_result_is_a_copy() -> None:
    samples = np.zeros(400, dtype=np.float32)
    as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ)[:] = 1
    assert not samples.any()


def test_float_overshoot_is_kept_and_unscaled_integers_are_refused() -> None:
    overshoot = np.array([1.5, -15.9])
    assert np.allclose(as_waveform(overshoot, sample_rate_hz=SAMPLE_RATE_HZ), overshoot)
    with pytest.raises(InvalidAudioError, match="divided by their full scale"):
        as_waveform(np.array([0.0, 1200.0]), sample_rate_hz=SAMPLE_RATE_HZ)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_non_finite_samples_are_refused(bad: float, dtype: type) -> None:
    samples = np.zeros((1000, 2), dtype=dtype)
    samples[500, 1] = bad
    with pytest.raises(InvalidAudioError, match="got 1 of 2000 NaN or infinite"):
        as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), "at least one sample"),
        (np.zeros((0, 2)), "at least one sample"),
        (np.float32(0.5), r"got \(\)"),
        (np.zeros((2, 2, 2)), r"got \(2, 2, 2\)"),
        (np.zeros((2, 1000)), "samples.T"),
        (np.zeros(10, dtype=np.int64), "int64"),
        (np.zeros(10, dtype=np.float16), "float16"),
        (np.zeros(10, dtype=complex), "complex128"),
        (np.array(["a"]), "got text; read a file"),
    ],
)
def test_what_is_not_audio_is_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidAudioError, match=message):
        as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ)


@pytest.mark.parametrize("sample_rate_hz", [0, -16000, 16, float("nan"), float("inf")])
def test_what_is_not_a_rate_is_refused(sample_rate_hz: float) -> None:
    with pytest.raises(ConfigError, match="sample_rate_hz between 5000 and 768000"):
        as_waveform(np.zeros(1000), sample_rate_hz=sample_rate_hz)


def test_less_than_one_sample_is_too_short() -> None:
    with pytest.raises(AudioTooShortError):
        as_waveform(np.ones(1), sample_rate_hz=48000)


# Container, encoding and largest error: half a quantization step where there is one. The bound of
# lossy codecs only distinguishes the signal from silence and noise.
FORMATS = [
    ("wav", "PCM_U8", 2**-7),
    ("wav", "PCM_16", 2**-15),
    ("wav", "PCM_24", 2**-23),
    ("wav", "PCM_32", 2**-23),  # float32 has 24 bits
    ("wav", "FLOAT", 2**-23),
    ("wav", "DOUBLE", 2**-23),
    ("wav", "ULAW", 2**-5),
    ("aiff", "PCM_16", 2**-15),
    ("au", "PCM_16", 2**-15),
    ("caf", "PCM_16", 2**-15),
    ("w64", "PCM_16", 2**-15),
    ("rf64", "PCM_16", 2**-15),
    ("flac", "PCM_16", 2**-15),
    ("ogg", "VORBIS", 0.05),
    ("ogg", "OPUS", 0.05),
    ("mp3", "MPEG_LAYER_III", 0.05),
]


@pytest.mark.parametrize(("container", "encoding", "error"), FORMATS)
def test_every_format_is_read_whole(
    tmp_path: Path, container: str, encoding: str, error: float
) -> None:
    path = tmp_path / "tone.audio"  # the content decides, not the suffix
    expected = tone(FREQUENCY_HZ, SAMPLE_RATE_HZ)
    sf.write(path, expected, SAMPLE_RATE_HZ, format=container.upper(), subtype=encoding)
    waveform = read_audio(path)
    assert waveform.dtype == np.float32
    assert waveform.shape == expected.shape
    assert np.abs(interior(waveform - expected)).max() <= error


def test_a_file_is_mixed_down_and_resampled(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    left = tone(FREQUENCY_HZ, 44100)
    sf.write(path, np.stack([left, np.zeros_like(left)], axis=1), 44100, subtype="FLOAT")
    expected = tone(FREQUENCY_HZ, SAMPLE_RATE_HZ, amplitude=0.25)
    assert np.abs(interior(read_audio(str(path)) - expected)).max() < RESAMPLER_ERROR


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("container", ["wav", "aiff", "au", "caf", "w64", "rf64", "flac", "mp3"])
def test_a_truncated_file_is_refused(tmp_path: Path, container: str, kept: float) -> None:
    path = tmp_path / f"cut.{container}"
    sf.write(path, tone(FREQUENCY_HZ, SAMPLE_RATE_HZ), SAMPLE_RATE_HZ, format=container.upper())
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(UnreadableAudioError, match=str(path)):
        read_audio(path)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS"])
def test_a_truncated_ogg_file_is_refused(tmp_path: Path, encoding: str, kept: float) -> None:
    path = tmp_path / "cut.ogg"
    sf.write(path, tone(FREQUENCY_HZ, SAMPLE_RATE_HZ), SAMPLE_RATE_HZ, subtype=encoding)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises((UnreadableAudioError, InvalidAudioError), match=str(path)):
        read_audio(path)


@pytest.mark.parametrize("announced", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF024])
def test_wav_from_a_pipe_announces_no_length(tmp_path: Path, announced: int) -> None:
    path = tmp_path / "pipe.wav"
    samples = tone(FREQUENCY_HZ, SAMPLE_RATE_HZ)
    sf.write(path, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    for size_at in (4, data.index(b"data") + 4):
        data[size_at : size_at + 4] = announced.to_bytes(4, "little")
    path.write_bytes(data)
    assert read_audio(path).shape == samples.shape


def test_a_damaged_flac_file_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "damaged.flac"
    sf.write(path, rng.uniform(-0.5, 0.5, SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(UnreadableAudioError):
        read_audio(path)


@pytest.mark.parametrize(
    "content", [b"RIFF\x24\x00\x00\x00WAVE", b"no audio\n" * 1000, b"\x80\x04\x95" + bytes(5000)]
)
def test_foreign_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.wav"
    path.write_bytes(content)
    with pytest.raises(UnreadableAudioError, match="expected a readable WAV"):
        read_audio(path)


def test_missing_folder_and_empty_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudioError, match="No such file"):
        read_audio(tmp_path / "missing.wav")
    with pytest.raises(UnreadableAudioError, match="it is a folder; name the recordings in it"):
        read_audio(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(UnreadableAudioError, match="the file is empty"):
        read_audio(tmp_path / "empty.wav")
    (tmp_path / "samples.raw").write_bytes(bytes(100))
    with pytest.raises(UnreadableAudioError, match="raw samples have no header"):
        read_audio(tmp_path / "samples.raw")


def test_bad_samples_in_a_file_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    samples = tone(FREQUENCY_HZ, SAMPLE_RATE_HZ)
    samples[100] = np.nan
    sf.write(path, samples, SAMPLE_RATE_HZ, subtype="FLOAT")
    with pytest.raises(InvalidAudioError, match=r"nan\.wav: expected finite samples"):
        read_audio(path)
    sf.write(path, np.zeros(0), SAMPLE_RATE_HZ)
    with pytest.raises(InvalidAudioError, match=r"nan\.wav: expected at least one sample"):
        read_audio(path)
