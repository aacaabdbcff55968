"""What a library writes to stderr, and what Python writes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from speakersdk.audio.quiet import STDERR, quiet_libraries


def test_only_what_is_written_in_the_block_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(STDERR, b"before ")
    with quiet_libraries() as kept:
        os.write(STDERR, b"inside ")
        assert kept is not None
        os.write(kept, b"own ")
    os.write(STDERR, b"after")
    assert capfd.readouterr().err == "before own after"


def test_stderr_is_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), quiet_libraries():
        _ = 1 / 0
    os.write(STDERR, b"after")
    assert capfd.readouterr().err == "after"


def test_a_closed_stderr_stays_closed() -> None:
    code = (
        "import os; os.close(2)\n"
        "from speakersdk.audio.quiet import quiet_libraries\n"
        "with quiet_libraries() as kept: print(kept)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
