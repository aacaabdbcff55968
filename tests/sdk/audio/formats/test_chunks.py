"""WAV, RF64, Wave64, AIFF and CAF with the wrong headers of recorders, pipes and writers."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.errors import InvalidAudioError, UnreadableAudioError

# Container, name of the chunk of the samples, offset of its size from the name, width, byte order,
# and what the size counts in addition to the samples.
LAYOUTS = {
    "WAV": (b"data", 4, 4, "little", 0),
    "AIFF": (b"SSND", 4, 4, "big", 8),
    "W64": (b"data", 16, 8, "little", 24),
    "CAF": (b"data", 4, 8, "big", 4),
}


def with_size(data: bytes, container: str, size: int) -> bytes:
    """Return the file with a header that announces `size` bytes of samples."""
    name, offset, width, order, more = LAYOUTS[container]
    at = data.index(name) + offset
    field = ((size + more) % 256**width).to_bytes(width, order)
    return data[:at] + field + data[at + width :]


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


@pytest.mark.parametrize("container", LAYOUTS)
@pytest.mark.parametrize("size", [0, 100, 20000])
def test_a_size_that_was_never_updated_loses_nothing(
    container: str, size: int, encode: Callable[..., bytes]
) -> None:
    data = encode(container, "PCM_16")
    np.testing.assert_array_equal(read(with_size(data, container, size)), read(data))


@pytest.mark.parametrize(
    ("container", "bit"),
    [("WAV", 31), ("WAV", 32), ("AIFF", 31), ("AIFF", 32), ("W64", 63), ("CAF", 63), ("CAF", 64)],
)
def test_a_size_that_means_unknown_loses_nothing(
    container: str, bit: int, encode: Callable[..., bytes]
) -> None:
    data = encode(container, "PCM_16")
    for size in (2**bit - 1, 2**bit - 1 - LAYOUTS[container][4], 2**bit - 4096):
        np.testing.assert_array_equal(read(with_size(data, container, size)), read(data))


@pytest.mark.parametrize("container", LAYOUTS)
def test_missing_samples_are_counted(container: str, encode: Callable[..., bytes]) -> None:
    data = with_size(encode(container, "PCM_16"), container, 128000)
    with pytest.raises(UnreadableAudioError, match=r"64000 of 128000 bytes .* missing \(50%\)"):
        read(data)


def test_a_size_that_counts_the_header_loses_nothing(encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    for more in (8, 36, 44):
        np.testing.assert_array_equal(read(with_size(data, "WAV", 64000 + more)), read(data))


@pytest.mark.parametrize("num", [1, 300, 3000])
def test_many_chunks_before_the_samples_hide_no_truncation(
    num: int, encode: Callable[..., bytes]
) -> None:
    # libsndfile reports a short chunk in a log of a few kB, which these chunks fill.
    data = encode("WAV", "PCM_16")
    at = data.index(b"data")
    many = data[:at] + b"LIST\x04\0\0\0INFO" * num + data[at:]
    np.testing.assert_array_equal(read(many), read(data))
    with pytest.raises(UnreadableAudioError, match=r"32000 of 64000 bytes"):
        read(many[:-32000])


def test_chunks_after_the_samples_are_not_samples(encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    expected = read(data)
    trailer = b"LIST" + (1000).to_bytes(4, "little") + b"INFO" + bytes(996)
    own = b"abcd\x02\0\0\0zz"
    for behind in (trailer, own, trailer[:500], own + trailer[:9], b"TAG" + bytes(125), b"\0"):
        np.testing.assert_array_equal(read(data + behind), expected)


@pytest.mark.parametrize("name", [b"cue ", b"id3 ", b"LIST"])
def test_a_chunk_after_the_samples_may_be_cut(name: bytes, encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    cut = name + (5000).to_bytes(4, "little") + bytes(range(200))
    np.testing.assert_array_equal(read(data + cut), read(data))


def test_samples_of_an_odd_size_may_lack_their_padding(
    sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    data = encode("WAV", "PCM_U8", samples=sound[:9999])
    bare = data[: data.index(b"data") + 8 + 9999]
    trailer = b"LIST\x04\0\0\0INFO"
    for more in (trailer, b"\0" + trailer):
        np.testing.assert_array_equal(read(bare + more), read(data))


@pytest.mark.parametrize("between", [b"", b"LIST\x04\0\0\0INFO"])
@pytest.mark.parametrize(
    ("container", "endian"), [("WAV", "FILE"), ("WAV", "BIG"), ("WAVEX", "FILE"), ("RF64", "FILE")]
)
def test_several_chunks_of_samples_are_read_one_after_the_other(
    container: str, endian: str, between: bytes, sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    """The decoder refuses them, and a pipe ended after the first chunk."""
    order: Literal["big", "little"] = "big" if endian == "BIG" else "little"
    if order == "big":
        between = between.replace(b"\x04\0\0\0", b"\0\0\0\x04")
    data = encode(container, "PCM_16", samples=sound, endian=endian)
    at = data.index(b"data")
    halves = [data[at + 8 :][:30000], data[at + 8 :][30000:]]
    chunks = [b"data" + len(half).to_bytes(4, order) + half for half in halves]
    several = data[:at] + chunks[0] + between + chunks[1] + between
    np.testing.assert_array_equal(read(several), read(data))
    with pytest.raises(UnreadableAudioError, match=r"1000 of 34000 bytes .* missing \(3%\)"):
        read((data[:at] + chunks[0] + between + chunks[1])[:-1000])


def test_joined_files_are_read_one_after_the_other(
    sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    first, second = encode("WAV", "PCM_16"), encode("WAV", "PCM_16", samples=sound[:9999])
    trailer = b"LIST\x04\0\0\0INFO"
    expected = np.concatenate([read(first), read(second)])
    np.testing.assert_array_equal(read(first + second), expected)
    np.testing.assert_array_equal(read(first + trailer + second + trailer), expected)
    np.testing.assert_array_equal(
        read(first + encode("AIFF", "PCM_16", samples=sound[:9999])), expected
    )


def test_joined_files_of_different_formats(sound: np.ndarray, encode: Callable[..., bytes]) -> None:
    stereo = encode("WAV", "PCM_16", samples=np.stack([sound, sound], axis=1), rate_hz=48000)
    mono = encode("WAV", "FLOAT")
    expected = np.concatenate([read(stereo), read(mono)])
    np.testing.assert_array_equal(read(stereo + mono), expected)


def test_rf64_says_its_size_elsewhere(encode: Callable[..., bytes]) -> None:
    data = encode("RF64", "PCM_16")
    expected = read(data)
    at = data.index(b"ds64") + 16
    for size in (0, 2**63 - 1, 2**64 - 1):
        lying = data[:at] + size.to_bytes(8, "little") + data[at + 8 :]
        np.testing.assert_array_equal(read(lying), expected)
    with pytest.raises(UnreadableAudioError, match=r"truncated: \d+ of \d+ bytes"):
        read(data[:-30000])


def test_rf64_may_say_its_size_only_in_the_short_header(encode: Callable[..., bytes]) -> None:
    data = bytearray(encode("RF64", "PCM_16"))
    at = data.index(b"ds64") + 16
    data[at : at + 8] = bytes(8)
    expected = read(bytes(data))
    at = data.index(b"data") + 4
    data[at : at + 4] = (64000).to_bytes(4, "little")
    np.testing.assert_array_equal(read(bytes(data)), expected)


def test_bw64_is_read_as_rf64(encode: Callable[..., bytes]) -> None:
    data = encode("RF64", "PCM_24")
    np.testing.assert_array_equal(read(b"BW64" + data[4:]), read(data))


@pytest.mark.parametrize("encoding", ["GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32", "ULAW"])
def test_compressed_samples_of_a_killed_recorder(
    encoding: str, encode: Callable[..., bytes]
) -> None:
    data = encode("WAV", encoding)
    lying = with_size(data, "WAV", 0)
    result, expected = read(lying), read(data)
    shared = min(len(result), len(expected))  # the padding after the last block has a block or two
    np.testing.assert_array_equal(result[:shared], expected[:shared])
    assert abs(len(result) - len(expected)) <= 2048


def test_a_file_that_was_closed_without_samples_is_empty(encode: Callable[..., bytes]) -> None:
    with pytest.raises(InvalidAudioError, match="at least one sample"):
        read(encode("WAV", "PCM_16", samples=np.zeros(0)))


def test_more_than_4_gib_of_samples(encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    size = 2**32 + 64000

    class Large(io.BytesIO):
        """A file of 4 GiB of silence, which is not read completely."""

        at = 0

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = (44 + size if whence == 2 else 0) + offset
            return self.at

        def tell(self) -> int:
            return self.at

        def read(self, num: int | None = -1) -> bytes:
            head = with_size(data, "WAV", size)[:44]
            piece = (head[self.at :] + bytes(num))[: min(num, 44 + size - self.at)]
            self.at += len(piece)
            return piece

    with pytest.raises(UnreadableAudioError, match="convert it to RF64"):
        read_audio(Large())  # the wrapped size says 64000 bytes, 2 s


@pytest.mark.parametrize(
    ("code", "dtype"), [(1, "<i2"), (3, "<f4"), (3, "<f8"), (1, "<i4")], ids=str
)
def test_extensible_samples_in_wave64_are_of_their_own_type(
    code: int, dtype: str, sound: np.ndarray
) -> None:
    """ffmpeg writes floats in this way; libsndfile reads them as integers."""
    num_bytes = np.dtype(dtype).itemsize
    full_scale = 1 if code == 3 else 2 ** (8 * num_bytes - 1)
    data = (sound * full_scale).astype(dtype).tobytes()
    rest = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    guid = code.to_bytes(2, "little") + bytes.fromhex("000000001000800000aa00389b71")
    form = struct.pack(
        "<HHIIHHHHI", 0xFFFE, 1, 16000, 16000 * num_bytes, num_bytes, 8 * num_bytes, 22,
        8 * num_bytes, 0,
    )  # fmt: skip
    riff = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
    body = b"wave" + rest
    for name, content in ((b"fmt ", form + guid), (b"data", data)):
        body += name + rest + struct.pack("<Q", 24 + len(content)) + content
        body += bytes(-len(content) % 8)
    file = riff + struct.pack("<Q", 24 + len(body)) + body
    np.testing.assert_allclose(read(file), sound, atol=2**-14)
