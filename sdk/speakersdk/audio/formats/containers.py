"""Detection of file formats, and of the position of the audio in a file."""

from __future__ import annotations

import io
from typing import BinaryIO, Final

from speakersdk.audio.formats.announced import announced_end
from speakersdk.audio.formats.beginnings import FLAC_HEAD, HEAD_BYTES, begins_file, next_file
from speakersdk.audio.formats.byte_range import Patch
from speakersdk.audio.formats.chunks import chunk_parts, layout_of
from speakersdk.audio.formats.id3 import HEADER_BYTES, behind_old_tag, behind_tags, tag_problem
from speakersdk.audio.formats.mpeg import are_frames_at, frames_before, is_mpeg, mpeg_parts
from speakersdk.audio.formats.ogg import ogg_parts
from speakersdk.audio.formats.part import DamagedError, Part
from speakersdk.text import printable

# Formats without a header, at 8 kHz by convention.
_RAW_ENCODINGS: Final = {".gsm": "GSM610", ".vox": "VOX_ADPCM"}
_LAST_BLOCK: Final = 0x80  # flag of the last one before the frames of FLAC
# libsndfile decodes it, but prints checksums to standard output.
_SAMPLE_DUMP: Final = b"\xf0\x7e"
_RAW_SUFFIXES: Final = (".raw", ".pcm", ".s16", ".ul", ".al", ".lpcm")
CONVERT: Final = "convert it with: ffmpeg -i INPUT output.wav"
_NO_FRAMES: Final = (
    "it begins as an MP3 does, but no frames follow; damaged files and texts in UTF-16 look like "
    "this"
)
_WEBM: Final = b"\x1a\x45\xdf\xa3"
_FOREIGN: Final = {
    b"#!AMR": "AMR",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media (WMA)",
    _WEBM: "a WebM or Matroska container",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"TTA1": "True Audio",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
}
# Formats that contain no audio, and what to do.
_NO_AUDIO: Final = {
    b"MThd": "MIDI, which contains notes and no audio",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive; unpack it first",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"BZh": "a bzip2 archive; unpack it first",
    b"\xfd7zXZ": "an xz archive; unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive; unpack it first",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x7fELF": "a program",
    b"<!doctype": "an HTML page; download the recording itself",
    b"<html": "an HTML page; download the recording itself",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with: git lfs pull",
    b"\x00\x05\x16\x07": "metadata of macOS (AppleDouble); the recording has the same name without "
    "._ in front",
    b"\x00\x05\x16\x00": "an AppleSingle file; unpack it on macOS",
    b"\x00\x00\x00\x01Bud1": "the Finder's view of a folder (.DS_Store); name only the recordings",
    b"\x89SPKV": "a voiceprint, which contains no audio; as a reference its name must end in "
    ".voiceprint",
    b"\x89SPKG": "a gallery of voiceprints, which contains no audio",
    b"\x89SPKS": "a sealed file of speakersdk, which contains no audio",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a Windows file, such as Thumbs.db; name only the "
    "recordings",
}
# By the first letters of the brand; M4A otherwise.
_BRANDS: Final = {b"3gp": "3GP", b"3g2": "3GP", b"qt ": "QuickTime"}
_OGG_CODECS: Final = {
    b"Speex   ": "Speex in an Ogg container",
    b"\x7fFLAC": "FLAC in an Ogg container",
    b"\x80theora": "video in an Ogg container",
    b"fishead": "several streams in an Ogg container",
}


def audio_parts(file: BinaryIO, start: int, end: int, *, suffix: str = "") -> list[Part]:
    """Find the parts of a file that contain audio, in the order of decoding.

    Args:
        file: a seekable file.
        start: offset of its first byte.
        end: offset after its last byte.
        suffix: suffix of its name, used only for formats without a header.

    Raises:
        DamagedError: audio is missing.
    """
    parts: list[Part] = []
    while start < end:
        if parts:
            start = behind_old_tag(file, start, end)
        start = _behind_foreign_tags(file, start, end)
        file.seek(start)
        head = file.read(HEAD_BYTES)
        if parts and not _begins_another(file, head, start, end):
            break
        if layout_of(head) is not None:
            more, start = chunk_parts(file, start, end)
        elif head[:4] == b".snd":
            more, start = _au_parts(file, head, start, end)
        elif head[:4] == b"OggS":
            more, start = ogg_parts(file, start, end)
        elif head[:4] == b"fLaC":
            more, start = _flac_parts(file, start, end)
        elif is_mpeg(file, start, end):
            more = mpeg_parts(file, start, end)
            start = more[-1].end
        elif head[:2] == _SAMPLE_DUMP:
            raise DamagedError(f"it is a MIDI sample dump (SDS); {CONVERT}")
        elif (behind := behind_tags(file, start, end)) > start:
            raise DamagedError(foreign_format(file, behind, "") or tag_problem(start, behind, end))
        else:
            announced = announced_end(file, start, end)
            raw = _RAW_ENCODINGS.get(suffix.lower())
            if raw is None and head[:1] == b"\xff" and head[1:2] >= b"\xe0":
                # libsndfile would search for frames, and print what it does not find.
                raise DamagedError(foreign_format(file, start, suffix) or _NO_FRAMES)
            last = end
            if announced is not None and _another_follows(file, announced, end):
                last = announced
            more, start = [Part(start, last, raw_encoding=raw)], last
        parts += more
    return parts


