"""The nearness of an embedding to a cohort."""

from __future__ import annotations

import base64
import copy
import pickle
from dataclasses import asdict, replace

import numpy as np
import pytest

from speakersdk.calibration.cohort import TYPICAL, Cohort, Nearness, pair_nearness, pairs
from speakersdk.errors import ConfigError
from speakersdk.scoring import symmetric_kl_matrix

DIM = 32


@pytest.fixture
def embeddings(rng: np.random.Generator) -> np.ndarray:
    """(24, DIM) of length 2, exact in half precision. The kernel therefore sees the same rows."""
    rows = rng.standard_normal((24, DIM))
    rows *= 2 / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16).astype(np.float32)


def test_nearness_is_the_mean_score_of_the_most_similar_members(
    embeddings: np.ndarray, rng: np.random.Generator
) -> None:
    cohort = Cohort.of(embeddings, nearest=4, conditions=2, telephone=1, typical=-0.25)
    probes = rng.standard_normal((3, DIM)).astype(np.float32)
    scores = -np.sort(symmetric_kl_matrix(probes, embeddings), axis=1)
    parts = np.stack([-symmetric_kl_matrix(probes, part) for part in np.split(embeddings, 2)])
    each = np.sort(parts, axis=2)[:, :, -2:].mean(axis=2).T
    found = cohort.nearness(probes)
    # Float32 has 7 digits, and the scores are sums of a few hundred terms below 10.
    assert found[:, 0] == pytest.approx(scores[:, :4].mean(axis=1) + 0.25, abs=1e-4)
    assert found[:, 2:] == pytest.approx(each - each.mean(axis=1, keepdims=True), abs=1e-4)
    assert (found[:, 1] == found[:, 3]).all()  # the second condition is the telephone
    without = Cohort.of(embeddings, nearest=4, conditions=2).nearness(probes)
    assert (without[:, 1] == 0).all()


@pytest.mark.parametrize("num_probes", [1, 2, 30])
def test_nearness_is_that_of_the_formula_in_double_precision(
    rng: np.random.Generator, num_probes: int
) -> None:
    rows = rng.standard_normal((40 + num_probes, 256))
    rows *= 2 / np.linalg.norm(rows, axis=1, keepdims=True)
    members, probes = rows[:40].astype(np.float16), rows[40:].astype(np.float32)
    cohort = Cohort.of(members, nearest=6, conditions=4, telephone=2, typical=-0.015)
    expected = []
    for probe in probes.astype(np.float64):
        scores = []
        for member in members.astype(np.float64):
            p, q = (np.exp(z) / np.exp(z).sum() for z in (probe, member))
            scores.append(-float(((p - q) * (probe - member)).sum()))
        each = [sum(sorted(scores[at : at + 10])[-3:]) / 3 for at in range(0, 40, 10)]
        inside = [value - sum(each) / 4 for value in each]
        expected.append([sum(sorted(scores)[-6:]) / 6 + 0.015, inside[2], *inside])
    found = cohort.nearness(probes)
    # A threshold of the bundled model rises by less than 1000 per nat.
    assert found == pytest.approx(np.array(expected), rel=0, abs=1e-8)
    # One probe has the same nearness in any company, but for rounding.
    assert found[:1] == pytest.approx(cohort.nearness(probes[:1]), rel=0, abs=1e-8)
    assert (probes == rows[40:].astype(np.float32)).all()  # the probes are not changed


# The longer logits span more than 64: exponentials of their differences overflow float32.
@pytest.mark.parametrize("length", [1.0, 30.0])
@pytest.mark.parametrize("member_length", [1.0, 30.0])
def test_the_nearest_of_many_members_count(
    rng: np.random.Generator, length: float, member_length: float
) -> None:
    members = member_length * rng.standard_normal((2000, DIM))
    members = members.astype(np.float16).astype(np.float32)
    probes = np.float32(length) * rng.standard_normal((3, DIM)).astype(np.float32)
    cohort = Cohort.of(members, nearest=10)
    found = cohort.nearness(probes)
    scores = -np.sort(symmetric_kl_matrix(probes, members), axis=1)
    assert found.shape == (3, 3)  # one condition
    assert Cohort(rows=cohort.rows, embedding_dim=DIM, nearest=10) == cohort
    assert found[:, 0] == pytest.approx(scores[:, :10].mean(axis=1), rel=1e-5)


