"""docs/architecture.md agrees with the code: its diagram is the import contract."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.integration.imports import imported_names

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
(DIAGRAM,) = re.findall(r"```mermaid\n(.*?)```", PAGE, flags=re.DOTALL)
PACKAGES = (
    REPOSITORY / "sdk" / "speakersdk",
    REPOSITORY / "training" / "speakersdk_training",
    REPOSITORY / "export" / "speakersdk_export",
)
WALKS = {
    title: re.findall(r"^\d+\. `(\S+)` ", text, flags=re.MULTILINE)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
}


def contracts() -> dict[str, Any]:
    """Import contracts by the package that they divide; packages have the key ""."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    listed = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    layered = [each for each in listed if each["type"] == "layers"]
    return {"".join(each.get("containers", [""])): each for each in layered}


def arrows(*, of: str) -> list[list[str]]:
    """Return the chains of arrows in the diagram that begin with a name."""
    lines = (line.strip() for line in DIAGRAM.splitlines())
    return [line.split(" --> ") for line in lines if line.startswith(f"{of} --> ")]


def test_layers_of_the_diagram_are_those_of_the_contract() -> None:
    layers = contracts()["speakersdk"]["layers"]
    drawn = re.findall(r'subgraph (\w+)\["(.+)"\]\n\s+(.+)\n\s+end', DIAGRAM)
    assert [title for _, title, _ in drawn] == layers
    for _, title, components in drawn:
        assert components.split(" ~~~ ") == re.split(r" [|:] ", title)


def test_arrows_of_the_diagram_go_down_the_layers_and_there_are_no_others() -> None:
    names = re.findall(r"subgraph (\w+)", DIAGRAM)
    packages = contracts()[""]["layers"][:-1]  # the last one is drawn as its layers
    native = {"calibration", "gallery", "runtime", "scoring"}
    assert arrows(of=names[0]) == [names]
    assert arrows(of=packages[0]) == [[*packages, names[0]]]
    assert [arrows(of=component)[0][1] for component in sorted(native)] == [
        'native["_native (csrc)"]', "native", "native", "native"
    ]  # fmt: skip
    assert sum("-->" in line for line in DIAGRAM.splitlines()) == 2 + len(native)
    # The contract has an exception only for these, because `_native` looks like `speakersdk`.
    ignored = contracts()["speakersdk"]["ignore_imports"]
    assert {each.split(".")[1].split()[0] for each in ignored} == native


def test_components_of_the_diagram_are_all_there_are() -> None:
    components = set(re.findall(r"\w+", " ".join(contracts()["speakersdk"]["layers"])))
    package = PACKAGES[0]
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert components == (modules | folders) - {"demo_clips"}  # recordings, and their location


def test_the_page_has_the_five_walks() -> None:
    assert list(WALKS) == [
        "A WAV given to `verify`",
        "A microphone block",
        "A training batch",
        "A checkpoint becoming ONNX",
        "A 1:N search",
    ]


@pytest.mark.parametrize("title", WALKS)
def test_files_of_a_walk_exist_once_and_no_component_is_entered_again(title: str) -> None:
    files = WALKS[title]
    assert len(files) > 5
    assert [name for name in files if not (REPOSITORY / name).is_file()] == []
    assert len(set(files)) == len(files)
    components = [component_of(REPOSITORY / name) for name in files]
    visits = [
        component
        for component, before in zip(components, [None, *components], strict=False)
        if component != before
    ]
    assert sorted(set(visits), key=visits.index) == visits


@pytest.mark.parametrize("title", WALKS)
def test_every_file_of_a_walk_is_used_by_another_one(title: str) -> None:
    """All but one, the entry point."""
    files = [REPOSITORY / name for name in WALKS[title]]
    used = {path: uses(path) for path in files}
    alone = [
        path.name
        for path in files
        if not any(path in found for other, found in used.items() if other != path)
    ]
    assert len(alone) == 1, alone


def component_of(path: Path) -> Path:
    """Return the folder of a file, or the file if it is at the top of a package."""
    return path if path.parent in PACKAGES else path.parent


def uses(path: Path) -> set[Path]:
    """Return the files that a source file imports or includes."""
    if path.suffix != ".py":
        return included(path)
    found: set[Path] = set()
    for name in imported_names(path):
        if name == "speakersdk._native":
            found |= set((REPOSITORY / "csrc" / "bindings").glob("*.cc"))
        for package in PACKAGES:
            inner = package.parent.joinpath(*name.split("."))
            found.add(inner.with_suffix(".py"))
    return found


def included(path: Path) -> set[Path]:
    """Return headers, their sources, and all sources of the kernels, which share one header."""
    csrc = REPOSITORY / "csrc"
    found: set[Path] = set()
    for name in re.findall(r'#include "(.+)"', path.read_text(encoding="utf-8")):
        header = csrc / name
        found |= {header, header.with_suffix(".cc")}
        if header.parent.name == "kernels":
            found |= set(header.parent.glob("*.cc"))
    return found
