"""The process of a command: streams, signals and exit status.

Exit status of every command line:
    0 accepted or done
    1 rejected, inconclusive or no speech, or some items of a batch failed
    2 usage or input error (one line)
    3 internal error (one line; --debug shows the traceback)
    130 interrupted
    141 stdout was closed by its reader
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from speakersdk.errors import SpeakerSdkError
from speakersdk.text import os_error_text, printable

if TYPE_CHECKING:
    from speakersdk.cli.parser import CommandParser

FAILED: Final = 2
INTERNAL_ERROR: Final = 3
# As in shells, 128 + SIGINT and 128 + SIGPIPE. A decision that was not read must not give 0 or 1.
INTERRUPTED: Final = 130
STDOUT_CLOSED: Final = 141
_LINE_BREAK: Final = re.compile(r"\s*[\n\r]\s*")
# Errors of a full disk. If they name no file, they come from standard output.
_FULL: Final = {errno.ENOSPC, errno.EFBIG}


def run_program(
    name: str,
    build_parser: Callable[[], CommandParser],
    argv: Sequence[str] | None,
    *,
    extra: str | None = None,
) -> int:
    """Parse the arguments, run the command and return the exit status.

    Args:
        name: name of the program, for messages.
        build_parser: function that makes the parser. The parsed arguments have the command as
            `run`.
        argv: the arguments. None means those of this process, and sets up its streams and
            signals.
        extra: the optional dependencies that the program needs, such as ``training``.
    """
    is_debug = "--debug" in (sys.argv[1:] if argv is None else argv)
    if argv is None:
        _leave_at_interrupt()
        _open_missing_streams()
        sys.stderr = UnfailingMessages.around(sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names and paths may contain characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            arguments = build_parser().parse_args(argv)  # imports the command
            if argv is None:
                _raise_at_interrupt()
            status: int = arguments.run(arguments)
        except SystemExit:  # argparse after --help or a usage error
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except Exception as error:
        status = _report(error, name, extra=extra, is_debug=is_debug)
    except KeyboardInterrupt:
        status = INTERRUPTED
    finally:
        if argv is None:
            _leave_at_interrupt()
            _drop_unwritten_output()
    return status


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Let Ctrl-C end the process at once while the block imports what a command needs.

    An exception raised within the imports of torch would abort the process.
    """
    is_main = threading.current_thread() is threading.main_thread()  # other threads get no signals
    if is_main:
        _leave_at_interrupt()
    try:
        yield
    finally:
        if is_main:
            _raise_at_interrupt()


def one_line(text: str) -> str:
    """Put text on one line: join its lines, and escape unprintable characters.

    Several spaces in a row stay, because names of files may have them.
    """
    return printable(_LINE_BREAK.sub(" ", text.strip()))


def report_error(name: str, text: str) -> None:
    """Print an error as one line on stderr."""
    print(f"{name}: error: {one_line(text)}", file=sys.stderr)


def _report(error: Exception, name: str, *, extra: str | None, is_debug: bool) -> int:
    """Report an error and return the exit status."""
    if _is_interrupt(error):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return STDOUT_CLOSED
    if is_debug:
        traceback.print_exception(error)
    reason = _reason(error, extra)
    if reason is not None:
        report_error(name, reason)
        return FAILED
    again = "" if is_debug else "run the command again with --debug and "
    what = one_line(f"{type(error).__name__}: {error}")
    print(
        f"{name}: internal error: {what}; this is a bug in speakersdk: {again}report the output "
        "together with that of `speakersdk doctor --all`",
        file=sys.stderr,
    )
    return INTERNAL_ERROR


def _reason(error: Exception, extra: str | None) -> str | None:
    """Return what the user has to know about an error; None for a bug in speakersdk."""
    if isinstance(error, ModuleNotFoundError):
        missing = error.name or "speakersdk"
        wanted = "speakersdk" if extra is None else f'"speakersdk[{extra}]"'
        is_own = missing.startswith("speakersdk")
        return None if is_own else f"{missing} is missing; pip install {wanted}"
    if isinstance(error, OSError):
        is_output = error.filename is None and error.errno in _FULL
        place = "the output cannot be written: " if is_output else ""
        return f"{place}{os_error_text(error)}"
    if isinstance(error, SpeakerSdkError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory; use shorter recordings or fewer processes"
    return None


def _is_interrupt(error: BaseException | None) -> bool:
    """Return whether Ctrl-C caused the error, which libraries wrap in their own errors."""
    seen: set[int] = set()  # the causes of an error can be a cycle
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _leave_at_interrupt() -> None:
    """Let Ctrl-C end the process at once, while there is nothing to clean up.

    An exception raised during imports would print a traceback or be lost.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _raise_at_interrupt() -> None:
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(*_: object) -> None:
    os._exit(INTERRUPTED)


def _open_missing_streams() -> None:
    """Connect standard streams that were closed at the start to the null device.

    Otherwise the next file that is opened gets the number of the stream, and the messages of
    libraries are written into it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number and not _is_open(number):
            os.dup2(null, number)
            os.close(null)
            null = number
        # The number stays open when the stream is replaced.
        stream = open(null, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


class UnfailingMessages(io.FileIO):
    """A file for messages that drops those it cannot write (disk full, pipe closed)."""

    @classmethod
    def around(cls, stream: object, number: int | None = None) -> io.TextIOWrapper:
        """Open a text stream to the same file as `stream`, or to another, in the same encoding."""
        if not isinstance(stream, io.TextIOWrapper):
            raise TypeError(f"expected a text stream of a file, got {type(stream).__name__}")
        return io.TextIOWrapper(
            io.BufferedWriter(cls(number or stream.fileno(), "w", closefd=False)),  # type: ignore[type-var]
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write all bytes, or none of them."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _drop_unwritten_output() -> None:
    """Discard output that stdout did not accept; the interpreter would retry and report it."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
