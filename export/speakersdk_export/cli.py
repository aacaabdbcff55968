"""``speakersdk-export``: commands that write, convert and check model files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from speakersdk import demo_clips
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.program import importing, run_program
from speakersdk.text import printable
from speakersdk_export.adopt.cli import add_adopt_command
from speakersdk_export.trial_options import add_trial_options

if TYPE_CHECKING:
    from speakersdk_export.parity import Difference


def build_parser() -> CommandParser:
    """Build the parser of the command line."""
    parser = CommandParser(
        prog="speakersdk-export",
        description="Write, convert and check model files.",
        examples=(
            "speakersdk-export model run/checkpoint.pt -o model.onnx",
            "speakersdk-export check model.onnx",
        ),
    )
    _add_model(parser)
    _add_thresholds(parser)
    add_adopt_command(parser)
    _add_quantize(parser)
    _add_check(parser)
    _add_info(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (see `speakersdk.cli.program`)."""
    return run_program("speakersdk-export", build_parser, argv, extra="export")


def _add_model(parser: CommandParser) -> None:
    model = parser.add_command(
        "model",
        "write a checkpoint as a model file",
        _model,
        subject="checkpoint",
        examples=(
            "speakersdk-export model run/checkpoint.pt -o model.onnx",
            "speakersdk-export model run/checkpoint.pt -o model.onnx "
            "--trials dev.txt --segments segments.jsonl --audio-root corpus",
        ),
    )
    model.inputs.add_argument("checkpoint", type=Path, help="checkpoint.pt or encoder.pt of a run")
    _add_output(model)
    model.requests.add_argument("--name", help="model name (default: that of the training run)")
    model.inputs.add_argument(
        "--speech",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="recordings for the parity check (default: the demonstration clips)",
    )
    add_trial_options(model)


def _add_thresholds(parser: CommandParser) -> None:
    thresholds = parser.add_command(
        "thresholds",
        "fit the thresholds of a model file on speakers outside its training",
        _thresholds,
        description="Fit the thresholds on several corpora and conditions, and measure their error "
        "rates on corpora that are left out. The log-likelihood ratio is unchanged.",
        subject="model and speech",
        examples=(
            "speakersdk-export thresholds model.onnx -o robust.onnx --corpus corpora "
            "--held-out 0.083 --held-out-of common-voice",
        ),
    )
    _add_model_file(thresholds)
    thresholds.inputs.add_argument(
        "--corpus", type=Path, required=True, metavar="FOLDER", help="packs with a manifest.jsonl"
    )
    _add_output(thresholds)
    thresholds.requests.add_argument(
        "--held-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the speakers, chosen by the hash of their names, that training left out",
    )
    thresholds.requests.add_argument(
        "--held-out-of",
        nargs="+",
        default=[],
        metavar="CORPUS",
        help="corpora from which training left out that share",
    )
    thresholds.requests.add_argument(
        "--most",
        type=int,
        default=120,
        metavar="N",
        help="maximum number of speakers per corpus (default: 120)",
    )


def _add_quantize(parser: CommandParser) -> None:
    quantize = parser.add_command(
        "quantize",
        "convert a model file to 8-bit integers (CPU) or 16-bit floats (GPU)",
        _quantize,
        description="Convert the layers after the front end. The model is not written if its equal "
        "error rate on any trial list is more than 0.1 points worse.",
        subject="model and speech",
        examples=(
            "speakersdk-export quantize model.onnx -o int8.onnx --corpus corpus --trials dev.txt "
            "--segments segments.jsonl --audio-root corpus",
            "speakersdk-export quantize model.onnx -o fp16.onnx --precision fp16 --corpus corpus "
            "--trials dev.txt --segments segments.jsonl --audio-root corpus",
        ),
    )
    _add_model_file(quantize)
    _add_output(quantize)
    quantize.requests.add_argument(
        "--precision",
        choices=("int8", "fp16"),
        default="int8",
        help="number format (default: int8)",
    )
    quantize.inputs.add_argument(
        "--corpus",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="corpus from which the value ranges are measured",
    )
    quantize.inputs.add_argument(
        "--layout", default="packs", help="layout of the corpus (default: packs)"
    )
    quantize.inputs.add_argument(
        "--split", default="train", help="split to use if the corpus has splits (default: train)"
    )
    add_trial_options(quantize, are_required=True)


def _add_check(parser: CommandParser) -> None:
    check = parser.add_command(
        "check",
        "check a model file: ONNX, manifest, graph contract",
        _check,
        subject="model file",
        examples=(
            "speakersdk-export check model.onnx",
            "speakersdk-export check model.onnx --debug",
        ),
    )
    _add_model_file(check)


def _add_info(parser: CommandParser) -> None:
    info = parser.add_command(
        "info",
        "print the manifest of a model file as JSON",
        _info,
        subject="model file",
        examples=(
            "speakersdk-export info model.onnx",
            "speakersdk-export info model.onnx > manifest.json",
        ),
    )
    _add_model_file(info)