def foreign_format(file: BinaryIO, start: int, suffix: str) -> str | None:
    """Describe the format of a file that cannot be decoded, and what to do; None if unknown."""
    file.seek(start)
    head = file.read(64)
    for magic, name in _FOREIGN.items():
        if head.lower().startswith(magic.lower()):
            return f"it is {name}; {CONVERT}"
    for magic, name in _NO_AUDIO.items():
        if head.startswith(magic) or head.lower().startswith(magic):
            return f"it is {name}"
    if head[:4] in (b"RIFF", b"RIFX", b"FORM") and len(head) >= 12 and layout_of(head) is None:
        kind = head[8:12].decode("latin-1")
        return f"it is a {head[:4].decode()} file of the kind {printable(kind)!r}; {CONVERT}"
    if head[4:8] == b"ftyp":
        return f"it is an MP4 container ({_BRANDS.get(head[8:11], 'M4A')}); {CONVERT}"
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return f"it is AAC (ADTS); {CONVERT}"
    if head[:4] == b"OggS":
        codec = next(
            (name for magic, name in _OGG_CODECS.items() if head[28:].startswith(magic)), None
        )
        return f"it is {codec}; {CONVERT}" if codec else None
    if suffix.lower() in _RAW_SUFFIXES:
        return (
            "raw samples have no header; pass them as an array with sample_rate_hz, or to "
            "speakersdk listen --input -"
        )
    return None


def holds_audio(data: bytes) -> bool:
    """Return whether a file begins anywhere in data that begin with a tag."""
    file, end = io.BytesIO(data), len(data)
    behind = behind_old_tag(file, 0, end)
    return next_file(file, 0, end) is not None or is_mpeg(file, behind, end)


def _behind_foreign_tags(file: BinaryIO, start: int, end: int) -> int:
    """Find the start of a file to which other programs prepended ID3 tags."""
    behind = behind_tags(file, start, end)
    file.seek(behind)
    head = file.read(HEAD_BYTES)
    if begins_file(head) or head[:4] in (b"OggS", b"fLaC"):
        return behind
    if behind == start or is_mpeg(file, start, end):
        return start
    found = next_file(file, start + HEADER_BYTES, end)
    return start if found is None else found


def _begins_another(file: BinaryIO, head: bytes, position: int, end: int) -> bool:
    """Return whether another file begins behind the end of one."""
    return begins_file(head) or are_frames_at(file, position, end)


def _another_follows(file: BinaryIO, position: int, end: int) -> bool:
    """Return whether another file begins at an offset, or behind tags there."""
    behind = behind_tags(file, behind_old_tag(file, position, end), end)
    file.seek(behind)
    return _begins_another(file, file.read(HEAD_BYTES), behind, end)


def _au_parts(file: BinaryIO, head: bytes, start: int, end: int) -> tuple[list[Part], int]:
    """Find the samples of an AU file, which end with the file or where the next one starts."""
    offset, size = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    samples = start + offset
    if samples + size < end:
        if size and _another_follows(file, samples + size, end):
            return [Part(start, samples + size)], samples + size
        true = min(end - samples, 0xFFFF_FFFF)
        return [Part(start, end, (Patch(start + 8, true.to_bytes(4, "big")),))], end
    return [Part(start, end)], end


def _flac_parts(file: BinaryIO, start: int, end: int) -> tuple[list[Part], int]:
    """Find the joined FLAC files, and where a file of another format begins behind them."""
    parts: list[Part] = []
    while True:
        behind = _behind_metadata(file, start, end)
        following = next_file(file, behind, end)
        last = end if following is None else following
        following = frames_before(file, behind, last) or following
        parts.append(_flac_part(file, start, end if following is None else following))
        if following is None:
            return parts, end
        start = following
        file.seek(start)
        if file.read(len(FLAC_HEAD)) != FLAC_HEAD:
            return parts, start


def _behind_metadata(file: BinaryIO, start: int, end: int) -> int:
    """Return the end of the blocks before the frames, which may contain the header of a WAV."""
    position = start + 4
    while position + 4 <= end:
        file.seek(position)
        block = file.read(4)
        position += 4 + int.from_bytes(block[1:], "big")
        if block[0] & _LAST_BLOCK:
            return position
    return start + len(FLAC_HEAD)


def _flac_part(file: BinaryIO, start: int, end: int) -> Part:
    """Return a part that hides the announced length, where the decoder would stop."""
    at = start + 21  # four bits of the bit depth, 36 of the length
    file.seek(at)
    field = file.read(5)
    if len(field) < 5:
        return Part(start, end)
    announced = int.from_bytes(field, "big") & 2**36 - 1
    unknown = Patch(at, bytes([field[0] & 0xF0, 0, 0, 0, 0]))
    return Part(start, end, (unknown,), num_frames=announced or None)
