"""Fixtures of command-line tests: an empty store that the commands use, and an enrolled voice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VoiceprintStore:
    """The default store of the commands; the current folder is empty as well."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return VoiceprintStore(tmp_path / "speakersdk" / "voiceprints")


@pytest.fixture
def slt(verifier: Verifier, voices: dict[str, Any], store: VoiceprintStore) -> str:
    """The path of a probe of the voice slt, which is enrolled."""
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    return str(voices["slt"].probe)
