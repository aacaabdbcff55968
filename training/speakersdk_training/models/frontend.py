"""Log-mel front end as one strided convolution, which can be exported to the ONNX graph.

The kernel combines removal of the mean, pre-emphasis, window and DFT. The mel matrix follows.
speakersdk.encoder.frontend defines both.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.models.mel_filters import analysis_window, mel_filters


class LogMel(nn.Module):
    """The logarithm of mel energies of a waveform.

    Source: python_speech_features 0.6, ``log(fbank(...)[0] + log_floor)`` with a Hamming window,
    unless the configuration asks for another window, mel scale or compression.
    """

    kernel: Tensor
    mel: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        # Only the bins with mel weights, which include DC and Nyquist if the band reaches them.
        mel = mel_filters(config)
        bins = np.flatnonzero(mel.any(axis=0))
        kernel = torch.from_numpy(_dft_kernel(config, bins)).float()
        self.register_buffer("kernel", kernel.unsqueeze(1), persistent=False)  # (2 bins, 1, taps)
        self.register_buffer("mel", torch.from_numpy(mel[:, bins]).float(), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Compute features of blocks that begin with `context_samples - overlap` past samples.

        Args:
            samples: (B, n) float32 in +-1; the first sample is the one before the first frame.

        Returns:
            (B, num_mels, k) float32, k = 1 + (n - 1 - window) // hop frames.
        """
        # A plain float32 convolution, because TF32 or bf16 would cost three digits of the log.
        with torch.autocast(samples.device.type, enabled=False):
            spectrum = functional.conv1d(
                samples.float().unsqueeze(1), self.kernel, stride=self.config.hop_samples
            )  # (B, 2 bins, k)
            real, imaginary = spectrum.chunk(2, dim=1)
            power = real * real + imaginary * imaginary  # (B, bins, k)
            energy = torch.matmul(self.mel, power)  # (B, num_mels, k)
            if self.config.compression == "log10_one_plus":
                # ONNX has neither log10 nor log1p; 1 + x loses less than 1e-7.
                return torch.log(1.0 + self.config.compression_gain * energy) / math.log(10)
            return torch.log(energy + self.config.log_floor)


def _dft_kernel(config: FrontendConfig, bins: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Make pre-emphasis, window and DFT as one FIR bank: (2 * len(bins), 1 + window_samples).

    The bank is scaled by 1 / sqrt(fft_size): its squares are the power spectrum of
    python_speech_features.
    """
    window = analysis_window(config)
    position = np.arange(config.window_samples)
    angle = -2.0 * np.pi * np.outer(bins, position) / config.fft_size
    taps = np.concatenate([np.cos(angle), np.sin(angle)]) * window / np.sqrt(config.fft_size)
    kernel = np.zeros((taps.shape[0], config.window_samples + 1))
    kernel[:, 1:] = taps
    kernel[:, :-1] -= config.preemphasis * taps
    if config.remove_dc:  # subtract the response to a constant from all taps
        kernel -= kernel.mean(axis=1, keepdims=True)
    return kernel
