"""Audio files with bytes changed, cut and added, in another process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("fuzz_audio.py")


def test_no_mutated_file_crashes_the_process_or_raises_an_undeclared_error() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--mutations", "1000"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["1000 inputs, 0 findings"], done.stderr


def test_a_target_without_its_assertions_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-OO", str(SCRIPT.with_name("fuzz_trial_list.py")), "--mutations", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("expected Python without -O")
