"""The front ends of published speaker encoders: full descriptions, built as ONNX operators.

    samples -> (scale, normalize, pre-emphasis, padding) -> strided convolution: window and DFT
    -> squares -> mel energies -> logarithm -> normalization over the recording -> features

All steps that are linear in the samples of one frame are folded into the convolution's kernel: the
removal of the frame's mean, pre-emphasis within the frame, window and DFT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from speakersdk_export.adopt.filterbank import MelName, WindowName, analysis_window, mel_filters
from speakersdk_export.adopt.operators import Operators

Layout = Literal["BTF", "BFT", "B1FT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """The front end of a published encoder: the steps between the waveform and the network.

    Attributes:
        sample_rate_hz: rate of the waveform, which has a full scale of 1.
        sample_scale: factor on the samples; 32768 where the original reads 16-bit integers.
        normalize_waveform: whether the waveform is normalized to mean 0 and deviation 1 (over all
            samples, 1e-8 added to the deviation).
        preemphasis: y[i] = x[i] - preemphasis * x[i - 1].
        preemphasis_over: `frame`: within each frame, whose first sample is its own predecessor;
            `signal`: over the recording, whose first sample is unchanged; `reflect`: over the
            recording, whose first sample is preceded by its second; `none`.
        remove_frame_mean: whether each frame's mean is subtracted.
        window, window_samples: analysis window.
        hop_samples: step between frames.
        fft_size: points of the DFT.
        padding_samples: number of zeros before and after the recording.
        mel, num_mels, low_hz, high_hz: the filterbank.
        power_floor: minimum of the power spectrum, 0 for none; 1 / power_floor is the maximum.
        energy_floor: minimum mel energy, 0 for none.
        log_offset: added to the mel energies before the logarithm.
        decibels: whether the logarithm is 10 log10 instead of ln.
        range_db: features are limited to this far below the recording's maximum; 0 for none.
        normalize: `mean`: each band's mean over the recording is subtracted; `mean_deviation`: it
            is then also divided by the deviation (N - 1) plus 1e-5; `none`.
        drop_frames: number of frames to drop at the end of the recording.
        multiple_of_frames: frames beyond a multiple of this are dropped after normalization.
        layout: axes of the features: B batch, T time, F bands, 1 a channel.
    """

    sample_rate_hz: int = 16000
    sample_scale: float = 1.0
    normalize_waveform: bool = False
    preemphasis: float = 0.97
    preemphasis_over: Literal["frame", "signal", "reflect", "none"] = "frame"
    remove_frame_mean: bool = False
    window: WindowName = "povey"
    window_samples: int = 400
    hop_samples: int = 160
    fft_size: int = 512
    padding_samples: int = 0
    mel: MelName = "kaldi"
    num_mels: int = 80
    low_hz: float = 20.0
    high_hz: float = 8000.0
    power_floor: float = 0.0
    energy_floor: float = 0.0
    log_offset: float = 0.0
    decibels: bool = False
    range_db: float = 0.0
    normalize: Literal["mean", "mean_deviation", "none"] = "mean"
    drop_frames: int = 0
    multiple_of_frames: int = 1
    layout: Layout = "BTF"

    def kernel(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the (2 * bins, window_samples) kernel, and the (num_mels, bins) mel weights.

        Only the bins with a nonzero weight in some filter are computed.
        """
        mel = mel_filters(
            self.mel,
            num_mels=self.num_mels,
            fft_size=self.fft_size,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
            sample_rate_hz=self.sample_rate_hz,
        )
        bins = np.flatnonzero(mel.any(axis=0))
        position = np.arange(self.window_samples)
        angle = -2 * np.pi * np.outer(bins, position) / self.fft_size
        kernel = np.concatenate([np.cos(angle), np.sin(angle)])
        kernel *= analysis_window(self.window, self.window_samples)
        if self.preemphasis_over == "frame":
            # Each sample is subtracted from the next; the first from itself.
            kernel = kernel - self.preemphasis * np.concatenate(
                [kernel[:, :1] + kernel[:, 1:2], kernel[:, 2:], np.zeros((len(kernel), 1))], axis=1
            )
        if self.remove_frame_mean:
            kernel = kernel - kernel.mean(axis=1, keepdims=True)
        return kernel * self.sample_scale, mel[:, bins]


