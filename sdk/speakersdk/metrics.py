"""Error rates of a verification system from scored trials.

A higher score means more similar voices. Labels are true for target (same-speaker) trials. Rates
are in [0, 1]. docs/metrics.md gives the definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]
Metric = Callable[[npt.ArrayLike, npt.ArrayLike, Weights | None], float]


def error_rates(
    scores: npt.ArrayLike, labels: npt.ArrayLike, weights: Weights | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute false-reject and false-accept rates at every distinct threshold.

    Args:
        scores: (N,) scores; higher means more similar.
        labels: (N,) true for target trials.
        weights: (N,) weight of each trial; None means 1.

    Returns:
        thresholds (M + 1,) in rising order, ending with infinity; frr (M + 1,), the share of
        targets below each threshold; far (M + 1,), the share of nontargets at or above it.

    Raises:
        ValueError: the shapes differ, a score is not finite, or targets or nontargets are missing.
    """
    values, targets, counts = _checked(scores, labels, weights)
    order = np.argsort(values, kind="stable")
    values, targets, counts = values[order], targets[order], counts[order]
    # Ties move together. A comparison, unlike a difference, cannot overflow.
    first = np.flatnonzero(np.append(True, values[1:] > values[:-1]))
    below_targets = np.concatenate([[0.0], np.cumsum(counts * targets)])
    below_nontargets = np.concatenate([[0.0], np.cumsum(counts * ~targets)])
    cuts = np.append(first, len(values))
    frr = below_targets[cuts] / below_targets[-1]
    far = 1.0 - below_nontargets[cuts] / below_nontargets[-1]
    return np.append(values[first], np.inf), frr, far


def eer(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: Weights | None = None) -> float:
    """Compute the equal error rate, where the false-reject and false-accept rates are equal.

    Both rates are interpolated linearly between the two thresholds around the crossing; the convex
    hull of the ROC is not used.
    """
    _, frr, far = error_rates(scores, labels, weights)
    above = int(np.argmax(frr >= far))  # never the first: there, frr is 0 and far is 1
    gap_before = far[above - 1] - frr[above - 1]
    gap_after = frr[above] - far[above]
    share = gap_before / (gap_before + gap_after)
    return float(frr[above - 1] + share * (frr[above] - frr[above - 1]))


def min_dcf(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    p_target: float,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
    weights: Weights | None = None,
) -> float:
    """Compute the minimum normalized detection cost (NIST SRE) over all thresholds.

    Args:
        scores, labels: as in `error_rates`.
        p_target: prior of a target trial.
        c_miss, c_fa: costs of a false reject and of a false accept.
        weights: as in `error_rates`.
    """
    _, frr, far = error_rates(scores, labels, weights)
    miss, accept = _normalized_costs(p_target, c_miss, c_fa)
    return float((miss * frr + accept * far).min())


def act_dcf(
    llrs: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    p_target: float,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
    weights: Weights | None = None,
) -> float:
    """Compute the actual normalized detection cost of log-likelihood ratios.

    The decision threshold is `bayes_threshold`; it is not tuned on these trials.

    Args:
        llrs: (N,) natural log-likelihood ratios.
        labels, p_target, c_miss, c_fa, weights: as in `min_dcf`.
    """
    values, targets, counts = _checked(llrs, labels, weights)
    accepted = values >= bayes_threshold(p_target=p_target, c_miss=c_miss, c_fa=c_fa)
    frr = np.average(~accepted[targets], weights=counts[targets])
    far = np.average(accepted[~targets], weights=counts[~targets])
    miss, accept = _normalized_costs(p_target, c_miss, c_fa)
    return float(miss * frr + accept * far)


def bayes_threshold(*, p_target: float, c_miss: float = 1.0, c_fa: float = 1.0) -> float:
    """Return the LLR above which accepting has a lower expected cost than rejecting.

    Raises:
        ValueError: the prior is not between 0 and 1, or a cost is not positive and finite.
    """
    if not (0 < p_target < 1 and 0 < c_miss < np.inf and 0 < c_fa < np.inf):
        raise ValueError(
            f"expected a prior between 0 and 1 and costs above 0, got the prior {p_target} and the "
            f"costs c_miss={c_miss} and c_fa={c_fa}"
        )
    # Not the logarithm of the ratio, which may be zero or infinite.
    return float(np.log(c_fa) - np.log(c_miss) + np.log1p(-p_target) - np.log(p_target))


