import numpy as np
import pytest

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.hop_buffer import HopBuffer

FRONTEND = FrontendConfig()


@pytest.mark.parametrize("chunk", [1, 7, 160, 1600, 5000])
def test_hops_overlap_by_the_context_however_samples_are_cut(chunk: int) -> None:
    samples = np.arange(1, 6001, dtype=np.float32)
    buffer = HopBuffer(FRONTEND, hop_frames=10)
    hops = []
    for first in range(0, len(samples), chunk):
        piece = samples[first : first + chunk]
        while len(piece):
            piece = piece[buffer.fill(piece) :]
            if buffer.is_full:
                hops.append(buffer.samples.copy())
                buffer.advance()
    padded = np.concatenate([np.zeros(1, np.float32), samples])
    expected = [padded[start : start + 1841] for start in (0, 1600, 3200)]
    np.testing.assert_array_equal(hops, expected)
    assert buffer.num_samples == len(samples)
    # 6001 values less three hops leave 1201; less the context of 241 that is six frames.
    assert buffer.num_frames == 6


def test_forgetting_the_past_makes_a_hop_the_first_of_a_stream() -> None:
    samples = np.random.default_rng(1).normal(size=6000).astype(np.float32)
    buffer, fresh = (HopBuffer(FRONTEND, hop_frames=10) for _ in range(2))
    buffer.fill(samples)
    buffer.advance()
    buffer.forget_past()
    buffer.fill(samples[1840:])
    fresh.fill(samples[1600:])
    np.testing.assert_array_equal(buffer.samples, fresh.samples)


def test_padding_completes_a_hop_with_zeros() -> None:
    buffer = HopBuffer(FRONTEND, hop_frames=10)
    buffer.fill(np.ones(400, np.float32))
    assert buffer.num_frames == 1
    buffer.pad()
    assert buffer.is_full
    assert not buffer.samples[401:].any()
