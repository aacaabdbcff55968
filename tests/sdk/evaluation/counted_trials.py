"""Exact error rates of a few trials, counted with fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

Row = tuple[int, bool, int]  # score, is target, how often
rows = st.lists(st.tuples(st.integers(-4, 4), st.booleans(), st.integers(0, 3)), min_size=2)


def columns(listed: list[Row]) -> tuple[Any, Any, Any]:
    """Scores, labels and weights of rows of both kinds."""
    assume({label for _, label, count in listed if count} == {True, False})
    scores, labels, counts = zip(*listed, strict=True)
    return np.array(scores, float), np.array(labels), np.array(counts, float)


def counted_rates(listed: list[Row]) -> list[tuple[Fraction, Fraction]]:
    """Count the (false-reject, false-accept) rate at every score as threshold and above all."""
    targets = [(score, count) for score, label, count in listed if label]
    others = [(score, count) for score, label, count in listed if not label]
    thresholds = [*sorted({score for score, _, _ in listed}), math.inf]
    return [
        (
            Fraction(sum(n for s, n in targets if s < threshold), sum(n for _, n in targets)),
            Fraction(sum(n for s, n in others if s >= threshold), sum(n for _, n in others)),
        )
        for threshold in thresholds
    ]


def counted_eer(listed: list[Row]) -> float:
    """Exact crossing of the line between the last point below the diagonal and the first above."""
    points = counted_rates(listed)
    after = next(i for i, (frr, far) in enumerate(points) if frr >= far)
    (frr0, far0), (frr1, far1) = points[after - 1], points[after]
    share = (far0 - frr0) / ((far0 - frr0) + (frr1 - far1))
    return float(frr0 + share * (frr1 - frr0))


def pooled_cllr(listed: list[Row]) -> float:
    """Minimize the cost over all rising maps, by pooling one pair at a time."""
    blocks: list[list[Fraction]] = []
    for score in sorted({score for score, _, count in listed if count}):
        here = [(label, count) for s, label, count in listed if s == score]
        blocks.append([Fraction(sum(n for label, n in here if label == kind)) for kind in (1, 0)])
        while len(blocks) > 1 and blocks[-1][0] * sum(blocks[-2]) <= blocks[-2][0] * sum(
            blocks[-1]
        ):
            target, other = blocks.pop()
            blocks[-1] = [blocks[-1][0] + target, blocks[-1][1] + other]
    totals = [sum(block[kind] for block in blocks) for kind in (0, 1)]
    cost = 0.0
    for block in blocks:
        shares = [float(block[kind] / totals[kind]) for kind in (0, 1)]
        cost += sum(share * math.log2(sum(shares) / share) for share in shares if share)
    return cost / 2
