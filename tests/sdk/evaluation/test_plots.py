"""Plots of scored trials."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from speakersdk.errors import MissingDependencyError
from speakersdk.evaluation.plots import det_curve, draw_plots, prepare_plots


def gaussian(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(4000) % 2 == 0
    return np.where(labels, 2.0, -2.0) + 2 * rng.standard_normal(4000), labels


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_files_are_written(
    rng: np.random.Generator, tmp_path: Path, suffix: str, start: bytes
) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "new" / "plots"
    paths = draw_plots(folder, *gaussian(rng), are_llrs=True, suffix=suffix)
    assert [path.name for path in paths] == [
        f"{name}.{suffix}" for name in ("det", "scores", "reliability")
    ]
    assert all(path.read_bytes().startswith(start) for path in paths)
    assert len(draw_plots(folder, *gaussian(rng), are_llrs=False)) == 2


@pytest.mark.parametrize("scores", [(0.5, 0.5), (1e100, -1e100)])
def test_equal_and_extreme_scores_are_drawn_without_a_warning(
    tmp_path: Path, scores: tuple[float, float]
) -> None:
    pytest.importorskip("matplotlib")
    labels = np.array([True, False])
    assert len(draw_plots(tmp_path, np.array(scores), labels, are_llrs=True)) == 3


def test_a_plot_that_cannot_be_written_is_named(rng: np.random.Generator, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "scores.png").mkdir()
    with pytest.raises(OSError, match=r"scores\.png"):
        draw_plots(tmp_path, *gaussian(rng), are_llrs=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["det.png", "scores.png"]


def test_equal_variances_make_the_det_curve_straight(rng: np.random.Generator) -> None:
    """Unit Gaussians with distance d: probit FRR + probit FAR = -d."""
    far, frr = det_curve(*gaussian(rng))
    middle = np.abs(far) < 1.5
    # Five standard deviations of a probit at 2,000 trials, at a rate of 7 %: 5 * 0.0057 / 0.13.
    np.testing.assert_allclose((far + frr)[middle & (np.abs(frr) < 1.5)], -2.0, atol=0.25)


def test_without_matplotlib_the_remedy_is_named(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"speakersdk\[plots\]"):
        draw_plots(tmp_path, *gaussian(rng), are_llrs=True)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused_before_slow_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError) as caught:
        prepare_plots(tmp_path)
    assert caught.value.filename == str(tmp_path)
    tmp_path.chmod(0o700)
