from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder import load_encoder
from speakersdk.encoding import Encoding
from speakersdk.errors import ConfigError
from speakersdk.scoring import symmetric_kl
from speakersdk.trials import Piece, Segment, Trial, read_segments
from speakersdk_export.calibrate import CalibrationTrials, calibrate, score_trials, share_audio

pytestmark = pytest.mark.export
MODEL = Path(__file__).parents[1] / "data" / "models" / "stateful-headless.onnx"


def test_the_lists_are_pooled(clip_trials: CalibrationTrials) -> None:
    calibration = calibrate(load_encoder(MODEL), clip_trials)
    # Twelve clips of four voices, all pairs within each of the two lists.
    assert calibration.num_target == 2 * 4 * 3
    assert calibration.num_nontarget == 2 * (12 * 11 // 2 - 4 * 3)
    assert calibration.scale > 0
    assert [point.far for point in calibration.operating_points] == [0.1]


@pytest.mark.parametrize(
    ("path", "start", "num_samples", "expected"),
    [
        ("a", 0, 100, False),
        ("a", 0, 101, True),
        ("a", 150, 10, True),
        ("a", 199, 50, True),
        ("a", 200, 50, False),
        ("b", 100, 100, False),
    ],
)
def test_segments_share_audio_if_any_sample_is_in_both(
    path: str, start: int, num_samples: int, expected: bool
) -> None:
    one = Segment("one", "s", (Piece("a", 1000, 5), Piece("a", 100, 100)))
    other = Segment("other", "s", (Piece("a", 300, 5), Piece(path, start, num_samples)))
    assert share_audio(one, other) is share_audio(other, one) is expected


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
