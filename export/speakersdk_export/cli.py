"""``speakersdk-export``: model, quantize, check, info."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from speakersdk import demo_clips
from speakersdk.errors import ConfigError, SpeakerSdkError


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="speakersdk-export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    model = commands.add_parser("model", help="write a checkpoint as a model file")
    model.add_argument("checkpoint", type=Path)
    model.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.onnx")
    model.add_argument("--name", help="name of the model (default: the training run's)")
    model.add_argument(
        "--speech",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="recordings for the parity gate (default: the demonstration clips)",
    )
    model.add_argument(
        "--trials",
        type=Path,
        nargs="+",
        default=[],
        metavar="LIST",
        help="trial lists (label segment segment) to fit the calibration on, pooled",
    )
    model.add_argument(
        "--segments", type=Path, nargs="+", default=[], metavar="FILE", help="segments they name"
    )
    model.add_argument(
        "--audio-root", type=Path, metavar="FOLDER", help="folder of the segments' audio paths"
    )
    model.set_defaults(run=_model)

    quantize = commands.add_parser(
        "quantize",
        help="write a model file with 8-bit integers (CPU) or 16-bit floats (GPU)",
        description="Convert the layers behind the front end, and refuse to write a model whose "
        "equal error rate on any trial list is more than 0.1 points worse.",
    )
    quantize.add_argument("file", type=Path)
    quantize.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.onnx")
    quantize.add_argument("--precision", choices=("int8", "fp16"), default="int8")
    quantize.add_argument(
        "--corpus", type=Path, required=True, metavar="FOLDER", help="speech to find ranges on"
    )
    quantize.add_argument("--layout", default="packs", help="of the corpus (default: packs)")
    quantize.add_argument("--split", default="train", help="of the corpus (default: train)")
    for option in ("--trials", "--segments"):
        quantize.add_argument(option, type=Path, nargs="+", required=True, metavar="FILE")
    quantize.add_argument("--audio-root", type=Path, required=True, metavar="FOLDER")
    quantize.set_defaults(run=_quantize)

    check = commands.add_parser("check", help="check a model file: ONNX, manifest, graph contract")
    check.add_argument("file", type=Path)
    check.set_defaults(run=_check)

    info = commands.add_parser("info", help="print the manifest of a model file as JSON")
    info.add_argument("file", type=Path)
    info.set_defaults(run=_info)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 = done, 2 = an error in one line."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except SpeakerSdkError as error:
        print(f"speakersdk-export: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("speakersdk"):
            raise
        print(
            f'speakersdk-export needs {error.name}: pip install "speakersdk[cpu,export]"',
            file=sys.stderr,
        )
        return 2
    return 0


def _model(arguments: argparse.Namespace) -> None:
    import numpy as np

    from speakersdk.audio.waveform import read_audio
    from speakersdk_export.calibrate import CalibrationTrials
    from speakersdk_export.onnx_export import export_model
    from speakersdk_training.checkpoint import load_encoder

    trials = None
    if arguments.trials or arguments.segments or arguments.audio_root:
        if not (arguments.trials and arguments.segments and arguments.audio_root):
            raise ConfigError("--trials, --segments and --audio-root go together")
        trials = CalibrationTrials(
            lists=tuple(arguments.trials),
            segments=tuple(arguments.segments),
            root=arguments.audio_root,
        )
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
    for difference in report.differences:
        print(f"{difference.check}: {difference.measured:.1e} (limit {difference.limit:.0e})")
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
        f"wrote {arguments.output}: {report.manifest.name}, {report.num_nodes} operators, "
        f"{report.num_bytes} bytes"
    )


def _quantize(arguments: argparse.Namespace) -> None:
    from speakersdk_export.calibrate import CalibrationTrials
    from speakersdk_export.quantize import quantize_model, training_speech
    from speakersdk_training.data.corpus import read_corpus

    listed = read_corpus(arguments.layout, arguments.corpus)
    report = quantize_model(
        arguments.file,
        arguments.output,
        precision=arguments.precision,
        speech=training_speech([one for one in listed if one.split == arguments.split]),
        trials=CalibrationTrials(
            lists=tuple(arguments.trials),
            segments=tuple(arguments.segments),
            root=arguments.audio_root,
        ),
    )
    for difference in report.differences:
        print(f"{difference.check}: {difference.measured:.1e} (limit {difference.limit:.0e})")
    for name, (before, after) in report.eers.items():
        print(f"{name}: EER {100 * before:.2f} -> {100 * after:.2f} %")
    print(
        f"wrote {arguments.output}: {report.manifest.name}, {report.num_layers[0]} of "
        f"{report.num_layers[1]} operators converted, {report.num_bytes[0]} -> "
        f"{report.num_bytes[1]} bytes"
    )


def _check(arguments: argparse.Namespace) -> None:
    from speakersdk_export.model_file import check_file

    manifest = check_file(arguments.file)
    print(f"{arguments.file}: {manifest.name}, {manifest.mode}, valid")


def _info(arguments: argparse.Namespace) -> None:
    from speakersdk.encoder.manifest import PREFIX, ModelManifest
    from speakersdk.runtime.session import open_session

    manifest = ModelManifest.from_metadata(open_session(arguments.file).metadata)
    fields = {
        key.removeprefix(PREFIX): json.loads(value) for key, value in manifest.to_metadata().items()
    }
    print(json.dumps(fields, indent=2))
