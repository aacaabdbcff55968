"""Another vocal tract: formants move, pitch and tempo stay.

Together with playing speeds, which move all three, it makes voices that no training speaker has.
The spectral envelope of each frame (its cepstrum's slow part) is stretched along frequency; the
fine structure, which holds the pitch, is left where it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

WINDOW, HOP = 512, 128
# Cepstral coefficients of the envelope: 1.9 ms at 16 kHz, shorter than the pitch period of a voice
# of 500 Hz, long enough for formants 400 Hz apart.
_QUEFRENCIES = 30
_LARGEST_GAIN = 3.0  # natural log, 26 dB: spectral valleys must not be lifted out of the noise


def warp_vocal_tract(samples: Tensor, factor: float) -> Tensor:
    """Move all formants of (B, n) float32 by a factor; above 1 they rise, as in a shorter tract.

    Frequencies above Nyquist / factor keep the envelope of the edge.
    """
    if factor == 1.0:
        return samples
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = torch.stft(
        samples, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True
    )  # (B, bins, frames)
    # 80 dB below the row's level: digital silence has an envelope, too.
    magnitude = spectrum.abs()
    floor = 1e-4 * magnitude.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-9
    logarithm = (magnitude + floor).log()
    envelope = _envelope(logarithm)
    gain = (_stretched(envelope, factor) - envelope).clamp(-_LARGEST_GAIN, _LARGEST_GAIN)
    warped: Tensor = torch.istft(
        spectrum * gain.exp(), WINDOW, HOP, window=window, length=samples.shape[1]
    )
    return warped


def _envelope(logarithm: Tensor) -> Tensor:
    """(B, bins, frames) log magnitudes -> their slow part along frequency."""
    cepstrum = torch.fft.irfft(logarithm, n=WINDOW, dim=1)
    cepstrum[:, _QUEFRENCIES : WINDOW - _QUEFRENCIES + 1] = 0
    envelope: Tensor = torch.fft.rfft(cepstrum, dim=1).real
    return envelope


def _stretched(envelope: Tensor, factor: float) -> Tensor:
    """Value of each bin from `bin / factor`, linear in between."""
    last = envelope.shape[1] - 1
    place = (torch.arange(last + 1, device=envelope.device) / factor).clamp(max=last)
    left = place.long().clamp(max=last - 1)
    share = (place - left)[None, :, None]
    return envelope[:, left] * (1 - share) + envelope[:, left + 1] * share
