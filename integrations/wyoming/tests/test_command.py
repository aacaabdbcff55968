"""Options of `speakersdk serve wyoming`, and how much audio is kept."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from services import CLIPS, DEADLINE_S
from speakersdk_wyoming.audio import LastSeconds
from speakersdk_wyoming.settings import Withhold
from wyoming.audio import AudioChunk

from speakersdk import Verdict, as_waveform
from speakersdk.cli import main


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--uri", "http://127.0.0.1"], "tcp://HOST:PORT"),
        (["--asr", "tcp://127.0.0.1"], "tcp://HOST:PORT"),
        (["--uri", "tcp://127.0.0.1:70000"], "tcp://HOST:PORT"),
        (["--uri", f"tcp://{'a' * 300}:1"], "expected a host name"),
        (["--uri", "unix://relative.sock"], "with an absolute path"),
        (["--asr", "unix://"], "with an absolute path"),
        (["--uri", f"unix:///{'a' * 200}"], "path too long; choose another address"),
        (["--uri", "unix:///no/such/folder/socket"], "No such file or directory; choose another"),
        (["--wake-seconds", "0"], "--wake-seconds"),
        (["--wake-seconds", "inf"], "--wake-seconds"),
        (["--max-duration", "inf"], "--max-duration"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_a_wrong_option_is_one_line(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "wyoming", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("withhold", "withheld"),
    [
        (Withhold.NOTHING, set()),
        (Withhold.REJECTED, {Verdict.REJECT, None}),
        (Withhold.UNACCEPTED, {Verdict.REJECT, Verdict.INCONCLUSIVE, Verdict.NO_SPEECH, None}),
    ],
)
def test_words_are_withheld_by_verdict(withhold: Withhold, withheld: set[Verdict | None]) -> None:
    assert {each for each in (*Verdict, None) if withhold.applies_to(each)} == withheld


def test_the_last_seconds_are_kept() -> None:
    recent = LastSeconds(1.0)
    for second in range(5):
        for half in range(2):
            audio = bytes([2 * second + half]) * 16000
            recent.add(AudioChunk(rate=16000, width=2, channels=1, audio=audio))
    expected = np.repeat(np.array([0x0808, 0x0909], np.int16), 8000)
    assert np.array_equal(recent.waveform(), as_waveform(expected, sample_rate_hz=16000))
    recent.add(AudioChunk(rate=8000, width=2, channels=1, audio=bytes(160)))
    assert len(recent.waveform()) == 160  # samples of another rate are dropped


def test_the_example_says_in_one_line_that_there_is_no_service(tmp_path: Path) -> None:
    example = Path(__file__).parents[1] / "examples" / "who.py"
    for uri in (f"unix://{tmp_path / 'none'}", "http://127.0.0.1"):
        command = [sys.executable, str(example), str(CLIPS / "slt-probe.flac"), uri]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=DEADLINE_S
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("who.py: error: ")
        assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_line_that_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        assert main(["serve", "wyoming", "--uri", uri]) == 2
    (error,) = capsys.readouterr().err.splitlines()  # and it was not said to be served
    assert error.startswith(f"speakersdk: error: cannot serve {uri}: ")
    assert "--uri" in error


def test_a_service_says_where_it_serves_when_it_listens(short_folder: Path) -> None:
    uri = f"unix://{short_folder / 'announced'}"
    command = [sys.executable, "-m", "speakersdk", "serve", "wyoming", "--uri", uri]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == f"serving {uri}\n"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(uri.removeprefix("unix://"))
        finally:
            process.terminate()
        assert process.wait(DEADLINE_S) == 0


def test_what_is_at_the_path_of_the_socket_is_kept(
    short_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = short_folder / "notes.txt"
    notes.write_text("mine")
    (short_folder / "link").symlink_to(notes)
    for path in (notes, short_folder / "link", short_folder):
        assert main(["serve", "wyoming", "--uri", f"unix://{path}"]) == 2
        assert f"got {path}, which is not a socket" in capsys.readouterr().err
    assert notes.read_text() == "mine"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as client:
        other.bind(str(short_folder / "other"))
        other.listen()
        assert main(["serve", "wyoming", "--uri", f"unix://{short_folder / 'other'}"]) == 2
        assert "on which another program listens" in capsys.readouterr().err
        client.connect(str(short_folder / "other"))  # the other program is still reachable


def test_the_socket_of_a_killed_service_is_replaced(short_folder: Path) -> None:
    path = short_folder / "left behind"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    command = [sys.executable, "-m", "speakersdk", "serve", "wyoming", "--uri", f"unix://{path}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == f"serving unix://{path}\n"
        finally:
            process.terminate()
        assert process.wait(DEADLINE_S) == 0
    assert not path.exists()
