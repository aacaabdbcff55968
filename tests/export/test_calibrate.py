from pathlib import Path

import pytest

from speakersdk.encoder import load_encoder
from speakersdk.errors import ConfigError
from speakersdk.trials import read_segments
from speakersdk_export.calibrate import CalibrationTrials, calibrate

pytestmark = pytest.mark.export
MODEL = Path(__file__).parents[1] / "data" / "models" / "stateful-headless.onnx"


def test_the_lists_are_pooled(clip_trials: CalibrationTrials) -> None:
    calibration = calibrate(load_encoder(MODEL), clip_trials)
    # Twelve clips of four voices, all pairs within each of the two lists.
    assert calibration.num_target == 2 * 4 * 3
    assert calibration.num_nontarget == 2 * (12 * 11 // 2 - 4 * 3)
    assert calibration.scale > 0
    assert [point.far for point in calibration.operating_points] == [0.1]


def test_trials_that_share_audio_are_left_out(clip_trials: CalibrationTrials) -> None:
    # The first list against a third one in which every segment is compared with itself.
    folder = clip_trials.lists[0].parent
    names = list(read_segments(clip_trials.segments[0]))
    with_itself = folder / "with-itself.txt"
    with_itself.write_text("".join(f"1 {name} {name}\n" for name in names))
    lists = (clip_trials.lists[0], with_itself)
    calibration = calibrate(
        load_encoder(MODEL),
        CalibrationTrials(lists=lists, segments=clip_trials.segments, root=clip_trials.root),
    )
    assert calibration.num_target == 4 * 3


def test_trials_without_segments_are_refused(clip_trials: CalibrationTrials) -> None:
    partial = CalibrationTrials(
        lists=clip_trials.lists, segments=clip_trials.segments[:1], root=clip_trials.root
    )
    with pytest.raises(ConfigError, match="not in the segment list"):
        calibrate(load_encoder(MODEL), partial)
