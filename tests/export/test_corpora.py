"""Corpora of the commands: what the error for a folder without the layout says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speakersdk.errors import ConfigError
from speakersdk_export.corpora import read_corpora
from speakersdk_training.errors import TrainingError

pytestmark = pytest.mark.export
DOCUMENT = Path(__file__).parents[2] / "docs" / "training.md"


def test_a_folder_in_the_layout_is_read(tmp_path: Path) -> None:
    row = {"corpus": "c", "speaker": "c/a", "pack": "a.flac", "start": 5, "num_samples": 7}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row | {"split": "dev"}) + "\n")
    (one,) = read_corpora(tmp_path, layout="packs")
    assert (one.speaker, one.path, one.start, one.num_samples) == ("c/a", tmp_path / "a.flac", 5, 7)


def test_a_folder_in_another_layout_is_refused_with_the_place_of_the_description(
    tmp_path: Path,
) -> None:
    (tmp_path / "speaker").mkdir()
    (tmp_path / "speaker" / "one.wav").write_bytes(b"")
    assert len(read_corpora(tmp_path, layout="folders")) == 1
    with pytest.raises(ConfigError) as caught:
        read_corpora(tmp_path, layout="packs")
    assert str(caught.value) == (
        f"expected a manifest.jsonl in {tmp_path}, found none; --corpus is read in the layout "
        "packs, which docs/training.md describes (Your corpus)"
    )
    described = DOCUMENT.read_text(encoding="utf-8")
    assert "## Your corpus\n" in described
    assert "| `packs` | `manifest.jsonl`" in described


def test_an_unknown_layout_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"packs, folders, .*got 'tapes'$"):
        read_corpora(tmp_path, layout="tapes")
