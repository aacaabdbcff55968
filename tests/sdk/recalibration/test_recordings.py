from pathlib import Path

import pytest

from speakersdk.errors import CalibrationError
from speakersdk.recalibration.recordings import recordings_by_speaker


def test_files_belong_to_the_sub_folder_that_they_lie_below(tmp_path: Path) -> None:
    for name in ("bob/2.wav", "bob/1.wav", "ann/day/1.wav", "ann/.hidden", ".git/x", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = recordings_by_speaker(tmp_path)
    assert list(found) == ["ann", "bob"]
    assert found["bob"] == [tmp_path / "bob/1.wav", tmp_path / "bob/2.wav"]
    assert found["ann"] == [tmp_path / "ann/day/1.wav"]


def test_a_folder_without_speakers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"one sub-folder for each speaker in .*, got none"):
        recordings_by_speaker(tmp_path)
    with pytest.raises(CalibrationError, match="expected a folder"):
        recordings_by_speaker(tmp_path / "absent")
