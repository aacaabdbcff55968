"""``speakersdk verify``: decide whether the enrolled speaker speaks in a recording."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from speakersdk.arrays import Waveform
from speakersdk.audio.recordings import Recording, load_recording
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.voiceprints import (
    REFERENCE_HELP,
    check_recording,
    is_enrolled,
    resolve_voiceprint,
)
from speakersdk.decision.outcome import Decision
from speakersdk.decision.rule import Request
from speakersdk.enrollment.adaptation import Adaptation
from speakersdk.enrollment.challenge import Challenge
from speakersdk.enrollment.remembered_recordings import RememberedRecordings
from speakersdk.errors import ConfigError
from speakersdk.text import printable
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.attempts import AttemptLimit
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument("reference", metavar="REFERENCE", help=REFERENCE_HELP)
    parser.inputs.add_argument("probe", metavar="PROBE", help="audio file of the voice")
    parser.requests.add_argument(
        "--adapt",
        action="store_true",
        help="add PROBE to the stored voiceprint of REFERENCE if the decision is certain; "
        "undo with `speakersdk profiles revert`",
    )
    parser.requests.add_argument(
        "--limit",
        type=int,
        metavar="TRIES",
        help="after this many rejections in a row, refuse attempts for a while",
    )
    parser.requests.add_argument(
        "--remember",
        action="store_true",
        help="remember an accepted PROBE, to recognize it if it is played again",
    )
    parser.requests.add_argument(
        "--challenge",
        metavar="DIGITS",
        help="the 4 to 12 random digits to be spoken; PROBE must have their length, "
        "timing and variety (which digits they are is not checked)",
    )
    shared.add_options(parser, "far", "voiceprints", "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Verify the probe and report."""
    verifier = shared.open_verifier(arguments)
    store = shared.open_store(arguments)
    check_recording(arguments.probe, store, "verify NAME RECORDING")
    voiceprint = resolve_voiceprint(arguments.reference, store, verifier)
    is_stored = is_enrolled(arguments.reference, store)
    for option in ("adapt", "remember"):
        if getattr(arguments, option) and not is_stored:
            raise ConfigError(
                f"expected an enrolled name with --{option}, got {printable(arguments.reference)}"
            )
    remembered = RememberedRecordings(store)
    may_repeat = arguments.remember or (is_stored and bool(remembered.known(voiceprint.name)))
    challenge = None if arguments.challenge is None else Challenge(arguments.challenge)
    limit = AttemptLimit(folder=store.folder, tries=arguments.limit)
    limit.begin(voiceprint.name)
    probe: Recording = arguments.probe
    blocks: list[Waveform] = []
    if arguments.adapt or may_repeat or challenge is not None:  # a pipe can be read only once
        blocks = [load_recording(probe, None, reading=shared.reading(arguments))]
        probe = (SAMPLE_RATE_HZ, blocks[0])
    adaptation = verifier.adapt(voiceprint, probe) if arguments.adapt else None
    decision = verifier.verify(voiceprint, probe) if adaptation is None else adaptation.verification
    voice_decision = decision
    if challenge is not None:
        decision = challenge.checked(blocks, decision)
    if may_repeat:
        decision = remembered.checked(voiceprint.name, blocks, decision)
        if arguments.remember and decision.accepted:
            remembered.remember(voiceprint.name, blocks)
    if decision.accepted:
        limit.accepted(voiceprint.name)
    if decision != voice_decision:
        adaptation = None  # another check objects
    if adaptation is not None:
        adaptation = _stored(adaptation, voiceprint, probe, verifier, store)
        decision = adaptation.verification
    _report(arguments, verifier.request, decision, adaptation)
    return 0 if decision.accepted else 1


def _report(
    arguments: argparse.Namespace,
    request: Request,
    decision: Decision,
    adaptation: Adaptation | None,
) -> None:
    if arguments.json:
        question = {"reference": arguments.reference, "probe": arguments.probe}
        change = {} if adaptation is None else {"adapted": adaptation.is_adapted}
        print_json({**question, **request.to_json(), **asdict(decision), **change})
    else:
        print(decision)
        if adaptation is not None:
            print(adaptation.reason)


def _stored(
    adaptation: Adaptation,
    voiceprint: Voiceprint,
    probe: Recording,
    verifier: Verifier,
    store: VoiceprintStore,
) -> Adaptation:
    """Store an adaptation; adapt again if another process changed the voiceprint meanwhile."""
    while adaptation.is_adapted and not store.exchange(voiceprint, adaptation.voiceprint):
        voiceprint = store.load(voiceprint.name)
        adaptation = verifier.adapt(voiceprint, probe)
    return adaptation
