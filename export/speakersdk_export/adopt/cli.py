"""``speakersdk-export adopt``: options and output."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from speakersdk.cli.parser import CommandParser
from speakersdk.cli.program import importing
from speakersdk.errors import ConfigError
from speakersdk.text import printable
from speakersdk_export.trial_options import add_trial_options

if TYPE_CHECKING:
    from speakersdk_export.adopt.adoption import Adopted


def add_adopt_command(parser: CommandParser) -> None:
    """Add the command to the program."""
    adopt = parser.add_command(
        "adopt",
        "convert a published speaker encoder to a model file",
        _adopt,
        description="Add the exact front end of a published speaker encoder to it, check "
        "the result, calibrate it, and write a model file.",
        subject="published encoder",
        examples=(
            "speakersdk-export adopt campplus_cn_en_common.pt --family 3d-speaker "
            "--golden clip.wav embedding.npy --uncalibrated -o campplus.onnx",
            "speakersdk-export adopt resnet34.onnx --family wespeaker --golden clip.wav "
            "embedding.npy --trials dev.txt --segments segments.jsonl --audio-root corpus "
            "-o resnet34-waveform.onnx",
        ),
        notes="--golden compares with an embedding of the original code. Only this check "
        "detects a wrong family; without it the manifest says 'unchecked'. Without trials the "
        "model gives only scores.",
    )
    adopt.inputs.add_argument(
        "file",
        type=Path,
        help="ONNX as published, or torch weights of CAM++ or ResNet34",
    )
    adopt.inputs.add_argument(
        "--family",
        required=True,
        help="front end of the encoder: wespeaker, 3d-speaker, nemo, speechbrain, "
        "redimnet2, or sherpa to read it from the file's metadata",
    )
    check = adopt.inputs.add_mutually_exclusive_group(required=True)
    check.add_argument(
        "--golden",
        type=Path,
        nargs=2,
        metavar=("RECORDING", "VECTOR.npy"),
        help="a recording, and the embedding that the original code computes for it",
    )
    check.add_argument("--unchecked", action="store_true", help="adopt without this comparison")
    add_trial_options(adopt)
    adopt.inputs.add_argument(
        "--uncalibrated", action="store_true", help="write a model that gives only scores"
    )
    adopt.requests.add_argument("--name", help="name of the model (default: that of the file)")
    adopt.requests.add_argument("--source", help="place of publication (default: the file name)")
    adopt.requests.add_argument(
        "--license",
        dest="licence",
        metavar="LICENSE",
        help="license of the weights (default: the family's)",
    )
    adopt.requests.add_argument("--trained-by", help="who trained the model (default: the family)")
    adopt.requests.add_argument(
        "--trained-on", nargs="+", default=[], metavar="CORPUS", help="training corpora"
    )
    adopt.requests.add_argument(
        "--temperature", type=float, default=2.0, help="length of every embedding (default: 2)"
    )
    adopt.places.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="keep the embeddings of the trials in FOLDER (they identify people)",
    )
    adopt.places.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.onnx", help="model file to write"
    )


def _adopt(arguments: argparse.Namespace) -> int:
    with importing():
        from speakersdk_export.adopt.adoption import Description, adopt_model
        from speakersdk_export.adopt.golden import Golden
        from speakersdk_export.calibrate import CalibrationTrials

    trials = CalibrationTrials.together(arguments.trials, arguments.segments, arguments.audio_root)
    if (trials is None) != arguments.uncalibrated:
        raise ConfigError(
            "expected either calibration trials (--trials LIST --segments FILE --audio-root "
            "FOLDER) or --uncalibrated for a model that gives only scores"
        )
    report = adopt_model(
        arguments.file,
        arguments.output,
        family=arguments.family,
        description=Description(
            name=arguments.name,
            source=arguments.source,
            licence=arguments.licence,
            trained_by=arguments.trained_by,
            training_corpora=tuple(arguments.trained_on),
        ),
        golden=Golden(*arguments.golden) if arguments.golden else None,
        trials=trials,
        cache=arguments.cache,
        temperature=arguments.temperature,
    )
    _print_report(report, arguments.output)
    return 0


def _print_report(report: Adopted, output: Path) -> None:
    manifest, origin = report.manifest, report.manifest.origin
    assert origin is not None
    print(f"family: {origin.family}, license {origin.licence}")
    print(
        "golden vector: unchecked"
        if origin.golden_cosine is None
        else f"golden vector: cosine {origin.golden_cosine:.6f}"
    )
    if report.num_rewritten:
        print(
            f"rewrote {report.num_rewritten} AveragePool operators that onnxruntime before 1.29 "
            "computes wrongly"
        )
    if manifest.calibration is None:
        print("calibration: none; the model gives scores and no decisions")
    else:
        print(
            f"calibration: {manifest.calibration.num_target} target and "
            f"{manifest.calibration.num_nontarget} nontarget trials"
        )
    print(
        f"wrote {printable(output)}: {manifest.name}, D = {manifest.embedding_dim}, "
        f"{report.num_bytes} bytes"
    )
