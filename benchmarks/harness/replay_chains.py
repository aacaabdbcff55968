"""Simulated attacks with a recording: copies of a file, and loudspeaker, room and microphone.

A loudspeaker is a band, resonances and soft clipping; the microphone adds noise. The rooms are the
impulse responses of the corpora, with the direct sound 3 dB above the reverberation, for a
loudspeaker that is held near.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr
from scipy.signal import butter, fftconvolve, iirpeak, lfilter, sosfilt

from benchmarks.harness import corpora
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio

Change = Callable[[Waveform], Waveform]
_DIRECT_DB = 3.0
_PEAK = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayChain:
    """A loudspeaker in a room, and a microphone.

    Attributes:
        low_hz, high_hz: band of loudspeaker and microphone together.
        drive: overdrive of the loudspeaker; 0 means none.
        room: impulse response of `shared/data/rir`.
        snr_db: signal-to-noise ratio of the microphone in dB.
        is_opus: whether the result is coded in Opus.
        resonances: frequency in Hz, quality and height in dB of each.
        seed: of the noise.
    """

    low_hz: float
    high_hz: float
    drive: float
    room: str
    snr_db: float
    is_opus: bool = False
    resonances: tuple[tuple[float, float, float], ...] = ()
    seed: int = 0

    def __call__(self, samples: Waveform) -> Waveform:
        """Return the recording of the microphone."""
        band = butter(4, [self.low_hz, self.high_hz], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        played: npt.NDArray[np.float64] = sosfilt(band, samples)
        for frequency_hz, quality, height_db in self.resonances:
            peak = iirpeak(frequency_hz, quality, fs=SAMPLE_RATE_HZ)
            played = played + (10 ** (height_db / 20) - 1) * lfilter(*peak, played)
        played /= np.abs(played).max()
        if self.drive:
            played = np.tanh(self.drive * played)
        recorded = fftconvolve(played, self._response())[: len(samples)]
        if self.is_opus:
            recorded = coded(recorded.astype(np.float32), "OGG", "OPUS")[: len(samples)]
        chance = np.random.default_rng((len(samples), self.seed))
        noise = chance.standard_normal(len(recorded)) * recorded.std() * 10 ** (-self.snr_db / 20)
        recorded = recorded + noise
        return np.asarray(_PEAK * recorded / np.abs(recorded).max(), np.float32)

    def _response(self) -> npt.NDArray[np.float64]:
        path = corpora.DATA / "rir" / f"web-audio-samples-{self.room}.flac"
        whole = read_audio(path).astype(np.float64)
        direct = int(np.argmax(np.abs(whole)))
        room = whole.copy()
        room[: direct + 40] = 0  # 2.5 ms
        room *= 10 ** (-_DIRECT_DB / 20) / max(float(np.linalg.norm(room)), 1e-9)
        room[direct] = 1.0
        return room[direct:]


def coded(
    samples: Waveform, container: str, encoding: str, *, compression_level: float | None = None
) -> Waveform:
    """Encode and decode the recording in a lossy format, at a level of soundfile from 0 to 1."""
    file = io.BytesIO()
    peak = max(float(np.abs(samples).max()), 1e-9)
    sf.write(
        file,
        0.5 * samples / peak,
        SAMPLE_RATE_HZ,
        format=container,
        subtype=encoding,
        compression_level=compression_level,
    )
    return read_audio(io.BytesIO(file.getvalue()))


def resampled(samples: Waveform) -> Waveform:
    """Resample to 8 kHz and back."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, 8000)
    return np.asarray(soxr.resample(narrow, 8000, SAMPLE_RATE_HZ), np.float32)


def faster(samples: Waveform) -> Waveform:
    """Play 3 % faster."""
    return np.asarray(soxr.resample(samples, 1.03 * SAMPLE_RATE_HZ, SAMPLE_RATE_HZ), np.float32)


COPIES: dict[str, Change] = {
    "the enrolled file": lambda samples: samples,
    "at a tenth of the level": lambda samples: np.float32(0.1) * samples,
    "resampled to 8 kHz": resampled,
    "shifted by 0.5 s": lambda samples: samples[SAMPLE_RATE_HZ // 2 :],
    "3 % faster": faster,
    "coded in Opus": lambda samples: coded(samples, "OGG", "OPUS"),
    "coded in MP3": lambda samples: coded(samples, "MP3", "MPEG_LAYER_III"),
}
CHAINS: dict[str, Change] = {
    "phone in a kitchen": ReplayChain(
        low_hz=400, high_hz=7000, drive=3, room="kitchen-true-stereo", snr_db=25
    ),
    "laptop in a hall": ReplayChain(
        low_hz=200, high_hz=7500, drive=1.5, room="spatialized1", snr_db=20
    ),
    "studio loudspeaker": ReplayChain(
        low_hz=60, high_hz=7800, drive=0, room="cardiod-rear-35-10", snr_db=30
    ),
    "Bluetooth loudspeaker, Opus": ReplayChain(
        low_hz=120,
        high_hz=7500,
        drive=1.5,
        room="cardiod-35-10-spread",
        snr_db=20,
        is_opus=True,
    ),
    "hands-free telephone": ReplayChain(
        low_hz=300, high_hz=3400, drive=2, room="tim-warehouse-stretch1", snr_db=15
    ),
}
