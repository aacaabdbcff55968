"""Lists of recordings and segments, and their samples."""

from __future__ import annotations

import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio.channels import Channel
from speakersdk.audio.recordings import Reading, load_recording
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.errors import (
    ConfigError,
    InvalidAudioError,
    MissingDependencyError,
    SpeakerSdkError,
    UnreadableAudioError,
)
from speakersdk.evaluation.list_file import name_key, read_lines, tab_columns, unquoted
from speakersdk.files import replacement
from speakersdk.text import file_name, os_error_text, printable


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an audio file.

    Attributes:
        path: path relative to a root folder.
        start: first sample at 16 kHz.
        num_samples: length in samples at 16 kHz; None means up to the end of the file.
    """

    path: str
    start: int = 0
    num_samples: int | None = None

    def cut(self, samples: Waveform) -> Waveform:
        """Cut the piece from (n,) samples of the file. It is shorter if the file ends early."""
        stop = None if self.num_samples is None else self.start + self.num_samples
        return samples[self.start : stop]

    def overlaps(self, other: Piece) -> bool:
        """Return whether the pieces share samples."""
        return (
            self.path == other.path
            and (other.num_samples is None or self.start < other.start + other.num_samples)
            and (self.num_samples is None or other.start < self.start + self.num_samples)
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A named recording of one speaker, joined from pieces of audio files."""

    name: str
    speaker: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that could not be used, and the reason."""

    name: str
    reason: str

    @classmethod
    def of(cls, name: str, error: Exception) -> Failure:
        """Make the failure of a recording that raised an error.

        Raises:
            MissingDependencyError: the given error, because it affects all recordings.
        """
        if isinstance(error, MissingDependencyError):
            raise error
        if isinstance(error, MemoryError):
            return cls(name, "not enough memory; split it into shorter recordings")
        if isinstance(error, OSError):
            return cls(name, os_error_text(error))
        if isinstance(error, SpeakerSdkError):
            return cls(name, str(error))
        return cls(name, f"{type(error).__name__}: {error}")


class SegmentReader:
    """A reader of the samples of segments, which keeps the files of the last segment in memory.

    Args:
        root: base folder of the paths of pieces.
        reading: the limit and the channel of files; None means no choice.
    """

    def __init__(self, root: Path, reading: Reading | None = None) -> None:
        self._root = root
        self._reading = reading or Reading()
        self._files: dict[str, Waveform] = {}

    @property
    def channel(self) -> Channel:
        """The channel that is read."""
        return self._reading.channel

    def path(self, piece: Piece) -> Path:
        """Return the path of the file of a piece. The file may be missing."""
        return find_file(self._root, piece.path) or self._root / file_name(piece.path)

    def read(self, segment: Segment) -> Waveform:
        """Read a segment as (n,) float32 at 16 kHz. A piece is shorter if its file ends early.

        Raises:
            AudioError: a file is missing, longer than the limit, or cannot be read, or a piece
                begins after the end of its file.
        """
        wanted = {piece.path for piece in segment.pieces}
        self._files = {path: kept for path, kept in self._files.items() if path in wanted}
        parts = []
        for piece in segment.pieces:
            if piece.path not in self._files:
                self._files[piece.path] = load_recording(
                    self.path(piece), None, reading=self._reading
                )
            samples = self._files[piece.path]
            if piece.start >= len(samples):
                raise InvalidAudioError(
                    f"{printable(piece.path)}: expected a piece that begins before the end at "
                    f"{len(samples) / SAMPLE_RATE_HZ:g} s, got one from "
                    f"{piece.start / SAMPLE_RATE_HZ:g} s on; starts are in samples at 16 kHz"
                )
            parts.append(piece.cut(samples))
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def source(self, segment: Segment) -> str:
        """Identify the data of a segment by channel, paths, parts, sizes and modification times.

        Raises:
            UnreadableAudioError: a file is missing.
        """
        channel = self.channel
        parts = [] if channel is None else [f"channel {channel}"]
        for piece in segment.pieces:
            path = self.path(piece)
            try:
                status = path.stat()
            except OSError as error:
                raise UnreadableAudioError(os.fspath(path), error.strerror or str(error)) from error
            length = "end" if piece.num_samples is None else piece.num_samples
            parts.append(
                f"{piece.path} {piece.start}+{length} {status.st_size} {status.st_mtime_ns}"
            )
        # Surrogates, which stand for bytes of a file name that are not UTF-8, are no text.
        return "; ".join(parts).encode(errors="backslashreplace").decode()


def find_file(root: Path, path: str) -> Path | None:
    """Find a file that a list names; None if there is none.

    Accented names may be stored as written, composed (NFC) or decomposed (NFD). In locales other
    than UTF-8, file names are taken as UTF-8 bytes.
    """
    for form in (path, unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path)):
        candidate = root / file_name(form)
        if os.access(candidate, os.F_OK):
            return candidate
    return None


def read_segments(path: Path) -> dict[str, Segment]:
    """Read segments: one JSON object per line with ``segment``, ``speaker`` and ``pieces``.

    A piece is ``[path, start, num_samples]``; num_samples may be null, see `Piece`.

    Raises:
        ConfigError: the file is missing, a line has another form, or two segments have one name.
    """
    segments: dict[str, Segment] = {}
    for number, line in read_lines(path):
        try:
            row = json.loads(line)
            pieces = tuple(_piece(*piece) for piece in row["pieces"])
            segment = Segment(name_key(_text(row["segment"])), _text(row["speaker"]), pieces)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{path}:{number}: expected a JSON object with segment, speaker and pieces "
                f"[path, start, num_samples], got {line[:200]!r}"
            ) from error
        if segment.name in segments:
            raise ConfigError(f"{path}:{number}: a second segment of the name {segment.name!r}")
        segments[segment.name] = segment
    return segments


def read_segment_lists(paths: Iterable[Path]) -> dict[str, Segment]:
    """Read several lists of segments into one; see `read_segments`.

    Raises:
        ConfigError: as for `read_segments`, or two lists have different segments of one name.
    """
    segments: dict[str, Segment] = {}
    for path in paths:
        for name, segment in read_segments(path).items():
            if segments.setdefault(name, segment) != segment:
                raise ConfigError(
                    f"{path}: segment {name!r} differs from that of an earlier list; rename one of "
                    "them"
                )
    return segments


def write_segments(path: Path, segments: Iterable[Segment]) -> None:
    """Write segments in the format of `read_segments`: a complete file or none.

    Raises:
        OSError: the file cannot be written.
    """
    rows = [
        {
            "segment": segment.name,
            "speaker": segment.speaker,
            "pieces": [[piece.path, piece.start, piece.num_samples] for piece in segment.pieces],
        }
        for segment in segments
    ]
    with replacement(path, is_private=False) as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())


def read_recordings(path: Path, root: Path = Path()) -> list[Segment]:
    """Read a list of recordings.

    A ``.jsonl`` file contains segments, see `read_segments`. In other files a line is

        path            if the file exists, or it has no white space, or it begins with / or .
        name TAB path   if names or paths contain spaces
        name path       as in Kaldi's wav.scp; the path may contain spaces

    Quotation marks around a path are left out unless they belong to the name of a file.

    Args:
        path: path of the list.
        root: base folder of the listed paths.

    Raises:
        ConfigError: the list is missing, empty or malformed, two recordings have one name, or a
            line is ambiguous.
    """
    if path.suffix == ".jsonl":
        recordings = list(read_segments(path).values())
    else:
        recordings = [
            _recording(f"{path}:{number}", line, root) for number, line in read_lines(path)
        ]
    if not recordings:
        raise ConfigError(f"expected recordings in {path}, got an empty list")
    name, count = Counter(recording.name for recording in recordings).most_common(1)[0]
    if count > 1:
        raise ConfigError(
            f"expected a different name for each recording in {path}, got {name!r} {count} times"
        )
    return recordings


def share_audio(a: Segment, b: Segment) -> bool:
    """Return whether two segments share samples."""
    return any(one.overlaps(other) for one in a.pieces for other in b.pieces)


def _text(value: Any) -> str:
    """Return a name from JSON; raises TypeError or ValueError if no file format can store it."""
    if not isinstance(value, str):
        raise TypeError(value)
    value.encode()  # refuses halves of characters, which are no text
    if "\0" in value:  # NumPy and C programs would cut the name there
        raise ValueError(value)
    return value


def _piece(path: Any, start: Any, num_samples: Any) -> Piece:
    """Make a piece from JSON values; raises TypeError or ValueError if they are invalid."""
    if not isinstance(path, str) or "\0" in path:
        raise TypeError(path)
    for number, least in ((start, 0), (num_samples, 1)):
        if isinstance(number, bool) or not isinstance(number, int | None):
            raise TypeError(number)
        if number is not None and number < least:
            raise ValueError(number)
    if start is None:
        raise TypeError(start)
    return Piece(path, start, num_samples)


def _recording(place: str, line: str, root: Path) -> Segment:
    """Make the recording of a line; `place` names the line in messages."""
    if line.endswith("|"):
        raise ConfigError(
            f"{place}: expected a path, got the command {line!r}; commands are not run"
        )
    name, path = _named(place, line, root)
    if find_file(root, path) is None:
        inner = unquoted(path)
        if inner is None and line[0] in "\"'":
            name = path = unquoted(line) or path
        elif inner is not None:
            name, path = inner if name == path else name, inner
        elif line.startswith("{"):
            raise ConfigError(
                f"{place}: expected a path, got JSON; a list of segments has the suffix .jsonl"
            )
        elif line.startswith("#"):
            raise ConfigError(
                f"{place}: expected a recording, got {line!r}; lists have no comments; remove the "
                "line"
            )
    return Segment(name_key(name), "", (Piece(path),))


def _named(place: str, line: str, root: Path) -> tuple[str, str]:
    """Return the name and path in a line."""
    cells = tab_columns(line)
    if len(cells) == 2:
        return cells[0], cells[1]
    parts = line.split(maxsplit=1)
    if len(parts) == 1 or line.startswith(("/", ".")):
        return line, line
    is_path = find_file(root, line) is not None
    if is_path and find_file(root, parts[1]) is not None:
        raise ConfigError(
            f"{place}: both {line!r} and {parts[1]!r} are files; write ./{line} for the first, or "
            "a tab between name and path for the second"
        )
    return (line, line) if is_path else (parts[0], parts[1])
