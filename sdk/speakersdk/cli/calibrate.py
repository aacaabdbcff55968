"""``speakersdk calibrate``: refit the model's calibration on the user's own recordings."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from speakersdk.arrays import Embedding
from speakersdk.audio.recordings import Reading, open_recording
from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_failures, print_json, print_note, print_table
from speakersdk.cli.parser import CommandParser
from speakersdk.decision.rule import DEFAULT_FAR
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError
from speakersdk.evaluation.segments import Failure
from speakersdk.recalibration.encodings import calibration_of
from speakersdk.recalibration.profile import CalibrationProfile
from speakersdk.recalibration.recordings import (
    recordings_by_speaker,
    recordings_of_strangers,
    recordings_without_speaker,
)
from speakersdk.recalibration.refit import OwnTrials, Refit, recalibrate
from speakersdk.recalibration.strangers import LARGE_OFFSET, StrangerFit, fit_strangers
from speakersdk.text import printable
from speakersdk.voiceprint.copies import is_copy
from speakersdk.voiceprint.names import check_name


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument(
        "folder", type=Path, metavar="FOLDER", help="FOLDER/speaker/recording.wav"
    )
    parser.inputs.add_argument(
        "--strangers",
        action="store_true",
        help="FOLDER contains recordings of different people without names",
    )
    parser.places.add_argument(
        "--name", metavar="NAME", help="name of the device or microphone (default: store nothing)"
    )
    parser.places.add_argument(
        "--replace", action="store_true", help="replace a calibration of the same name"
    )
    parser.requests.add_argument(
        "--far",
        type=float,
        default=DEFAULT_FAR,
        metavar="RATE",
        help="false-accept rate of the report (default: %(default)g)",
    )
    shared.add_options(parser, "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Fit a calibration, report it and store it."""
    name = None if arguments.name is None else check_name(arguments.name)
    if name is not None:  # now, and not after all recordings are encoded
        CalibrationProfile.check_new(name, replace=arguments.replace)
    reading = shared.reading(arguments)
    encoder = load_encoder(shared.model_path(arguments))
    calibration_of(encoder.manifest).operating_point(arguments.far)  # refuses an unsupported rate
    read = recordings_of_strangers if arguments.strangers else recordings_by_speaker
    recordings = read(arguments.folder)
    encodings, failures = _encoded(encoder, recordings, reading, are_named=not arguments.strangers)
    if not arguments.strangers:
        failures += [
            Failure(str(path), "it belongs to no speaker; put it into the speaker's sub-folder")
            for path in recordings_without_speaker(arguments.folder)
        ]
    print_failures(failures)
    fit: Refit | StrangerFit
    if arguments.strangers:
        fit = fit_strangers(encodings, encoder.manifest, far=arguments.far)
        counts = {"num_speakers": fit.num_groups, "num_recordings": fit.num_recordings}
        document, show = asdict(fit), partial(_print_strangers, fit)
    else:
        trials, fit = _recalibrated(encodings, encoder.manifest, far=arguments.far)
        num_speakers, num_recordings = len(trials.speakers), trials.num_recordings
        counts = {"num_speakers": num_speakers, "num_recordings": num_recordings}
        document, show = asdict(fit) | counts, partial(_print_refit, trials, fit)
    path, failed_write = None, None
    if name is not None and fit.is_better:
        profile = CalibrationProfile.of(
            encoder.manifest, name=name, offset=fit.offset, scale=fit.scale, **counts
        )
        try:
            path = profile.save(replace=arguments.replace)
        except OSError as error:  # the report is shown first: it took longer
            failed_write = error
    if arguments.json:
        print_json(
            {
                **document,
                "is_better": fit.is_better,
                "failed": [asdict(failure) for failure in failures],
                "path": None if path is None else str(path),
            }
        )
    else:
        show()
        if failed_write is None:
            print(_outcome(fit.is_better, path))
    if failed_write is not None:
        raise failed_write
    return 0 if fit.is_better else 1


