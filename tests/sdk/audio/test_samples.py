"""Arrays that are audio, and arrays that only look like samples."""

from __future__ import annotations

import array
import ctypes
import io
import mmap
import tracemalloc

import numpy as np
import pytest

from speakersdk.audio.recordings import Reading, load_recording
from speakersdk.audio.samples import as_array, scale
from speakersdk.audio.waveform import as_waveform
from speakersdk.errors import InvalidAudioError

PCM = (9000 * np.sin(np.arange(1600) / 10)).astype(np.int16)


def cffi_buffer() -> object:
    cffi = pytest.importorskip("cffi")
    ffi = cffi.FFI()
    return ffi.buffer(ffi.from_buffer(PCM))


@pytest.mark.parametrize(
    "make",
    [
        PCM.tobytes,
        lambda: bytearray(PCM.tobytes()),
        lambda: memoryview(PCM.tobytes()),
        lambda: memoryview(PCM).cast("B"),
        lambda: array.array("B", PCM.tobytes()),
        lambda: (ctypes.c_char * PCM.nbytes).from_buffer_copy(PCM.tobytes()),
        lambda: mmap.mmap(-1, 3200),
        cffi_buffer,
    ],
)
def test_bytes_do_not_say_their_sample_type(make: object) -> None:
    # 16-bit speech, read as 8-bit samples, is noise: its owner was rejected.
    with pytest.raises(InvalidAudioError, match=r"np\.frombuffer\(data, np\.int16\)"):
        as_waveform(make(), sample_rate_hz=16000)


@pytest.mark.parametrize(
    "make",
    [
        lambda: memoryview(PCM),
        lambda: array.array("h", PCM.tolist()),
        lambda: (ctypes.c_int16 * len(PCM))(*PCM.tolist()),
        (PCM / 2**15).tolist,
    ],
)
def test_what_says_its_sample_type_is_read(make: object) -> None:
    np.testing.assert_array_equal(
        as_waveform(make(), sample_rate_hz=16000), (PCM / 2**15).astype(np.float32)
    )


@pytest.mark.training
def test_tensors_are_read_wherever_they_are_used() -> None:
    torch = pytest.importorskip("torch")
    expected = as_waveform(PCM, sample_rate_hz=16000)
    tensor = torch.from_numpy(PCM)
    trained = (tensor.float() / 2**15).requires_grad_()
    for each in (tensor, trained):
        np.testing.assert_array_equal(as_waveform(each, sample_rate_hz=16000), expected)
    with pytest.raises(InvalidAudioError, match=r"samples\.T"):
        as_waveform(trained[None], sample_rate_hz=16000)
    with pytest.raises(InvalidAudioError, match="BFloat16"):
        as_waveform(tensor.bfloat16(), sample_rate_hz=16000)
    for other in (tensor.to_sparse(), torch.empty(100, device="meta")):
        with pytest.raises(InvalidAudioError, match="got Tensor"):
            as_waveform(other, sample_rate_hz=16000)
    # `size` is a method of tensors, an attribute of arrays.
    np.testing.assert_array_equal(
        load_recording(trained, 16000, reading=Reading(limit_s=60.0)), expected
    )
    np.testing.assert_array_equal(load_recording((16000, tensor), None), expected)


