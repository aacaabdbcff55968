"""Plots of scored trials: DET curve, histograms and reliability. They need matplotlib."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.errors import MissingDependencyError
from speakersdk.files import replacement
from speakersdk.metrics import error_rates

_TICKS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
_BINS: Final = 60
# Groups of trials in the reliability plot, of equal size.
_GROUPS: Final = 20


def prepare_plots(folder: Path) -> None:
    """Check whether plots can be drawn, and make their folder, before slow work is done.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        OSError: the folder cannot be made or written to.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "plots need matplotlib", remedy='install it: pip install "speakersdk[plots]"'
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:  # it names the temporary file
        raise type(error)(error.errno, error.strerror, os.fspath(folder)) from error


def draw_plots(
    folder: Path,
    scores: npt.NDArray[np.float64],
    labels: npt.NDArray[np.bool_],
    *,
    are_llrs: bool,
    suffix: str = "png",
) -> list[Path]:
    """Write the plots ``det``, ``scores`` and, for log-likelihood ratios, ``reliability``.

    Args:
        folder: folder of the files; it is created if missing.
        scores, labels: (N,) as for `speakersdk.metrics.error_rates`.
        are_llrs: whether the scores are natural log-likelihood ratios.
        suffix: ``png`` or ``svg``.

    Returns:
        The paths of the files.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        OSError: a file cannot be written; an existing one is unchanged.
    """
    prepare_plots(folder)
    from matplotlib.figure import Figure

    drawings = {"det": _draw_det, "scores": _draw_scores}
    if are_llrs:
        drawings["reliability"] = _draw_reliability
    paths = []
    for name, drawing in drawings.items():
        figure = Figure(figsize=(5, 4.5), layout="constrained")
        drawing(figure.subplots(), scores, labels)
        paths.append(folder / f"{name}.{suffix}")
        # By default, matplotlib writes the current time into an SVG.
        metadata = {"Date": None} if suffix == "svg" else None
        with replacement(paths[-1], is_durable=False, is_private=False) as file:
            figure.savefig(file, format=suffix, metadata=metadata)
    return paths


def det_curve(
    scores: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return false-accept and false-reject rates on probit axes, without rates of 0 and 1."""
    _, frr, far = error_rates(scores, labels)
    inside = (frr > 0) & (frr < 1) & (far > 0) & (far < 1)
    return _probit(far[inside]), _probit(frr[inside])


def _draw_det(axes: Any, scores: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]) -> None:
    axes.plot(*det_curve(scores, labels))
    ticks = _probit(np.array(_TICKS))
    names = [f"{100 * tick:g}" for tick in _TICKS]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    axes.plot(ticks[[0, -1]], ticks[[0, -1]], color="grey", linewidth=0.8)
    axes.set_xlim(ticks[0], ticks[-1])
    axes.set_ylim(ticks[0], ticks[-1])
    axes.set_xlabel("false-accept rate, %")
    axes.set_ylabel("false-reject rate, %")
    axes.set_title("Detection error trade-off")
    axes.grid(linewidth=0.3)


def _draw_scores(axes: Any, scores: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]) -> None:
    edges = np.histogram_bin_edges(scores, _BINS)  # also if all scores are equal
    for kind, name in ((labels, "target"), (~labels, "nontarget")):
        axes.hist(scores[kind], edges, density=True, alpha=0.6, label=f"{name} ({kind.sum()})")
    axes.set_xlabel("score")
    axes.set_ylabel("density")
    axes.set_title("Scores")
    axes.legend()


def _draw_reliability(
    axes: Any, scores: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]
) -> None:
    """Plot the predicted against the observed log-likelihood ratio of groups of similar scores."""
    predicted, observed = [], []
    order = np.argsort(scores, kind="stable")
    for group in np.array_split(order, _GROUPS):
        num_target = np.count_nonzero(labels[group])
        num_nontarget = len(group) - num_target
        if num_target and num_nontarget:
            predicted.append(scores[group].mean())
            ratio = num_target / labels.sum() * (~labels).sum() / num_nontarget
            observed.append(np.log(ratio))
    axes.plot(predicted, observed, "o-")
    ends = [min(predicted, default=-1.0), max(predicted, default=1.0)]
    axes.plot(ends, ends, color="grey", linewidth=0.8)
    axes.set_xlabel("llr of the calibration")
    axes.set_ylabel("observed llr")
    axes.set_title("Reliability")
    axes.grid(linewidth=0.3)


def _probit(rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    normal = NormalDist()
    distinct, places = np.unique(rates, return_inverse=True)
    return np.array([normal.inv_cdf(rate) for rate in distinct.tolist()])[places]
