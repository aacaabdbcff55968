"""locked-requirements.txt has a hash for every file, and versions that pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
PINNED = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<rest>.*(?:\n    .*)*)", re.MULTILINE
)
MEND = "run `make lock` and commit locked-requirements.txt"


def locked() -> dict[str, set[str]]:
    """Return the pinned versions by name; a name may have several, for several Python versions."""
    versions: dict[str, set[str]] = {}
    for found in PINNED.finditer((REPOSITORY / "locked-requirements.txt").read_text("utf-8")):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", found["rest"]), found["name"]
        versions.setdefault(canonicalize_name(found["name"]), set()).add(found["version"])
    return versions


def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_version_has_a_hash_and_torch_is_left_out() -> None:
    pinned = locked()
    assert len(pinned) > 50
    assert "torch" not in pinned  # its file differs between machines; the Makefile gives the reason
    assert not [name for name in pinned if name.startswith("nvidia-")]


def test_what_runs_and_builds_the_sdk_is_locked() -> None:
    pinned = locked()
    lines = [*project()["project"]["dependencies"], *project()["build-system"]["requires"]]
    needed = {canonicalize_name(Requirement(line).name) for line in lines}
    assert needed <= set(pinned), MEND


def test_pinned_versions_are_those_that_the_project_allows() -> None:
    pinned, content = locked(), project()
    lines = [
        *content["project"]["dependencies"],
        *content["build-system"]["requires"],
        *content["project"]["optional-dependencies"]["training"],
        *content["project"]["optional-dependencies"]["export"],
        *(line for line in content["dependency-groups"]["test"] if isinstance(line, str)),
    ]
    refused = [
        f"{line}: {version}"
        for line in lines
        for version in sorted(pinned.get(canonicalize_name(Requirement(line).name), ()))
        if not Requirement(line).specifier.contains(version)
    ]
    assert refused == [], MEND
