"""A warped vocal tract moves the formants and keeps the pitch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from speakersdk_training.augment.vocal_tract import warp_vocal_tract

RATE_HZ = 16000
PITCH_HZ = 125.0
FORMANTS_HZ = (700.0, 2000.0)


def resonated(source: np.ndarray) -> torch.Tensor:
    """(1, n): a source through two resonators of 150 Hz bandwidth."""
    for formant in FORMANTS_HZ:
        radius = np.exp(-np.pi * 150 / RATE_HZ)
        source = lfilter(
            [1.0], [1, -2 * radius * np.cos(2 * np.pi * formant / RATE_HZ), radius**2], source
        )
    return torch.from_numpy(0.3 * source / np.abs(source).max()).float()[None]


@pytest.fixture(scope="module")
def vowel() -> torch.Tensor:
    """(1, 16000) voiced: pulses."""
    pulses = np.zeros(RATE_HZ)
    pulses[:: int(RATE_HZ / PITCH_HZ)] = 1.0
    return resonated(pulses)


@pytest.fixture
def whisper(rng: np.random.Generator) -> torch.Tensor:
    """(1, 16000) whispered: noise, which also shows formants between harmonics."""
    return resonated(rng.standard_normal(RATE_HZ))


def formants_hz(samples: torch.Tensor) -> np.ndarray:
    """Formants by linear prediction of order 8 (autocorrelation method): angles of the poles."""
    middle = samples[0, 4000:12000].double().numpy() * np.hanning(8000)
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :][:9]
    matrix = np.array([[correlation[abs(i - j)] for j in range(8)] for i in range(8)])
    predictor = np.linalg.solve(matrix + 1e-9 * correlation[0] * np.eye(8), correlation[1:])
    poles = np.roots(np.concatenate([[1.0], -predictor]))
    poles = poles[(poles.imag > 0) & (np.abs(poles) > 0.9)]
    return np.sort(np.angle(poles) * RATE_HZ / (2 * np.pi))


def pitch_hz(samples: torch.Tensor) -> float:
    middle = samples[0, 4000:12000].double().numpy()
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    return RATE_HZ / (60 + int(np.argmax(correlation[60:200])))


@pytest.mark.parametrize("factor", [0.88, 1.14])
def test_formants_move(whisper: torch.Tensor, factor: float) -> None:
    before, after = (
        formants_hz(whisper),
        formants_hz(warp_vocal_tract(whisper, torch.tensor([factor]))),
    )
    for formant in FORMANTS_HZ:
        source = before[np.argmin(np.abs(before - formant))]
        moved = after[np.argmin(np.abs(after - factor * formant))]
        # Half a second of noise gives a resonance of 150 Hz bandwidth within about 15 Hz, and the
        # envelope, smooth over 270 Hz, moves nine tenths of its shape.
        assert moved / source == pytest.approx(factor, abs=0.03)


@pytest.mark.parametrize("factor", [0.88, 1.14])
def test_the_pitch_stays(vowel: torch.Tensor, factor: float) -> None:
    assert pitch_hz(warp_vocal_tract(vowel, torch.tensor([factor]))) == pytest.approx(
        PITCH_HZ, rel=0.01
    )


def test_without_a_warp_nothing_changes(vowel: torch.Tensor) -> None:
    same = warp_vocal_tract(vowel, torch.ones(1))
    torch.testing.assert_close(same, vowel, rtol=0, atol=1e-6)


def test_every_row_has_its_own_factor(whisper: torch.Tensor) -> None:
    factors = torch.tensor([0.9, 1.0, 1.11])
    together = warp_vocal_tract(whisper.repeat(3, 1), factors)
    alone = [warp_vocal_tract(whisper, factor[None]) for factor in factors]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)


def test_silence_and_noise_stay_what_they_are(generator: torch.Generator) -> None:
    assert not warp_vocal_tract(torch.zeros(2, 4000), torch.full((2,), 0.9)).any()
    noise = torch.randn(4, 16000, generator=generator)
    warped = warp_vocal_tract(noise, torch.full((4,), 1.12))
    # A flat envelope stays flat: the level moves only by the scatter of the envelope.
    change_db = 20 * torch.log10(warped.std(dim=1) / noise.std(dim=1))
    assert change_db.abs().max() < 1.5