def frr_at_far(
    scores: npt.ArrayLike, labels: npt.ArrayLike, *, far: float, weights: Weights | None = None
) -> float:
    """Return the false-reject rate at the lowest threshold with at most the rate `far`."""
    _, frr, fars = error_rates(scores, labels, weights)
    # The computed rate may exceed an exact one, such as 1/100, by a rounding error.
    return float(frr[int(np.argmax(fars <= far + 1e-12))])


def cllr(llrs: npt.ArrayLike, labels: npt.ArrayLike, weights: Weights | None = None) -> float:
    """Compute the cost of log-likelihood ratios in bits: 0 is perfect, 1 is no information.

    Source: N. Brummer and J. du Preez, "Application-independent evaluation of speaker detection",
    2006, eq. 14.
    """
    values, targets, counts = _checked(llrs, labels, weights)
    miss = np.average(np.logaddexp(0, -values[targets]), weights=counts[targets])
    accept = np.average(np.logaddexp(0, values[~targets]), weights=counts[~targets])
    return float((miss + accept) / (2 * np.log(2)))


def min_cllr(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: Weights | None = None) -> float:
    """Compute the minimum `cllr` over all increasing maps from scores to LLRs.

    Pool adjacent violators (PAV) finds the best map; it depends only on the order of the scores.
    The difference from `cllr` is the cost of miscalibration. Source: as for `cllr`.
    """
    _, frr, far = error_rates(scores, labels, weights)
    targets, nontargets = np.diff(frr), -np.diff(far)
    some = targets + nontargets > 0  # zero weights leave thresholds without trials
    targets, nontargets = targets[some], nontargets[some]
    while True:
        # A block is pooled with its left neighbor unless its share of targets is higher. The order
        # of the steps does not matter, and a whole falling run is pooled at once.
        rising = targets[1:] * nontargets[:-1] > targets[:-1] * nontargets[1:]
        if rising.all():
            break
        starts = np.concatenate([[0], np.flatnonzero(rising) + 1])
        targets = np.add.reduceat(targets, starts)
        nontargets = np.add.reduceat(nontargets, starts)
    return float((_information(targets, nontargets) + _information(nontargets, targets)) / 2)


def bootstrap_interval(
    metric: Metric,
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    speakers: tuple[Sequence[str], Sequence[str]],
    *,
    rng: np.random.Generator,
    repeats: int = 500,
    coverage: float = 0.95,
) -> tuple[float, float]:
    """Compute a bootstrap percentile interval of a metric by resampling speakers.

    Trials that share a speaker are not independent. Resampling trials would give intervals that are
    much too narrow. The weight of a target trial is the number of times its speaker was drawn; the
    weight of a nontarget trial is the product of the two numbers. Draws without targets or without
    nontargets are skipped.

    Args:
        metric: a function such as `eer`, called as ``metric(scores, labels, weights)``.
        scores, labels: (N,) as in `error_rates`.
        speakers: the speaker of each trial's two sides, N names each.
        rng: random generator of the draws.
        repeats: number of draws.
        coverage: probability that the interval covers.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: a side does not have N names, or no draw has both targets and nontargets.
    """
    values = [
        metric(scores, labels, weights)
        for weights in speaker_draws(labels, speakers, rng=rng, repeats=repeats)
    ]
    if not values:
        raise ValueError("expected draws with both kinds of trials, got none; too few speakers")
    tail = (1 - coverage) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def speaker_draws(
    labels: npt.ArrayLike,
    speakers: tuple[Sequence[str], Sequence[str]],
    *,
    rng: np.random.Generator,
    repeats: int,
) -> Iterator[Weights]:
    """Yield trial weights of resampled speakers, one array per draw.

    `bootstrap_interval` uses them. The same weights compare metrics or systems on the same draws.

    Raises:
        ValueError: a side does not have N names.
    """
    targets = np.asarray(labels, bool)
    sizes = [len(side) for side in speakers]
    if sizes != [len(targets)] * 2:
        raise ValueError(
            f"expected the two speakers of each of {len(targets)} trials, got {sizes} names"
        )
    names, sides = np.unique(np.array(speakers), return_inverse=True)
    sides = sides.reshape(2, len(targets))
    for _ in range(repeats):
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names))).astype(float)
        weights = np.where(targets, drawn[sides[0]], drawn[sides[0]] * drawn[sides[1]])
        if weights[targets].sum() > 0 and weights[~targets].sum() > 0:
            yield weights