def _add_model_file(command: CommandParser) -> None:
    command.inputs.add_argument("file", type=Path, metavar="MODEL.onnx", help="model file")


def _add_output(command: CommandParser) -> None:
    command.places.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.onnx", help="model file to write"
    )


def _model(arguments: argparse.Namespace) -> int:
    with importing():
        import numpy as np

        from speakersdk.audio.waveform import read_audio
        from speakersdk_export.calibrate import CalibrationTrials
        from speakersdk_export.onnx_export import export_model
        from speakersdk_training.checkpoint import load_encoder

    trials = CalibrationTrials.together(arguments.trials, arguments.segments, arguments.audio_root)
    speech_paths = arguments.speech or sorted(demo_clips.FOLDER.glob("*.flac"))
    encoder, checkpoint = load_encoder(arguments.checkpoint)
    report = export_model(
        encoder,
        checkpoint,
        arguments.output,
        speech=np.concatenate([read_audio(path) for path in speech_paths]),
        trials=trials,
        name=arguments.name,
    )
    _print_differences(report.differences)
    if calibration := report.manifest.calibration:
        print(
            f"calibration: {calibration.num_target} target and {calibration.num_nontarget} "
            "nontarget trials"
        )
        for point in calibration.operating_points:
            print(
                f"  FAR {100 * point.far:g} %: FRR {100 * point.frr:.2f} %, llr {point.llr:.2f} "
                f"{point.llr_slope:+.2f} ln s {point.llr_curve:+.2f} (ln s)^2"
            )
    print(
        f"wrote {printable(arguments.output)}: {report.manifest.name}, "
        f"{report.num_nodes} operators, {report.num_bytes} bytes"
    )
    return 0


def _thresholds(arguments: argparse.Namespace) -> int:
    with importing():
        import onnx

        from speakersdk.encoder.load import load_encoder
        from speakersdk_export.calibrate import with_robust_thresholds
        from speakersdk_export.model_file import new_model_file, write_model
        from speakersdk_export.strangers import HeldOut

    held_out = HeldOut(share=arguments.held_out, corpora=tuple(arguments.held_out_of))
    encoder = load_encoder(arguments.file)
    with new_model_file(arguments.output) as partial:
        calibration = with_robust_thresholds(
            encoder, arguments.corpus, held_out=held_out, most=arguments.most
        )
        manifest = replace(encoder.manifest, calibration=calibration)
        write_model(partial, onnx.load_model(arguments.file), manifest)
    for point in calibration.operating_points:
        print(
            f"FAR {100 * point.far:g} %: {100 * point.elsewhere_low:.2f} to "
            f"{100 * point.elsewhere_high:.2f} % on corpora left out, FRR {100 * point.frr:.1f} %"
        )
    print(f"wrote {printable(arguments.output)}")
    return 0


def _quantize(arguments: argparse.Namespace) -> int:
    with importing():
        from speakersdk_export.calibrate import CalibrationTrials
        from speakersdk_export.corpora import read_corpora
        from speakersdk_export.quantize import convertible, quantize_model, training_speech

    convertible(arguments.file, arguments.precision)  # reading the speech takes much longer
    corpus = read_corpora(arguments.corpus, layout=arguments.layout)
    report = quantize_model(
        arguments.file,
        arguments.output,
        precision=arguments.precision,
        speech=training_speech(corpus, split=arguments.split),
        trials=CalibrationTrials(
            lists=tuple(arguments.trials),
            segments=tuple(arguments.segments),
            root=arguments.audio_root,
        ),
    )
    _print_differences(report.differences)
    for name, (before, after) in report.eers.items():
        print(f"{name}: EER {100 * before:.2f} -> {100 * after:.2f} %")
    print(
        f"wrote {printable(arguments.output)}: {report.manifest.name}, {report.num_layers[0]} of "
        f"{report.num_layers[1]} operators converted, {report.num_bytes[0]} -> "
        f"{report.num_bytes[1]} bytes"
    )
    return 0


def _check(arguments: argparse.Namespace) -> int:
    with importing():
        from speakersdk_export.model_file import check_file

    manifest = check_file(arguments.file)
    print(f"{printable(arguments.file)}: {manifest.name}, {manifest.mode}, valid")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    with importing():
        from speakersdk.encoder.load import load_encoder
        from speakersdk.encoder.manifest import PREFIX

    manifest = load_encoder(arguments.file).manifest
    fields = {
        key.removeprefix(PREFIX): json.loads(value) for key, value in manifest.to_metadata().items()
    }
    if manifest.origin is not None:
        # It lets the runtime count frames, and has other options than the front end in `origin`.
        del fields["frontend"]
    print(json.dumps(fields, indent=2))
    return 0


def _print_differences(differences: Iterable[Difference]) -> None:
    for difference in differences:
        print(f"{difference.check}: {difference.measured:.1e} (limit {difference.limit:.0e})")