@pytest.mark.parametrize(("nearest", "inside"), [(1, 1), (3, 1), (6, 3)])
def test_half_as_many_members_count_within_a_condition(
    embeddings: np.ndarray, rng: np.random.Generator, nearest: int, inside: int
) -> None:
    probes = rng.standard_normal((3, DIM)).astype(np.float32)
    parts = np.stack([-symmetric_kl_matrix(probes, part) for part in np.split(embeddings, 4)])
    each = np.sort(parts, axis=2)[:, :, -inside:].mean(axis=2).T
    # Each condition has six rows, as many as the largest number.
    found = Cohort.of(embeddings, nearest=nearest, conditions=4).nearness(probes)
    assert found[:, 2:] == pytest.approx(each - each.mean(axis=1, keepdims=True), abs=1e-4)


def test_a_typical_pair_changes_no_threshold() -> None:
    assert not any(TYPICAL)
    assert Nearness(excess=0.5, distance=0.25).telephone == 0.0


def test_a_pair_has_the_excess_of_both_and_the_distance_of_their_conditions() -> None:
    a, b = np.array([[0.1, 0.3, 0.3, -0.3]]), np.array([[0.2, 0.1, 0.0, 0.1]])
    assert pair_nearness(a, b) == pytest.approx(np.array([[0.3, 0.5, 0.1]]))
    [[near]] = pairs(a, b)
    assert (near.excess, near.distance, near.telephone) == pytest.approx((0.3, 0.5, 0.1))


def test_a_pair_is_by_telephone_where_both_sides_are() -> None:
    rows = np.array([[0.0, 0.3], [0.0, 0.2], [0.0, -0.1]])
    assert pair_nearness(rows[[0, 1, 2]], rows[[1, 2, 2]])[:, 2].tolist() == [0.2, 0.0, 0.0]


def test_pairs_of_several_probes_are_those_of_each(rng: np.random.Generator) -> None:
    enrolled, probes = rng.standard_normal((3, 5)), rng.standard_normal((2, 5))
    for near, probe in zip(pairs(enrolled, probes), probes, strict=True):
        assert near == pairs(enrolled, probe[np.newaxis])[0]
        assert near == [tuple(row) for row in pair_nearness(enrolled, probe).tolist()]


def test_a_cohort_survives_json(embeddings: np.ndarray) -> None:
    cohort = Cohort.of(embeddings, nearest=4, conditions=2, telephone=0)
    assert Cohort(**asdict(cohort)) == cohort


def test_copies_of_a_cohort_are_used_like_it(
    embeddings: np.ndarray, rng: np.random.Generator
) -> None:
    cohort = Cohort.of(embeddings, nearest=4, conditions=2, telephone=0)
    probes = rng.standard_normal((3, DIM)).astype(np.float32)
    found = cohort.nearness(probes)
    for each in (pickle.loads(pickle.dumps(cohort)), copy.deepcopy(cohort)):
        assert each == cohort
        assert (each.nearness(probes) == found).all()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"rows": "no base64!"}, "base64"),
        ({"rows": base64.b64encode(b"123").decode()}, "whole rows"),
        ({"nearest": 13}, "at least 13 for each of 2"),
        ({"nearest": 0}, "above 0"),
        ({"conditions": 5}, "whole rows"),
        ({"typical": float("nan")}, "usual nearness"),
        ({"typical": 1e6}, "usual nearness"),
        ({"telephone": 2}, "condition below 2"),
        ({"telephone": True}, "condition below 2"),
        (
            {"rows": base64.b64encode(np.full((24, DIM), np.inf, "<f2").tobytes()).decode()},
            "finite",
        ),
        (
            {
                "rows": base64.b64encode(
                    np.r_[np.nan, np.zeros(24 * DIM - 1)].astype("<f2")
                ).decode()
            },
            "finite",
        ),
    ],
)
def test_what_is_not_a_cohort_is_refused(
    embeddings: np.ndarray, changes: dict[str, object], match: str
) -> None:
    cohort = Cohort.of(embeddings, nearest=4, conditions=2)
    with pytest.raises(ConfigError, match=match):
        replace(cohort, **changes)
