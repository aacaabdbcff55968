from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from speakersdk.audio import devices
from speakersdk.audio.devices import InputDevice
from speakersdk.cli import main
from speakersdk.errors import MissingDependencyError

DEVICE = InputDevice(
    index=3, name="USB Mic", api="ALSA", num_channels=1, sample_rate_hz=48000.0, is_default=True
)


def test_devices_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "list_devices", lambda: (DEVICE,))
    library = SimpleNamespace(default=SimpleNamespace(device=DEVICE.index))
    monkeypatch.setattr(devices, "import_sounddevice", lambda: library)
    assert main(["devices"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "3\tUSB Mic\tALSA\t1\t48000\tyes"
    assert main(["devices", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "USB Mic"


def test_no_device_is_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "list_devices", tuple)
    assert main(["devices"]) == 2
    assert "plug one in" in capsys.readouterr().err


def test_a_missing_library_is_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise MissingDependencyError("the PortAudio library is missing", remedy="install it")

    monkeypatch.setattr(devices, "list_devices", missing)
    assert main(["devices"]) == 2
    assert capsys.readouterr().err == (
        "speakersdk: error: the PortAudio library is missing; install it\n"
    )
