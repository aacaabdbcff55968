"""``speakersdk embed`` on the bundled clips."""

import json
from pathlib import Path

import pytest

from speakersdk.cli import main
from speakersdk.evaluation.embedding_table import read_table


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    path = tmp_path / "list.txt"
    path.write_text("slt-probe.flac\nrms rms-probe.flac\n")
    return path


def test_a_list_becomes_a_file(
    recordings: Path, demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.npz"
    arguments = ["embed", str(recordings), "-o", str(output), "--audio-root", str(demo_clips)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"wrote {output}: 2 embeddings of ")
    assert printed.err == ""
    assert read_table(output).names == ("slt-probe.flac", "rms")
    assert main(arguments) == 2
    assert "remove it" in capsys.readouterr().err


def test_what_failed_is_said_and_is_status_1(
    recordings: Path, demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with recordings.open("a") as file:
        file.write("absent.wav\n")
    output = tmp_path / "out.npz"
    options = ["--audio-root", str(demo_clips), "--json", "--batch", "2", "--workers", "1"]
    assert main(["embed", str(recordings), "-o", str(output), *options]) == 1
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["embedded"] == 2
    assert [failure["name"] for failure in document["failed"]] == ["absent.wav"]
    assert printed.err.startswith("absent.wav: cannot read audio from")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "out.csv"], ".npz or .parquet"),
        (["-o", "out.npz", "--workers", "0"], "at least 1 process"),
        (["-o", "out.npz", "--batch", "0"], "batch of at least 1"),
        (["-o", "out.npz", "--device", "tpu"], "expected device"),
        (["-o", "out.npz", "--model", "absent.onnx"], "absent.onnx"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str],
    message: str,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["embed", str(recordings), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [recordings]
