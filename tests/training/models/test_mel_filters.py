"""Windows and filterbanks, compared with python_speech_features and librosa."""

from __future__ import annotations

import numpy as np
import pytest
import python_speech_features

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.models.mel_filters import analysis_window, mel_filters, papers_frontend


def test_default_is_that_of_python_speech_features() -> None:
    config = FrontendConfig()
    expected = python_speech_features.get_filterbanks(64, 512, 16000, 20.0, 8000.0)
    assert np.array_equal(mel_filters(config), expected)
    assert np.array_equal(analysis_window(config), np.hamming(400))


def test_slaney_filters_are_those_of_librosa() -> None:
    """librosa 0.11: librosa.filters.mel(sr=16000, n_fft=1024, n_mels=128, dtype=float64)."""
    filters = mel_filters(papers_frontend())
    assert filters.shape == (128, 513)
    for (band, line), expected in {
        (0, 1): 0.02857778, (20, 31): 0.030580147, (60, 99): 0.022856311,
        (100, 261): 0.0096014852, (127, 500): 0.0052231884,
    }.items():  # fmt: skip
        assert filters[band, line] == pytest.approx(expected, rel=1e-6)
    assert filters.sum() == pytest.approx(8.18838044060668, rel=1e-12)


def test_no_filter_of_the_papers_front_end_is_empty() -> None:
    assert mel_filters(papers_frontend()).any(axis=1).all()


def test_hann_window_is_periodic() -> None:
    window = analysis_window(papers_frontend())
    assert window[0] == 0
    assert window[512] == 1
    # Half a period later, the two add up to one. A symmetric window does not.
    np.testing.assert_allclose(window[:512] + window[512:], 1.0, rtol=1e-12)


def test_band_is_kept() -> None:
    config = FrontendConfig(mel_scale="slaney", low_hz=300.0, high_hz=3400.0, num_mels=20)
    bins_hz = np.arange(257) * 16000 / 512
    outside = (bins_hz < 300) | (bins_hz > 3400)
    filters = mel_filters(config)
    assert not filters[:, outside].any()
    assert filters.any(axis=1).all()
