"""The monitors on batches with a known state, and when the alarm is raised."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speakersdk_training.fit.pair_monitor import CollapseAlarm, pair_statistics, spread_statistics
from speakersdk_training.losses.pairwise_kl import PairwiseKl, PairwiseKlConfig

CLASSES = torch.tensor([0, 0, 1, 2])


def test_statistics_of_known_distances() -> None:
    outputs = torch.tensor([[9.0, 0, 0], [9.0, 0, 0], [0, 9.0, 0], [8.0, 0, 0]])
    loss = PairwiseKl(PairwiseKlConfig(margin=3.0))
    values = pair_statistics(loss, outputs, CLASSES)
    assert values["mean_positive"] == pytest.approx(0, abs=1e-5)
    # Of five other-speaker pairs, three hold the third row, 8 to 9 nats away in each direction;
    # the fourth row is next to the first two.
    assert values["active_hinges"] == pytest.approx(2 / 5)
    assert values["mean_negative"] == pytest.approx(3 / 5 * 17.6, rel=0.05)
    assert values["collapsed_loss"] == pytest.approx(2 * 3 * 5 / 6)


def test_means_over_no_pairs_are_left_out() -> None:
    loss = PairwiseKl(PairwiseKlConfig())
    assert "mean_positive" not in pair_statistics(loss, torch.eye(3), torch.arange(3))
    alike = pair_statistics(loss, torch.eye(3), torch.zeros(3, dtype=torch.int64))
    assert "mean_negative" not in alike
    assert "active_hinges" not in alike


def test_root_is_what_the_hinge_sees() -> None:
    """J = 4 a direction: beyond a margin of 3, but its root of 2 is not."""
    outputs = torch.tensor([[4.2, 0.0], [0.0, 4.2]])
    for root, share in ((False, 0.0), (True, 1.0)):
        loss = PairwiseKl(PairwiseKlConfig(margin=3.0, root_negatives=root))
        assert pair_statistics(loss, outputs, torch.arange(2))["active_hinges"] == share


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_effective_rank_counts_equal_directions(rank: int) -> None:
    directions = torch.eye(8)[:rank]
    embeddings = torch.cat([directions, -directions]) * 7
    values = spread_statistics(embeddings)
    assert values["effective_rank"] == pytest.approx(rank, rel=1e-5)
    assert values["embedding_spread"] == pytest.approx(1)


def test_equal_embeddings_have_no_spread() -> None:
    values = spread_statistics(torch.ones(5, 4))
    assert values["embedding_spread"] == pytest.approx(0, abs=1e-6)


def test_nan_values_have_no_statistics() -> None:
    assert spread_statistics(torch.tensor([[1.0, torch.nan], [0.0, 1.0]])) == {}


def looks(alarm: CollapseAlarm, losses: list[float], **statistics: float) -> list[str | None]:
    return [alarm.look(loss, statistics, margin=1.0) for loss in losses]


def test_alarm_says_once_that_the_loss_sticks_at_half_the_margin() -> None:
    said = looks(CollapseAlarm(), [0.5] * 12, collapsed_loss=0.5)
    messages = [text for text in said if text]
    assert said.index(messages[0]) == 4  # the fifth observation in a row
    assert len(messages) == 1
    assert messages[0].startswith("the loss stays at 0.5, 0.5 times the margin: ")


def test_alarm_keeps_still_while_the_loss_passes_by() -> None:
    assert not any(looks(CollapseAlarm(), [0.5, 0.5, 0.7, 0.5, 0.5] * 4, collapsed_loss=0.5))
    assert not any(looks(CollapseAlarm(), list(np.linspace(1, 0, 50)), collapsed_loss=0.5))


@pytest.mark.parametrize(
    "statistics",
    [
        {"embedding_spread": 0.01, "effective_rank": 9.0},
        {"embedding_spread": 0.9, "effective_rank": 1.1},
    ],
)
def test_alarm_says_that_embeddings_collapse(statistics: dict[str, float]) -> None:
    said = looks(CollapseAlarm(), [3.0, 2.9, 2.8, 2.7, 2.6], **statistics)
    assert said[:4] == [None] * 4
    assert "the embeddings collapse" in str(said[4])
    healthy = {"embedding_spread": 0.9, "effective_rank": 9.0}
    assert not any(looks(CollapseAlarm(), [3.0] * 9, **healthy))
