"""Two small detectors of attacks, on statistics of log spectra: a regression and a network.

A clip is 300 numbers: means, deviations and deviations of changes of 60 bands of equal width and of
their first 30 cepstral coefficients (LFCC), and quiet levels of every second band.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from scipy.fft import dct
from torch import Tensor, nn

from speakersdk.arrays import Waveform

Statistics = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Scorer = Callable[[Statistics], Scores]

BANDS: Final = 60
_WINDOW, _HOP = 400, 160  # 25 ms, 10 ms
_FFT = 512
_CEPSTRA = 30
_HIDDEN = 64
_BATCH = 64
_SMALLEST_DEVIATION = 1e-3


def statistics(samples: Waveform) -> Statistics:
    """Compute the (300,) statistics of a clip, which do not depend on its level."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hamming(_WINDOW).astype(np.float32), _FFT)) ** 2
    power /= power.mean()
    edges = np.arange(BANDS) * (_FFT // 2) // BANDS
    logs = np.log(np.add.reduceat(power[:, : _FFT // 2], edges, axis=1) + 1e-8)
    cepstra = dct(logs, axis=1, norm="ortho")[:, :_CEPSTRA]
    parts = [np.quantile(logs, 0.05, axis=0)[::2]]
    for values in (logs, cepstra):
        parts += [values.mean(axis=0), values.std(axis=0), np.diff(values, axis=0).std(axis=0)]
    return np.concatenate(parts).astype(np.float32)


def regression(inputs: int) -> nn.Module:
    """Make a logistic regression."""
    return nn.Sequential(nn.Linear(inputs, 1), nn.Flatten(0))


def network(inputs: int) -> nn.Module:
    """Make a network of two hidden layers: 23,489 weights for 300 inputs."""
    return nn.Sequential(
        nn.Dropout(0.1),
        nn.Linear(inputs, _HIDDEN),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(_HIDDEN, _HIDDEN),
        nn.ReLU(),
        nn.Linear(_HIDDEN, 1),
        nn.Flatten(0),
    )


DETECTORS: dict[str, Callable[[int], nn.Module]] = {"regression": regression, "network": network}


def fitted(
    detector: str,
    values: Statistics,
    attacks: npt.NDArray[np.bool_],
    weights: Scores,
    *,
    seed: int,
    epochs: int,
) -> Scorer:
    """Train a detector: a function from statistics (N, 300) to log-odds (N,) of an attack.

    Args:
        detector: name in `DETECTORS`.
        values: (N, 300) statistics of clips for training.
        attacks: (N,) whether each is an attack.
        weights: (N,) weight of each in the cross-entropy.
        seed: seed of the first weights and the order.
        epochs: number of passes through the clips.
    """
    torch.manual_seed(seed)
    mean, deviation = values.mean(axis=0), values.std(axis=0) + _SMALLEST_DEVIATION
    model = DETECTORS[detector](values.shape[1])
    inputs = torch.from_numpy((values - mean) / deviation)
    labels, counts = torch.from_numpy(attacks).float(), torch.from_numpy(weights).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.1)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(_BATCH):
            losses = nn.functional.binary_cross_entropy_with_logits(
                model(inputs[rows]), labels[rows], reduction="none"
            )
            optimizer.zero_grad()
            ((losses * counts[rows]).sum() / counts[rows].sum()).backward()
            optimizer.step()
    model.eval()

    def scores(given: Statistics) -> Scores:
        with torch.no_grad():
            found: Tensor = model(torch.from_numpy((given - mean) / deviation))
        return found.double().numpy()

    return scores
