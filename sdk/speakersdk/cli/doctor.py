"""``speakersdk doctor``: report what works in this installation, what does not, and what to do."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.parser import CommandParser
from speakersdk.text import counted, printable


class Finding(NamedTuple):
    """One line of the report: whether a part works, and its state or the remedy."""

    works: bool
    part: str
    text: str


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.requests.add_argument(
        "--audio",
        action="store_true",
        help="let PortAudio list the input devices; this may connect to the local sound server",
    )
    parser.output.add_argument("--all", action="store_true", help="print every fact, one per line")
    shared.add_folder(parser)
    shared.add_options(parser, "model", "json")


def run(arguments: argparse.Namespace) -> int:
    """Diagnose the installation and print the findings, or all facts."""
    from speakersdk.diagnosis import diagnose

    report = diagnose(
        arguments.model, voiceprints=arguments.voiceprints, ask_portaudio=arguments.audio
    )
    if arguments.json:
        print_json(report)
    elif arguments.all:
        for name, value in _lines(report):
            print(f"{name}: {printable(value)}")
    else:
        _print_page(report)
    return 0


def findings(report: dict[str, Any]) -> list[Finding]:
    """Summarize a report of `speakersdk.diagnosis.diagnose` for the user."""
    model, packages = report["model"], report["packages"]
    found = [Finding(False, part, _error(report[part])) for part in report if _error(report[part])]
    if not _error(model):
        decisions = "calibrated" if model["calibrated"] else "not calibrated: scores, no decisions"
        found.append(
            Finding(True, "model", f"{model['name']} on {model['device_choice']}, {decisions}")
        )
        found += _origin(model.get("origin"))
    if not _error(report["kernel"]):
        found.append(Finding(True, "scoring", f"{report['kernel']['name']} kernel"))
    if not _error(report["audio"]):
        found += _sound(report["audio"])
    if not _error(report["voiceprints"]):
        found += _stored(report["voiceprints"])
    if not _error(report["onnxruntime"]):
        found += _onnxruntime(report)
    if "conflict" in packages:
        found.append(Finding(False, "packages", packages["conflict"]))
    return found


def _origin(origin: dict[str, Any] | None) -> Iterator[Finding]:
    """Report whether an adopted model was compared with the original code."""
    if origin is None:
        return
    source, family, licence = (printable(origin[key]) for key in ("source", "family", "licence"))
    text = f"adopted from {source} (family {family}, license: {licence})"
    if origin["golden_cosine"] is None:
        remedy = "never compared with the original code; adopt it again with --golden"
        yield Finding(False, "front end", f"{text}, {remedy}")
    else:
        cosine = f"cosine to the original {origin['golden_cosine']:.6f}"
        yield Finding(True, "front end", f"{text}, {cosine}")


def _sound(audio: dict[str, Any]) -> Iterator[Finding]:
    devices = audio.get("input_devices")
    if devices is None:
        yield from _unlisted_sound(audio)
    elif isinstance(devices, dict):
        yield Finding(False, "microphone", devices["error"])
    elif not devices:
        yield Finding(False, "microphone", "no input device; connect a microphone")
    else:
        yield Finding(True, "microphone", counted(len(devices), "input device"))


def _unlisted_sound(audio: dict[str, Any]) -> Iterator[Finding]:
    if audio["portaudio"] is None and audio["needs_portaudio"]:
        remedy = "the PortAudio library is missing; sudo apt-get install libportaudio2"
        yield Finding(False, "microphone", remedy)
    elif audio["alsa_capture_devices"] == 0:
        yield Finding(False, "microphone", "ALSA has no capture device; connect a microphone")
    else:
        yield Finding(True, "sound", "PortAudio is present; --audio lists the input devices")


def _onnxruntime(report: dict[str, Any]) -> Iterator[Finding]:
    if not report["telemetry"]["is_off"]:
        remedy = "onnxruntime may send usage data; set ORT_DISABLE_TELEMETRY=1"
        yield Finding(False, "telemetry", remedy)
    gpus, cuda = report["gpus"], report["onnxruntime"]["cuda"]
    if _error(gpus) or not gpus:
        yield Finding(True, "GPU", "no NVIDIA GPU found; models run on the CPU")
        return
    names = ", ".join(gpu["name"] for gpu in gpus)
    if cuda["usable"]:
        yield Finding(True, "GPU", f"{names}; use it with --device cuda")
    else:
        yield Finding(False, "GPU", f"{names} cannot be used: {cuda['reason']}")


def _stored(voiceprints: dict[str, Any]) -> Iterator[Finding]:
    if voiceprints["folder_mode"] is None:
        text = f"the folder {voiceprints['folder']} does not exist; the first enrollment creates it"
        yield Finding(True, "voiceprints", text)
    elif os.name == "posix":
        yield from _permissions(voiceprints)


def _permissions(voiceprints: dict[str, Any]) -> Iterator[Finding]:
    folder, part = voiceprints["folder"], "privacy"
    is_open = int(voiceprints["folder_mode"], 8) & 0o077 != 0
    num_open = voiceprints["files_open_to_others"]
    if is_open:
        remedy = f"other users can list the voiceprints, mode {voiceprints['folder_mode']}"
        yield Finding(False, part, f"{remedy}; chmod 700 {folder}")
    if num_open:
        remedy = f"other users can read {num_open} of {voiceprints['files']} files of voiceprints"
        yield Finding(False, part, f"{remedy}; chmod -R go= {folder}")
    if not is_open and not num_open:
        stored = counted(voiceprints["voiceprints"], "voiceprint")
        yield Finding(True, part, f"{stored} in {folder}, which only you can read")


def _print_page(report: dict[str, Any]) -> None:
    system = report["system"]
    print(
        f"speakersdk {report['speakersdk']}, {system['python']}, {system['system']} "
        f"{system['machine']}"
    )
    found = findings(report)
    for title, works in (("works", True), ("does not work", False)):
        listed = [finding for finding in found if finding.works == works]
        if listed:
            print(f"\n{title}:")
        for finding in listed:
            print(f"  {finding.part:<11}  {printable(finding.text)}")
    print("\nFor a bug report, add the output of `speakersdk doctor --all`.")


def _error(part: Any) -> str:
    """Return why a part could not be diagnosed; empty if it was."""
    return part["error"] if isinstance(part, dict) and "error" in part else ""


def _lines(report: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names and values, one pair per fact."""
    for name, value in report.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield prefix + name, ", ".join(map(str, value)) or "none"
        else:
            yield prefix + name, "none" if value is None else str(value)
