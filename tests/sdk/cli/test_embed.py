"""``speakersdk embed`` on the bundled clips."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.cli import main
from speakersdk.evaluation.embedding_table import EmbeddingTable, read_embeddings
from speakersdk.evaluation.parts import Parts
from speakersdk.sealing import SealingKey, is_sealed


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
    assert read_embeddings(output).names == ("slt-probe.flac", "rms")
    assert main(arguments) == 2
    assert "remove it" in capsys.readouterr().err
    output.unlink()
    output.symlink_to("nowhere")
    assert main(arguments) == 2
    assert "remove it" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [recordings, output]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_run_with_the_same_output_ends_at_once_and_a_killed_one_blocks_nobody(
    recordings: Path, demo_clips: Path, tmp_path: Path, workers: str
) -> None:
    output, parts = tmp_path / "out.npz", tmp_path / "out.npz.parts"
    recordings.write_text("".join(f"{number} slt-probe.flac\n" for number in range(200)))
    command = [sys.executable, "-m", "speakersdk", "embed", str(recordings), "-o", str(output)]
    command += ["--audio-root", str(demo_clips), "--workers", workers]

    def run() -> tuple[int, str, str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout, done.stderr

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        try:
            while not list(parts.glob("*.npz")):
                assert first.poll() is None
            first.send_signal(signal.SIGSTOP)
            kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.npz")}
            status, printed, error = run()
        finally:
            first.kill()
    assert (status, printed) == (2, "")
    assert f"expected one run at a time to write {output}, but another" in error
    assert "wait until that one has ended, or name another output" in error
    assert error.count("\n") == 1
    assert not output.exists()
    left = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.npz")}
    assert left | kept == left  # the refused run has not touched them

    assert run()[0] == 0
    assert len(read_embeddings(output)) == 200
    assert sorted(tmp_path.iterdir()) == [recordings, output]


def test_the_name_of_the_file_is_shown_escaped(
    recordings: Path, demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["embed", str(recordings), "--audio-root", str(demo_clips), "-o"]
    assert main([*arguments, str(tmp_path / "out\x1b[31m.npz")]) == 0
    assert "out\\x1b[31m.npz: 2 embeddings" in capsys.readouterr().out


def test_nothing_plain_is_written_with_a_key(
    recordings: Path, demo_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="the extra secure is not installed")
    key_file, output = tmp_path / "key", tmp_path / "out.npz"
    written: list[bytes] = []
    add = Parts.add

    def watched(parts: Parts, table: EmbeddingTable) -> None:
        add(parts, table)
        written.extend(path.read_bytes()[:8] for path in tmp_path.glob("out.npz.parts/*.npz"))

    monkeypatch.setattr(Parts, "add", watched)
    options = ["--audio-root", str(demo_clips), "--key", f"file:{key_file}"]
    assert main(["embed", str(recordings), "-o", str(output), *options]) == 0
    assert written
    assert all(map(is_sealed, [*written, output.read_bytes()]))
    assert len(read_embeddings(output, key=SealingKey.from_file(key_file))) == 2


def test_failures_are_reported_with_status_1(
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


def test_one_bad_recording_stops_no_other(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, rate_hz = sf.read(demo_clips / "slt-probe.flac", dtype="float32")
    sf.write(tmp_path / "gsm.wav", good[::2], rate_hz // 2, subtype="GSM610")
    sf.write(tmp_path / "good.wav", good, rate_hz)
    content = (tmp_path / "good.wav").read_bytes()
    for name, rate in (("slow", 1), ("fast", 999_999_999), ("none", 0)):
        header = content[:24] + rate.to_bytes(4, "little") + content[28:]
        (tmp_path / f"{name}.wav").write_bytes(header)
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    gsm = (tmp_path / "gsm.wav").read_bytes()
    (tmp_path / "cut-gsm.wav").write_bytes(gsm[: len(gsm) // 2])
    (tmp_path / "noise.wav").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    bad = ["slow", "fast", "none", "cut", "cut-gsm", "noise", "folder", "loop"]
    if os.geteuid():  # root may read everything
        (tmp_path / "closed.wav").write_bytes(content)
        (tmp_path / "closed.wav").chmod(0)
        bad.append("closed")
    names = [f"{name}.wav" for name in (*bad, "gsm", "good")]
    (tmp_path / "list.txt").write_text("\n".join(names))
    output = tmp_path / "out.npz"
    options = ["-o", str(output), "--audio-root", str(tmp_path), "--json"]
    assert main(["embed", str(tmp_path / "list.txt"), *options]) == 1
    document = json.loads(capsys.readouterr().out)
    assert read_embeddings(output).names == ("gsm.wav", "good.wav")
    assert sorted(one["name"] for one in document["failed"]) == sorted(names[: len(bad)])


def test_a_limit_of_duration_leaves_out_what_is_longer(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, rate_hz = sf.read(demo_clips / "slt-probe.flac", dtype="float32")
    seconds = len(good) / rate_hz
    sf.write(tmp_path / "mono.wav", good, rate_hz)
    sf.write(tmp_path / "stereo.wav", np.stack([good, good], axis=1), rate_hz)
    (tmp_path / "list.txt").write_text("mono.wav\nstereo.wav\n")
    output = tmp_path / "out.npz"
    command = ["embed", str(tmp_path / "list.txt"), "-o", str(output), "--workers", "2"]
    command += ["--audio-root", str(tmp_path), "--json", "--max-duration"]
    assert main([*command, f"{1.5 * seconds:.2f}"]) == 1
    (failed,) = json.loads(capsys.readouterr().out)["failed"]
    assert failed["name"] == "stereo.wav"
    assert "all channels together, got more (2 channels)" in failed["reason"]
    assert read_embeddings(output).names == ("mono.wav",)
    output.unlink()
    for wrong in ("0", "-1", "nan"):
        assert main([*command, wrong]) == 2
        assert "a maximum duration above 0 s" in capsys.readouterr().err