@pytest.mark.parametrize("kind", ["big-endian", "strided", "Fortran", "no mask", "read-only"])
def test_the_layout_of_an_array_does_not_matter(kind: str) -> None:
    stereo = np.stack([PCM, PCM // 2], axis=1)
    laid_out = {
        "big-endian": stereo.astype(">i2"),
        "strided": np.repeat(stereo, 2, axis=0)[::2],
        "Fortran": np.asfortranarray(stereo),
        "no mask": np.ma.masked_array(stereo, mask=np.zeros(stereo.shape, bool)),
        "read-only": np.frombuffer(stereo.tobytes(), np.int16).reshape(-1, 2),
    }[kind]
    np.testing.assert_array_equal(
        as_waveform(laid_out, sample_rate_hz=16000), as_waveform(stereo, sample_rate_hz=16000)
    )


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.ma.masked_array(PCM, mask=np.arange(len(PCM)) == 3), "1 of .* masked; cut them out"),
        (PCM.astype(np.int64), r"got int64; pass np\.asarray\(samples, np\.int16\)"),
        (PCM.tolist(), r"got int64; pass np\.asarray\(samples, np\.int16\)"),
        (
            (PCM / 2**15).astype(np.float16),
            r"got float16; pass np\.asarray\(samples, np\.float32\)",
        ),
        (PCM.astype(np.uint16), r"got uint16; pass .* - 32768\)\.astype\(np\.int16\)"),
        (PCM.astype(np.int8), r"got int8; pass samples\.astype\(np\.int16\) \* 256"),
        ([[1.0], [1.0, 2.0]], "convert it to a NumPy array of float32 first"),
        (PCM.astype(complex), "got complex128; pass floats of full scale"),
        (PCM.astype(object), r"got object; pass np\.asarray\(samples, np\.float32\)"),
        (PCM.view([("left", "<i2")]), r"got \[.*\]; pass one of its fields"),
        (PCM > 0, "got bool; pass floats of full scale"),
        (None, "an array of samples, got NoneType"),
        ({}, "an array of samples, got dict"),
        (PCM[None, :, None], r"shape \(n,\)"),
        (np.int16(1), r"shape \(n,\)"),
        (io.BytesIO(b"RIFF"), r"got a file \(BytesIO\); decode it with speakersdk\.read_audio"),
        (io.StringIO("RIFF"), r"got a file \(StringIO\)"),
    ],
)
def test_other_types_are_refused_with_what_to_do(samples: object, message: str) -> None:
    with pytest.raises(InvalidAudioError, match=message):
        as_waveform(samples, sample_rate_hz=16000)


@pytest.mark.parametrize("samples", [None, {}, object(), "slt.wav", [[1.0], [1.0, 2.0]], {1.0}])
def test_what_is_not_an_array_is_refused(samples: object) -> None:
    with pytest.raises(InvalidAudioError):
        as_waveform(samples, sample_rate_hz=16000)


def test_16_bit_values_in_a_wider_type_are_refused() -> None:
    with pytest.raises(InvalidAudioError, match=r"samples\.astype\(np\.int16\)"):
        as_waveform(PCM.astype(np.int32), sample_rate_hz=16000)
    quiet = as_waveform(PCM.astype(np.int32) << 8, sample_rate_hz=16000)  # 24 bits, at -60 dB
    assert np.abs(quiet).max() == pytest.approx(9000 / 2**23, rel=1e-3)
    assert not as_waveform(np.zeros(1600, np.int32), sample_rate_hz=16000).any()


@pytest.mark.parametrize("bits", [18, 20, 24])
def test_24_bit_values_in_a_wider_type_are_refused(bits: int) -> None:
    """They were read at -48 dB, and their speech was not found."""
    shift = bits - 16
    values = (PCM.astype(np.int32) << shift) + 1  # as of a converter: the lowest bits are not zero
    for samples in (values, values.astype(">i4"), np.stack([values, values], axis=1)):
        with pytest.raises(InvalidAudioError, match=r"samples \* 256 if they are 24-bit values"):
            as_waveform(samples, sample_rate_hz=16000)
    as_told = as_waveform(values * 2**8, sample_rate_hz=16000)
    assert np.abs(as_told).max() == pytest.approx(9000 * 2.0 ** (shift - 23), rel=1e-3)
    quiet = as_waveform(values / 2**31, sample_rate_hz=16000)
    np.testing.assert_allclose(quiet, as_told / 2**8, rtol=1e-6)
    loud = as_waveform(values * 2**9 + 1, sample_rate_hz=16000)  # 32 bits above -48 dB
    assert np.abs(loud).max() == pytest.approx(9000 * 2.0 ** (shift - 22), rel=1e-3)


def test_an_array_is_not_copied() -> None:
    assert as_array(PCM) is PCM


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_scaling_a_block_allocates_only_its_result(dtype: type[np.generic]) -> None:
    block = np.zeros(20_000, dtype)  # numpy itself reuses larger temporary arrays, on Linux
    tracemalloc.start()
    scaled = scale(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * scaled.nbytes
    assert not np.shares_memory(scaled, block)  # the caller's samples stay as they are
