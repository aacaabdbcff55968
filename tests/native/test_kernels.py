"""Every kernel of this processor passes the tests of scoring and galleries, in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from speakersdk import scoring

REPOSITORY = Path(__file__).parents[2]
TESTS = [
    "test_scoring",
    "gallery/test_gallery",
    "gallery/test_rows",
    "gallery/test_mips",
    "calibration/test_cohort",
]


def run(kernel: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "SPEAKERSDK_KERNEL": kernel},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_portable_kernel_is_always_there() -> None:
    assert scoring.available_kernels()[-1] == "portable"
    assert scoring.kernel() in scoring.available_kernels()


@pytest.mark.parametrize("kernel", scoring.available_kernels())
def test_a_kernel_can_be_forced(kernel: str) -> None:
    completed = run(kernel, "-c", "from speakersdk import scoring; print(scoring.kernel())")
    assert completed.stdout.strip() == kernel, completed.stderr


@pytest.mark.parametrize("kernel", ["sse2", "AVX2", "portable "])
def test_an_unknown_kernel_is_named(kernel: str) -> None:
    completed = run(kernel, "-c", "import speakersdk.scoring")
    assert completed.returncode != 0
    assert "ImportError: SPEAKERSDK_KERNEL: expected one of " in completed.stderr
    assert f"got '{kernel}'" in completed.stderr


# This process has already tested the kernel in use.
@pytest.mark.parametrize("kernel", sorted({*scoring.available_kernels()} - {scoring.kernel()}))
def test_every_kernel_passes_the_tests(kernel: str) -> None:
    tests = [f"tests/sdk/{name}.py" for name in TESTS]
    completed = run(kernel, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert completed.returncode == 0, completed.stdout + completed.stderr
