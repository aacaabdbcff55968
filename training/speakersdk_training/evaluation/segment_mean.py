"""The papers' embedding of an utterance: the mean over its segments that do not overlap."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def segment_mean(
    embed: Callable[[Tensor], Tensor], values: Tensor, *, length: int, step: int
) -> Tensor:
    """Mean embedding of equal segments; what is left at the end is dropped.

    Args:
        embed: (B, ..., length) -> (B, D).
        values: (B, ..., n) samples or features of B utterances, time last.
        length: of a segment; an utterance that is shorter is one segment as it is.
        step: from segment to segment.

    Returns:
        (B, D); no embedding is scaled first. Source: ANNPR 2018, section 3.
    """
    if values.shape[-1] <= length:
        return embed(values)
    segments = values.unfold(-1, length, step).movedim(-2, 1)  # (B, segments, ..., length)
    batch, count = segments.shape[:2]
    embedded = embed(segments.reshape(batch * count, *segments.shape[2:]))
    return embedded.reshape(batch, count, -1).mean(dim=1)