def _encoded(
    encoder: SpeakerEncoder,
    recordings: dict[str, list[Path]],
    reading: Reading,
    *,
    are_named: bool,
) -> tuple[dict[str, list[Encoding]], list[Failure]]:
    """Encode the usable recordings of each speaker, and list the others.

    Raises:
        CalibrationError: two named speakers have the same recording.
    """
    encodings: dict[str, list[Encoding]] = {speaker: [] for speaker in recordings}
    failures: list[Failure] = []
    used: list[tuple[Embedding, str, Path]] = []
    minimum_s = calibration_of(encoder.manifest).minimum_speech_s
    for speaker, paths in recordings.items():
        for path in paths:
            try:
                encoding = encoder.encode(open_recording(path, None, reading))
            except Exception as error:  # every error concerns only this recording
                failures.append(Failure.of(str(path), error))
                continue
            if encoding.speech_s < minimum_s:
                found = f"expected {minimum_s:g} s of speech or more, got {encoding.speech_s:.1f} s"
                failures.append(Failure(str(path), found))
                continue
            copies = (known for known in used if is_copy(encoding.embedding, known[0]))
            if (copy := next(copies, None)) is None:
                used.append((encoding.embedding, speaker, path))
                encodings[speaker].append(encoding)
            else:
                _, other, original = copy
                if are_named and other != speaker:
                    raise CalibrationError(
                        f"expected different recordings of {other!r} and {speaker!r}, got one "
                        f"recording in {original} and {path}; remove it from the wrong folder"
                    )
                failures.append(Failure(str(path), f"it is the same recording as {original}"))
    if are_named:
        failures += [
            Failure(speaker, f"expected two recordings or more of a speaker, got {len(group)}")
            for speaker, group in encodings.items()
            if len(group) < 2
        ]
    return encodings, failures


def _recalibrated(
    encodings: dict[str, list[Encoding]], manifest: ModelManifest, *, far: float
) -> tuple[OwnTrials, Refit]:
    """Refit; if the scores overlap too much, print their histogram and raise the error."""
    try:
        return recalibrate(encodings, manifest, far=far)
    except CalibrationError as error:
        print(error.overlap, end="\n" if error.overlap else "", file=sys.stderr)
        raise


def _print_strangers(fit: StrangerFit) -> None:
    print(
        f"{fit.num_groups} strangers, {fit.num_recordings} recordings, {fit.num_trials} pairs; "
        f"llr = {fit.offset:+.2f} + the model's llr"
    )
    print_table(
        ("calibration", f"FAR at {100 * fit.requested_far:g}%"),
        [
            ("the model's", f"{fit.before:.2%}"),
            ("yours, on strangers left out", f"{fit.after:.2%}"),
        ],
    )
    if fit.offset < LARGE_OFFSET:
        print_note(
            f"a shift of {fit.offset:.2f} will reject enrolled speakers too; if somebody occurs "
            "more than once, put all recordings of one person into one sub-folder"
        )


def _print_refit(trials: OwnTrials, refit: Refit) -> None:
    print(trials.histogram())
    print(
        f"{len(trials.speakers)} speakers, {trials.num_recordings} recordings, "
        f"{refit.num_target} target and {refit.num_nontarget} nontarget trials; "
        f"llr = {refit.offset:+.2f} {refit.scale:+.2f} * (the model's llr)"
    )
    print_table(
        ("calibration", "Cllr", f"FAR at {100 * refit.requested_far:g}%", "FRR"),
        [
            (label, f"{rates.cllr:.3f}", f"{rates.far:.2%}", f"{rates.frr:.2%}")
            for label, rates in (
                ("the model's", refit.before),
                ("yours, on speakers left out", refit.after),
            )
        ],
    )


def _outcome(is_better: bool, path: Path | None) -> str:
    if not is_better:
        return "the model's calibration fits these recordings better than a refit; nothing stored"
    if path is None:
        return "nothing stored; --name NAME stores it"
    return f"stored in {printable(path)}"