def iapmr(accepted: npt.ArrayLike, *, coverage: float = 0.95) -> tuple[float, float, float]:
    """Compute the impostor attack presentation match rate of one kind of attack, with its interval.

    This is the share of attacks on an enrolled speaker that are accepted (ISO/IEC 30107-3). The
    interval is that of Clopper and Pearson, for independent attempts: it covers at least as often
    as asked, also with few attempts and with rates of 0 and 1. Source: C. Clopper and E. Pearson,
    "The use of confidence or fiducial limits illustrated in the case of the binomial", 1934.

    Args:
        accepted: (N,) true for attacks that were accepted.
        coverage: probability that the interval covers the rate, between 0 and 1.

    Returns:
        The rate, and the lower and the upper end of its interval.

    Raises:
        ValueError: there are no attempts, the shape is another, or the coverage is not possible.
    """
    flags = np.asarray(accepted, bool)
    if flags.ndim != 1 or not flags.size:
        raise ValueError(f"expected attempts (N,), at least one, got the shape {flags.shape}")
    if not 0 < coverage < 1:
        raise ValueError(f"expected a coverage between 0 and 1, got {coverage}")
    tail = (1 - coverage) / 2
    passed, stopped = int(flags.sum()), int((~flags).sum())
    low = 1 - _highest_share(stopped, len(flags), tail)
    return float(flags.mean()), low, _highest_share(passed, len(flags), tail)


def _highest_share(count: int, total: int, tail: float) -> float:
    """Return the share with which at most `count` of `total` have the probability `tail`."""
    if count == total:
        return 1.0
    drawn = np.arange(count + 1)
    steps = np.log((total - drawn[:-1]) / drawn[1:])  # from one binomial coefficient to the next
    log_ways = np.concatenate([[0.0], np.cumsum(steps)])
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        logs = log_ways + drawn * np.log(middle) + (total - drawn) * np.log1p(-middle)
        if np.exp(logs).sum() > tail:
            low = middle
        else:
            high = middle
    return low


def _normalized_costs(p_target: float, c_miss: float, c_fa: float) -> tuple[float, float]:
    """Return the costs of missing all targets and accepting all nontargets, normalized."""
    miss, accept = c_miss * p_target, c_fa * (1 - p_target)
    least = min(miss, accept)
    return miss / least, accept / least


def _information(kind: Weights, other: Weights) -> float:
    """Return the sum of kind log2(1 + other / kind); a term is zero if its kind is zero."""
    positive = kind > 0
    return float(kind[positive] @ np.log2(1 + other[positive] / kind[positive]))


def _checked(
    scores: npt.ArrayLike, labels: npt.ArrayLike, weights: Weights | None
) -> tuple[npt.NDArray[np.float64], Labels, Weights]:
    values = np.asarray(scores, np.float64)
    targets = np.asarray(labels, bool)
    counts = np.ones(values.shape) if weights is None else np.asarray(weights, np.float64)
    if not values.ndim == 1 or not values.shape == targets.shape == counts.shape:
        raise ValueError(
            "expected scores, labels and weights of one shape (N,), got "
            f"{values.shape}, {targets.shape} and {counts.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("expected finite scores, got NaN or infinity")
    if not counts[targets].sum() > 0 or not counts[~targets].sum() > 0:
        raise ValueError("expected at least one target and one nontarget trial")
    return values, targets, counts
