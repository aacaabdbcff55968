"""The definition of the log-mel front end, with which the runtime counts frames and samples.

Training computes the features, export makes them part of the graph, and the manifest records them.

The reference is python_speech_features: ``log(fbank(x, **psf_arguments)[0] + log_floor)``.
docs/formats/model.md describes the options that go beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from speakersdk.errors import ConfigError

Window = Literal["hamming", "hann"]
MelScale = Literal["htk", "slaney"]
Compression = Literal["log", "log10_one_plus"]
_MAXIMUM: Final = 1e9  # limit of all values; the largest one in use is a gain of 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendConfig:
    """Framing, spectrum and mel filterbank of the front end.

    Frame t covers samples ``[t * hop_samples, t * hop_samples + window_samples)`` of the
    pre-emphasized waveform; the frame count of n samples is ``1 + (n - window) // hop``.

    Attributes:
        sample_rate_hz: rate of the waveform.
        window_samples: analysis window (25 ms at 16 kHz).
        hop_samples: step between frames (10 ms at 16 kHz).
        fft_size: points of the DFT; the window is zero-padded to it.
        num_mels: filters of the mel filterbank.
        low_hz, high_hz: band of the filterbank.
        preemphasis: y[n] = x[n] - preemphasis * x[n - 1], with x[-1] = 0.
        log_floor: added to the mel energies before the natural logarithm; 1e-8 is about 20 dB
            above the quantization noise of 16-bit audio so that digital silence and a quiet 16-bit
            recording have similar features.
        window: symmetric Hamming (python_speech_features), or periodic Hann.
        mel_scale: triangles of python_speech_features (HTK's scale, corners on DFT bins), or of
            Slaney's Auditory Toolbox with unit area over Hz (librosa's mel spectrogram). With 1024
            points, each of HTK's lowest 128 bands is a single DFT line.
        compression: ``ln(x + log_floor)``, or ``log10(1 + compression_gain x)``.
        compression_gain: factor of the mel energies x, for a power spectrum divided by fft_size.
        remove_dc: subtract the mean from a frame and the sample before it, to cancel an offset of
            the sound card.
    """

    sample_rate_hz: int = 16000
    window_samples: int = 400
    hop_samples: int = 160
    fft_size: int = 512
    num_mels: int = 64
    low_hz: float = 20.0
    high_hz: float = 8000.0
    preemphasis: float = 0.97
    log_floor: float = 1e-8
    window: Window = "hamming"
    mel_scale: MelScale = "htk"
    compression: Compression = "log"
    compression_gain: float = 1e4
    remove_dc: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in ("int", "float") and not _is_number(value, whole=field.type == "int"):
                noun = "whole number" if field.type == "int" else "finite number"
                raise ConfigError(
                    f"expected {field.name} as a {noun} of at most {_MAXIMUM:g}, got "
                    f"{str(value)[:60]}"
                )
        for name, kind in (
            ("window", Window), ("mel_scale", MelScale), ("compression", Compression)
        ):  # fmt: skip
            if (value := getattr(self, name)) not in get_args(kind):
                raise ConfigError(
                    f"expected {name} {' or '.join(get_args(kind))}, got {str(value)[:60]!r}"
                )
        if self.sample_rate_hz < 1 or self.num_mels < 1:
            raise ConfigError(
                "expected sample_rate_hz and num_mels of at least 1, got "
                f"{self.sample_rate_hz} and {self.num_mels}"
            )
        if not 0 < self.hop_samples <= self.window_samples <= self.fft_size:
            raise ConfigError(
                "expected 0 < hop_samples <= window_samples <= fft_size, got "
                f"{self.hop_samples}, {self.window_samples}, {self.fft_size}"
            )
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2:
            raise ConfigError(
                f"expected 0 <= low_hz < high_hz <= {self.sample_rate_hz / 2:g}, "
                f"got {self.low_hz:g} and {self.high_hz:g}"
            )

    @property
    def context_samples(self) -> int:
        """The number of samples that a call of a stateful graph shares with the previous call.

        This is one sample for pre-emphasis, and the part of the last window beyond its hop.
        """
        return 1 + self.window_samples - self.hop_samples

    def num_frames(self, num_samples: int) -> int:
        """Return the number of complete frames in `num_samples` samples."""
        if num_samples < self.window_samples:
            return 0
        return 1 + (num_samples - self.window_samples) // self.hop_samples

    def num_samples(self, num_frames: int) -> int:
        """Return the number of samples that `num_frames` >= 1 frames cover."""
        return self.window_samples + (num_frames - 1) * self.hop_samples


def _is_number(value: object, *, whole: bool) -> bool:
    """Return whether a value from a file is a number of bounded size."""
    kinds = int if whole else (int, float)
    return (
        isinstance(value, kinds) and not isinstance(value, bool) and -_MAXIMUM <= value <= _MAXIMUM
    )
