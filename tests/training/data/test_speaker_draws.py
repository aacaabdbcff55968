"""Who is in a batch, for each way to draw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from speakersdk.errors import ConfigError
from speakersdk_training.data.speaker_draws import SamplerConfig, make_draw, read_groups
from speakersdk_training.errors import TrainingError

SPEAKERS = tuple("abcdefgh")


def draw(
    generator: torch.Generator, count: int, weights: torch.Tensor | None = None, **options: Any
) -> list[int]:
    weights = torch.ones(len(SPEAKERS)) if weights is None else weights
    rows: list[int] = make_draw(SamplerConfig(**options), SPEAKERS, weights, generator)(
        count
    ).tolist()
    return rows


def test_weighted_draws_follow_the_weights(generator: torch.Generator) -> None:
    weights = torch.tensor([0.0, 1, 1, 1, 1, 1, 1, 4])
    counts = Counter(draw(generator, 10_000, weights))
    assert 0 not in counts
    # Expected 4,000 with a deviation of 49.
    assert counts[7] == pytest.approx(4000, abs=5 * 49)


def test_grouped_batches_hold_p_speakers_k_times(generator: torch.Generator) -> None:
    rows = draw(generator, 12, kind="grouped", per_speaker=3)
    assert sorted(Counter(rows).values()) == [3, 3, 3, 3]
    assert rows[0] == rows[1] == rows[2]


def test_distinct_batches_contain_no_speaker_twice(generator: torch.Generator) -> None:
    assert sorted(draw(generator, 8, kind="distinct")) == list(range(8))


def test_alternating_pairs_are_of_one_speaker_and_of_two(generator: torch.Generator) -> None:
    rows = draw(generator, 400, kind="alternating")
    pairs = list(zip(rows[0::2], rows[1::2], strict=True))
    assert all(first == second for first, second in pairs[0::2])
    assert all(first != second for first, second in pairs[1::2])
    assert len(set(pairs[1::2])) > 40  # of 56 that are possible


def test_others_of_a_pair_are_of_one_group(generator: torch.Generator, tmp_path: Path) -> None:
    path = tmp_path / "spk2gender"
    path.write_text("".join(f"{name} {'fm'[i % 2]}\n" for i, name in enumerate(SPEAKERS)))
    rows = draw(generator, 400, kind="alternating", groups=str(path))
    assert all(
        first % 2 == second % 2 for first, second in zip(rows[0::2], rows[1::2], strict=True)
    )
    assert {first != second for first, second in zip(rows[2::4], rows[3::4], strict=True)} == {True}


def test_a_seed_repeats_the_draws() -> None:
    for kind in ("weighted", "grouped", "distinct", "alternating"):
        one, other = (
            draw(torch.Generator().manual_seed(5), 8, kind=kind, per_speaker=2) for _ in range(2)
        )
        assert one == other


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [
        ("distinct", 9, "at least 9 speakers for a batch without repeats, got 8"),
        ("grouped", 9, "crops in groups of 4, got 9"),
        ("grouped", 36, "at least 9 speakers"),
        ("alternating", 3, "an even number of crops to pair, got 3"),
    ],
)
def test_batches_that_cannot_be(
    generator: torch.Generator, kind: str, count: int, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        draw(generator, count, kind=kind)


def test_group_files_are_read_strictly(tmp_path: Path, generator: torch.Generator) -> None:
    path = tmp_path / "groups"
    with pytest.raises(TrainingError, match="found no file"):
        read_groups(path, SPEAKERS)
    path.write_text("a f\nb\n")
    with pytest.raises(TrainingError, match=r"groups:2: expected 'speaker group', got 'b'"):
        read_groups(path, SPEAKERS)
    path.write_text("a f\n")
    with pytest.raises(TrainingError, match="has no group for b and 6 others"):
        read_groups(path, SPEAKERS)
    path.write_text("".join(f"{name} {'m' if name == 'a' else 'f'}\n" for name in SPEAKERS))
    with pytest.raises(TrainingError, match="at least two speakers in every group, got only one"):
        draw(generator, 4, kind="alternating", groups=str(path))
    with pytest.raises(ConfigError, match=r"expected sampler\.per_speaker >= 2, got 1"):
        SamplerConfig(per_speaker=1)
