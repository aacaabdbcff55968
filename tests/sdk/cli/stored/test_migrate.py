"""``speakersdk migrate``, from the recordings of ``enroll --keep-recordings``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from speakersdk.cli import main
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.load import load_encoder
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint

MODELS = Path(__file__).parents[3] / "data" / "models"
OLD, NEW = str(MODELS / "stateful.onnx"), str(MODELS / "windowed.onnx")
NEW_SHA256 = load_encoder(NEW).manifest.weights_sha256
CLIPS = [str(FOLDER / f"slt-enroll-{part}.flac") for part in (1, 2)]


@pytest.fixture
def store(tmp_path: Path) -> VoiceprintStore:
    return VoiceprintStore(tmp_path / "voiceprints")


def run(store: VoiceprintStore, command: str, *arguments: str, model: str = NEW) -> int:
    # The models are untrained: they may call anything speech, noise, one voice or two.
    options = ["--accept", "all", "--voiceprints", str(store.folder), "--model", model]
    return main([command, *arguments, *options])


def test_kept_recordings_become_a_voiceprint_of_the_other_model(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "kept")
    assert run(store, "enroll", "ann", *CLIPS, "--keep-recordings", folder, model=OLD) == 0
    assert run(store, "enroll", "bob", CLIPS[0], model=OLD) == 0
    before = {name: store.load(name) for name in ("ann", "bob")}
    capsys.readouterr()
    assert run(store, "migrate", "--recordings", folder, "--json") == 1
    ann, bob = json.loads(capsys.readouterr().out)
    assert (ann["name"], ann["status"]) == ("ann", "migrated")
    assert (bob["name"], bob["status"]) == ("bob", "failed")
    assert "found none; enroll again" in bob["text"]
    assert store.load("ann").model_sha256 == NEW_SHA256
    assert len(store.load("ann").exemplars) == len(before["ann"].exemplars)
    assert store.load("bob") == before["bob"]

    assert run(store, "migrate", "ann", "--recordings", folder) == 0
    assert capsys.readouterr().out.startswith("unchanged ann: already works with ")


def test_a_recording_that_cannot_be_used_leaves_the_old_voiceprint(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept"
    assert run(store, "enroll", "ann", *CLIPS, "--keep-recordings", str(folder), model=OLD) == 0
    (folder / "ann" / "notes.wav").write_text("no audio")
    old = store.path("ann").read_bytes()
    assert run(store, "migrate", "--recordings", str(folder)) == 1
    assert "failed ann: cannot enroll 'ann'" in capsys.readouterr().err
    assert store.path("ann").read_bytes() == old


def test_dropped_adaptations_are_reported(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "kept")
    assert run(store, "enroll", "ann", *CLIPS, "--keep-recordings", folder, model=OLD) == 0
    ann = store.load("ann")
    adapted = ann.adapted_by(ann.exemplars[0], speech_s=1.0, at_utc="2026-11-23T14:00:00+00:00")
    adapted = replace(adapted, expires_utc="2096-11-22T14:00:00+00:00")
    store.save(adapted, replace=True)
    assert run(store, "migrate", "--recordings", folder) == 0
    assert "; 1 adapted recording dropped" in capsys.readouterr().out
    migrated = store.load("ann")
    assert len(migrated.adapted) == 0
    # A new model is not a new consent, and does not extend the life.
    assert (migrated.expires_utc, migrated.history) == (adapted.expires_utc, adapted.history)


def test_unknown_names_change_nothing(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(store, "migrate", "nobody", "--recordings", str(tmp_path)) == 2
    assert "nobody" in capsys.readouterr().err


def test_appended_recordings_are_kept_too_and_replaced_ones_are_not(
    store: VoiceprintStore, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    keeping = ("--keep-recordings", str(folder))
    assert run(store, "enroll", "ann", CLIPS[0], *keeping) == 0
    assert run(store, "enroll", "ann", CLIPS[1], "--append", *keeping) == 0
    assert len(list((folder / "ann").iterdir())) == 2
    assert run(store, "enroll", "ann", CLIPS[0], "--replace", *keeping) == 0
    assert len(list((folder / "ann").iterdir())) == 1


def test_a_wrong_folder_or_an_empty_store_is_said(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong folder looked like a lack of recordings for each speaker, with `enroll again`."""
    (tmp_path / "file").touch()
    for wrong in ("missing", "file"):
        assert run(store, "migrate", "--recordings", str(tmp_path / wrong)) == 2
        assert "expected the folder of the kept recordings" in capsys.readouterr().err
    assert run(store, "migrate", "--recordings", str(tmp_path)) == 0
    assert "note: nobody is enrolled in" in capsys.readouterr().err


def test_each_outcome_is_shown_once_and_at_once(
    store: VoiceprintStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C lost what was said about the speakers before."""
    folder = str(tmp_path / "kept")
    for name in ("ann", "bob"):
        assert run(store, "enroll", name, *CLIPS, "--keep-recordings", folder, model=OLD) == 0
    capsys.readouterr()
    exchange = VoiceprintStore.exchange

    def interrupted(self: VoiceprintStore, old: Voiceprint, new: Voiceprint) -> bool:
        if new.name == "bob":
            raise KeyboardInterrupt
        return exchange(self, old, new)

    with monkeypatch.context() as patched:
        patched.setattr(VoiceprintStore, "exchange", interrupted)
        assert run(store, "migrate", "--recordings", folder) == 130
    assert capsys.readouterr().out.startswith("migrated ann: from ")
    assert run(store, "migrate", "ann", "bob", "ann", "--recordings", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14] for line in lines] == ["unchanged ann:", "migrated bob: "]
