"""Sentences spoken by the installed synthesizers."""

import pytest

from benchmarks.spoofing.synthesizers import SENTENCES, commands, spoken


def test_sentences_differ() -> None:
    assert len(set(SENTENCES)) == len(SENTENCES) == 36


def test_voices_take_turns() -> None:
    found = commands()
    if "espeak-ng" not in found:
        pytest.skip("espeak-ng is not installed")
    voices = found["espeak-ng"]
    clips = list(spoken(voices, range(3, 5)))
    assert [name for name, _ in clips] == [
        "espeak-ng, voice 3, sentence 3", "espeak-ng, voice 4, sentence 4",
    ]  # fmt: skip
    assert all(abs(samples).max() > 0.01 for _, samples in clips)


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commands() == {}
