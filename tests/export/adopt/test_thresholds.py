"""Thresholds of an adopted model, with a cohort of speakers that are in no trial."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from benchmarks.accuracy import promise
from speakersdk import Verifier
from speakersdk.audio.waveform import read_audio
from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.thresholds import GroupTrials
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.load import load_encoder
from speakersdk_export import calibrate, strangers
from speakersdk_export.cli import main as export
from speakersdk_export.model_file import write_model

pytestmark = [pytest.mark.export, pytest.mark.speech]
CORPORA = ("common-voice", "speechocean762")
SPEAKERS = 80  # of each corpus; a fifth of them is the cohort
MOST = 20  # 380 nontarget trials in each condition, which support a rate of 5 %
LENGTH = 0.5  # nats are 16 times as small as at the default length


@pytest.fixture(scope="module")
def corpora(speech_data: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few speakers of two corpora, in the layout of packs."""
    folder: Path = tmp_path_factory.mktemp("corpora")
    (folder / "packs").symlink_to(speech_data.root / "packs")
    chosen: dict[str, dict[str, None]] = {corpus: {} for corpus in CORPORA}
    lines = (speech_data.root / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["corpus"] in chosen]
    for row in rows:
        chosen[row["corpus"]][row["speaker"]] = None
    kept = {speaker for corpus in chosen.values() for speaker in list(corpus)[:SPEAKERS]}
    manifest = [json.dumps(row) for row in rows if row["speaker"] in kept]
    (folder / "manifest.jsonl").write_text("\n".join(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def uncalibrated(adopt: Callable[..., Path]) -> Path:
    return adopt(temperature=LENGTH)


@pytest.fixture
def adopted(uncalibrated: Path, tmp_path: Path) -> Path:
    """A calibrated model; random weights do not tell speakers apart, and no fit would accept it."""
    output = tmp_path / "calibrated.onnx"
    calibration = Calibration(
        offset=3.0,
        scale=4000.0,
        speech_scale=0.0,
        speech_weight=0.0,
        maximum_speech_s=8.0,
        num_target=1000,
        num_nontarget=1000,
        operating_points=(),
    )
    manifest = replace(load_encoder(uncalibrated).manifest, calibration=calibration)
    write_model(output, onnx.load_model(uncalibrated), manifest)
    return output


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> list[list[GroupTrials]]:
    """The groups of each fit, in two of the four conditions, to save time."""
    kept = {name: strangers.CONDITIONS[name] for name in ("clean", "telephone")}
    monkeypatch.setattr(strangers, "CONDITIONS", kept)
    monkeypatch.setattr(strangers, "PAIRS", [(one, other) for one in kept for other in kept])
    found: list[list[GroupTrials]] = []

    def collect(*arguments: Any, **options: Any) -> Any:
        cohort, groups = strangers.collect(*arguments, **options)
        found.append(groups)
        return cohort, groups

    monkeypatch.setattr(calibrate, "collect", collect)
    return found


def test_thresholds_follow_a_cohort_and_their_rate_is_measured_elsewhere(
    adopted: Path, corpora: Path, collected: list[list[GroupTrials]], tmp_path: Path
) -> None:
    output = tmp_path / "thresholds.onnx"
    command = ["thresholds", adopted, "--corpus", corpora, "--most", MOST, "-o", output]
    assert export([str(word) for word in command]) == 0
    before, after = (load_encoder(path).manifest.calibration for path in (adopted, output))
    assert before is not None
    assert after is not None
    assert (after.offset, after.scale) == (before.offset, before.scale)
    assert set(CORPORA) < set(after.measured_on)
    assert after.cohort is not None
    assert after.cohort.embedding_dim == 8
    assert [point.far for point in after.operating_points] == [0.1, 0.05]
    assert all(point.llr_nearness != 0 for point in after.operating_points)
    assert all(point.elsewhere_high < 1 for point in after.operating_points)

    (groups,) = collected
    rows = promise.measured(groups)
    assert {(row["way"], row["corpus"]) for row in rows if row["requested_far"] == 0.05} == {
        (way, corpus) for way in promise.WAYS for corpus in CORPORA
    }

    verifier = Verifier(model=output, far=0.1)
    voiceprint = verifier.enroll([FOLDER / "slt-enroll-1.flac"], name="slt")
    probe = FOLDER / "slt-probe.flac"
    decision = verifier.verify(voiceprint, probe)
    assert decision.promise is not None
    assert decision.promise.measured_on == after.measured_on
    assert verifier.stream([voiceprint]).push(read_audio(probe), sample_rate_hz=16000)


def test_a_model_without_calibration_is_refused(
    uncalibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["thresholds", uncalibrated, "--corpus", tmp_path, "-o", tmp_path / "out.onnx"]
    assert export([str(word) for word in command]) == 2
    assert "got one without; adopt it with --trials" in capsys.readouterr().err
