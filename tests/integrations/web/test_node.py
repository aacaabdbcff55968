"""The package of integrations/web under Node.js, against what Python says of the same audio."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.integrations.web.reference import write

# The tests take some 10 s of one core; anything near this bound hangs.
LIMIT_S = 600


def test_decisions_streams_and_voiceprints_equal_pythons(
    package: Path, node: str, tmp_path: Path
) -> None:
    write(tmp_path)
    entry = package / "test" / "all.mjs"
    files = sorted(path.name for path in entry.parent.glob("*.test.mjs"))
    assert re.findall(r'"\./(.+)";', entry.read_text(encoding="utf-8")) == files
    ran = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(entry)],
        env={**os.environ, "SPEAKERSDK_WEB_REFERENCE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    passed = re.search(r"^# pass (\d+)$", ran.stdout, re.MULTILINE)
    assert passed is not None, ran.stdout
    assert int(passed[1]) >= len(files)
    assert re.search(r"^# skipped 0$", ran.stdout, re.MULTILINE)
