from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder import load_encoder
from speakersdk.encoding import Encoding
from speakersdk.errors import ConfigError
from speakersdk.scoring import symmetric_kl
from speakersdk.trials import Trial
from speakersdk_export.calibrate import CalibrationTrials, calibrate, score_trials

pytestmark = pytest.mark.export
MODEL = Path(__file__).parents[1] / "data" / "models" / "stateful-headless.onnx"


def test_the_lists_are_pooled(clip_trials: CalibrationTrials) -> None:
    calibration = calibrate(load_encoder(MODEL), clip_trials)
    # Twelve clips of four voices, all pairs within each of the two lists.
    assert calibration.num_target == 2 * 4 * 3
    assert calibration.num_nontarget == 2 * (12 * 11 // 2 - 4 * 3)
    assert calibration.scale > 0
    assert [point.far for point in calibration.operating_points] == [0.1]


def test_scores_stay_in_the_order_of_the_trials(rng: np.random.Generator) -> None:
    encodings = {
        name: Encoding(rng.normal(0, 1, 8).astype(np.float32), 1.0, 1.0) for name in "abcd"
    }
    trials = [Trial(False, enroll, probe) for enroll, probe in ("ab", "cd", "ac", "ba", "aa")]
    scores = score_trials(trials, encodings)
    expected = [
        -symmetric_kl(encodings[trial.enroll].embedding, encodings[trial.probe].embedding)
        for trial in trials
    ]
    np.testing.assert_array_equal(scores, expected)


def test_trials_without_segments_are_refused(clip_trials: CalibrationTrials) -> None:
    partial = CalibrationTrials(
        lists=clip_trials.lists, segments=clip_trials.segments[:1], root=clip_trials.root
    )
    with pytest.raises(ConfigError, match="not in the segment list"):
        calibrate(load_encoder(MODEL), partial)
