"""The names that ``import speakersdk`` offers, and their types."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

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


def test_examples_use_public_names() -> None:
    """Programs of users break if a module of the package moves."""
    code = {
        path.name: path.read_text(encoding="utf-8")
        for path in (REPOSITORY / "examples").glob("*.py")
        if path.name != "embed_on_dask.py"  # the functions of `speakersdk embed`, not of users
    }
    for page in [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]:
        blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
        code[str(page.relative_to(REPOSITORY))] = "".join(blocks)
    modules = re.compile(r"^\s*(?:from|import) speakersdk\..*", flags=re.MULTILINE)
    deep = {name: found for name, text in code.items() if (found := modules.findall(text))}
    assert deep == {}


# What users write, for the strictest type check against the installed package.
PROGRAM = '''
from pathlib import Path
from typing import assert_type

import numpy as np

import speakersdk
from speakersdk import (
    AudioError, Decision, Gallery, Recording, StreamUpdate, Verdict, Verifier, Voiceprint,
    VoiceprintStore, as_waveform,
)


class Tensor:
    """What torch tensors offer to NumPy."""

    def __array__(self, dtype: object = None) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.zeros(16000, np.float32)


def verdicts(folder: Path, ann: Voiceprint, verifier: Verifier) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for path in sorted(folder.glob("*.wav")):
        try:
            decision: Decision = verifier.verify(ann, path)
        except AudioError as error:
            print(error)
            continue
        assert_type(decision.llr, float | None)
        if decision.verdict == "accept" or decision:
            found[path.name] = decision.verdict
    return found


def all_kinds(verifier: Verifier, ann: Voiceprint) -> list[Decision]:
    samples = np.zeros(16000, np.int16)
    recordings: list[Recording] = [
        "a.wav", Path("a.wav"), open("a.wav", "rb"), (16000, samples), (samples, 16000),
    ]
    decisions = [verifier.verify(ann, recording) for recording in recordings]
    return [*decisions, verifier.verify(ann, Tensor(), sample_rate_hz=16000)]


def live(verifier: Verifier, ann: Voiceprint) -> None:
    for update in verifier.stream([ann]).push(np.zeros(1600), sample_rate_hz=16000):
        assert_type(update.speaker, str | None)
    for update in verifier.listen([ann]):
        assert_type(update.total_llr, float | None)


verifier, store = Verifier(far=0.01), VoiceprintStore()
assert_type(verifier.identify([store.load("ann")], "a.wav").speaker, str | None)
gallery = Gallery.from_voiceprints([store.load("ann")])
assert_type(gallery.search(verifier.embed("a.wav"))[0].name, str)
assert_type(speakersdk.__version__, str)
chunks = {"line-1": np.zeros(1600, np.int16)}
updates = verifier.stream_pool().push(chunks, sample_rate_hz=8000)
assert_type(updates, dict[str, list[StreamUpdate]])
waveform = as_waveform(Tensor(), sample_rate_hz=16000)
verifier.stream([store.load("ann")]).push(Tensor(), sample_rate_hz=16000)
verifier.enrollment("ann").push(Tensor(), sample_rate_hz=16000)
'''  # fmt: skip


def test_a_program_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
