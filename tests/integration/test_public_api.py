"""The names that ``import speakersdk`` offers."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path
from types import ModuleType

import speakersdk
from speakersdk import _public, errors

REPOSITORY = Path(__file__).parents[2]


def test_all_lists_the_public_names_in_order() -> None:
    public = {
        name
        for name, value in vars(_public).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert speakersdk.__all__ == sorted(public)


def test_every_error_is_public() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.SpeakerSdkError)
    }
    assert defined <= set(speakersdk.__all__)


def test_every_public_name_is_documented() -> None:
    undocumented = [name for name in speakersdk.__all__ if not getattr(speakersdk, name).__doc__]
    assert undocumented == []


def page_names() -> list[str]:
    """Return the names that the page of the Python API describes."""
    page = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
    return re.findall(r"^::: (speakersdk\.[\w.]+)$", page, flags=re.MULTILINE)


def test_the_page_describes_the_public_names() -> None:
    """A module on the page stands for the public names that it defines."""
    described: set[str] = set()
    for path in page_names():
        shown = pkgutil.resolve_name(path)
        name = path.rpartition(".")[2]
        if isinstance(shown, ModuleType):
            described |= {
                name
                for name, value in vars(shown).items()
                if getattr(value, "__module__", None) == path
            }
        else:
            assert getattr(speakersdk, name, None) is shown, f"{path} is not public"
            described.add(name)
    assert sorted(set(speakersdk.__all__) - described) == []


def test_examples_of_the_pages_use_public_names() -> None:
    """Programs of users break if a module of the package moves."""
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    deep = {
        f"{page.name}: {line}"
        for page in pages
        for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
        for line in block.splitlines()
        if re.match(r"\s*(from|import) speakersdk\.", line)
    }
    assert deep == set()
