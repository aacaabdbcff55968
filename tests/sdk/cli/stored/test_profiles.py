"""``speakersdk profiles``."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from speakersdk.cli import main
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.uses import LastUses
from speakersdk.voiceprint.voiceprint import Voiceprint
from tests.sdk.example_voiceprints import example_voiceprint


@pytest.fixture
def store(store: VoiceprintStore) -> VoiceprintStore:
    """The store with two voiceprints."""
    for number, name in enumerate(("ann", "bob")):
        store.save(example_voiceprint(name, direction=number))
    return store


@pytest.mark.parametrize("arguments", [["profiles"], ["profiles", "list"]])
def test_list(
    store: VoiceprintStore, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out == (
        "name\trecordings\tspeech_s\tmodel\tcreated_utc\tlast_used\texpires_utc\n"
        "ann\t1\t2.5\ttdnn-test\t2026-11-22T14:00:00+00:00\tnever\tnever\n"
        "bob\t1\t2.5\ttdnn-test\t2026-11-22T14:00:00+00:00\tnever\tnever\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [["profiles", "--json"], ["profiles", "--json", "list"], ["profiles", "list", "--json"]],
)
def test_list_as_json(
    store: VoiceprintStore, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["ann", "bob"]


def test_last_uses_that_may_not_be_read_hide_no_voiceprint(
    store: VoiceprintStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of another user can be such a place. Root may read everything."""

    def refuse(uses: LastUses) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(uses.folder / "file"))

    monkeypatch.setattr(LastUses, "days", refuse)
    assert main(["profiles"]) == 0
    captured = capsys.readouterr()
    assert [line.split("\t")[5] for line in captured.out.splitlines()[1:]] == ["unknown"] * 2
    assert captured.err.startswith("speakersdk: warning: the last uses are not known: ")
    assert main(["profiles", "--json"]) == 0
    assert [one["last_used"] for one in json.loads(capsys.readouterr().out)] == [None, None]


