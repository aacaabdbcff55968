from pathlib import Path

import pytest

from speakersdk.user_folders import data_folder


def test_the_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder("calibrations") == tmp_path / "speakersdk" / "calibrations"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for ignored in ("relative/path", ""):
        monkeypatch.setenv("XDG_DATA_HOME", ignored)
        expected = tmp_path / "home" / ".local" / "share" / "speakersdk" / "voiceprints"
        assert data_folder("voiceprints") == expected
    assert not (tmp_path / "speakersdk").exists()
