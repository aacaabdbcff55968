"""The beginnings of files, and joined files of different formats."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from speakersdk.audio.formats.beginnings import FLAC_HEAD, begins_file, next_file
from speakersdk.audio.waveform import read_audio

CONTAINERS = ("WAV", "RF64", "W64", "AIFF", "CAF", "SVX", "FLAC", "OGG", "AU", "NIST", "VOC", "MP3")


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


@pytest.mark.parametrize("container", CONTAINERS[:-1])
def test_a_file_is_known_by_its_first_bytes(container: str, encode: Callable[..., bytes]) -> None:
    data = encode(container)
    assert begins_file(data[:16])
    found = next_file(io.BytesIO(bytes(2**20 - 3) + data), 5, 2**20 + len(data))
    assert found == 2**20 - 3
    assert next_file(io.BytesIO(data), 1, len(data)) is None


@pytest.mark.parametrize(("first", "second"), list(permutations(CONTAINERS, 2)))
def test_joined_files_of_different_formats_are_read_one_after_the_other(
    first: str, second: str, encode: Callable[..., bytes]
) -> None:
    """Files behind WAV, NIST and VOC were read as samples, which are noise.

    What followed FLAC or Ogg was lost, and AU behind FLAC for longest.
    """
    files = {container: encode(container) for container in (first, second)}
    expected = np.concatenate([read(files[first]), read(files[second])])
    tags = b"TAG" + bytes(125) + b"ID3\4\0\0\0\0\0\x10" + bytes(16)
    for between in (b"", tags):
        joined = files[first] + between + files[second]
        np.testing.assert_array_equal(read(joined), expected)


def test_three_files_of_different_formats(encode: Callable[..., bytes]) -> None:
    order = ("FLAC", "FLAC", "OGG", "WAV", "FLAC", "MP3", "AIFF")
    files = [encode(container) for container in order]
    np.testing.assert_array_equal(
        read(b"".join(files)), np.concatenate([read(data) for data in files])
    )


def test_the_header_of_a_wav_in_the_metadata_of_flac_is_not_a_file(
    encode: Callable[..., bytes],
) -> None:
    """`flac --keep-foreign-metadata` stores it, to restore the WAV."""
    flac, wav = encode("FLAC"), encode("WAV")
    head = len(FLAC_HEAD) - 4 + 34 + 4
    assert flac[:8] == FLAC_HEAD
    kept = b"riff" + wav[:12]
    block = b"\x02" + len(kept).to_bytes(3, "big") + kept
    np.testing.assert_array_equal(read(flac[:head] + block + flac[head:]), read(flac))


def test_four_bytes_are_not_a_file(encode: Callable[..., bytes]) -> None:
    """A header of AU has other fields in which few values are possible."""
    flac = encode("FLAC")
    head = encode("AU")[:24]
    for at, value in ((4, 1), (12, 1), (15, 99), (16, 1), (20, 1), (23, 0)):
        wrong = head[:at] + bytes([value]) + head[at + 1 :]
        assert next_file(io.BytesIO(flac + wrong), 1, len(flac) + len(wrong)) is None
    assert next_file(io.BytesIO(flac + head), 1, len(flac) + len(head)) == len(flac)
