"""Recordings and segments by list: the meaning of a line, the path of a file, and its samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.waveform import read_audio
from speakersdk.errors import (
    ConfigError,
    InvalidAudioError,
    MissingDependencyError,
    UnreadableAudioError,
)
from speakersdk.evaluation.segments import (
    Failure,
    Piece,
    Segment,
    SegmentReader,
    find_file,
    read_recordings,
    read_segment_lists,
    read_segments,
    share_audio,
    write_segments,
)


def test_segments(path: Path) -> None:
    rows = [
        {"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", 10, 20], ["b.opus", 0, 5]]},
        {"segment": "s2", "speaker": "c/2", "pieces": [["a.opus", 30, 20]]},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert read_segments(path) == {
        "s1": Segment("s1", "c/1", (Piece("a.opus", 10, 20), Piece("b.opus", 0, 5))),
        "s2": Segment("s2", "c/2", (Piece("a.opus", 30, 20),)),
    }


@pytest.mark.parametrize(
    "line",
    [
        "s1 c/1 a.opus",
        '["s1"]',
        '{"segment": "s1", "speaker": "c/1"}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", 10]]}',
        '{"segment": "s1", "speaker": "c/1", "pieces": 3}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", "0", 10]]}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", -1, 10]]}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", 0, 0]]}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", null, 1]]}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", true, 1]]}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a\\u0000.opus", 0, 1]]}',
        '{"segment": 1, "speaker": "c/1", "pieces": []}',
        '{"segment": "s1\\u0000", "speaker": "c/1", "pieces": []}',
        r'{"segment": "s1\ud800", "speaker": "c/1", "pieces": []}',
        '{"segment": "s1", "speaker": null, "pieces": []}',
        '{"segment": "s1", "speaker": ["c", 1], "pieces": []}',
        "[" * 100_000,
    ],
)
def test_a_bad_segment_is_named_with_its_line(path: Path, line: str) -> None:
    path.write_text('{"segment": "s0", "speaker": "c/1", "pieces": []}\n' + line + "\n")
    with pytest.raises(ConfigError, match=r"list\.txt:2: expected a JSON object with segment"):
        read_segments(path)


def test_a_second_segment_of_one_name_is_refused(path: Path) -> None:
    path.write_text('{"segment": "s", "speaker": "c", "pieces": []}\n' * 2)
    with pytest.raises(ConfigError, match=r"list\.txt:2: a second segment of the name 's'"):
        read_segments(path)


def test_lists_are_joined_unless_they_disagree(path: Path, tmp_path: Path) -> None:
    one, other = (Segment(name, "c/1", (Piece("a.wav"),)) for name in "ab")
    write_segments(path, [one])
    second = tmp_path / "second.jsonl"
    write_segments(second, [other, one])
    assert read_segment_lists([path, second, path]) == {"a": one, "b": other}
    write_segments(second, [Segment("a", "c/1", (Piece("a.wav", 1),))])
    with pytest.raises(ConfigError, match=r"second\.jsonl: segment 'a' differs from"):
        read_segment_lists([path, second])


def test_what_is_written_is_read_again(path: Path) -> None:
    segments = [Segment("a b", "x", (Piece("c d.wav", 5, 6), Piece("e.wav")))]
    write_segments(path, segments)
    assert list(read_segments(path).values()) == segments


@pytest.mark.parametrize(
    ("line", "name", "file"),
    [
        ("a.wav", "a.wav", "a.wav"),
        ("utt1 a.wav", "utt1", "a.wav"),
        ("New Recording (1).flac", "New Recording (1).flac", "New Recording (1).flac"),
        ("b/New Recording (1).flac", "b/New Recording (1).flac", "b/New Recording (1).flac"),
        ("utt1 New Recording (1).flac", "utt1", "New Recording (1).flac"),
        ("my name\tNew Recording (1).flac", "my name", "New Recording (1).flac"),
        ("./absent file.wav", "./absent file.wav", "./absent file.wav"),
        ("/absent file.wav", "/absent file.wav", "/absent file.wav"),
        ("utt1 absent.wav", "utt1", "absent.wav"),
        ('"New Recording (1).flac"', "New Recording (1).flac", "New Recording (1).flac"),
        ("'a.wav'", "a.wav", "a.wav"),
        ('utt1 "New Recording (1).flac"', "utt1", "New Recording (1).flac"),
        ('utt1\t"a.wav"', "utt1", "a.wav"),
        ('"quoted".wav', '"quoted".wav', '"quoted".wav'),
        ('"so"', '"so"', '"so"'),
        ("#1.wav", "#1.wav", "#1.wav"),
        ("#1 a.wav", "#1", "a.wav"),
    ],
)
def test_what_a_line_of_a_list_means(
    path: Path, tmp_path: Path, line: str, name: str, file: str
) -> None:
    (tmp_path / "b").mkdir()
    listed = ("a.wav", "New Recording (1).flac", "b/New Recording (1).flac", "#1.wav", '"so"')
    for recording in (*listed, '"quoted".wav'):
        (tmp_path / recording).touch()
    path.write_text(f"{line}\n")
    assert read_recordings(path, tmp_path) == [Segment(name, "", (Piece(file),))]


def test_two_folders_may_hold_files_of_one_name(path: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "New Recording (1).flac").touch()
    path.write_text("a/New Recording (1).flac\nb/New Recording (1).flac\n")
    names = [recording.name for recording in read_recordings(path, tmp_path)]
    assert names == ["a/New Recording (1).flac", "b/New Recording (1).flac"]


def test_a_line_of_two_meanings_is_refused(path: Path, tmp_path: Path) -> None:
    for name in ("a b.wav", "b.wav"):
        (tmp_path / name).touch()
    path.write_text("a b.wav\n")
    with pytest.raises(ConfigError, match=r"write \./a b\.wav for the first, or a tab"):
        read_recordings(path, tmp_path)
    path.write_text("./a b.wav\na\tb.wav\n")
    files = [recording.pieces[0].path for recording in read_recordings(path, tmp_path)]
    assert files == ["./a b.wav", "b.wav"]


def test_commands_of_wav_scp_are_refused(path: Path) -> None:
    path.write_text("utt1 sox a.wav -t wav - |\n")
    with pytest.raises(ConfigError, match="commands are not run"):
        read_recordings(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty list"),
        ("a x.wav\na y.wav\n", "got 'a' 2 times"),
        (
            "# my list\nx.wav\n",
            r":1: expected a recording, got '# my list'; lists have no comments",
        ),
    ],
)
def test_lists_that_are_none_are_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recordings(path)


def test_a_file_is_found_however_its_accents_are_stored(tmp_path: Path) -> None:
    composed, decomposed = "Jos\u00e9.wav", "Jose\u0301.wav"
    (tmp_path / composed).touch()
    assert find_file(tmp_path, decomposed) == tmp_path / composed
    (tmp_path / decomposed).touch()
    assert find_file(tmp_path, decomposed) == tmp_path / decomposed
    assert find_file(tmp_path, "none.wav") is None


def test_a_list_means_the_same_files_in_a_locale_without_unicode(tmp_path: Path) -> None:
    (tmp_path / "J\u00f6rg.wav").touch()
    code = (
        "import pathlib, sys; from speakersdk.evaluation.segments import find_file; "
        "found = find_file(pathlib.Path('.'), 'J\\xf6rg.wav'); "
        "print(sys.getfilesystemencoding(), found is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    encoding, is_found = done.stdout.split()
    assert encoding != "utf-8"
    assert is_found == "True"


def test_pieces_are_joined_and_may_reach_to_the_end(tmp_path: Path) -> None:
    samples = np.arange(100, dtype=np.float32) / 100
    sf.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    reader = SegmentReader(tmp_path)
    whole = Segment("whole", "", (Piece("a.wav"),))
    joined = Segment("joined", "", (Piece("a.wav", 90), Piece("a.wav", 5, 10)))
    np.testing.assert_array_equal(reader.read(whole), samples)
    expected = np.concatenate([samples[90:], samples[5:15]])
    np.testing.assert_array_equal(reader.read(joined), expected)
    with pytest.raises(UnreadableAudioError, match=r"none\.wav"):
        reader.source(Segment("none", "", (Piece("none.wav"),)))


def test_a_failure_says_what_is_wrong_with_the_recording() -> None:
    assert Failure.of("a", UnreadableAudioError("x", "why")).reason.startswith("cannot read")
    assert Failure.of("a", PermissionError(13, "Permission denied", "x")).reason.startswith("x: ")
    assert Failure.of("a", MemoryError()).reason.startswith("not enough memory")
    assert Failure.of("a", ZeroDivisionError("by zero")).reason == "ZeroDivisionError: by zero"
    missing = MissingDependencyError("x", remedy="y")
    with pytest.raises(MissingDependencyError):
        Failure.of("a", missing)


@pytest.mark.parametrize(
    ("path", "start", "num_samples", "expected"),
    [
        ("a", 0, 100, False),
        ("a", 0, 101, True),
        ("a", 150, 10, True),
        ("a", 199, 50, True),
        ("a", 200, 50, False),
        ("b", 100, 100, False),
    ],
)
def test_segments_share_audio_if_any_sample_is_in_both(
    path: str, start: int, num_samples: int, expected: bool
) -> None:
    one = Segment("one", "s", (Piece("a", 1000, 5), Piece("a", 100, 100)))
    other = Segment("other", "s", (Piece("a", 300, 5), Piece(path, start, num_samples)))
    assert share_audio(one, other) is share_audio(other, one) is expected


def test_a_piece_to_the_end_shares_all_that_follows() -> None:
    whole = Segment("whole", "s", (Piece("a"),))
    late = Segment("late", "s", (Piece("a", 10**9, 1),))
    after = Segment("after", "s", (Piece("a", 10**9 + 1),))
    assert share_audio(whole, late)
    assert share_audio(late, whole)
    assert share_audio(whole, after)
    assert not share_audio(late, after)


def test_a_piece_that_begins_after_the_end_of_its_file_is_an_error(
    demo_clips: Path, path: Path
) -> None:
    sample_count = len(read_audio(demo_clips / "slt-probe.flac"))
    reader = SegmentReader(demo_clips)
    for start, length in ((sample_count - 1, 1), (0, sample_count)):
        segment = Segment("a", "s", (Piece("slt-probe.flac", start, 10 * sample_count),))
        assert len(reader.read(segment)) == length
    late = Segment("a", "s", (Piece("slt-probe.flac", 0, 9), Piece("slt-probe.flac", sample_count)))
    seconds = f"{sample_count / 16000:g}"
    with pytest.raises(InvalidAudioError, match=rf"before the end at {seconds} s, got one from"):
        reader.read(late)


def test_segments_in_a_list_of_recordings_name_the_suffix(path: Path) -> None:
    path.write_text('{"segment": "s", "speaker": "c", "pieces": [["a.opus", 0, 1]]}\n')
    with pytest.raises(ConfigError, match=r"list\.txt:1: expected a path, got JSON.* \.jsonl"):
        read_recordings(path)
