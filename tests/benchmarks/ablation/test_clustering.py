"""Clustering by speaker, compared with scikit-learn, SciPy and examples computed by hand."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import cdist
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from benchmarks.ablation.clustering import (
    adjusted_rand_index,
    average_cluster_purity,
    best_cut,
    contingency,
    cuts,
    legacy_misclassification_rate,
    linkage,
    misclassification_rate,
)

AABB = ["a", "a", "b", "b"]


@pytest.fixture
def embeddings(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Two utterances of each of twelve speakers, similar but not always the most similar ones."""
    speakers = rng.standard_normal((12, 6))
    return np.repeat(speakers, 2, axis=0) + 0.5 * rng.standard_normal((24, 6))


@pytest.fixture
def speakers() -> list[str]:
    return [f"s{number // 2}" for number in range(24)]


def is_same_partition(one: npt.ArrayLike, other: npt.ArrayLike) -> bool:
    return adjusted_rand_score(np.asarray(one), np.asarray(other)) == 1.0


def test_condensed_form_is_complete_linkage_on_cosine(
    embeddings: npt.NDArray[np.float64],
) -> None:
    tree = linkage(embeddings)
    for clusters in cuts(tree):
        count = len(np.unique(clusters))
        expected = AgglomerativeClustering(count, metric="cosine", linkage="complete")
        assert is_same_partition(clusters, expected.fit_predict(embeddings))


def test_square_matrix_form_is_the_line_of_the_papers(
    embeddings: npt.NDArray[np.float64],
) -> None:
    distances = cdist(embeddings, embeddings, "cosine")
    with warnings.catch_warnings():  # SciPy computes this wrongly
        warnings.simplefilter("ignore", hierarchy.ClusterWarning)
        expected = hierarchy.linkage(distances, "complete", "cosine")
    tree = linkage(embeddings, "square_matrix")
    np.testing.assert_allclose(tree, expected, rtol=0, atol=1e-12)
    assert not np.allclose(tree[:, 2], linkage(embeddings)[:, 2])


def test_length_of_an_embedding_does_not_count(embeddings: npt.NDArray[np.float64]) -> None:
    lengths = np.linspace(0.1, 9, len(embeddings))[:, None]
    np.testing.assert_allclose(linkage(lengths * embeddings), linkage(embeddings), atol=1e-12)


@pytest.mark.parametrize(
    ("clusters", "rate", "legacy"),
    [
        ([0, 0, 1, 1], 0.0, 0.0),
        ([0, 0, 1, 2], 0.25, 0.5),  # b is parted: one of two is right, a single one never was
        ([0, 0, 0, 1], 0.25, 1.0),  # a keeps its cluster with one stranger in it
        ([0, 0, 0, 0], 1.0, 1.0),  # nobody has fewer than the other
        ([0, 1, 2, 3], 0.5, 1.0),
        ([0, 1, 0, 1], 1.0, 1.0),
    ],
)
def test_rates_of_small_cases(clusters: list[int], rate: float, legacy: float) -> None:
    assert misclassification_rate(AABB, np.array(clusters)) == rate
    assert legacy_misclassification_rate(AABB, np.array(clusters)) == legacy


def test_the_right_cluster_holds_most_of_its_speaker() -> None:
    """The two of a in a pure cluster do not count, because three of a are with four others."""
    speakers = ["a"] * 5 + ["b"] * 2 + ["c"] * 2
    clusters = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1])
    assert misclassification_rate(speakers, clusters) == 1.0
    # With one stranger fewer than a's three, the cluster is a's: 3 of 7 are right.
    assert misclassification_rate(speakers[:7], clusters[:7]) == pytest.approx(4 / 7)


def test_legacy_rate_is_the_walk_up_the_dendrogram(
    embeddings: npt.NDArray[np.float64], speakers: list[str]
) -> None:
    """An utterance becomes right when a merge keeps its cluster pure, and wrong once mixed."""
    tree = linkage(embeddings)
    members = {number: [number] for number in range(len(speakers))}
    right = np.zeros(len(speakers), bool)
    walked = [1.0]
    for step, (left, second, _, _) in enumerate(tree):
        merged = members.pop(int(left)) + members.pop(int(second))
        members[len(speakers) + step] = merged
        right[merged] = len({speakers[row] for row in merged}) == 1
        walked.append(1 - right.mean())
    got = [legacy_misclassification_rate(speakers, clusters) for clusters in cuts(tree)]
    np.testing.assert_allclose(got, walked, atol=1e-12)
    assert best_cut(speakers, tree, legacy_misclassification_rate).rate == min(walked)


def test_best_cut_is_the_least_of_all(
    embeddings: npt.NDArray[np.float64], speakers: list[str]
) -> None:
    tree = linkage(embeddings)
    cut = best_cut(speakers, tree, misclassification_rate)
    rates = [misclassification_rate(speakers, clusters) for clusters in cuts(tree)]
    assert len(rates) == 24  # from single utterances to one cluster
    assert cut.rate == min(rates) < rates[0] == 0.5
    assert cut.rate == misclassification_rate(speakers, cut.clusters)
    assert cut.num_clusters == len(np.unique(cut.clusters))
    # The misclassification rate only drops conditions of the legacy rate.
    assert cut.rate <= best_cut(speakers, tree, legacy_misclassification_rate).rate


def test_perfect_embeddings_are_clustered_without_error(speakers: list[str]) -> None:
    embeddings = np.repeat(np.eye(12), 2, axis=0)
    for form in ("condensed", "square_matrix"):
        cut = best_cut(speakers, linkage(embeddings, form), misclassification_rate)  # type: ignore[arg-type]
        assert (cut.rate, cut.num_clusters) == (0.0, 12)


def test_index_and_purity_match_independent_code(rng: np.random.Generator) -> None:
    for _ in range(20):
        speakers = [str(each) for each in rng.integers(0, 5, 40)]
        clusters = rng.integers(0, 6, 40)
        expected = adjusted_rand_score(speakers, clusters)
        assert adjusted_rand_index(speakers, clusters) == pytest.approx(expected, abs=1e-12)
        same = [
            np.mean([speakers[j] == speakers[i] for j in np.flatnonzero(clusters == clusters[i])])
            for i in range(40)
        ]
        assert average_cluster_purity(speakers, clusters) == pytest.approx(np.mean(same))


@pytest.mark.parametrize("clusters", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_index_of_one_or_all_single_clusters(clusters: list[int]) -> None:
    expected = adjusted_rand_score(AABB, clusters)
    assert adjusted_rand_index(AABB, np.array(clusters)) == expected == 0.0
    assert adjusted_rand_index(["a"] * 4, np.array([0, 0, 0, 0])) == 1.0


def test_sides_must_fit() -> None:
    with pytest.raises(ValueError, match="a cluster for each utterance, got 4 and 3"):
        contingency(AABB, np.zeros(3, int))
    with pytest.raises(ValueError, match="got 0 and 0"):
        contingency([], np.zeros(0, int))
    for points in (np.ones((1, 3)), np.ones(4)):
        with pytest.raises(ValueError, match=r"expected embeddings \(N >= 2, D\), got"):
            linkage(points)
    with pytest.raises(ValueError, match="finite embeddings that are not all zero"):
        linkage(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="expected embeddings that differ"):
        linkage(np.full((3, 2), 1e-30), "square_matrix")
