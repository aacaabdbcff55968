"""The live meters of ``speakersdk listen``: one for enrollment, one for verification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from speakersdk.audio.levels import QUIET_DBFS
from speakersdk.audio.microphone import CaptureCounters
from speakersdk.decision.outcome import Verdict
from speakersdk.enrollment.live import EnrollmentProgress
from speakersdk.streaming.update import Candidate, StreamUpdate

if TYPE_CHECKING:
    from rich.console import RenderableType

_BAR_CELLS: Final = 30
_FLOOR_DBFS: Final = -60.0  # left end of the level bar
_LLR_RANGE: Final = 8.0  # ends of a speaker's bar
_STYLES: Final = {
    Verdict.ACCEPT: "bold green",
    Verdict.REJECT: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NO_SPEECH: "dim",
}


def enrollment_meter(name: str, progress: EnrollmentProgress) -> RenderableType:
    """Draw a panel with progress, level, signal-to-noise ratio and the current problem."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_row(
        "speech",
        _bar(progress.percent / 100, "green"),
        f"{progress.percent:3.0f} %   {progress.speech_s:.1f} of {progress.needed_s:g} s",
    )
    is_quiet = progress.level_dbfs < QUIET_DBFS
    table.add_row(
        "level",
        _bar(1 - progress.level_dbfs / _FLOOR_DBFS, "yellow" if is_quiet else "cyan"),
        f"{progress.level_dbfs:4.0f} dBFS",
    )
    snr = "-" if progress.snr_db is None else f"{progress.snr_db:.0f} dB above the noise"
    table.add_row("voice", _bar(progress.speech, "magenta"), snr)
    message = Text("speak in your normal voice", style="dim")
    if progress.is_complete:
        message = Text("complete", style="bold green")
    elif progress.problem is not None:
        message = Text(progress.problem, style="bold yellow")
    table.add_row("", message, "")
    subtitle = _capture_line(progress.capture)
    return Panel(table, title=Text(f"enrolling {name}"), subtitle=subtitle, width=78)


def verification_meter(update: StreamUpdate) -> RenderableType:
    """Draw a panel with one line per speaker: LLR of the window, verdict and its speech."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for candidate in update.candidates:
        table.add_row(
            Text(candidate.name, style="bold"),
            _bar(_position(candidate.llr), _STYLES[candidate.verdict]),
            Text(_number(candidate.llr)),
            Text(verdict_text(candidate), style=_STYLES[candidate.verdict]),
        )
    status = Text(
        f"{update.time_s:7.1f} s   speech {update.speech:4.0%}   "
        f"evidence {update.speech_s:5.1f} s   age {update.age_s:.1f} s",
        style="dim",
    )
    if update.lost_s is not None:
        status.append("   audio lost", style="bold yellow")
    if update.has_changed:
        status.append("   another voice", style="bold yellow")
    return Panel(
        Group(table, status),
        title=Text(update.speaker or "listening"),
        subtitle=_capture_line(update.capture),
        width=78,
    )


def verdict_text(candidate: Candidate) -> str:
    """Return the verdict and the speech until it was reached."""
    if candidate.verdict is Verdict.INCONCLUSIVE and not candidate.is_decided:
        return "listening"
    took = "" if candidate.decided_s is None else f" after {candidate.decided_s:.1f} s"
    return candidate.verdict.replace("_", " ") + took


def _bar(share: float, style: str) -> RenderableType:
    from rich.text import Text

    cells = round(_BAR_CELLS * min(1.0, max(0.0, share)))
    return Text("█" * cells, style=style) + Text("░" * (_BAR_CELLS - cells), style="dim")


def _position(llr: float | None) -> float:
    return 0.0 if llr is None else (llr + _LLR_RANGE) / (2 * _LLR_RANGE)


def _number(llr: float | None) -> str:
    return "   -  " if llr is None else f"{llr:+6.1f}"


def _capture_line(capture: CaptureCounters | None) -> str | None:
    if capture is None:
        return None
    return (
        f"dropped {capture.dropped_s:.1f} s, {capture.gaps} gaps, {capture.overflows} overflows, "
        f"queue {capture.queue_depth}"
    )
