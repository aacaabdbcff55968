"""Transmission, compared with loops in NumPy, and the statistics of lost packets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from speakersdk_training.augment import transmission
from speakersdk_training.augment.random import BatchRandom

RATE_HZ = 16000


@pytest.fixture
def random(generator: torch.Generator) -> BatchRandom:
    return BatchRandom(generator)


def reference_quantised(samples: np.ndarray, step: float, cutoff: float) -> np.ndarray:
    """Process frame by frame and band by band, in float64, with overlap-add."""
    size, hop = transmission.CODEC_WINDOW, transmission.CODEC_HOP
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))
    padded = np.pad(samples.astype(np.float64), size // 2)
    out = np.zeros(len(padded))
    edges = transmission.band_matrix(size // 2 + 1, torch.device("cpu")).numpy().astype(bool)
    for start in range(0, len(padded) - size + 1, hop):
        spectrum = np.fft.rfft(window * padded[start : start + size])
        for band in edges:
            width = step * np.sqrt(np.mean(np.abs(spectrum[band]) ** 2) + 1e-12)
            real, imaginary = spectrum[band].real, spectrum[band].imag
            spectrum[band] = np.rint(real / width) * width + 1j * np.rint(imaginary / width) * width
        spectrum[np.arange(size // 2 + 1) > cutoff * (size // 2)] = 0
        out[start : start + size] += window * np.fft.irfft(spectrum)
    return out[size // 2 : size // 2 + len(samples)]


def test_spectra_are_quantised_band_by_band(random: BatchRandom) -> None:
    samples = random.normal(2, 4096)  # whole hops: the reference has no partial frame
    step, cutoff = torch.tensor([[0.3], [0.7]]), torch.tensor([[0.5], [1.0]])
    got = transmission.quantize_spectrum(samples, step=step, cutoff=cutoff)
    for row in range(2):
        expected = reference_quantised(
            samples[row].numpy(), float(step[row, 0]), float(cutoff[row, 0])
        )
        error = got[row].numpy() - expected
        # float32 differs from float64 by 1e-6; at the edge between two steps, by one step in one
        # bin: 0.7 of about 16, spread over 512 samples.
        assert np.sqrt(np.mean(error[256:-256] ** 2)) < 3e-3


def test_a_fine_step_changes_nothing(random: BatchRandom) -> None:
    samples = random.normal(3, 5000)
    fine = transmission.quantize_spectrum(
        samples, step=torch.full((3, 1), 1e-4), cutoff=torch.ones(3, 1)
    )
    torch.testing.assert_close(fine, samples, rtol=0, atol=1e-3)


def test_bands_cover_every_bin_once() -> None:
    bands = transmission.band_matrix(257, torch.device("cpu"))
    assert (bands.sum(dim=0) == 1).all()
    assert (bands.sum(dim=1) >= 1).all()
    widths = bands.sum(dim=1)
    assert widths[-1] > 5 * widths[0]


@pytest.mark.parametrize("line", [transmission.coarse_spectrum, transmission.packet_loss])
def test_a_share_of_the_rows_is_sent(line: object, random: BatchRandom) -> None:
    samples = 0.1 * random.normal(20, 8000)
    for share, expected in ((0.0, 0), (0.25, 5), (1.0, 20)):
        received = line(samples, share=share, sample_rate_hz=RATE_HZ, random=random)  # type: ignore[operator]
        assert received.shape == samples.shape
        assert torch.isfinite(received).all()
        changed = int((received != samples).any(dim=1).sum())
        # A row of 25 packets may lose none (0.98^25 = 60 % at the lowest rate).
        assert changed <= expected
        if line is transmission.coarse_spectrum:
            assert changed == expected
    assert torch.isfinite(
        line(torch.zeros(2, 8000), share=1.0, sample_rate_hz=RATE_HZ, random=random)  # type: ignore[operator]
    ).all()


def test_losses_have_their_rate_and_bursts(random: BatchRandom) -> None:
    rows, packets = 200, 1000
    rate, burst = torch.full((rows,), 0.1), torch.full((rows,), 2.5)
    lost = transmission.lost_packets(packets, rate=rate, burst=burst, random=random)
    assert lost.shape == (rows, packets)
    assert not lost[:, 0].any()
    # 200,000 packets in runs of 2.5 are about 8,000 runs: deviations of 1 to 2 %; five times that.
    assert float(lost.float().mean()) == pytest.approx(0.1, rel=0.08)
    starts = (lost[:, 1:] & ~lost[:, :-1]).sum()
    assert float(lost.sum() / starts) == pytest.approx(2.5, rel=0.08)
    single = transmission.lost_packets(packets, rate=rate, burst=torch.ones(rows), random=random)
    assert not (single[:, 1:] & single[:, :-1]).any()


def test_lost_packets_are_repeated_and_fade(random: BatchRandom) -> None:
    samples = random.normal(2, 450)
    lost = torch.tensor(
        [[0, 1, 1, 1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=torch.bool
    )
    received = transmission.conceal(samples, lost, 50)
    expected = samples.numpy().copy()
    last = expected[0, :50].copy()
    age = 0
    for number in range(1, 9):
        piece = slice(50 * number, 50 * number + 50)
        if lost[0, number]:
            age += 1
            expected[0, piece] = last * max(0.0, 1 - 0.2 * age)
        else:
            last, age = expected[0, piece].copy(), 0
    np.testing.assert_allclose(received.numpy(), expected, rtol=1e-6, atol=1e-7)
    assert math.isclose(float(received[0, 300:350].abs().max()), 0.0)  # silent after 100 ms


def test_the_last_packet_may_be_short(random: BatchRandom) -> None:
    samples = random.normal(1, 430)
    lost = torch.zeros(1, 9, dtype=torch.bool)
    assert torch.equal(transmission.conceal(samples, lost, 50), samples)