def test_another_folder_may_be_named_before_or_after_the_action(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--voiceprints", str(tmp_path / "none")]
    for arguments in (["profiles", *folder, "list"], ["profiles", "list", *folder]):
        assert main([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == []
    assert not (tmp_path / "none").exists()


def test_a_damaged_voiceprint_does_not_hide_others(
    store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.path("ann").write_bytes(b"damaged")
    assert main(["profiles", "list", "--json"]) == 2
    output = capsys.readouterr()
    assert [row["name"] for row in json.loads(output.out)] == ["bob"]
    assert f"{store.path('ann')}: not a voiceprint" in output.err


def test_show(store: VoiceprintStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "show", "ann"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["recording\tspeech_s", "1\t2.5"]
    assert main(["profiles", "show", "ann", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["recordings_speech_s"] == [2.5]
    assert document["model_sha256"] == "ab" * 32


def test_remove(store: VoiceprintStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.path("ann").write_bytes(b"damaged")
    assert main(["profiles", "remove", "ann", "bob"]) == 0
    assert store.names() == ()
    assert main(["profiles", "remove", "ann"]) == 2
    assert "no voiceprint named 'ann'" in capsys.readouterr().err


def test_export_and_import(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "copy.voiceprint"
    export = ["profiles", "export", "ann", "-o", str(file)]
    assert main(export) == 0
    assert Voiceprint.load(file) == store.load("ann")
    assert main(export) == 2
    assert main([*export, "--replace"]) == 0
    assert main([*export[:-1], str(tmp_path / "copy.txt")]) == 2

    assert main(["profiles", "import", str(file)]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["profiles", "import", str(file), "--replace"]) == 0
    assert store.load("ann") == Voiceprint.load(file)
    store.remove("ann")
    assert main(["profiles", "import", str(file)]) == 0
    assert store.names() == ("ann", "bob")


def test_import_appends_only_recordings_of_the_stored_voice(
    store: VoiceprintStore,
    voices: dict[str, Any],
    verifier: Verifier,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = voices["slt"].enroll[:2]
    store.save(verifier.enroll([first], name="slt"))
    before = store.load("slt")
    for number, recording in enumerate((voices["rms"].enroll[0], first, second)):
        verifier.enroll([recording], name="slt").save(tmp_path / f"{number}.voiceprint")

    def append(*numbers: int) -> int:
        files = [str(tmp_path / f"{number}.voiceprint") for number in numbers]
        return main(["profiles", "import", "--append", *files])

    assert append(0) == 2
    assert "not like the stored voice (llr -" in capsys.readouterr().err
    assert append(1) == 2
    assert "already enrolled" in capsys.readouterr().err
    assert append(2, 0) == 2  # all or none
    assert store.load("slt") == before
    assert append(2) == 0
    assert len(store.load("slt").exemplars) == 2


def test_import_of_another_models_voiceprint_cannot_be_appended(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example_voiceprint("ann", direction=2).save(tmp_path / "ann.voiceprint")
    assert main(["profiles", "import", "--append", str(tmp_path / "ann.voiceprint")]) == 2
    assert "was made with model tdnn-test" in capsys.readouterr().err


def test_import_of_several_is_all_or_nothing(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for name in ("carl", "ann", "dora"):
        files.append(str(tmp_path / f"{name}.voiceprint"))
        example_voiceprint(name).save(files[-1])
    assert main(["profiles", "import", *files]) == 2  # there is an ann
    assert store.names() == ("ann", "bob")
    assert main(["profiles", "import", files[0], files[0]]) == 2  # carl twice
    assert "carl" in capsys.readouterr().err
    assert store.names() == ("ann", "bob")
    assert main(["profiles", "import", files[0], files[2]]) == 0
    assert store.names() == ("ann", "bob", "carl", "dora")


def test_remove_of_several_is_all_or_nothing(
    store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profiles", "remove", "ann", "carl", "bob"]) == 2
    assert "no voiceprint named 'carl'" in capsys.readouterr().err
    assert store.names() == ("ann", "bob")


def test_what_cannot_be_read_is_listed_and_removed(
    store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.folder / "slt (1).voiceprint").write_bytes(store.path("ann").read_bytes())
    (store.folder / "red\x1b[31m.voiceprint").write_bytes(b"")
    os.mkfifo(store.folder / "pipe.voiceprint")
    assert main(["profiles", "--json"]) == 2
    output = capsys.readouterr()
    assert [row["name"] for row in json.loads(output.out)] == ["ann", "bob"]
    lines = output.err.splitlines()
    assert len(lines) == 3
    assert "\x1b" not in output.err
    for line, name in zip(lines, ("pipe", "red\\x1b[31m", "slt (1)"), strict=True):
        assert line.startswith("speakersdk: error: unreadable: ")
        assert f"{name}.voiceprint" in line
    assert main(["profiles", "remove", "slt (1)", "red\\x1b[31m.voiceprint", "pipe"]) == 0
    assert main(["profiles"]) == 0


def test_import_reads_all_files_before_it_stores_one(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.voiceprint", tmp_path / "bad.voiceprint"
    example_voiceprint("carl").save(good)
    bad.write_bytes(b"\x80\x04\x95pickle")
    assert main(["profiles", "import", str(good), str(bad)]) == 2
    assert "bad.voiceprint: not a voiceprint" in capsys.readouterr().err
    assert store.names() == ("ann", "bob")


def test_revert_drops_what_was_adapted_and_nothing_else(
    store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled = store.load("ann")
    store.save(enrolled.adapted_by(enrolled.exemplars[0], speech_s=2.5), replace=True)
    assert main(["profiles", "show", "ann", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["adapted_speech_s"] == [2.5]
    assert main(["profiles", "show", "ann"]) == 0
    assert "adapted 1\t2.5" in capsys.readouterr().out
    assert main(["profiles", "revert", "ann"]) == 0
    assert capsys.readouterr().out == "reverted ann: 1 adapted recording dropped\n"
    reverted = store.load("ann")
    assert [change.kind for change in reverted.history] == ["reverted"]
    assert replace(reverted, history=()) == enrolled


def test_expiry_and_consent_are_set_and_listed(
    store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    request = ["--expires", "90d", "--consent", "notice-3", "--consent-by", "Ann Ng"]
    assert main(["profiles", "set", "ann", *request]) == 0
    assert capsys.readouterr().out.startswith("set ann: expires 20")
    assert main(["profiles", "show", "ann"]) == 0
    consent = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split("\t")[:2] for line in consent] == [
        ["consent", "given_by"], ["notice-3", "Ann Ng"],
    ]  # fmt: skip
    assert main(["profiles", "list", "--json"]) == 0
    ann, bob = json.loads(capsys.readouterr().out)
    left = datetime.fromisoformat(ann["expires_utc"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert (ann["consent"]["text_id"], ann["consent"]["given_by"]) == ("notice-3", "Ann Ng")
    assert ann["last_used"] is not None
    assert [bob[key] for key in ("expires_utc", "consent", "last_used")] == [None] * 3
    assert bob["history"] == []
    assert main(["profiles", "set", "ann", "--expires", "never"]) == 0
    assert store.load("ann").expires_utc is None
    assert store.load("ann").consent is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected --expires PERIOD or --consent TEXT"),
        (["--expires", "soon"], "expected a period such as 12h"),
        (["--expires", "1y", "--consent-by", "ann"], "expected --consent TEXT"),
        (["--consent", "a\x1bb"], "visible characters in a consent"),
    ],
)
def test_what_sets_nothing_is_refused(
    arguments: list[str],
    message: str,
    store: VoiceprintStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = store.load("ann")
    assert main(["profiles", "set", "ann", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert store.load("ann") == before


def test_an_end_before_the_creation_by_a_wrong_clock_is_not_set(
    store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead = replace(store.load("ann"), created_utc="2099-01-01T00:00:00+00:00")
    store.save(ahead, replace=True)
    assert main(["profiles", "set", "ann", "--expires", "90d"]) == 2
    message = "before the time 2099-01-01T00:00:00+00:00 of its last change or use; the clock is"
    assert message in capsys.readouterr().err
    assert store.load("ann") == ahead


def test_an_expired_voiceprint_is_listed_and_not_prolonged(
    store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = replace(store.load("ann"), expires_utc="2026-11-22T15:00:00+00:00")
    store.save(expired, replace=True)
    assert main(["profiles", "set", "ann", "--expires", "1y"]) == 2
    assert "expired at 2026-11-22T15:00:00+00:00; enroll again" in capsys.readouterr().err
    assert main(["profiles"]) == 0
    assert "2026-11-22T15:00:00+00:00" in capsys.readouterr().out
    assert main(["profiles", "erase", "ann"]) == 0


@pytest.mark.parametrize(
    ("arguments", "done"),
    [(["erase", "--all"], "erased"), (["seal"], "sealed"), (["unseal"], "unsealed")],
)
def test_a_folder_in_which_nothing_is_done_is_named(
    tmp_path: Path, arguments: list[str], done: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user may have named another folder than the one with the voiceprints."""
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    folder = tmp_path / "other"
    options = ["--voiceprints", str(folder), "--key", f"file:{key}"]
    assert main(["profiles", *arguments, *options]) == 0
    assert capsys.readouterr().err == f"note: nothing was {done} in {folder}\n"


@pytest.mark.parametrize("action", ["remove", "erase"])
def test_who_is_not_stored_need_not_be_enrolled_to_be_deleted(
    store: VoiceprintStore, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profiles", action, "carl"]) == 2
    error = capsys.readouterr().err
    assert "speakersdk profiles lists what is stored" in error
    assert "enroll" not in error
