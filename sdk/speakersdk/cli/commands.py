"""The commands of ``speakersdk`` and their help; a command is a module with two functions.

A command line imports the module of its own command only.
"""

from __future__ import annotations

import argparse
from functools import partial
from importlib import import_module
from typing import Any, Final, NoReturn

from speakersdk.cli.parser import CommandParser

# The help of each command without its options, by module.
_COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "live.listen": {
        "summary": "enroll from a microphone, then report who is speaking",
        "description": "Listen to a microphone, a file or a pipe, and report after every hop "
        "which enrolled speaker is speaking. Ctrl-C stops it and prints a summary.",
        "subject": "speakers and audio source",
        "status": "0 an enrolled speaker was accepted; 1 nobody was accepted",
        "examples": (
            "speakersdk listen --enroll ann",
            "speakersdk listen ann bob --input talk.wav --fast",
        ),
    },
    "enroll": {
        "summary": "make a voiceprint from recordings",
        "description": "Make a voiceprint from recordings of one speaker and store it under "
        "NAME. Poor recordings are refused; `speakersdk quality` shows the measurements.",
        "subject": "speaker and recordings",
        "status": "0 enrolled",
        "examples": (
            "speakersdk enroll ann ann-1.wav ann-2.wav",
            "speakersdk enroll ann ann-3.wav --append --json",
        ),
    },
    "quality": {
        "summary": "check recordings before enrollment",
        "subject": "recordings",
        "status": "0 all recordings are good enough; 1 some are not or cannot be read",
        "examples": (
            "speakersdk quality ann-1.wav ann-2.wav",
            "speakersdk quality ann-1.wav --json",
        ),
    },
    "verify": {
        "summary": "decide whether an enrolled speaker is speaking in a recording",
        "description": "Decide whether the speaker of REFERENCE is speaking in PROBE.",
        "subject": "reference and probe",
        "status": "0 accepted; 1 rejected, inconclusive or no speech",
        "examples": (
            "speakersdk verify ann probe.wav",
            "speakersdk verify ann-1.wav probe.wav --far 0.001 --json",
        ),
    },
    "identify": {
        "summary": "decide which enrolled speaker is speaking in a recording, if any",
        "description": "Decide which REFERENCE is speaking in PROBE, or that none of them is.",
        "subject": "probe and candidates",
        "status": "0 identified; 1 unknown, inconclusive or no speech",
        "examples": (
            "speakersdk identify probe.wav",
            "speakersdk identify probe.wav ann bob --json",
        ),
    },
    "diarization.diarize": {
        "summary": "find out who is speaking when in a recording",
        "description": "Find the turns of a conversation: enrolled speakers by name, others as "
        "unknown-1 and so on. Silence belongs to nobody, turns do not overlap, and a turn that "
        "is too short for a decision is marked as uncertain.",
        "subject": "recording and speakers",
        "status": "0 at least one turn is certain; 1 no turn is certain, or nobody speaks",
        "examples": (
            "speakersdk diarize meeting.wav",
            "speakersdk diarize meeting.wav ann bob --format rttm",
        ),
    },
    "score": {
        "summary": "print the similarity score of two recordings or voiceprints",
        "description": "Print the negated symmetric KL divergence of A and B in nats: at most "
        "0, higher for more similar voices. It depends on the model; use `speakersdk "
        "verify` for a decision.",
        "subject": "voiceprints or recordings",
        "examples": ("speakersdk score a.wav b.wav", "speakersdk score ann b.wav --json"),
    },
    "stored.profiles": {
        "summary": "list, show, change, delete, export and import voiceprints",
        "description": "Manage the stored voiceprints. Without an ACTION, list them.",
        "examples": ("speakersdk profiles", "speakersdk profiles export ann -o ann.voiceprint"),
    },
    "stored.migrate": {
        "summary": "enroll the stored speakers again with another model",
        "description": "Enroll stored speakers again with another model, from recordings that "
        "were kept. Each old voiceprint stays until the new one replaces it.",
        "subject": "speakers and recordings",
        "status": "0 all voiceprints now work with the model; 1 some do not (stderr says why)",
        "examples": (
            "speakersdk migrate --recordings kept --model campplus-waveform.onnx",
            "speakersdk migrate ann bob --recordings kept",
        ),
    },
    "devices": {
        "summary": "list the input devices",
        "description": "List the input devices. Pass an index or part of a name to `listen "
        "--device`.",
        "examples": ("speakersdk devices", "speakersdk devices --json"),
    },
    "calibrate": {
        "summary": "fit decisions to your microphone, using your own recordings",
        "description": "Refit the model's calibration to the recordings in FOLDER, with one "
        "sub-folder per speaker, and store it under a name for --calibration.",
        "notes": "Recordings that cannot be used are skipped; stderr says why.",
        "subject": "recordings",
        "status": "0 fitted, and stored if named; 1 the model's own calibration fits better",
        "examples": (
            "speakersdk calibrate recordings --name headset",
            "speakersdk verify ann probe.wav --calibration headset",
        ),
    },
    "evaluate": {
        "summary": "measure error rates on trial lists",
        "description": "Measure the error rates of a model, or of given scores, on trial "
        "lists. A line is '0|1 enroll probe' or 'enroll probe target|nontarget'; further "
        "columns are conditions.",
        "notes": "The 95 % intervals come from resampling speakers. Speakers are named by "
        "--segments, by --speakers, or by the first folder in which the paths differ, as in "
        "VoxCeleb. A trial that is listed twice counts twice. Separate columns with tabs if names "
        "contain spaces. Lists are UTF-8, or UTF-16 with a byte order mark.",
        "subject": "trial lists and scores",
        "status": "0 done; 1 some recordings could not be read (stderr says why)",
        "examples": (
            "speakersdk evaluate trials.txt --audio-root recordings",
            "speakersdk evaluate trials.txt --scores scores.txt --llr --plots plots",
        ),
    },
    "embed": {
        "summary": "write the embeddings of many recordings to one file",
        "description": "Embed the recordings of a list. A line is 'path' or 'name path'; a "
        ".jsonl file lists segments. After an interruption, run the same command again: it "
        "continues where it stopped.",
        "notes": "If a file of that path exists, the whole line is the path; otherwise it is a "
        "name, a space and a path. A tab always separates name and path. Lists are UTF-8, or "
        "UTF-16 with a byte order mark. Embeddings identify people: only you can read them.",
        "subject": "recordings",
        "status": "0 all embedded; 1 some recordings failed (stderr says why)",
        "examples": (
            "speakersdk embed list.txt -o embeddings.npz --audio-root recordings",
            "speakersdk embed list.txt -o embeddings.parquet --workers 4",
        ),
    },
    "live.serve": {
        "summary": "run a service: HTTP and WebSocket, or Wyoming for Home Assistant",
        "description": "Run a service until Ctrl-C or SIGTERM stops it. Each service is a "
        "separate package.",
        "subject": "service",
        "status": "0 stopped by SIGTERM; 130 stopped by Ctrl-C",
        "examples": (
            "speakersdk serve http --port 8080",
            "speakersdk serve wyoming --asr tcp://127.0.0.1:10300",
        ),
    },
    "demo": {
        "summary": "enroll and verify the bundled synthetic voices",
        "description": "Enroll each bundled synthetic voice with two sentences, and verify a "
        "third sentence of each voice against all of them.",
        "status": "0 every decision was correct; 1 a decision was wrong",
        "examples": ("speakersdk demo", "speakersdk demo --far 0.001 --json"),
    },
    "warmup": {
        "summary": "prepare a device: make the first calls, build TensorRT engines",
        "description": "Load the model on a device, make its first calls and report how long "
        "they took. TensorRT engines are built and stored in "
        "$XDG_CACHE_HOME/speakersdk/tensorrt.",
        "examples": (
            "speakersdk warmup --device cuda",
            "speakersdk warmup --device tensorrt --precision fp16 --streams 32",
        ),
    },
    "doctor": {
        "summary": "check this installation, or describe it for a bug report",
        "description": "Report what works, what does not and what to do about it. --all and "
        "--json print everything that a bug report needs. The report names no person and no "
        "machine. doctor writes no files and opens no network connections.",
        "status": "0 the report was printed",
        "examples": ("speakersdk doctor", "speakersdk doctor --audio --json"),
    },
}


