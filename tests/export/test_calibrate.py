from pathlib import Path

import numpy as np
import pytest

from speakersdk.cli import output
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import ConfigError
from speakersdk.evaluation.embedding_cache import EmbeddingCache
from speakersdk.evaluation.segments import read_segments
from speakersdk.evaluation.trials import read_trials
from speakersdk.metrics import eer
from speakersdk_export.calibrate import CalibrationTrials, calibrate, score_lists

pytestmark = pytest.mark.export
MODEL = Path(__file__).parents[1] / "data" / "models" / "stateful-headless.onnx"


def test_the_lists_are_pooled(clip_trials: CalibrationTrials) -> None:
    calibration = calibrate(score_lists(load_encoder(MODEL), clip_trials))
    # Twelve clips of four voices: all pairs within each of the two lists.
    assert calibration.num_target == 2 * 4 * 3
    assert calibration.num_nontarget == 2 * (12 * 11 // 2 - 4 * 3)
    assert calibration.scale > 0
    assert [point.far for point in calibration.operating_points] == [0.1]


def test_trials_that_share_audio_are_left_out(clip_trials: CalibrationTrials) -> None:
    # The first list, compared with a third one in which every segment is compared with itself.
    folder = clip_trials.lists[0].parent
    names = list(read_segments(clip_trials.segments[0]))
    with_itself = folder / "with-itself.txt"
    with_itself.write_text("".join(f"1 {name} {name}\n" for name in names))
    lists = (clip_trials.lists[0], with_itself)
    trials = CalibrationTrials(lists=lists, segments=clip_trials.segments, root=clip_trials.root)
    calibration = calibrate(score_lists(load_encoder(MODEL), trials))
    assert calibration.num_target == 4 * 3


def test_a_pair_with_both_labels_is_refused(clip_trials: CalibrationTrials) -> None:
    first = read_trials(clip_trials.lists[0])[0]
    wrong = clip_trials.lists[0].parent / "wrong.txt"
    wrong.write_text(f"{int(not first.is_target)} {first.enroll} {first.probe}\n")
    lists = (*clip_trials.lists, wrong)
    trials = CalibrationTrials(lists=lists, segments=clip_trials.segments, root=clip_trials.root)
    with pytest.raises(ConfigError, match=f"target and nontarget for {first.enroll}"):
        score_lists(load_encoder(MODEL), trials)


def test_trials_without_segments_are_refused(clip_trials: CalibrationTrials) -> None:
    partial = CalibrationTrials(
        lists=clip_trials.lists, segments=clip_trials.segments[:1], root=clip_trials.root
    )
    with pytest.raises(ConfigError, match="not in the segment list"):
        score_lists(load_encoder(MODEL), partial)


def test_each_list_has_an_error_rate_of_its_own(clip_trials: CalibrationTrials) -> None:
    one, other = score_lists(load_encoder(MODEL), clip_trials)
    assert [one.name, other.name] == [path.stem for path in clip_trials.lists]
    assert one.eer == eer(one.scores, one.labels)
    assert len(one.scores) == len(one.labels) == len(one.speech_s) == 12 * 11 // 2
    assert not np.array_equal(one.scores, other.scores)


def test_cached_embeddings_are_not_computed_again(
    clip_trials: CalibrationTrials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(MODEL)
    cache = EmbeddingCache(tmp_path, model_sha256=encoder.manifest.weights_sha256)
    first = score_lists(encoder, clip_trials, cache=cache)
    monkeypatch.setattr(encoder, "encode", None)  # a call would fail
    for before, after in zip(first, score_lists(encoder, clip_trials, cache=cache), strict=True):
        # Embeddings are stored without rounding; scaling to length T rounds them once more.
        np.testing.assert_allclose(after.scores, before.scores, rtol=1e-4, atol=1e-9)
        assert after.speech_s == before.speech_s


def test_the_progress_is_reported(
    clip_trials: CalibrationTrials,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "_REPORT_EVERY_S", 0.0)
    score_lists(load_encoder(MODEL), clip_trials)
    lines = capsys.readouterr().err.splitlines()
    total = len(lines)
    assert lines == [f"{done} of {total} encoded, 0 left out" for done in range(1, total + 1)]
    assert total > 1
