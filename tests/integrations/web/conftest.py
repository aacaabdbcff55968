"""The built npm package, and what the tests of integrations/web need on the machine.

`make web` installs and builds. Without it these tests are skipped, or fail when
SPEAKERSDK_REQUIRE_WEB=1 (set by `make web`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PACKAGE = REPOSITORY / "integrations" / "web"


def missing(what: str, remedy: str) -> None:
    """Skip, or fail if the test is required."""
    message = f"{what}; {remedy}"
    if os.environ.get("SPEAKERSDK_REQUIRE_WEB") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def package() -> Path:
    """The folder of the npm package, built and with its dependencies."""
    if not (PACKAGE / "node_modules").is_dir() or not (PACKAGE / "dist").is_dir():
        missing("integrations/web is not built", "run make web")
    return PACKAGE


@pytest.fixture(scope="session")
def node() -> str:
    """The program that runs JavaScript."""
    found = shutil.which("node")
    if found is None:
        missing("there is no node", "install Node.js 20 or newer")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser."""
    found = shutil.which("chromium")
    if found is None:
        missing("there is no chromium", "install Debian's package chromium")
    assert found is not None
    return found
