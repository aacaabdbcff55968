"""Lists in the encodings of editors, and the errors about other bytes."""

from __future__ import annotations

import codecs
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from speakersdk.audio import input_file
from speakersdk.errors import ConfigError, UnreadableAudioError
from speakersdk.evaluation.list_file import columns, read_lines
from speakersdk.evaluation.segments import SegmentReader, read_recordings, read_segments
from speakersdk.evaluation.trials import read_scores, read_speakers, read_trials

TEXT = "a.wav\r\n\nJ\u00f6rg.wav\n"
LINES = [(1, "a.wav"), (3, "J\u00f6rg.wav")]


def read_one_score_list(path: Path) -> object:
    return read_scores([path])


READERS = [read_recordings, read_segments, read_trials, read_speakers, read_one_score_list]
Read = Callable[[Path], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list"


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("utf-32-be", codecs.BOM_UTF32_BE),
    ],
)
def test_every_encoding_with_a_mark_is_read(path: Path, encoding: str, mark: bytes) -> None:
    path.write_bytes(mark + TEXT.encode(encoding))
    assert read_lines(path) == LINES


def test_lines_end_as_on_any_system(path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes(f"a b{end}c\u2028d{end}".encode())
        assert [line for _, line in read_lines(path)] == ["a b", "c\u2028d"]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a b 1\nJ\xf6rg c 1\n", r"list:2: expected UTF-8, got the bytes f6 after 'J'; save"),
        (
            "a b 1\nc d 1\n".encode("utf-16-le"),
            r"list:1: expected text, got a zero byte; name a list",
        ),
        (
            "a b 1\né d 1\n".encode("utf-16-le"),
            r"list:1: expected text, got a zero byte; name a list",
        ),
        (
            "a b 1\né d 1\n".encode("utf-16-be"),
            r"list:1: expected text, got a zero byte; name a list",
        ),
        (codecs.BOM_UTF16_LE + b"a\0\n\0b", r"list:2: expected UTF-16-LE, got the bytes 62"),
        (b"a b 1\nc\0d e 1\n", r"list:2: expected text, got a zero byte"),
    ],
)
def test_other_bytes_are_refused_with_their_line(
    path: Path, read: Read, content: bytes, message: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_what_is_not_a_file_is_refused(path: Path, tmp_path: Path, read: Read) -> None:
    with pytest.raises(ConfigError, match=r"expected a list at .*list, found none"):
        read(path)
    with pytest.raises(ConfigError, match=r"expected a list at .*, found a folder; name a file"):
        read(tmp_path)


def test_columns_stand_between_tabs_or_white_space() -> None:
    assert columns("a b\tc  d\t1", 3) == ["a b", "c  d", "1"]
    assert columns("0\ta  b ", 3) == ["0", "a", "b"]
    assert columns("a\t\tb\tc", 3) == ["a", "b", "c"]


def test_a_list_may_come_through_a_pipe(path: Path) -> None:
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TEXT,))
    writer.start()
    assert read_lines(path) == LINES
    writer.join()


def test_a_pipe_that_nobody_writes_to_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_file, "WRITER_S", 0.01)
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"cannot read the list .*: it is a pipe"):
        read_lines(path)


def test_a_folder_is_not_a_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a list at .*, found a folder; name a file"):
        read_lines(tmp_path)


def test_a_path_that_is_not_text_is_a_missing_file(path: Path) -> None:
    path.write_text(r'{"segment": "a", "speaker": "s", "pieces": [["\ud800.wav", 0, null]]}')
    (segment,) = read_segments(path).values()
    with pytest.raises(UnreadableAudioError, match="No such file"):
        SegmentReader(path.parent).source(segment)


@pytest.mark.parametrize("read", READERS)
def test_a_dash_is_refused_with_the_path_of_standard_input(read: Read) -> None:
    with pytest.raises(ConfigError, match=r"list at -, found none; /dev/stdin is standard input"):
        read(Path("-"))
