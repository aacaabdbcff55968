"""``speakersdk evaluate`` on the bundled clips and on given scores."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.cli import main
from speakersdk.metrics import eer
from speakersdk.verifier import Verifier


@pytest.fixture
def clips(demo_clips: Path) -> list[str]:
    return sorted(path.name for path in demo_clips.glob("*.flac"))


@pytest.fixture
def trials(clips: list[str], tmp_path: Path) -> Path:
    """All pairs of the twelve clips in Kaldi's form, with a column of condition."""
    path = tmp_path / "trials.txt"
    lines = []
    for number, (one, other) in enumerate(itertools.combinations(clips, 2)):
        kind = "target" if one.split("-")[0] == other.split("-")[0] else "nontarget"
        lines.append(f"{one} {other} {kind} {'even' if number % 2 == 0 else 'odd'}\n")
    path.write_text("".join(lines))
    return path


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["evaluate", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_model_on_files(
    trials: Path, demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speakers = tmp_path / "utt2spk"
    names = sorted(path.name for path in demo_clips.glob("*.flac"))
    speakers.write_text("".join(f"{name} {name.split('-')[0]}\n" for name in names))
    found = document(
        capsys,
        str(trials),
        *("--audio-root", str(demo_clips), "--speakers", str(speakers)),
        *("--conditions", "half", "--repeats", "20", "--cache", str(tmp_path / "cache")),
    )
    assert found["evidence"] == "llr"
    assert (found["num_target"], found["num_nontarget"], found["num_speakers"]) == (12, 54, 4)
    assert found["values"]["EER"] == 0.0  # the clips are easy
    assert 0 <= found["values"]["minCllr"] <= found["values"]["Cllr"] < 0.5
    assert set(found["intervals"]) == set(found["values"])
    halves = found["conditions"]["half"]
    assert sum(half["num_target"] + half["num_nontarget"] for half in halves.values()) == 66
    assert len(list((tmp_path / "cache").rglob("*.f64"))) == 12


def test_ready_scores_give_the_figures_of_the_metrics(
    trials: Path, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [line.split() for line in trials.read_text().splitlines()]
    labels = np.array([row[2] == "target" for row in rows])
    scores = rng.standard_normal(len(rows)) + labels
    ready = tmp_path / "scores.txt"
    ready.write_text(
        "".join(
            f"{row[0]} {row[1]} {score!r}\n"
            for row, score in zip(rows, scores.tolist(), strict=True)
        )
    )
    found = document(capsys, str(trials), "--scores", str(ready))
    assert found["values"]["EER"] == pytest.approx(eer(scores, labels))
    assert (found["evidence"], found["intervals"]) == ("score", {})
    assert "Cllr" not in found["values"]
    assert "Cllr" in document(capsys, str(trials), "--scores", str(ready), "--llr")["values"]
    ready.write_text(ready.read_text().split("\n", 1)[1])
    assert main(["evaluate", str(trials), "--scores", str(ready)]) == 2
    assert "got none for 1 trial, first" in capsys.readouterr().err


def test_raw_scores_are_those_of_the_verifier(
    clips: list[str],
    demo_clips: Path,
    verifier: Verifier,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # One target and one nontarget trial: a threshold separates them if they are in order.
    path = tmp_path / "two.txt"
    path.write_text(f"1 {clips[0]} {clips[1]}\n0 {clips[0]} {clips[-1]}\n")
    found = document(capsys, str(path), "--audio-root", str(demo_clips), "--raw")
    same, different = (
        verifier.score(demo_clips / clips[0], demo_clips / clips[i]) for i in (1, -1)
    )
    assert found["evidence"] == "score"
    assert found["values"]["EER"] == (0.0 if same > different else 1.0)


def test_segments_that_share_audio_are_left_out(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for clip, speaker in (("slt-probe.flac", "s/slt"), ("rms-probe.flac", "s/rms")):
        for number, start in enumerate((0, 8000, 24000)):
            name = f"{speaker}/{number}"
            rows.append({"segment": name, "speaker": speaker, "pieces": [[clip, start, 24000]]})
    segments = tmp_path / "segments.jsonl"
    segments.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "trials.txt"
    path.write_text("1 s/slt/0 s/slt/1\n1 s/slt/0 s/slt/2\n1 s/rms/0 s/rms/2\n0 s/slt/0 s/rms/0\n")
    options = ("--segments", str(segments), "--audio-root", str(demo_clips), "--repeats", "0")
    found = document(capsys, str(path), *options)
    assert (found["num_target"], found["shared_audio_left_out"]) == (2, 1)
    found = document(capsys, str(path), *options, "--keep-shared-audio")
    assert (found["num_target"], found["shared_audio_left_out"]) == (3, 0)
    assert found["num_speakers"] == 2


def test_a_recording_compared_with_itself_is_left_out(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trials.txt"
    lines = [f"1 slt-probe.flac {clip}.flac\n" for clip in ("slt-probe", "slt-enroll-1")]
    path.write_text("".join([*lines, "0 slt-probe.flac rms-probe.flac\n"]))
    options = ("--audio-root", str(demo_clips), "--repeats", "0")
    found = document(capsys, str(path), *options)
    assert (found["num_target"], found["shared_audio_left_out"]) == (1, 1)
    found = document(capsys, str(path), *options, "--keep-shared-audio")
    assert (found["num_target"], found["shared_audio_left_out"]) == (2, 0)


def test_a_recording_in_two_spellings_is_compared_with_itself(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trials.txt"
    path.write_text(
        "1 slt-probe.flac ./slt-probe.flac\n1 slt-probe.flac slt-enroll-1.flac\n"
        "0 slt-probe.flac rms-probe.flac\n"
    )
    found = document(capsys, str(path), "--audio-root", str(demo_clips), "--repeats", "0")
    assert (found["num_target"], found["shared_audio_left_out"]) == (1, 1)


def test_a_trial_that_is_listed_twice_counts_twice_with_a_note(
    trials: Path, demo_clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [str(trials), str(trials), "--audio-root", str(demo_clips), "--repeats", "0"]
    assert main(["evaluate", *options, "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert (found["num_target"], found["num_nontarget"], found["repeated"]) == (24, 108, 66)
    assert printed.err.startswith("note: found 66 repeated trials; each counts")


def test_a_pair_with_both_labels_is_refused(
    trials: Path, demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("0 slt-probe.flac slt-enroll-1.flac\n")
    lists = [str(trials), str(other)]
    assert main(["evaluate", *lists, "--audio-root", str(demo_clips)]) == 2
    assert (
        "got target and nontarget for slt-probe.flac slt-enroll-1.flac" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("pattern", "num_speakers"),
    [
        ("{voice}/{part}.wav", 3),
        ("wav/{voice}/{part}.wav", 3),
        ("/data/{voice}/{part}.wav", 3),
        ("wav/{part}/{voice}.wav", None),
    ],
)
def test_speakers_that_the_paths_do_not_name_give_no_intervals(
    pattern: str, num_speakers: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = itertools.product(("ann", "bob", "cat"), repeat=2)
    rows = [
        (one == other, pattern.format(voice=one, part="a"), pattern.format(voice=other, part="b"))
        for one, other in pairs
    ]
    path, scores = tmp_path / "trials.txt", tmp_path / "scores.txt"
    path.write_text("".join(f"{label:d} {one} {other}\n" for label, one, other in rows))
    scores.write_text("".join(f"{one} {other} {label:d}\n" for label, one, other in rows))
    assert main(["evaluate", str(path), "--scores", str(scores), "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["num_speakers"] == num_speakers
    assert bool(found["intervals"]) is (num_speakers is not None)
    assert ("note: no intervals" in printed.err) is (num_speakers is None)


def test_a_folder_of_plots_that_cannot_be_made_is_an_early_error(
    trials: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    arguments = ["evaluate", str(trials), "--audio-root", "absent", "--plots", str(trials)]
    assert main(arguments) == 2
    assert "trials.txt: File exists; name another" in capsys.readouterr().err


def test_a_cache_that_cannot_be_made_is_an_early_error(
    trials: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(trials), "--audio-root", "absent", "--cache", str(trials)]
    assert main(arguments) == 2
    assert "trials.txt: File exists; name another" in capsys.readouterr().err


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_plot_that_cannot_be_written_costs_no_figures(
    trials: Path,
    demo_clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    output: list[str],
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "plots" / "det.png").mkdir(parents=True)
    options = ["--audio-root", str(demo_clips), "--plots", str(tmp_path / "plots"), *output]
    assert main(["evaluate", str(trials), *options]) == 2
    printed = capsys.readouterr()
    assert "EER" in printed.out
    assert json.loads(printed.out)["plots"] == [] if output else "Cllr" in printed.out
    assert (
        printed.err == f"speakersdk: error: {tmp_path}/plots/det.png: Is a directory; name a file\n"
    )


def test_tables_and_plots(
    trials: Path, demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    plots = tmp_path / "plots"
    options = ["--audio-root", str(demo_clips), "--conditions", "half", "--plots", str(plots)]
    assert main(["evaluate", str(trials), *options]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("12 target and 54 nontarget trials, scored by llr; 0 without")
    assert lines[1] == "metric\tall\thalf=even\thalf=odd"
    assert any(line.startswith("EER\t0.00 %\t") for line in lines)
    assert sorted(path.name for path in plots.iterdir()) == [
        "det.png",
        "reliability.png",
        "scores.png",
    ]
    assert "det.png" in printed.err


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1 a b\n", ["--jobs", "0"], "--jobs of at least 1"),
        ("1 a.wav b.wav\n0 a.wav c.wav\n", [], "a.wav"),
        ("1 a b\n", ["--scores", "scores"], "expected target and nontarget trials"),
        ("1 a b\n", ["--scores", "scores", "--conditions", "x"], "1 column of conditions, got 0"),
    ],
)
def test_mistakes_are_one_line(
    text: str,
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trials").write_text(text)
    Path("scores").write_text("a b 1.0\n")
    assert main(["evaluate", "trials", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_recording_that_cannot_be_read_is_named_and_stops_nothing(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = tmp_path / "trials"
    trials.write_text(
        "1\tslt-enroll-1.flac\tslt-probe.flac\n"
        "0\tslt-enroll-1.flac\trms-probe.flac\n"
        "0\tslt-enroll-1.flac\tabsent one.flac\n"
    )
    arguments = ["evaluate", str(trials), "--audio-root", str(demo_clips), "--json"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["num_target"], document["num_nontarget"]) == (1, 1)
    assert document["without_answer"] == 1
    assert [failure["name"] for failure in document["failed"]] == ["absent one.flac"]
    assert captured.err.startswith("absent one.flac: cannot read audio from")
    assert captured.err.count("\n") == 1


def test_a_limit_of_duration_leaves_out_what_is_longer(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = tmp_path / "trials"
    names = ["slt-enroll-1", "slt-probe", "rms-probe"]
    durations = {name: sf.info(demo_clips / f"{name}.flac").duration for name in names}
    longest = max(durations, key=lambda name: durations[name])
    limit_s = sorted(durations.values())[-2] + 0.01
    trials.write_text(
        "1 slt-enroll-1.flac slt-probe.flac\n0 slt-probe.flac rms-probe.flac\n"
        "0 slt-enroll-1.flac rms-probe.flac\n"
    )
    command = ["evaluate", str(trials), "--audio-root", str(demo_clips), "--json"]
    main([*command, "--max-duration", str(limit_s)])
    captured = capsys.readouterr()
    assert f"{longest}.flac: " in captured.err
    assert "raise the limit" in captured.err
    assert captured.err.count("could not") + captured.err.count("raise the limit") == 1
