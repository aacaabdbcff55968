"""The packages of integrations/ use only the public interface, and each has a page."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import speakersdk

REPOSITORY = Path(__file__).parents[2]
PACKAGES = sorted(
    path.parent for path in REPOSITORY.glob("integrations/*/speakersdk_*/__init__.py")
)
# Modules with public paths; everything else comes from `speakersdk` itself.
PUBLIC_MODULES = {
    "speakersdk.errors",
    "speakersdk.metrics",
    "speakersdk.scoring",
    "speakersdk.voice_gate",
}


def imports_of_the_sdk(package: Path) -> Iterator[tuple[str, str]]:
    """Return (module, name) of every import from the SDK."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").split(".")[0] == "speakersdk"
            ):
                yield from ((node.module or "", each.name) for each in node.names)
            elif isinstance(node, ast.Import):
                names = (each.name for each in node.names)
                yield from ((name, "") for name in names if name.split(".")[0] == "speakersdk")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_an_integration_uses_only_the_public_interface(package: Path) -> None:
    inner = {
        (module, name)
        for module, name in imports_of_the_sdk(package)
        if module not in PUBLIC_MODULES
        and (module, name) != ("speakersdk", "")
        and not (module == "speakersdk" and name in speakersdk.__all__)
    }
    assert inner == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_an_integration_has_tests_and_an_example(package: Path) -> None:
    assert list(package.parent.glob("tests/test_*.py"))
    assert [path for path in (package.parent / "examples").iterdir() if path.is_file()]
    assert (package.parent / "README.md").is_file()


def test_services_are_extras_of_the_distribution() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for package in PACKAGES:
        metadata = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))
        for name in metadata["project"].get("entry-points", {}).get("speakersdk.serve", {}):
            assert extras[name] == [metadata["project"]["name"]]
