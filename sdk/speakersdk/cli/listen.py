"""``speakersdk listen``: enroll from a microphone, then say who speaks."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.cli import arguments as shared
from speakersdk.cli.meters import enrollment_meter, verdict_text, verification_meter
from speakersdk.cli.parser import Subparsers
from speakersdk.cli.sources import MicrophoneSource, Source, open_source
from speakersdk.decision.outcome import Verdict
from speakersdk.enrollment.live import NEEDED_S, EnrollmentProgress
from speakersdk.errors import ConfigError, DuplicateSpeakerError, EnrollmentError
from speakersdk.streaming.update import StreamUpdate
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.voiceprint import Voiceprint

if TYPE_CHECKING:
    from rich.console import RenderableType

_DEFAULT_NAME: Final = "me"
_REFRESHES_PER_S: Final = 10
Show = Callable[["RenderableType"], None]


def add_command(commands: Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "listen",
        help="enroll from a microphone and say live who speaks",
        description="Listen to a microphone, a file or a pipe and say at every hop who of the "
        "enrolled speakers speaks. Ctrl-C ends it with a summary.",
        subject="what to hear",
        status="0 an enrolled speaker was accepted; 1 none was",
        examples=(
            "speakersdk listen --enroll ann",
            "speakersdk listen ann bob --input talk.wav --fast",
        ),
    )
    parser.inputs.add_argument(
        "names", nargs="*", metavar="NAME", help="enrolled speakers to listen for (default: all)"
    )
    parser.requests.add_argument(
        "--enroll",
        nargs="?",
        const=_DEFAULT_NAME,
        metavar="NAME",
        help=f"first enroll NAME (default: {_DEFAULT_NAME}) from the same source",
    )
    parser.requests.add_argument(
        "--speech",
        type=float,
        default=NEEDED_S,
        metavar="SECONDS",
        help="net speech to enroll from (default: %(default)g)",
    )
    shared.add_replace_or_append(parser)
    parser.inputs.add_argument(
        "--device", metavar="DEVICE", help="index, or part of the name, of an input"
    )
    parser.inputs.add_argument(
        "--reconnect", action="store_true", help="wait for a device that is missing or lost"
    )
    parser.inputs.add_argument(
        "--input", metavar="FILE", help="hear a recording instead; - is raw 16-bit mono from a pipe"
    )
    parser.inputs.add_argument(
        "--rate",
        type=float,
        metavar="HZ",
        help="rate of --input - (default: 16000)",
    )
    parser.inputs.add_argument(
        "--fast", action="store_true", help="do not wait for the recording's pace"
    )
    shared.add_far(parser)
    shared.add_voiceprints(parser)
    shared.add_model(parser)
    parser.output.add_argument(
        "--json", action="store_true", help="print one JSON object for each update"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Enroll if asked to, then listen until the source ends or the user interrupts."""
    verifier = shared.open_verifier(arguments)
    store = shared.open_store(arguments)
    if arguments.enroll is None and (arguments.replace or arguments.append):
        raise ConfigError("expected --replace and --append with --enroll, got no --enroll; add it")
    if arguments.enroll is not None:
        arguments.enroll = check_name(arguments.enroll)
        if arguments.enroll in store.names() and not (arguments.replace or arguments.append):
            raise DuplicateSpeakerError(arguments.enroll)  # now, and not after a minute of talk
    source = open_source(arguments)
    blocks = source.blocks()
    summary = _Summary()
    with contextlib.ExitStack() as stack:
        if isinstance(source, MicrophoneSource):
            stack.callback(source.close)
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        show = stack.enter_context(_live(is_plain=arguments.json))
        if arguments.enroll is not None:
            voiceprint = _enroll(verifier, source, blocks, arguments, show)
            stored = store.save(voiceprint, replace=arguments.replace, append=arguments.append)
            print(
                f"enrolled {stored.name}: {voiceprint.total_speech_s:.1f} s of speech, in "
                f"{store.path(stored.name)}",
                file=sys.stderr,
            )
        names = arguments.names or store.names()
        if not names:
            raise EnrollmentError(
                f"nobody is enrolled in {store.folder}; first: speakersdk listen --enroll NAME"
            )
        voiceprints = [store.load(name) for name in names]
        _verify(verifier, source, blocks, voiceprints, arguments.json, show, summary)
    summary.capture = source.counters
    print(summary.text(), file=sys.stderr)
    return 0 if summary.accepted_s else 1


