"""Paths, pipes and file objects, and other things."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio import input_file
from speakersdk.audio.input_file import file_label
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import InvalidAudioError, UnreadableAudioError, WrongTypeError

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and names")


@pytest.fixture
def wav(encode: Callable[..., bytes]) -> bytes:
    return encode("WAV", "PCM_16")


def test_file_objects_are_read_from_where_they_stand(tmp_path: Path, wav: bytes) -> None:
    expected = read_audio(io.BytesIO(wav))
    path = tmp_path / "voice.wav"
    path.write_bytes(wav)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        np.testing.assert_array_equal(read_audio(file), expected)
        np.testing.assert_array_equal(read_audio(raw), expected)
    with tempfile.SpooledTemporaryFile() as file:
        file.write(b"before" + wav)
        file.seek(6)
        np.testing.assert_array_equal(read_audio(file), expected)


def test_a_file_object_at_its_end_asks_to_be_rewound(wav: bytes) -> None:
    file = io.BytesIO(wav)
    file.seek(0, io.SEEK_END)
    with pytest.raises(UnreadableAudioError, match=r"seek\(0\)"):
        read_audio(file)
    with pytest.raises(UnreadableAudioError, match="the file is empty"):
        read_audio(io.BytesIO())


def test_a_file_object_that_cannot_seek_is_read_once(wav: bytes) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        threading.Thread(target=lambda: (process.stdin.write(wav), process.stdin.close())).start()
        waveform = read_audio(process.stdout)
    np.testing.assert_array_equal(waveform, read_audio(io.BytesIO(wav)))


def test_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.txt"
    path.write_text("hello")
    with path.open() as file, pytest.raises(InvalidAudioError, match="binary mode"):
        read_audio(file)
    with pytest.raises(InvalidAudioError, match="binary mode"):
        read_audio(io.StringIO("hello"))


def test_a_file_object_that_gives_no_bytes_is_refused(tmp_path: Path, wav: bytes) -> None:
    path = tmp_path / "voice.wav"
    path.write_bytes(wav)
    with path.open("ab") as file, pytest.raises(InvalidAudioError, match="open it for reading"):
        read_audio(file)
    closed = io.BytesIO(wav)
    closed.close()
    with pytest.raises(InvalidAudioError, match=r"cannot be read: .*closed file"):
        read_audio(closed)
    with (
        sf.SoundFile(path) as decoder,
        pytest.raises(InvalidAudioError, match=r"returns ndarray, .* or samples and their rate"),
    ):
        read_audio(decoder)


@posix
def test_a_pipe_that_does_not_wait_loses_nothing_silently(wav: bytes) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, wav[:100])
    with (
        os.fdopen(writer, "wb"),
        os.fdopen(reader, "rb", buffering=0) as file,
        pytest.raises(UnreadableAudioError, match="no data at the moment"),
    ):
        read_audio(file)


@posix
@pytest.mark.parametrize("reads", ["read_audio(sys.stdin.buffer)", "copied_pipe('/dev/stdin')"])
def test_a_pipe_that_does_not_fit_into_the_temporary_folder_says_so(
    reads: str, tmp_path: Path
) -> None:
    code = (
        "import sys; from speakersdk.audio.input_file import copied_pipe; "
        f"from speakersdk import read_audio; {reads}"
    )
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 8; head -c 100000 /dev/zero | "$0" -c "$1"', sys.executable, code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    reason = f"its copy does not fit into {tmp_path} (File too large); set TMPDIR"
    assert reason in done.stderr.splitlines()[-1]


@posix
def test_a_fifo_is_read_once_whenever_its_writer_comes(tmp_path: Path, wav: bytes) -> None:
    path = tmp_path / "voice.fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(wav,))
    writer.start()
    np.testing.assert_array_equal(read_audio(path), read_audio(io.BytesIO(wav)))
    writer.join()


@posix
@pytest.mark.parametrize("has_writer", [False, True])
def test_a_fifo_without_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_writer: bool
) -> None:
    monkeypatch.setattr(input_file, "WRITER_S", 0.05)
    path = tmp_path / "silent.fifo"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR) if has_writer else None
    try:
        with pytest.raises(UnreadableAudioError, match=r"nothing came through it for 0\.05 s"):
            read_audio(path)
    finally:
        if writer is not None:
            os.close(writer)


@posix
def test_a_writer_that_stops_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wav: bytes
) -> None:
    monkeypatch.setattr(input_file, "PIPE_S", 0.05)
    path = tmp_path / "stopped.fifo"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    os.write(writer, wav[:1000])
    with pytest.raises(UnreadableAudioError, match="nothing came through it"):
        read_audio(path)
    os.close(writer)


@posix
def test_a_process_substitution_is_read(tmp_path: Path, wav: bytes) -> None:
    (tmp_path / "voice.wav").write_bytes(wav)
    code = (
        "import sys; from speakersdk.audio.waveform import read_audio; "
        "print(*(len(read_audio(path)) for path in sys.argv[1:]))"
    )
    script = f"{sys.executable} -c '{code}' <(cat voice.wav) /dev/stdin < <(cat voice.wav)"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "32000 32000\n"


@posix
def test_what_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    for device in ("/dev/zero", "/dev/null"):
        with pytest.raises(UnreadableAudioError, match="it is a device"):
            read_audio(device)
    with pytest.raises(UnreadableAudioError, match="it is a folder"):
        read_audio(tmp_path)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")
        with pytest.raises(UnreadableAudioError, match="it is a socket"):
            read_audio(f"{folder}/s")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "missing.wav")
    with pytest.raises(UnreadableAudioError, match="No such file"):
        read_audio(tmp_path / "dangling.wav")


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(WrongTypeError, match=r"a\\x00b\.wav.* no file name contains NUL"):
        read_audio("a\0b.wav")
    with pytest.raises(UnreadableAudioError, match=r"name too long|not a valid file name"):
        read_audio("x" * 5000)


@posix
def test_a_name_that_is_not_utf_8_is_printable(tmp_path: Path, wav: bytes) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\x1b[31m.wav")
    Path(name).write_bytes(wav)
    assert len(read_audio(name)) == 32000
    Path(name).write_bytes(b"")
    with pytest.raises(UnreadableAudioError) as caught:
        read_audio(name)
    str(caught.value).encode("utf-8")
    assert "caf\\udce9\\x1b[31m.wav" in str(caught.value)
    assert file_label("Zo\u00eb \u58f0.wav") == "Zo\u00eb \u58f0.wav"
