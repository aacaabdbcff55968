"""The beginnings of files, and joined files of different formats."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from speakersdk.audio.formats.beginnings import FLAC_HEAD, begins_file, next_file
from speakersdk.audio.waveform import read_audio

CONTAINERS = ("WAV", "RF64", "W64", "AIFF", "CAF", "SVX", "FLAC", "OGG", "AU", "MP3")
# Only the decoder knows where FLAC ends, and its frames may contain the four bytes of AU by chance.
UNKNOWN = {("FLAC", "AU")}


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


@pytest.mark.parametrize("container", CONTAINERS[:-1])
def test_a_file_is_known_by_its_first_bytes(container: str, encode: Callable[..., bytes]) -> None:
    data = encode(container)
    assert begins_file(data[:16])
    found = next_file(io.BytesIO(bytes(2**20 - 3) + data), 5, 2**20 + len(data))
    assert found == (None if container == "AU" else 2**20 - 3)
    assert next_file(io.BytesIO(data), 1, len(data)) is None


@pytest.mark.parametrize(("first", "second"), sorted(set(permutations(CONTAINERS, 2)) - UNKNOWN))
def test_joined_files_of_different_formats_are_read_one_after_the_other(
    first: str, second: str, encode: Callable[..., bytes]
) -> None:
    """FLAC after WAV was read as samples, which are noise; what followed FLAC or Ogg was lost."""
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
