from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speakersdk.audio.devices import InputDevice
from speakersdk.diagnosis import diagnose


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return diagnose()


def test_a_report_fits_into_json(report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert not [name for name, part in report.items() if isinstance(part, dict) and "error" in part]


def test_it_says_which_model_runs_where(report: dict[str, Any], default_model: Path) -> None:
    model = report["model"]
    assert model["file_bytes"] == default_model.stat().st_size
    assert len(model["file_sha256"]) == len(model["weights_sha256"]) == 64
    assert model["device"] == "cpu"
    assert sum(model["nodes_per_provider"].values()) > 50


def test_it_says_why_a_provider_cannot_be_used(report: dict[str, Any]) -> None:
    for kind in ("cuda", "tensorrt"):
        provider = report["onnxruntime"][kind]
        assert provider["usable"] == (provider["reason"] is None)
        if not provider["compiled_in"]:
            assert "speakersdk[gpu]" in provider["reason"]


def test_it_says_what_computes_and_what_is_sent(report: dict[str, Any]) -> None:
    assert report["kernel"]["name"] in report["kernel"]["available"]
    assert report["threads"]["cores"] >= report["threads"]["usable_cores"] >= 1
    assert report["telemetry"]["ORT_DISABLE_TELEMETRY"] == "1"
    assert report["telemetry"]["is_off"]
    assert report["packages"]["numpy"]


def test_the_rest_is_reported_whatever_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path(str(tmp_path / "file" / "home")))
    (tmp_path / "file").write_text("")
    report = diagnose(tmp_path / "absent.onnx")
    assert "pip install" in report["onnxruntime"]["error"]
    assert "absent.onnx" in report["model"]["error"]
    assert report["engine_cache"]["engines"] == 0
    assert report["kernel"]["name"]


def test_two_runtimes_in_one_folder_are_a_conflict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def install(name: str, folder: Path) -> None:
        described = folder / f"{name.replace('-', '_')}-1.32.0.dist-info" / "METADATA"
        described.parent.mkdir(parents=True)
        described.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.32.0\n")
        monkeypatch.syspath_prepend(folder)

    install("onnxruntime", tmp_path / "one")
    install("onnxruntime-gpu", tmp_path / "two")
    assert "conflict" not in diagnose()["packages"]  # the first of the path is imported, whole
    install("onnxruntime-gpu", tmp_path / "one")
    assert "pip uninstall --yes onnxruntime onnxruntime-gpu" in diagnose()["packages"]["conflict"]


def test_nobody_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    monkeypatch.setattr(platform, "node", lambda: "anns-laptop")
    report = diagnose(tmp_path / "ann" / "anns-laptop" / "my.onnx")
    assert "~/HOST/my.onnx" in report["model"]["error"]
    elsewhere = diagnose("/".join(["", "home", "ann", "my.onnx"]))["model"]["error"]
    assert "/".join(["", "home", "USER", "my.onnx"]) in elsewhere
    assert "ann" not in elsewhere


def test_portaudio_is_queried_only_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def listing(result: Callable[[], Any]) -> None:
        monkeypatch.setattr("speakersdk.audio.devices.list_devices", result)

    def unreachable() -> None:
        raise OSError("no sound server")

    device = InputDevice(
        index=3, name="Ann's buds", api="ALSA", num_channels=1, sample_rate_hz=48e3, is_default=True
    )
    listing(lambda: (device,))
    (listed,) = diagnose(ask_portaudio=True)["audio"]["input_devices"]
    assert listed["api"] == "ALSA"
    assert "name" not in listed
    listing(unreachable)
    assert "input_devices" not in diagnose()["audio"]
    assert "no sound server" in diagnose(ask_portaudio=True)["audio"]["input_devices"]["error"]
