"""``speakersdk serve``: finding services. The services have tests in their own folders."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speakersdk.cli import main
from speakersdk.cli.live.serve import find_service
from speakersdk.errors import ConfigError, InvalidAudioError, MissingDependencyError
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore

SERVICE = '''
"""A service that keeps what it was given."""
SUMMARY = "Keep what is given."
given = []

def add_arguments(parser):
    parser.add_argument("--color", default="green")

def run(arguments, open_verifier, open_store):
    given.append((arguments, open_verifier, open_store))
    return 0
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a service in a package of its own, with the files of pip, and return its name."""
    (tmp_path / "painted.py").write_text(SERVICE)
    metadata = tmp_path / "painted-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: painted\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[speakersdk.serve]\npaint = painted\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "painted", raising=False)
    return "paint"


Given = tuple[argparse.Namespace, Callable[[], Verifier], Callable[[], VoiceprintStore]]


def test_a_service_gets_its_options_and_what_opens_the_rest(
    installed: str, tmp_path: Path, default_model: Path, voices: dict[str, Any]
) -> None:
    options = ["--far", "0.02", "--voiceprints", str(tmp_path), "--model", str(default_model)]
    options += ["--channel", "2"]
    assert main(["serve", installed, "--color", "red", *options]) == 0
    given: list[Given] = find_service(installed).given
    ((arguments, *opening),) = given
    assert arguments.color == "red"
    # As a worker process receives them.
    open_verifier, open_store = pickle.loads(pickle.dumps(opening))
    assert open_store().folder == tmp_path
    with open_verifier() as verifier:
        assert verifier.request.requested_far == 0.02
        with pytest.raises(InvalidAudioError, match="expected a recording with channel 2"):
            verifier.embed(voices["slt"].probe)


def test_a_service_explains_itself(installed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", installed, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "usage: speakersdk serve paint" in text
    assert "Keep what is given." in text
    assert "--color" in text
    assert "(default: 300)" in text  # the longest recording of a service


def test_only_the_service_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve"])
    assert "required: SERVICE; for example" in capsys.readouterr().err


def test_an_option_of_no_service_is_refused(
    installed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", installed, "--colr", "red"])
    assert caught.value.code == 2
    assert "did you mean --color?" in capsys.readouterr().err


def test_a_service_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speakersdk.cli.live.serve.GROUP", "speakersdk.none")
    with pytest.raises(MissingDependencyError, match=r'pip install "speakersdk\[http\]"'):
        find_service("http")


def test_an_unknown_service_is_refused(installed: str) -> None:
    with pytest.raises(ConfigError, match="http, paint, wyoming"):
        find_service("gopher")
