"""Change of the vocal tract: formants move, while pitch and tempo stay.

Together with playing speeds, which change all three, it makes voices that are not in the corpus.
The spectral envelope of each frame (its cepstrum's slow part) is stretched along frequency; the
fine structure, which contains the pitch, is not moved.
"""

from __future__ import annotations

import torch
from torch import Tensor

from speakersdk_training.augment.short_time import overlap_add, short_time_spectrum

WINDOW, HOP = 512, 128
# Cepstral coefficients of the envelope: 1.9 ms at 16 kHz, shorter than the pitch period of a voice
# of 500 Hz, long enough for formants 400 Hz apart.
_QUEFRENCIES = 30
_LARGEST_GAIN = 3.0  # natural log, 26 dB: spectral valleys must not rise above the noise


def warp_vocal_tract(samples: Tensor, factors: Tensor) -> Tensor:
    """Multiply the formant frequencies of (B, n) float32 by each row's factor (B,).

    Above 1 they rise, as with a shorter vocal tract. Frequencies above Nyquist / factor keep the
    envelope of the edge.
    """
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = short_time_spectrum(samples, window, HOP)  # (B, bins, frames)
    # 80 dB below the row's level so that digital silence also has an envelope.
    magnitude = spectrum.abs()
    floor = 1e-4 * magnitude.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-9
    logarithm = (magnitude + floor).log()
    envelope = _envelope(logarithm)
    gain = (_stretched(envelope, factors) - envelope).clamp(-_LARGEST_GAIN, _LARGEST_GAIN)
    return overlap_add(spectrum * gain.exp(), window, HOP, samples.shape[1])


def _envelope(logarithm: Tensor) -> Tensor:
    """Smooth (B, bins, frames) log magnitudes along frequency."""
    cepstrum = torch.fft.irfft(logarithm, n=WINDOW, dim=1)
    cepstrum[:, _QUEFRENCIES : WINDOW - _QUEFRENCIES + 1] = 0
    envelope: Tensor = torch.fft.rfft(cepstrum, dim=1).real
    return envelope


def _stretched(envelope: Tensor, factors: Tensor) -> Tensor:
    """Interpolate each bin linearly at `bin / factor`."""
    last = envelope.shape[1] - 1
    place = torch.arange(last + 1, device=envelope.device) / factors[:, None]  # (B, bins)
    place = place.clamp(max=last)
    left = place.long().clamp(max=last - 1)
    share = (place - left)[:, :, None]
    left = left[:, :, None].expand(-1, -1, envelope.shape[2])
    return envelope.gather(1, left) * (1 - share) + envelope.gather(1, left + 1) * share
