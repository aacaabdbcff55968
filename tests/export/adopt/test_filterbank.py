"""Windows and mel filterbanks of published encoders."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk_export.adopt.filterbank import analysis_window, mel_filters


def filters(name: str, **options: float) -> np.ndarray:
    settings = {"num_mels": 80, "fft_size": 512, "low_hz": 20.0, "high_hz": 8000.0}
    return mel_filters(name, sample_rate_hz=16000, **(settings | options))  # type: ignore[arg-type]


def test_windows_are_those_of_their_definitions() -> None:
    assert np.allclose(analysis_window("hamming", 400), np.hamming(400), atol=1e-15)
    assert np.allclose(analysis_window("hann", 400), np.hanning(400), atol=1e-15)
    assert np.allclose(analysis_window("povey", 400), np.hanning(400) ** 0.85, atol=1e-15)
    assert np.allclose(analysis_window("hamming_periodic", 400), np.hamming(401)[:-1], atol=1e-15)
    with pytest.raises(ValueError, match="expected a window of"):
        analysis_window("kaiser", 400)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["kaldi", "htk", "speechbrain", "slaney"])
def test_every_filter_is_one_triangle(name: str) -> None:
    bank = filters(name)
    assert bank.shape == (80, 257)
    assert (bank >= 0).all()
    for one in bank:
        support = np.flatnonzero(one)
        if not len(support):  # narrower than the distance between two bins, at low frequencies
            continue
        assert np.array_equal(support, np.arange(support[0], support[-1] + 1))
        values = one[support]
        peak = values.argmax()
        assert (np.diff(values[: peak + 1]) >= 0).all()
        assert (np.diff(values[peak:]) <= 0).all()


def test_slaney_filters_have_unit_area_over_hz() -> None:
    # Summed over bins of 1 Hz so that the sum is the area of the triangle to its corners' bins.
    bank = mel_filters(
        "slaney", num_mels=80, fft_size=16000, low_hz=0.0, high_hz=8000.0, sample_rate_hz=16000
    )
    assert np.allclose(bank.sum(axis=1), 1.0, atol=1e-3)


def test_an_unknown_filterbank_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a filterbank of"):
        filters("bark")