def add_front_end(front_end: FrontEnd, operators: Operators, samples: str) -> str:
    """Append a front end to a graph under construction.

    Args:
        front_end: the front end to build.
        operators: operators of the graph; features are float32.
        samples: name of the (B, n) float32 waveform.

    Returns:
        The name of the features, with the axes of `front_end.layout`.
    """
    make = operators
    values = _waveform(front_end, make, make.unsqueeze(samples, 1))  # (B, 1, n)
    kernel, mel = front_end.kernel()
    spectrum = make.add(
        "Conv",
        values,
        make.constant(kernel[:, np.newaxis].astype(np.float32)),
        strides=[front_end.hop_samples],
    )
    power = make.add("Mul", spectrum, spectrum)  # (B, 2 bins, k): squares of both parts
    if front_end.power_floor:
        num_bins = len(kernel) // 2
        power = make.add(
            "Add",
            make.slice(power, axis=1, start=0, end=num_bins),
            make.slice(power, axis=1, start=num_bins, end=2 * num_bins),
        )
        power = make.clip(power, front_end.power_floor, 1 / front_end.power_floor)
    else:
        mel = np.concatenate([mel, mel], axis=1)  # one product adds the squares
    energy = make.add("MatMul", make.constant(mel.astype(np.float32)), power)  # (B, F, k)
    features = _normalized(front_end, make, _logarithm(front_end, make, energy))
    if front_end.layout == "BTF":
        return make.add("Transpose", features, perm=[0, 2, 1])
    return make.unsqueeze(features, 1) if front_end.layout == "B1FT" else features


def _waveform(front_end: FrontEnd, make: Operators, values: str) -> str:
    if front_end.normalize_waveform:
        centered = make.add("Sub", values, make.mean(values, axis=2))
        deviation = make.add("Sqrt", make.mean(make.add("Mul", centered, centered), axis=2))
        values = make.add("Div", centered, make.add("Add", deviation, make.scalar(1e-8)))
    if front_end.preemphasis_over in ("signal", "reflect"):
        # The predecessor of the first sample is zero, or the second sample.
        second = make.slice(values, axis=2, start=1, end=2)
        nothing = make.add("Sub", second, second)
        before = second if front_end.preemphasis_over == "reflect" else nothing
        earlier = make.add("Concat", before, make.slice(values, axis=2, start=0, end=-1), axis=2)
        values = make.add(
            "Sub", values, make.add("Mul", earlier, make.scalar(front_end.preemphasis))
        )
    if padding := front_end.padding_samples:
        values = make.pad(values, before=[0, 0, padding], after=[0, 0, padding])
    return values


def _logarithm(front_end: FrontEnd, make: Operators, energy: str) -> str:
    if front_end.energy_floor:
        energy = make.clip(energy, front_end.energy_floor, None)
    if front_end.log_offset:
        energy = make.add("Add", energy, make.scalar(front_end.log_offset))
    features = make.add("Log", energy)
    if front_end.decibels:
        features = make.add("Mul", features, make.scalar(10 / np.log(10)))
    if front_end.range_db:
        largest = make.maximum(features, axes=[1, 2])
        features = make.add(
            "Max", features, make.add("Sub", largest, make.scalar(front_end.range_db))
        )
    return features


def _normalized(front_end: FrontEnd, make: Operators, features: str) -> str:
    if front_end.drop_frames:
        features = make.slice(features, axis=2, start=0, end=-front_end.drop_frames)
    if front_end.normalize != "none":
        features = make.add("Sub", features, make.mean(features, axis=2))
    if front_end.normalize == "mean_deviation":
        count = make.length(features, axis=2)
        squares = make.total(make.add("Mul", features, features), axis=2)
        variance = make.add("Div", squares, make.add("Sub", count, make.scalar(1.0)))
        deviation = make.add("Add", make.add("Sqrt", variance), make.scalar(1e-5))
        features = make.add("Div", features, deviation)
    if front_end.multiple_of_frames > 1:
        features = make.whole_multiple(features, axis=2, multiple=front_end.multiple_of_frames)
    return features
