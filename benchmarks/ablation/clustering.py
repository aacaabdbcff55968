"""Clustering of utterances by speaker, the evaluation of embeddings in the ZHAW papers.

The clustering is agglomerative, with complete linkage on the cosine distance. All cuts of the
dendrogram are tried, and the one that is best according to the true speakers counts (an oracle).
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
    """The cut of a dendrogram with the best rate.

    Attributes:
        rate: value of the rate at this cut.
        num_clusters: number of clusters of this cut.
        clusters: (N,) cluster of each utterance.
    """

    rate: float
    num_clusters: int
    clusters: Clusters


def linkage(embeddings: npt.ArrayLike, form: LinkageForm = "condensed") -> npt.NDArray[np.float64]:
    """Compute the complete-linkage dendrogram of N utterances on the cosine distance.

    Args:
        embeddings: (N, D), N >= 2, of any length above 0.
        form: condensed: the distance is the cosine distance of two embeddings. square_matrix: the
            method of the papers' code, which passed the square matrix of these distances to SciPy
            in place of vectors so that the distance is that of two rows of the matrix.

    Returns:
        (N - 1, 4) as from scipy.cluster.hierarchy.linkage.

    Raises:
        ValueError: the shape is not (N >= 2, D), an embedding is zero, or, for square_matrix, one
            has no distance to the others.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import cdist, pdist

    points = np.asarray(embeddings, np.float64)
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"expected embeddings (N >= 2, D), got {points.shape}")
    if not np.isfinite(points).all() or not points.any(axis=1).all():
        raise ValueError("expected finite embeddings that are not all zero")
    if form == "square_matrix":
        # SciPy warns about a square matrix, and then uses the pairwise distances of its rows.
        points = cdist(points, points, "cosine")
        if not points.any(axis=1).all():
            raise ValueError("expected embeddings that differ, got one without distance to any")
    # Rounding leaves -1e-16 between equal directions, which SciPy refuses.
    tree: npt.NDArray[np.float64] = hierarchy.linkage(
        np.maximum(pdist(points, "cosine"), 0), "complete"
    )
    return tree


def cuts(tree: npt.NDArray[np.float64]) -> Iterator[Clusters]:
    """Yield the clusters at every height of a dendrogram, from single utterances to one cluster."""
    from scipy.cluster import hierarchy

    yield np.arange(len(tree) + 1)
    for height in np.unique(tree[:, 2]):
        yield hierarchy.fcluster(tree, height, "distance") - 1


def best_cut(speakers: Sequence[str], tree: npt.NDArray[np.float64], rate: Rate) -> Cut:
    """Find the cut with the lowest `rate`, such as `misclassification_rate`."""
    return min(
        (
            Cut(rate(speakers, clusters), len(np.unique(clusters)), clusters)
            for clusters in cuts(tree)
        ),
        key=lambda cut: cut.rate,
    )


def misclassification_rate(speakers: Sequence[str], clusters: Clusters) -> float:
    """Compute the MR, the share of utterances that are not in their speaker's right cluster.

    A speaker's right cluster has at least as many of the speaker's utterances as any other cluster,
    and fewer of all other speakers together. The first such cluster counts. Without one, all
    utterances of a speaker are wrong. Source: T. Stadelmann et al., ANNPR 2018, section 3.
    """
    counts = contingency(speakers, clusters)
    others = counts.sum(axis=0) - counts
    return _rate(counts, is_right=others < counts)


def legacy_misclassification_rate(speakers: Sequence[str], clusters: Clusters) -> float:
    """Compute the MR of MLSP 2016 and 2017, whose right clusters are pure and have two or more.

    With two utterances per speaker this corresponds to a walk up the dendrogram: an utterance
        becomes right
    when its speaker's two meet, and wrong permanently when another speaker joins.
    """
    counts = contingency(speakers, clusters)
    others = counts.sum(axis=0) - counts
    return _rate(counts, is_right=(others == 0) & (counts > 1))


def average_cluster_purity(speakers: Sequence[str], clusters: Clusters) -> float:
    """Compute the ACP, the mean chance that a draw from an utterance's cluster is its speaker.

    With replacement this is (1 / N) sum_i n_i sum_j (n_ij / n_i)^2.
    """
    counts = contingency(speakers, clusters).astype(np.float64)
    return float((counts**2 / counts.sum(axis=0)).sum() / counts.sum())


def adjusted_rand_index(speakers: Sequence[str], clusters: Clusters) -> float:
    """Compute the ARI, the agreement on pairs of utterances: 0 by chance, 1 if identical.

    Source: L. Hubert and P. Arabie, "Comparing partitions", 1985, eq. 5.
    """
    counts = contingency(speakers, clusters)
    together = _pairs(counts).sum()
    by_speaker = _pairs(counts.sum(axis=1)).sum()
    by_cluster = _pairs(counts.sum(axis=0)).sum()
    by_chance = by_speaker * by_cluster / _pairs(counts.sum())
    most = (by_speaker + by_cluster) / 2
    if most == by_chance:  # both partitions are trivial and therefore equal
        return 1.0
    return float((together - by_chance) / (most - by_chance))


def contingency(speakers: Sequence[str], clusters: Clusters) -> Counts:
    """Count the utterances of each speaker in each cluster: (speakers, clusters).

    Raises:
        ValueError: there is not one cluster for each utterance, or there is no utterance.
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
    """Return the share of utterances outside their speaker's right cluster."""
    is_largest = counts == counts.max(axis=1, keepdims=True)
    right = np.where(is_largest & is_right, counts, 0).max(axis=1)
    return float(1 - right.sum() / counts.sum())


def _pairs(counts: Counts) -> npt.NDArray[np.float64]:
    """Return the number of pairs within each count."""
    return counts * (counts - 1.0) / 2
