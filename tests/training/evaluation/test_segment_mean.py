"""The embedding of an utterance is the mean over its segments."""

from __future__ import annotations

import torch

from speakersdk_training.evaluation.segment_mean import segment_mean


def test_mean_of_whole_segments_the_rest_is_dropped() -> None:
    samples = torch.arange(20.0).reshape(2, 10)
    got = segment_mean(lambda x: x**2, samples, length=4, step=4)
    expected = torch.stack([(row[:4] ** 2 + row[4:8] ** 2) / 2 for row in samples])
    assert torch.equal(got, expected)


def test_features_are_cut_along_time() -> None:
    features = torch.arange(2 * 3 * 7.0).reshape(2, 3, 7)
    got = segment_mean(lambda x: x.flatten(1), features, length=3, step=2)
    parts = [features[:, :, start : start + 3].flatten(1) for start in (0, 2, 4)]
    assert torch.equal(got, torch.stack(parts).mean(dim=0))


def test_a_short_utterance_is_one_segment() -> None:
    assert torch.equal(
        segment_mean(lambda x: x.sum(1, keepdim=True), torch.ones(2, 3), length=4, step=4),
        torch.full((2, 1), 3.0),
    )
