from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from speakersdk.cli import main
from speakersdk.gallery.gallery import Gallery
from speakersdk.voiceprint.attempts import AttemptLimit
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.uses import LastUses
from tests.sdk.example_voiceprints import example_voiceprint

NAMES = ("ann", "bob", "cyd")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three voiceprints and a gallery of them; `trace` has hard links to the same files."""
    folder, trace = tmp_path / "store", tmp_path / "trace"
    voiceprints = [example_voiceprint(name, direction=at) for at, name in enumerate(NAMES)]
    VoiceprintStore(folder).save_all(voiceprints)
    Gallery.from_voiceprints(voiceprints).save(folder / "all.gallery")
    trace.mkdir()
    for path in folder.iterdir():
        if path.name != ".lock":
            os.link(path, trace / path.name)
    return folder


def erased(folder: Path) -> set[str]:
    """Return the files whose old content is now zeros."""
    return {path.name for path in (folder.parent / "trace").iterdir() if not any(path.read_bytes())}


def test_a_speaker_is_erased_from_store_and_gallery(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    LastUses(folder=folder).record([VoiceprintStore(folder).load("ann")])
    AttemptLimit(folder=folder).begin("ann")
    data = (folder / "ann.voiceprint").read_bytes()
    size, sha256 = len(data), hashlib.sha256(data).hexdigest()
    assert main(["profiles", "erase", "ann", "--voiceprints", str(folder)]) == 0
    assert re.fullmatch(
        r"erased ann from all.gallery\n"
        r"erased the voiceprint of ann "
        rf"\({size} bytes, SHA-256 {sha256}, [-0-9]+T[:0-9]+\+00:00\)\n",
        capsys.readouterr().out,
    )
    assert "ann" not in (folder / ".uses.json").read_text()
    assert "ann" not in (folder / ".attempts.json").read_text()
    assert VoiceprintStore(folder).names() == ("bob", "cyd")
    assert set(Gallery.load(folder / "all.gallery").names) == {"bob", "cyd"}
    assert erased(folder) == {"ann.voiceprint", "all.gallery"}


def test_everything_is_erased_damaged_files_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bob.voiceprint").write_bytes(b"damaged")
    (folder / ".uses.json").write_bytes(b"damaged")
    (folder / ".speakersdk-left-by-a-killed-writer.tmp").write_bytes(b"part")
    assert main(["profiles", "erase", "--all", "--voiceprints", str(folder)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert [path.name for path in folder.iterdir()] == [".lock"]
    assert len(erased(folder)) == 4


@pytest.mark.parametrize("what", [["ann"], ["--all"]])
def test_the_file_behind_a_link_is_kept_and_named(
    folder: Path, capsys: pytest.CaptureFixture[str], what: list[str]
) -> None:
    elsewhere = folder.parent / "elsewhere"
    content = (folder / "ann.voiceprint").read_bytes()
    (folder / "ann.voiceprint").rename(elsewhere)
    (folder / "ann.voiceprint").symlink_to(elsewhere)
    assert main(["profiles", "erase", *what, "--voiceprints", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert f": it was a link, and its file {elsewhere} is kept; delete that file too\n" in printed
    assert elsewhere.read_bytes() == content
    assert "ann" not in VoiceprintStore(folder).names()


def test_an_unknown_name_erases_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "erase", "ann", "dan", "--voiceprints", str(folder)]) == 2
    assert "no voiceprint named 'dan'" in capsys.readouterr().err
    assert erased(folder) == set()
    assert len(Gallery.load(folder / "all.gallery")) == 3


@pytest.mark.parametrize("arguments", [[], ["ann", "--all"]])
def test_names_or_everything(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profiles", "erase", *arguments, "--voiceprints", str(folder)]) == 2
    assert "either names" in capsys.readouterr().err
    assert erased(folder) == set()
