"""Selection of an input device, with a stand-in for PortAudio."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from speakersdk.audio.devices import find_device, import_sounddevice, list_devices
from speakersdk.errors import MicrophoneError, MissingDependencyError

StandIn = Any  # the fixture `port_audio`


def test_only_inputs_are_listed(port_audio: StandIn) -> None:
    assert [device.name for device in list_devices()] == ["USB Mic", "Webcam Mic"]
    assert [device.is_default for device in list_devices()] == [False, True]


@pytest.mark.parametrize(
    ("wanted", "name"), [(None, "Webcam Mic"), (1, "USB Mic"), ("1", "USB Mic"), ("usb", "USB Mic")]
)
def test_a_device_is_found_by_index_or_part_of_its_name(
    port_audio: StandIn, wanted: Any, name: str
) -> None:
    assert find_device(wanted).name == name


@pytest.mark.parametrize(("wanted", "found"), [("mic", "2 of them"), ("line", "none"), (0, "none")])
def test_a_device_that_is_not_one_is_refused_with_the_list(
    port_audio: StandIn, wanted: Any, found: str
) -> None:
    with pytest.raises(MicrophoneError, match=rf"found {found}; .* 1 'USB Mic', 2 'Webcam Mic'"):
        find_device(wanted)


@pytest.mark.parametrize("wanted", ["USB Mic, ALSA", "usb alsa", "us mi", "usb mic"])
def test_names_follow_the_rules_of_sounddevice(port_audio: StandIn, wanted: str) -> None:
    assert find_device(wanted).name == "USB Mic"


@pytest.mark.parametrize(
    ("default", "name"),
    [
        ("usb", "USB Mic"),  # sounddevice.default.device = "usb"
        (("usb", None), "USB Mic"),
        (["USB Mic", "Speakers"], "USB Mic"),
        (("1", 0), "USB Mic"),
        (1, "USB Mic"),
        ((2, 0), "Webcam Mic"),
        ((-1, -1), "USB Mic"),  # the system names none: the first one
        ((None, 0), "USB Mic"),
    ],
)
def test_the_default_may_be_set_by_name(port_audio: StandIn, default: Any, name: str) -> None:
    port_audio.default.device = default
    assert find_device().name == name
    is_named = default not in ((-1, -1), (None, 0))
    assert [at.name for at in list_devices() if at.is_default] == ([name] if is_named else [])


@pytest.mark.parametrize(
    ("default", "found"), [("line", "none"), (("mic", 0), "2 of them"), ((0, 0), "none")]
)
def test_a_default_that_matches_no_single_input_opens_no_other(
    port_audio: StandIn, default: Any, found: str
) -> None:
    port_audio.default.device = default
    with pytest.raises(MicrophoneError, match=rf"sounddevice.default.device.*found {found}"):
        find_device()
    assert not any(device.is_default for device in list_devices())


def test_names_do_not_control_the_terminal(port_audio: StandIn) -> None:
    port_audio.devices[1]["name"] = "USB \x1b[31mMic"
    assert find_device(1).name == r"USB \x1b[31mMic"


def test_a_name_from_the_command_line_that_is_not_utf_8_matches(port_audio: StandIn) -> None:
    port_audio.devices[1]["name"] = r"caf\xe9"  # names that are not UTF-8 are read like this
    assert find_device(os.fsdecode(b"caf\xe9")).index == 1


def test_any_bytes_are_a_name() -> None:
    sounddevice = pytest.importorskip("sounddevice", exc_type=OSError)
    import_sounddevice()
    buffer = sounddevice._ffi.new("char[]", b"caf\xe9 \xff")
    assert sounddevice._ffi_string(buffer).decode("utf-8") == r"caf\xe9 \xff"
    first = sounddevice._ffi_string
    import_sounddevice()
    assert sounddevice._ffi_string is first  # one occurrence is enough


def test_a_listing_that_fails_is_one_error(
    port_audio: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid")

    monkeypatch.setattr(port_audio, "query_devices", fail)
    with pytest.raises(MicrophoneError, match="cannot list the audio devices"):
        find_device()


def test_a_missing_portaudio_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    real_import = builtins.__import__

    def without_portaudio(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_portaudio)
    with pytest.raises(MissingDependencyError, match="apt-get install libportaudio2"):
        list_devices()


def test_a_portaudio_that_does_not_start_is_one_error(tmp_path: Path) -> None:
    # The import fails like that of sounddevice, with an error about the missing module.
    (tmp_path / "sounddevice.py").write_text(
        "class PortAudioError(Exception): pass\nraise PortAudioError('host error [-9999]')\n",
        encoding="utf-8",
    )
    run = subprocess.run(
        [sys.executable, "-m", "speakersdk", "devices"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "PortAudio cannot be started: host error [-9999]" in run.stderr
    assert "Traceback" not in run.stderr
