"""Detection of a file's format, and formats without chunks, frames and pages."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.waveform import read_audio
from speakersdk.errors import UnreadableAudioError
from speakersdk.gallery.file import MAGIC as GALLERY
from speakersdk.sealing import MAGIC as SEALED
from speakersdk.voiceprint.file import MAGIC as VOICEPRINT


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


def test_flac_without_a_length_is_read_whole(encode: Callable[..., bytes]) -> None:
    data = bytearray(encode("FLAC", "PCM_16"))
    expected = read(bytes(data))
    data[21] &= 0xF0  # the 36-bit count of samples in STREAMINFO: zero means unknown
    data[22:26] = bytes(4)
    np.testing.assert_array_equal(read(bytes(data)), expected)
    with pytest.raises(UnreadableAudioError):
        read(bytes(data[: len(data) // 2]))


def test_joined_flac_files_are_read_one_after_the_other(encode: Callable[..., bytes]) -> None:
    data = encode("FLAC", "PCM_16")
    np.testing.assert_array_equal(read(data * 3), np.tile(read(data), 3))


@pytest.mark.parametrize("encoding", ["PCM_16", "ULAW", "G721_32"])
@pytest.mark.parametrize("size", [0, 1000, 0xFFFFFFFF])
def test_au_of_any_announced_size_is_read_whole(
    encoding: str, size: int, encode: Callable[..., bytes]
) -> None:
    data = encode("AU", encoding)
    lying = data[:8] + size.to_bytes(4, "big") + data[12:]
    np.testing.assert_array_equal(read(lying), read(data))


def test_joined_au_files(encode: Callable[..., bytes]) -> None:
    data = encode("AU", "PCM_16")
    np.testing.assert_array_equal(read(data + data), np.tile(read(data), 2))


def test_au_that_is_cut_says_how_much_is_missing(encode: Callable[..., bytes]) -> None:
    with pytest.raises(UnreadableAudioError, match=r"16000 of 64000 bytes .* \(25%\)"):
        read(encode("AU", "PCM_16")[:-16000])


@pytest.mark.parametrize(("suffix", "encoding"), [(".gsm", "GSM610"), (".vox", "VOX_ADPCM")])
def test_telephone_recordings_without_a_header(
    tmp_path: Path, sound: np.ndarray, suffix: str, encoding: str
) -> None:
    path = tmp_path / f"call{suffix}"
    sf.write(path, sound[::2], 8000, format="RAW", subtype=encoding)
    waveform = read_audio(path)
    assert abs(len(waveform) - len(sound)) <= 640  # a block of GSM is 160 samples at 8 kHz
    assert np.corrcoef(waveform[:30000], sound[:30000])[0, 1] > 0.5


def test_encodings_that_cannot_seek_are_read(encode: Callable[..., bytes]) -> None:
    for container, encoding in (
        ("WAV", "GSM610"), ("WAV", "G721_32"), ("WAV", "NMS_ADPCM_32"), ("AIFF", "GSM610"),
        ("AIFF", "DWVW_16"), ("AIFF", "DWVW_24"), ("W64", "GSM610"), ("AU", "G723_40"),
        ("AU", "G721_32"),
    ):  # fmt: skip
        waveform = read(encode(container, encoding, rate_hz=8000))
        assert 64000 <= len(waveform) <= 66000


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"\0\0\0\x1cftypM4A ", r"an MP4 container \(M4A\); .*ffmpeg -i"),
        (b"\0\0\0\x1cftyp3gp4", r"an MP4 container \(3GP\); .*ffmpeg -i"),
        (b"\0\0\0\x14ftypqt  ", r"an MP4 container \(QuickTime\); .*ffmpeg -i"),
        (b"\xff\xf1\x50\x80\x2e\x7f\xfc", "AAC .*ffmpeg -i"),
        (b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
        (b"#!AMR\n", "AMR"),
        (b"<!doctype html><html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"PK\x03\x04", "ZIP"),
        (b"RIFF\x24\0\0\0AVI LIST", "RIFF file of the kind 'AVI '"),
        (b"FORM\0\0\0\x24ILBMBMHD", "FORM file of the kind 'ILBM'"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\0\0\4", "xz archive; unpack it first"),
        (b"\xf0\x7e\x00\x01", "MIDI sample dump"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X        ", "AppleDouble.*without ._ in front"),
        (b"\0\0\0\1Bud1\0\0\x10\0", r"\.DS_Store"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"Thumbs\.db"),
        (VOICEPRINT, r"voiceprint, .* must end in \.voiceprint"),
        (GALLERY, "a gallery of voiceprints"),
        (SEALED, "a sealed file of speakersdk"),
    ],
)
def test_a_foreign_format_is_named(tmp_path: Path, head: bytes, message: str) -> None:
    path = tmp_path / "voice.mp3"
    path.write_bytes(head + bytes(2000))
    with pytest.raises(UnreadableAudioError, match=message):
        read_audio(path)


@pytest.mark.parametrize("data", [b"\xff\xfea\0b\0" * 50, b"\xff\xfb\x90\x64" + bytes(500)])
def test_what_begins_as_an_mp3_and_has_no_frames_is_refused_quietly(
    data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """The decoder printed notes on its search, and reported that the file did not exist."""
    with pytest.raises(UnreadableAudioError, match=r"no frames follow|truncated"):
        read(data)
    assert capfd.readouterr().err == ""


def test_an_instrument_does_not_say_its_rate(encode: Callable[..., bytes]) -> None:
    """libsndfile assumes 44.1 kHz: the owner of a voice was rejected."""
    with pytest.raises(UnreadableAudioError, match="does not say its sample rate"):
        read(encode("XI", "DPCM_16"))


def test_raw_samples_must_be_passed_as_an_array(tmp_path: Path) -> None:
    path = tmp_path / "samples.pcm"
    path.write_bytes(bytes(100))
    with pytest.raises(UnreadableAudioError, match="pass them as an array"):
        read_audio(path)


@pytest.mark.parametrize("announced", [1, 1000, 31999, 32000])
def test_flac_that_announces_too_little_is_read_whole(
    announced: int, encode: Callable[..., bytes], sound: np.ndarray
) -> None:
    np.testing.assert_allclose(read(lengthened(encode("FLAC"), announced)), sound, atol=2**-15)


def lengthened(data: bytes, announced: int) -> bytes:
    """Return a FLAC file with another number of samples in its header."""
    field = (data[21] & 0xF0) << 32 | announced
    return data[:21] + field.to_bytes(5, "big") + data[26:]


@pytest.mark.parametrize(
    "trailer",
    [b"TAG" + bytes(125), bytes(5000), b"APETAGEX" + bytes(24), b"ID3\4" + bytes(100)],
    ids=["ID3v1", "zeros", "APE", "ID3v2"],
)
def test_what_follows_a_flac_file_is_not_audio(
    trailer: bytes, encode: Callable[..., bytes], sound: np.ndarray
) -> None:
    data = encode("FLAC")
    np.testing.assert_allclose(read(data + trailer), sound, atol=2**-15)
    with pytest.raises(UnreadableAudioError, match=r"lost sync after 0 to 2 of 2 s"):
        read(data[: len(data) // 2] + trailer)


@pytest.mark.parametrize(
    ("container", "known", "other"),
    [
        ("AIFF", b"sowt", b"MAC3"),
        ("CAF", b"lpcm", b"opus"),
    ],
)
def test_an_encoding_that_only_other_programs_read_is_converted(
    container: str, known: bytes, other: bytes, encode: Callable[..., bytes]
) -> None:
    endian = {"endian": "LITTLE"} if container == "AIFF" else {}
    data = encode(container, "PCM_16", **endian)
    with pytest.raises(UnreadableAudioError, match="cannot be decoded here; convert it with"):
        read(data.replace(known, other, 1))


def test_a_header_without_a_rate_says_so(encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    with pytest.raises(UnreadableAudioError, match="its header gives no usable sample rate"):
        read(data.replace((16000).to_bytes(4, "little"), bytes(4), 1))


@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC", "OGG", "AU", "CAF", "W64", "RF64"])
@pytest.mark.parametrize("num_bytes", [0, 128, 3000])
def test_a_tag_before_the_first_frame_is_not_audio(
    container: str, num_bytes: int, encode: Callable[..., bytes]
) -> None:
    size = bytes(num_bytes >> shift & 127 for shift in (21, 14, 7, 0))
    tagged = b"ID3\4\0\0" + size + bytes(num_bytes) + encode(container)
    np.testing.assert_array_equal(read(tagged), read(encode(container)))


@pytest.mark.parametrize("name", ["._", ".AppleDouble"])
def test_what_misleads_the_decoder_in_the_current_folder_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encode: Callable[..., bytes]
) -> None:
    """Without a name, libsndfile reads these files as a resource fork."""
    containers = ("WAV", "FLAC", "OGG", "MP3")
    undisturbed = {container: read(encode(container)) for container in containers}
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    for container, samples in undisturbed.items():
        np.testing.assert_array_equal(read(encode(container)), samples)
    with pytest.raises(UnreadableAudioError) as raised:
        read(bytes(range(1, 256)) * 20)
    assert "resource fork" not in str(raised.value)
    assert "bad " not in str(raised.value)


@pytest.mark.parametrize("tag", [0xFF, 0x28F, 0x123])
def test_what_the_decoder_does_not_know_may_be_converted(
    tag: int, encode: Callable[..., bytes]
) -> None:
    """The samples are AAC, G.722 and G.729."""
    data = encode("WAV", "PCM_16")
    with pytest.raises(UnreadableAudioError, match=r"convert it with: ffmpeg -i INPUT"):
        read(data[:20] + tag.to_bytes(2, "little") + data[22:])


def test_no_seconds_are_given_where_the_rate_is_unknown(encode: Callable[..., bytes]) -> None:
    data = encode("FLAC", "PCM_16")
    with pytest.raises(UnreadableAudioError) as caught:
        read(data[:4] + b"\x00\x00\x00\x22" + data[8:42] + b"\x06\xff\xff\xff" + data[42:])
    assert " after " not in caught.value.reason
