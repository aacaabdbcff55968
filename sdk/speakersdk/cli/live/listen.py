"""``speakersdk listen``: enroll from a microphone, then report who is speaking."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from speakersdk.cli import arguments as shared
from speakersdk.cli.live.command_hook import CommandHook
from speakersdk.cli.live.jsonl_socket import JsonlSocket
from speakersdk.cli.live.listeners import Listener, Summary, open_listener
from speakersdk.cli.live.own_messages import own_messages_only
from speakersdk.cli.live.sources import Source, open_source
from speakersdk.cli.live.termination import ended_cleanly
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.program import INTERRUPTED
from speakersdk.cli.voiceprints import load_enrolled, load_for_use
from speakersdk.enrollment.joining import join_voiceprints
from speakersdk.enrollment.live import NEEDED_S, Enrollment, EnrollmentProgress
from speakersdk.errors import ConfigError, EnrollmentError
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import StreamUpdate
from speakersdk.text import printable
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint

_DEFAULT_NAME: Final = "me"


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.add_speakers(
        "names",
        nargs="*",
        default=[],
        help="enrolled speakers to listen for (default: all)",
    )
    parser.requests.add_argument(
        "--enroll",
        nargs="?",
        const=_DEFAULT_NAME,
        metavar="NAME",
        help=f"enroll NAME first (default: {_DEFAULT_NAME}), from the same source",
    )
    parser.requests.add_argument(
        "--speech",
        type=float,
        metavar="SECONDS",
        help=f"net speech for the enrollment (default: {NEEDED_S:g})",
    )
    parser.inputs.add_argument(
        "--device", metavar="DEVICE", help="index of an input device, or part of its name"
    )
    parser.inputs.add_argument(
        "--reconnect", action="store_true", help="wait for a device that is missing or lost"
    )
    parser.inputs.add_argument(
        "--input",
        metavar="FILE",
        help="listen to a recording or a pipe instead (- is standard input); a pipe brings raw "
        "16-bit mono samples or an audio file",
    )
    parser.inputs.add_argument(
        "--rate", type=float, metavar="HZ", help="sample rate of raw samples (default: 16000)"
    )
    parser.inputs.add_argument(
        "--fast", action="store_true", help="process the recording faster than real time"
    )
    parser.output.add_argument(
        "--json", action="store_true", help="print one JSON object per update"
    )
    parser.output.add_argument(
        "--exec",
        metavar="COMMAND",
        help="run COMMAND at each change of verdict, with SPEAKERSDK_VERDICT, SPEAKERSDK_NAME and "
        "others in its environment; no shell is involved",
    )
    parser.output.add_argument(
        "--jsonl-socket",
        type=Path,
        metavar="PATH",
        help="send the updates as JSON lines to every reader of this Unix socket",
    )
    shared.add_options(parser, "replace_or_append", "far", "voiceprints", "model")


def run(arguments: argparse.Namespace) -> int:
    """Enroll if asked to, then listen until the source ends or a signal arrives."""
    shown = contextlib.nullcontext() if "debug" in arguments else own_messages_only()
    with shown, ended_cleanly():
        return _listen(arguments)


def _listen(arguments: argparse.Namespace) -> int:
    verifier = shared.open_verifier(arguments)
    store = shared.open_store(arguments)
    new_name = _checked_name(arguments, store, verifier)
    voiceprints = _known(arguments.names, store, verifier, new_name)
    summary = Summary()
    with contextlib.ExitStack() as stack:
        hooks = _hooks(arguments, stack)  # before waiting for a pipe so that readers can connect
        source = open_source(arguments)
        stack.callback(source.close)
        blocks = source.blocks()
        listeners = [stack.enter_context(open_listener(is_json=arguments.json)), *hooks]
        if new_name is not None:
            needed_s = NEEDED_S if arguments.speech is None else arguments.speech
            start = partial(verifier.enrollment, new_name, needed_s=needed_s)
            new = _enroll(start, source, blocks, listeners)
            if new is None:
                return INTERRUPTED
            stored = _store(new, store, verifier, arguments)
            if not arguments.names or new_name in map(check_name, arguments.names):
                voiceprints.append(stored)
        with contextlib.suppress(KeyboardInterrupt):
            _verify(verifier.stream(voiceprints), source, blocks, listeners, summary)
        summary.capture = source.counters
    print(summary.text(), file=sys.stderr)
    return 0 if summary.accepted_s else 1


def _hooks(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> list[Listener]:
    """Return the listeners that send or act on the updates; the stack closes them."""
    hooks: list[Listener] = []
    if arguments.jsonl_socket is not None:
        hooks.append(stack.enter_context(JsonlSocket(arguments.jsonl_socket)))
    if arguments.exec is not None:
        hooks.append(stack.enter_context(CommandHook(arguments.exec)))
    return hooks


def _checked_name(
    arguments: argparse.Namespace, store: VoiceprintStore, verifier: Verifier
) -> str | None:
    """Return the name of `--enroll`. Errors of storing it are reported before recording."""
    if arguments.enroll is None:
        if arguments.replace or arguments.append or arguments.speech is not None:
            raise ConfigError(
                "expected --enroll with --replace, --append or --speech, got no --enroll; add it"
            )
        return None
    name = check_name(arguments.enroll)
    store.check_new(name, replace=arguments.replace, append=arguments.append)
    if arguments.append and name in store.names():
        verifier.stream([store.load(name)])  # refuses a voiceprint of another model
    return name


def _known(
    names: list[str], store: VoiceprintStore, verifier: Verifier, new_name: str | None
) -> list[Voiceprint]:
    """Load the stored voiceprints to listen for."""
    if names:
        others = [name for name in names if check_name(name) != new_name]
        return [load_for_use(name, store) for name in others]
    everybody = load_enrolled(store, verifier, is_required=new_name is None)
    return [voiceprint for voiceprint in everybody if voiceprint.name != new_name]


def _enroll(
    start: Callable[[], Enrollment],
    source: Source,
    blocks: Iterator[Any],
    listeners: Sequence[Listener],
) -> Voiceprint | None:
    """Enroll the voice in the source; None if Ctrl-C interrupted the enrollment."""
    enrollment, progress = start(), None
    shown_s = -1.0
    try:
        for block in blocks:
            if block is None:  # interrupted: the sample rate may have changed
                enrollment = start()
                continue
            progress = enrollment.push(block, sample_rate_hz=source.sample_rate_hz)
            if progress.time_s != shown_s:  # the block completed a hop
                for listener in listeners:
                    listener.enrolling(enrollment.name, replace(progress, capture=source.counters))
            shown_s = progress.time_s
            if progress.is_complete:
                break
    except KeyboardInterrupt:
        lost_s = 0.0 if progress is None else progress.speech_s
        print(
            f"interrupted: {enrollment.name} is not enrolled; {lost_s:.1f} s of speech discarded",
            file=sys.stderr,
        )
        return None
    if progress is not None and not progress.is_complete:
        raise _too_little_speech(enrollment.name, progress)
    return enrollment.voiceprint()


def _too_little_speech(name: str, progress: EnrollmentProgress) -> EnrollmentError:
    problem = f"; {progress.problem}" if progress.problem else ""
    return EnrollmentError(
        f"expected {progress.needed_s:g} s of good speech to enroll {name!r}, got "
        f"{progress.speech_s:.1f} s before the input ended{problem}; use a longer recording, or "
        "ask for less speech with --speech"
    )


def _store(
    new: Voiceprint, store: VoiceprintStore, verifier: Verifier, arguments: argparse.Namespace
) -> Voiceprint:
    """Store the new voiceprint and return what is stored, which may be more with `--append`."""
    stored = store.save(
        new,
        replace=arguments.replace,
        append=arguments.append,
        join=partial(join_voiceprints, manifest=verifier.manifest),
    )
    print(
        f"enrolled {stored.name}: {new.total_speech_s:.1f} s of speech, in "
        f"{printable(store.path(stored.name))}",
        file=sys.stderr,
    )
    return stored


def _verify(
    stream: SpeakerStream,
    source: Source,
    blocks: Iterator[Any],
    listeners: Sequence[Listener],
    summary: Summary,
) -> None:
    """Report who is speaking until the source ends."""

    def report(updates: Sequence[StreamUpdate]) -> None:
        for update in updates:
            summary.take(update)
            for listener in listeners:
                listener.updated(replace(update, capture=source.counters))

    for block in blocks:
        if block is None:  # interrupted: anyone may speak next
            stream.gap(0.0)
        else:
            report(stream.push(block, sample_rate_hz=source.sample_rate_hz))
    report(stream.finish())
