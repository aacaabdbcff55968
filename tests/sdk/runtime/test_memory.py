import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from speakersdk.runtime.memory import release_free_memory

BYTES = 2**25
# 1 KB each: from the heap, which glibc does not release by itself below a block in use.
FREE_BELOW_A_BLOCK_IN_USE = f"""
import json
from pathlib import Path
from speakersdk.runtime.memory import release_free_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [bytes(1024) for _ in range({BYTES} // 1024)]
kept = bytes(1024)
del blocks
before = resident()
released = release_free_memory()
print(json.dumps([released, before - resident()]))
"""


def test_freed_memory_goes_back_to_the_system() -> None:
    if platform.libc_ver()[0] != "glibc" or not Path("/proc/self/statm").is_file():
        pytest.skip("other C libraries return memory by themselves")
    done = subprocess.run(
        [sys.executable, "-c", FREE_BELOW_A_BLOCK_IN_USE],
        capture_output=True,
        text=True,
        check=True,
    )
    released, returned = json.loads(done.stdout)
    assert released
    # Half: the top of the heap was released before.
    assert returned > BYTES / 2


def test_it_says_whether_there_was_any() -> None:
    assert release_free_memory() in (True, False)
