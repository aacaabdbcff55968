"""The output of ``speakersdk listen``: JSON, a live meter, or lines of text."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, Protocol

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.cli.live.meters import enrollment_meter, verdict_text, verification_meter
from speakersdk.cli.output import json_text
from speakersdk.decision.outcome import Verdict
from speakersdk.enrollment.live import EnrollmentProgress
from speakersdk.streaming.update import StreamUpdate
from speakersdk.text import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESHES_PER_S: Final = 10
_PERCENT_PER_LINE: Final = 10


class Listener(Protocol):
    """An output for the progress of an enrollment and the updates of a stream, one per hop."""

    def enrolling(self, name: str, progress: EnrollmentProgress) -> None:
        """Show the progress of an enrollment."""

    def updated(self, update: StreamUpdate) -> None:
        """Show the update of a stream."""


class JsonListener:
    """A listener that prints one JSON object per line and hop."""

    def enrolling(self, name: str, progress: EnrollmentProgress) -> None:
        """Print the progress."""
        del name
        print(json_line("enrollment", progress), flush=True)

    def updated(self, update: StreamUpdate) -> None:
        """Print the update."""
        print(json_line("update", update), flush=True)


def json_line(kind: str, value: EnrollmentProgress | StreamUpdate) -> str:
    """Return one line of JSON: the kind and all fields."""
    return json_text({"kind": kind, **asdict(value)})


class MeterListener:
    """A listener that draws a live meter on a terminal.

    Args:
        show: function that replaces the meter on the terminal.
    """

    def __init__(self, show: Callable[[RenderableType], None]) -> None:
        self._show = show

    def enrolling(self, name: str, progress: EnrollmentProgress) -> None:
        """Show the enrollment's meter."""
        self._show(enrollment_meter(name, progress))

    def updated(self, update: StreamUpdate) -> None:
        """Show the speakers' meter."""
        self._show(verification_meter(update))


class LineListener:
    """A listener that prints a line when something changes, for pipes and files."""

    def __init__(self) -> None:
        self._last_percent = -1.0
        self._shown: dict[str, str] = {}

    def enrolling(self, name: str, progress: EnrollmentProgress) -> None:
        """Print progress every ten percent."""
        is_next = progress.percent >= self._last_percent + _PERCENT_PER_LINE
        if not is_next and not progress.is_complete:
            return
        self._last_percent = progress.percent
        problem = f" ({progress.problem})" if progress.problem else ""
        print(f"enrolling {name}: {progress.percent:.0f} %{problem}", flush=True)

    def updated(self, update: StreamUpdate) -> None:
        """Print the verdicts that have changed, and report lost audio."""
        if update.lost_s is not None:
            self._shown = {}  # the evidence was reset
            loss = f"{update.lost_s:.1f} s of audio was lost" if update.lost_s else "audio was lost"
            print(f"{update.time_s:8.1f} s  {loss}; the evidence was reset", flush=True)
        shown = {candidate.name: verdict_text(candidate) for candidate in update.candidates}
        changed = {name: text for name, text in shown.items() if text != self._shown.get(name)}
        self._shown = shown
        if not changed:
            return
        if len(changed) > 1 and len({*shown.values()}) == 1:
            changed = {"everybody": next(iter(shown.values()))}
        line = ", ".join(f"{name}: {text}" for name, text in changed.items())
        print(f"{update.time_s:8.1f} s  {line}", flush=True)


class Summary:
    """The summary of a session.

    Attributes:
        accepted_s: seconds for which each speaker was accepted.
        capture: counters of the microphone, if the source was one.
    """

    def __init__(self) -> None:
        self.accepted_s: dict[str, float] = {}
        self.capture: CaptureCounters | None = None
        self._time_s = 0.0
        self._num_changes = 0

    def take(self, update: StreamUpdate) -> None:
        """Count one more hop."""
        hop_s = update.time_s - self._time_s
        self._time_s = update.time_s
        self._num_changes += update.has_changed
        if update.speaker is not None and update.verdict is Verdict.ACCEPT:
            seconds = self.accepted_s.get(update.speaker, 0.0)
            self.accepted_s[update.speaker] = seconds + hop_s

    def text(self) -> str:
        """The summary in one line."""
        people = ", ".join(f"{name} for {at:.1f} s" for name, at in self.accepted_s.items())
        text = (
            f"listened for {self._time_s:.1f} s; accepted {people or 'nobody'}; "
            f"{counted(self._num_changes, 'change')} of voice"
        )
        if self.capture is not None:
            text += (
                f"; captured {self.capture.captured_s:.1f} s, dropped "
                f"{self.capture.dropped_s:.1f} s, {self.capture.gaps} gaps, "
                f"{self.capture.overflows} overflows, "
                f"{self.capture.reconnects} reconnects"
            )
        return text


@contextlib.contextmanager
def open_listener(*, is_json: bool) -> Iterator[Listener]:
    """Open the listener for this stdout: a meter on a terminal, otherwise lines."""
    if is_json:
        yield JsonListener()
    elif not sys.stdout.isatty():
        yield LineListener()
    else:
        from rich.live import Live

        with Live(refresh_per_second=_REFRESHES_PER_S) as live:
            yield MeterListener(live.update)
