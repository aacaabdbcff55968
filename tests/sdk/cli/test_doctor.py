from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from speakersdk.cli import main
from speakersdk.cli import main as speakersdk
from speakersdk.cli.doctor import findings
from speakersdk.diagnosis import diagnose


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A diagnosis of a computer with a GPU and a microphone."""
    facts = diagnose()
    facts["gpus"] = [{"name": "H100", "compute_capability": "9.0"}]
    facts["onnxruntime"]["cuda"] |= {"usable": True, "reason": None}
    facts["audio"] |= {"portaudio": "V19", "input_devices": [{"api": "ALSA"}]}
    facts["voiceprints"] = {
        "folder": "~/voiceprints", "folder_mode": "0700", "voiceprints": 1, "files": 3,
        "files_open_to_others": 0,
    }  # fmt: skip
    return facts


def test_json_is_the_diagnosis(capsys: pytest.CaptureFixture[str]) -> None:
    diagnose()  # the first one sets ORT_DISABLE_TELEMETRY, which the report contains
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == diagnose()


def test_all_prints_one_line_for_each_fact(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "telemetry.is_off: True" in lines
    assert any(line.startswith("onnxruntime.compiled_in: ") for line in lines)
    assert all(": " in line for line in lines)


def test_the_page_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) < 20
    works = text.split("does not work")[0]
    assert f"model        {diagnose()['model']['name']} on cpu, calibrated\n" in works
    assert "doctor --all" in text


@pytest.mark.parametrize("options", [[], ["--all"], ["--json"]])
def test_a_path_controls_no_terminal(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--model", "\x1b[31m.onnx", *options]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_broken_model_is_a_finding_and_no_failure(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    assert main(["doctor", "--model", f"{tmp_path}/absent.onnx"]) == 0
    broken = capsys.readouterr().out.split("does not work:\n")[1]
    assert "  model        InferenceError: expected an ONNX file" in broken


def test_an_adopted_model_says_whether_it_was_checked(report: dict[str, Any]) -> None:
    origin = {"source": "a.pt\x1b[2J", "family": "3d-speaker", "licence": "Apache-2.0"}
    for cosine, works, text in ((None, False, "--golden"), (1.0, True, "original 1.000000")):
        facts = copy.deepcopy(report)
        facts["model"]["origin"] = origin | {"golden_cosine": cosine}
        (found,) = (each for each in findings(facts) if each.part == "front end")
        assert found.works is works
        assert text in found.text
        assert "\x1b" not in found.text


def test_everything_works(report: dict[str, Any]) -> None:
    assert {finding.part for finding in findings(report)} == {
        "model", "scoring", "microphone", "GPU", "privacy",
    }  # fmt: skip
    assert all(finding.works for finding in findings(report))
    privacy = next(finding for finding in findings(report) if finding.part == "privacy")
    assert privacy.text == "1 voiceprint in ~/voiceprints, which only you can read"


@pytest.mark.parametrize(
    ("part", "facts", "remedy"),
    [
        ("voiceprints", {"folder_mode": "0755"}, "chmod 700 ~/voiceprints"),
        ("voiceprints", {"files_open_to_others": 2}, "can read 2 of 3 files"),
        ("audio", {"input_devices": []}, "connect a microphone"),
        ("audio", {"input_devices": {"error": "no sound server"}}, "no sound server"),
        ("audio", {"input_devices": None, "alsa_capture_devices": 0}, "connect a microphone"),
        (
            "audio",
            {"input_devices": None, "portaudio": None, "needs_portaudio": True},
            "apt-get install libportaudio2",
        ),
        ("audio", {"error": "OSError: broken"}, "OSError: broken"),
        ("kernel", {"error": "ImportError: no kernel"}, "ImportError: no kernel"),
        ("onnxruntime", {"error": "pip install it"}, "pip install it"),
        ("onnxruntime", {"cuda": {"usable": False, "reason": "no libcudnn"}}, "no libcudnn"),
        ("packages", {"conflict": "uninstall both"}, "uninstall both"),
        ("telemetry", {"is_off": False}, "set ORT_DISABLE_TELEMETRY=1"),
    ],
)
def test_what_does_not_work_has_a_remedy(
    report: dict[str, Any], part: str, facts: dict[str, Any], remedy: str
) -> None:
    broken = copy.deepcopy(report)
    broken[part] |= facts
    (found,) = [finding for finding in findings(broken) if not finding.works]
    assert remedy in found.text


def test_without_a_gpu_the_cpu_is_enough(report: dict[str, Any]) -> None:
    found = findings({**report, "gpus": []})
    assert all(finding.works for finding in found)
    assert "models run on the CPU" in found[-1].text


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_loose_permissions_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert diagnose()["voiceprints"]["folder_mode"] is None
    folder = tmp_path / "speakersdk" / "voiceprints"
    folder.mkdir(mode=0o700, parents=True)
    for name, mode in (("ann.voiceprint", 0o600), ("bob.voiceprint", 0o644), (".lock", 0o600)):
        (folder / name).touch()
        (folder / name).chmod(mode)
    folder.chmod(0o750)
    facts = diagnose()["voiceprints"]
    assert (facts["folder_mode"], facts["files"], facts["files_open_to_others"]) == ("0750", 3, 1)
    assert facts["voiceprints"] == 2


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_another_folder_of_voiceprints_is_examined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "staff"
    folder.mkdir(mode=0o700)
    (folder / "ann.voiceprint").touch(0o600)
    assert speakersdk(["doctor", "--voiceprints", str(folder)]) == 0
    assert f"1 voiceprint in {folder}, which only you can read" in capsys.readouterr().out
    (folder / "ann.voiceprint").chmod(0o640)
    assert speakersdk(["doctor", "--voiceprints", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert f"can read 1 of 1 files of voiceprints; chmod -R go= {folder}" in printed


def test_a_folder_that_does_not_exist_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "absent"
    assert speakersdk(["doctor", "--voiceprints", str(folder)]) == 0
    works = capsys.readouterr().out.split("does not work")[0]
    assert f"  voiceprints  the folder {folder} does not exist; the first enrollment" in works
    assert not folder.exists()
    folder.touch()
    assert speakersdk(["doctor", "--voiceprints", str(folder)]) == 0
    broken = capsys.readouterr().out.split("does not work:\n")[1]
    assert "  voiceprints  NotADirectoryError: " in broken