def _enroll(
    verifier: Verifier,
    source: Source,
    blocks: Iterator[Any],
    arguments: argparse.Namespace,
    show: Show | None,
) -> Voiceprint:
    enrollment = verifier.enrollment(arguments.enroll, needed_s=arguments.speech)
    last = -1.0
    for block in blocks:
        if block is None:  # interrupted: the rate may be another one now
            enrollment = verifier.enrollment(arguments.enroll, needed_s=arguments.speech)
            continue
        progress = enrollment.push(block, sample_rate_hz=source.sample_rate_hz)
        if arguments.json:
            if progress.time_s != last:
                _print_json("enrollment", progress, source.counters)
        elif show is not None:
            show(enrollment_meter(enrollment.name, progress, source.counters))
        elif progress.percent >= last + 10 or progress.is_complete:
            problem = f" ({progress.problem})" if progress.problem else ""
            print(f"enrolling {enrollment.name}: {progress.percent:.0f} %{problem}")
        else:
            continue
        last = progress.time_s if arguments.json else progress.percent
        if progress.is_complete:
            break
    return enrollment.voiceprint()


def _verify(
    verifier: Verifier,
    source: Source,
    blocks: Iterator[Any],
    voiceprints: list[Voiceprint],
    is_json: bool,
    show: Show | None,
    summary: _Summary,
) -> None:
    stream = verifier.stream(voiceprints)
    said: tuple[object, ...] = ()

    def tell(update: StreamUpdate) -> None:
        nonlocal said
        summary.take(update)
        if is_json:
            _print_json("update", update, source.counters)
        elif show is not None:
            show(verification_meter(replace(update, capture=source.counters)))
        elif said != (said := tuple(verdict_text(at) for at in update.candidates)):
            line = ", ".join(
                f"{at.name}: {text}" for at, text in zip(update.candidates, said, strict=True)
            )
            print(f"{update.time_s:8.1f} s  {line}", flush=True)

    for block in blocks:
        if block is None:  # interrupted: what follows may be anybody's
            stream = verifier.stream(voiceprints)
            continue
        for update in stream.push(block, sample_rate_hz=source.sample_rate_hz):
            tell(update)
    for update in stream.finish():
        tell(update)


class _Summary:
    """What to say at the end."""

    def __init__(self) -> None:
        self.accepted_s: dict[str, float] = {}
        self.capture: CaptureCounters | None = None
        self._time_s = 0.0
        self._num_changes = 0

    def take(self, update: StreamUpdate) -> None:
        hop_s = update.time_s - self._time_s
        self._time_s = update.time_s if hop_s > 0 else self._time_s + update.time_s
        self._num_changes += update.has_changed
        if update.speaker is not None and update.verdict is Verdict.ACCEPT:
            seconds = self.accepted_s.get(update.speaker, 0.0)
            self.accepted_s[update.speaker] = seconds + max(hop_s, 0.0)

    def text(self) -> str:
        people = ", ".join(f"{name} for {at:.1f} s" for name, at in self.accepted_s.items())
        text = (
            f"heard {self._time_s:.1f} s; accepted {people or 'nobody'}; "
            f"{self._num_changes} changes of voice"
        )
        if self.capture is not None:
            text += (
                f"; captured {self.capture.captured_s:.1f} s, dropped "
                f"{self.capture.dropped_s:.1f} s, {self.capture.gaps} gaps, "
                f"{self.capture.overflows} overflows, "
                f"{self.capture.reconnects} reconnects"
            )
        return text


def _print_json(
    kind: str, value: EnrollmentProgress | StreamUpdate, capture: CaptureCounters | None
) -> None:
    document = {
        "kind": kind,
        **asdict(value),
        "capture": None if capture is None else asdict(capture),
    }
    print(json.dumps(document, allow_nan=False), flush=True)


@contextlib.contextmanager
def _live(*, is_plain: bool) -> Iterator[Show | None]:
    """Shows pictures on a terminal; None where lines must do."""
    if is_plain or not sys.stdout.isatty():
        yield None
        return
    from rich.live import Live

    with Live(refresh_per_second=_REFRESHES_PER_S) as live:
        yield live.update
