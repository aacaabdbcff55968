"""Names in the store under a locale that is not Unicode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from speakersdk.voiceprint.store import VoiceprintStore
from tests.sdk.example_voiceprints import example_voiceprint

_NAMES_IN_ASCII = """
import sys
from speakersdk.cli.voiceprints import is_enrolled, resolve
from speakersdk.voiceprint.store import VoiceprintStore
store = VoiceprintStore(sys.argv[1])
assert sys.getfilesystemencoding() == "ascii", sys.getfilesystemencoding()
(stored,) = store.content().voiceprints
assert ascii(stored.name) == "'jos\\\\xe9'", ascii(stored.name)
for typed in (sys.argv[2], "@" + sys.argv[2], "jos\\u00e9", "jose\\u0301"):
    assert resolve(typed, store) == stored
store.save(stored, replace=True)
assert store.names() == (stored.name,)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have Unicode file names")
def test_names_are_the_same_under_a_locale_that_is_not_unicode(tmp_path: Path) -> None:
    store = VoiceprintStore(tmp_path)
    store.save(example_voiceprint("jos\u00e9"))
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", _NAMES_IN_ASCII, store.folder, "jos\u00e9"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | ascii_only,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in store.folder.glob("*.voiceprint")] == ["jos\u00e9.voiceprint"]
