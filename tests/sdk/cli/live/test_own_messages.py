"""What libraries write to stderr, and what the command writes."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import os, sys
from speakersdk.cli.live.own_messages import own_messages_only

def write(words):
    os.write(2, words.encode())

write("before ")
try:
    with own_messages_only():
        write("library ")
        print("own", end=" ", file=sys.stderr)
        1 / 0
except ZeroDivisionError:
    write("after")
"""


def test_only_what_libraries_write_is_left_out() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert done.stderr == "before own after"


def test_a_stderr_that_is_not_the_one_of_libraries_stays_as_it_is() -> None:
    code = _CODE.replace("import os, sys", "import io, os, sys\nsys.stderr = io.StringIO()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "before library after"
