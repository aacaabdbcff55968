"""Short-time spectra and their inverse, compared with torch."""

from __future__ import annotations

import pytest
import torch

from speakersdk_training.augment.short_time import overlap_add, short_time_spectrum


@pytest.mark.parametrize(("size", "hop", "num_samples"), [(512, 128, 4000), (512, 256, 3333)])
def test_what_is_taken_apart_is_put_together(size: int, hop: int, num_samples: int) -> None:
    window = torch.hann_window(size, dtype=torch.float64).sqrt()
    samples = torch.randn(2, num_samples, dtype=torch.float64)
    spectrum = short_time_spectrum(samples, window, hop)
    torch.testing.assert_close(
        overlap_add(spectrum, window, hop, num_samples), samples, rtol=0, atol=1e-12
    )


def test_a_changed_spectrum_gives_what_torch_gives() -> None:
    window = torch.hann_window(512, dtype=torch.float64)
    spectrum = short_time_spectrum(torch.randn(3, 3000, dtype=torch.float64), window, 128)
    spectrum *= torch.rand(spectrum.shape, dtype=torch.float64)
    expected = torch.istft(spectrum, 512, 128, window=window, length=3000)
    torch.testing.assert_close(
        overlap_add(spectrum, window, 128, 3000), expected, rtol=0, atol=1e-12
    )
