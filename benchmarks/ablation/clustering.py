"""Clustering of utterances by speaker, as the ZHAW papers evaluate embeddings.

Agglomerative clustering with complete linkage on the cosine distance; every cut of the dendrogram
is tried and the best one counts (it is picked by the truth: an oracle).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Clusters = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int64]
Rate = Callable[[Sequence[str], Clusters], float]
LinkageForm = Literal["condensed", "square_matrix"]


@dataclass(frozen=True, slots=True)
class Cut:
    """The cut of a dendrogram that a rate likes best.

    Attributes:
        rate: at this cut.
        num_clusters: of this cut.
        clusters: (N,) cluster of each utterance.
    """

    rate: float
    num_clusters: int
    clusters: Clusters


def linkage(embeddings: npt.ArrayLike, form: LinkageForm = "condensed") -> npt.NDArray[np.float64]:
    """Complete-linkage dendrogram of N utterances on the cosine distance.

    Args:
        embeddings: (N, D), N >= 2, of any length but 0.
        form: condensed: the distance is the cosine distance of two embeddings. square_matrix: what
            the papers' code computed, which gave SciPy the square matrix of these distances where
            it takes vectors, so that the distance is that of two rows of the matrix.

    Returns:
        (N - 1, 4) as scipy.cluster.hierarchy.linkage.

    Raises:
        ValueError: not (N >= 2, D), an embedding without direction, or, for square_matrix, one that
            has no distance to any.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import cdist, pdist

    points = np.asarray(embeddings, np.float64)
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"expected embeddings (N >= 2, D), got {points.shape}")
    if not np.isfinite(points).all() or not points.any(axis=1).all():
        raise ValueError("expected finite embeddings that are not all zero")
    if form == "square_matrix":
        # SciPy warns of a square matrix; pairwise distances of its rows are what it then takes.
        points = cdist(points, points, "cosine")
        if not points.any(axis=1).all():
            raise ValueError("expected embeddings that differ, got one without distance to any")
    # Rounding leaves -1e-16 between equal directions, which SciPy refuses.
    tree: npt.NDArray[np.float64] = hierarchy.linkage(
        np.maximum(pdist(points, "cosine"), 0), "complete"
    )
    return tree


def cuts(tree: npt.NDArray[np.float64]) -> Iterator[Clusters]:
    """Clusters at every height of a dendrogram, from single utterances to one cluster."""
    from scipy.cluster import hierarchy

    yield np.arange(len(tree) + 1)
    for height in np.unique(tree[:, 2]):
        yield hierarchy.fcluster(tree, height, "distance") - 1


def best_cut(speakers: Sequence[str], tree: npt.NDArray[np.float64], rate: Rate) -> Cut:
    """The cut of least `rate`, such as `misclassification_rate`; of equal ones the lowest."""
    return min(
        (
            Cut(rate(speakers, clusters), len(np.unique(clusters)), clusters)
            for clusters in cuts(tree)
        ),
        key=lambda cut: cut.rate,
    )


def misclassification_rate(speakers: Sequence[str], clusters: Clusters) -> float:
    """MR: share of utterances that are not in the right cluster of their speaker.

    A speaker's right cluster holds as many of the speaker's utterances as any other cluster does,
    and fewer of all other speakers together; of several such the first. A speaker without one has
    all utterances wrong. Source: T. Stadelmann et al., ANNPR 2018, section 3.
    """
    counts = contingency(speakers, clusters)
    others = counts.sum(axis=0) - counts
    return _rate(counts, is_right=others < counts)


def legacy_misclassification_rate(speakers: Sequence[str], clusters: Clusters) -> float:
    """MR of MLSP 2016 and 2017: moreover, the right cluster is pure and not a single utterance.

    With two utterances a speaker this is the walk up the dendrogram: an utterance becomes right
    when its speaker's two meet, and wrong for good when a stranger joins.
    """
    counts = contingency(speakers, clusters)
    others = counts.sum(axis=0) - counts
    return _rate(counts, is_right=(others == 0) & (counts > 1))


def average_cluster_purity(speakers: Sequence[str], clusters: Clusters) -> float:
    """ACP: mean over utterances of the chance that another draw of its cluster is its speaker.

    Drawn with replacement: (1 / N) sum_i n_i sum_j (n_ij / n_i)^2.
    """
    counts = contingency(speakers, clusters).astype(np.float64)
    return float((counts**2 / counts.sum(axis=0)).sum() / counts.sum())


def adjusted_rand_index(speakers: Sequence[str], clusters: Clusters) -> float:
    """ARI: agreement on pairs of utterances, 0 by chance, 1 if the same.

    Source: L. Hubert and P. Arabie, "Comparing partitions", 1985, eq. 5.
    """
    counts = contingency(speakers, clusters)
    together = _pairs(counts).sum()
    by_speaker = _pairs(counts.sum(axis=1)).sum()
    by_cluster = _pairs(counts.sum(axis=0)).sum()
    by_chance = by_speaker * by_cluster / _pairs(counts.sum())
    most = (by_speaker + by_cluster) / 2
    if most == by_chance:  # both partitions trivial, so equal
        return 1.0
    return float((together - by_chance) / (most - by_chance))


def contingency(speakers: Sequence[str], clusters: Clusters) -> Counts:
    """(speakers, clusters) utterances of each speaker in each cluster.

    Raises:
        ValueError: not one cluster for each utterance, or none at all.
    """
    if len(speakers) != len(clusters) or not len(speakers):
        raise ValueError(
            f"expected a speaker and a cluster for each utterance, got {len(speakers)} and "
            f"{len(clusters)}"
        )
    _, rows = np.unique(np.asarray(speakers), return_inverse=True)
    _, columns = np.unique(np.asarray(clusters), return_inverse=True)
    counts = np.zeros((rows.max() + 1, columns.max() + 1), np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def _rate(counts: Counts, *, is_right: npt.NDArray[np.bool_]) -> float:
    """Share of utterances outside their speaker's right cluster."""
    is_largest = counts == counts.max(axis=1, keepdims=True)
    right = np.where(is_largest & is_right, counts, 0).max(axis=1)
    return float(1 - right.sum() / counts.sum())


def _pairs(counts: Counts) -> npt.NDArray[np.float64]:
    """Pairs within each count."""
    return counts * (counts - 1.0) / 2