class _Version(argparse.Action):
    """An option that prints the version. Package metadata is read only then, because it is slow."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"speakersdk {version('speakersdk')}")
        parser.exit()


def build_parser(*, is_whole: bool = True) -> CommandParser:
    """Build the parser of all commands; the parsed arguments have the chosen one as `run`.

    Args:
        is_whole: whether every command gets its arguments now, for tools that read parsers. If not,
            a command gets them when it is chosen.
    """
    parser = CommandParser(
        prog="speakersdk",
        description="Verify speakers on this device: enroll a voice, then decide whether a "
        "recording is of the same person.",
        status="0 accepted or done; 1 rejected, inconclusive or no speech, or some items of a "
        "batch failed",
        examples=(
            "speakersdk enroll ann ann-1.wav ann-2.wav",
            "speakersdk verify ann probe.wav",
        ),
    )
    parser.output.add_argument(
        "--version", action=_Version, nargs=0, help="show the version and exit"
    )
    for module, texts in _COMMANDS.items():
        name = module.rpartition(".")[2]
        command = parser.add_command(name, fill=partial(_fill, module), **texts)
        if is_whole:
            command.fill()
    return parser


def _fill(module: str, parser: CommandParser) -> None:
    """Import a command and add its arguments."""
    command = import_module(f"speakersdk.cli.{module}")
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
