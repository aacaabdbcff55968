from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="extra secure is not installed")

from speakersdk.cli import main
from speakersdk.cli.keys import KEY_VARIABLE, PASSPHRASE_VARIABLE
from speakersdk.sealing import is_sealed
from speakersdk.voiceprint.store import VoiceprintStore
from tests.sdk.example_voiceprints import example_voiceprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    VoiceprintStore(folder).save(example_voiceprint("ann"))
    return folder


def test_seal_list_export_import_rekey_unseal(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, new_key = f"file:{tmp_path / 'key'}", f"file:{tmp_path / 'new'}"
    place = ["--voiceprints", str(folder)]
    plain = (folder / "ann.voiceprint").read_bytes()
    assert main(["profiles", "seal", *place, "--key", key]) == 0
    assert capsys.readouterr().out == "sealed ann.voiceprint\n"
    assert main(["profiles", "list", *place, "--key", key]) == 0
    assert "ann" in capsys.readouterr().out
    output = tmp_path / "copy.voiceprint"
    assert main(["profiles", "export", "ann", *place, "--key", key, "-o", str(output)]) == 0
    assert is_sealed(output.read_bytes())
    command = ["profiles", "import", str(output), "--replace", *place, "--key", key]
    assert main(command) == 0
    assert main(["profiles", "rekey", *place, "--key", key, "--new-key", new_key]) == 0
    assert main(["profiles", "show", "ann", *place, "--key", key]) == 2
    assert "another key" in capsys.readouterr().err
    assert main(["profiles", "unseal", *place, "--key", new_key]) == 0
    assert (folder / "ann.voiceprint").read_bytes() == plain


def test_the_environment_names_the_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "passphrase")
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    place = ["--voiceprints", str(folder)]
    assert main(["profiles", "seal", *place]) == 0
    assert main(["profiles", "show", "ann", *place]) == 0
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "wrong")
    assert main(["profiles", "show", "ann", *place]) == 2
    assert "another key" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["nothing", "file:", "file:/absent/key"])
def test_a_key_that_is_none_is_refused(
    key: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "ann.voiceprint").read_bytes()
    assert main(["profiles", "unseal", "--voiceprints", str(folder), "--key", key]) == 2
    assert "expected a key" in capsys.readouterr().err
    assert (folder / "ann.voiceprint").read_bytes() == before
