"""The benchmark of attacks measures every kind or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.accuracy.attacks import SYNTHESIZERS
from benchmarks.harness.measure import REPOSITORY, RESULTS
from benchmarks.harness.replay_chains import CHAINS, COPIES
from benchmarks.harness.tables import latest


def test_the_stored_attacks_have_every_kind() -> None:
    facts = latest("attacks", RESULTS)["facts"]
    assert [name for name in (*COPIES, *CHAINS, *SYNTHESIZERS) if name not in facts] == []


def test_a_full_run_without_the_synthesizers_is_refused(speech_data: Any, tmp_path: Path) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "benchmarks.accuracy.attacks"],
        cwd=REPOSITORY, env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert completed.returncode == 2
    assert "expected the programs espeak-ng, flite, text2wave" in completed.stderr
