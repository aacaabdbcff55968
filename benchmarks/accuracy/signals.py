"""Signals that resemble speech for moments: are they enrolled, and are people refused with them?

    python -m benchmarks.accuracy.signals

Signals of modems, faxes, telephone keys, sirens and Morse code, 12 s each, and recordings of people
of every corpus, 3 to 12 s each, in several conditions. A whisper is simulated: noise replaces the
residual of linear prediction. Only those with enough speech for an enrollment count. Needs the
speech corpora.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from benchmarks.harness import corpora
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.rates import percent
from benchmarks.harness.trial_pairs import bundled_encoder
from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.enrollment.measure import RecordingQuality, measure_recording
from speakersdk_training.data.corpus import by_speaker, read_packs
from speakersdk_training.evaluation.conditions import CONDITIONS, telephone

LENGTH_S = 12
LEAST_S = 2.0  # of a recording
_SPEAKERS = 30  # of each corpus and split
_DRAWS = 4  # of each signal
_TIMES_S = np.arange(LENGTH_S * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
_FRAME, _HOP, _ORDER = 400, 200, 16  # of linear prediction

Signal = npt.NDArray[np.float64]
Rng = np.random.Generator


def bits(rate_hz: float, rng: Rng) -> Signal:
    """Random bits, -1 and 1."""
    numbers = (_TIMES_S * rate_hz).astype(int)
    return rng.choice([-1.0, 1.0], numbers[-1] + 1)[numbers]


def keyed(center_hz: float, shift_hz: float, rate_hz: float, rng: Rng) -> Signal:
    """Frequency-shift keying."""
    hz = center_hz + shift_hz / 2 * bits(rate_hz, rng)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE_HZ))


def modem(carrier_hz: float, rate_hz: float, rng: Rng) -> Signal:
    """Four phases with soft edges, as in V.22."""
    edge = np.hanning(round(SAMPLE_RATE_HZ / rate_hz))
    phase = 2 * np.pi * carrier_hz * _TIMES_S
    real, imaginary = (np.convolve(bits(rate_hz, rng), edge, "same") for _ in range(2))
    return np.asarray(real * np.cos(phase) - imaginary * np.sin(phase))


def keys(rng: Rng) -> Signal:
    """Telephone keys, 50 ms each, with pauses of 50 ms."""
    numbers = (_TIMES_S / 0.1).astype(int)
    rows, columns = (
        rng.choice(hz, numbers[-1] + 1)[numbers]
        for hz in ((697, 770, 852, 941), (1209, 1336, 1477, 1633))
    )
    tones = np.sin(2 * np.pi * rows * _TIMES_S) + np.sin(2 * np.pi * columns * _TIMES_S)
    return np.asarray(tones * (_TIMES_S % 0.1 < 0.05))


def siren(rng: Rng) -> Signal:
    """A tone that rises and falls."""
    hz = 900 + 500 * np.sin(2 * np.pi * rng.uniform(0.2, 5) * _TIMES_S)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE_HZ))


SIGNALS: dict[str, Callable[[Rng], Signal]] = {
    "modem 1200 Hz": lambda rng: modem(1200, 600, rng),
    "modem 2400 Hz": lambda rng: modem(2400, 600, rng),
    "modem 1800 Hz": lambda rng: modem(1800, 2400, rng),
    "fading modem": lambda rng: (
        modem(1200, 600, rng) * (1 + np.sin(2 * np.pi * rng.uniform(2, 8) * _TIMES_S))
    ),
    "keyed, 75 Bd": lambda rng: keyed(420, 60, 75, rng),
    "keyed, 300 Bd": lambda rng: keyed(1080, 200, 300, rng),
    "keyed, 1200 Bd": lambda rng: keyed(1700, 800, 1200, rng),
    "fax": lambda rng: np.where(
        _TIMES_S < 3, np.sin(2 * np.pi * 2100 * _TIMES_S), keyed(1750, 200, 300, rng)
    ),
    "telephone keys": keys,
    "siren": siren,
    "Morse code": lambda rng: np.sin(2 * np.pi * 600 * _TIMES_S) * (bits(16, rng) > 0),
}


def whisper(samples: Waveform, rng: Rng) -> Waveform:
    """Replace the residual of linear prediction by noise, at -35 dBFS."""
    whispered = np.zeros(len(samples))
    window = np.hanning(_FRAME)
    for first in range(0, len(samples) - _FRAME, _HOP):
        frame = samples[first : first + _FRAME] * window
        lags = np.correlate(frame, frame, "full")[_FRAME - 1 : _FRAME + _ORDER]
        if lags[0] < 1e-9:  # silence
            continue
        weights = solve_toeplitz(lags[:-1] + 1e-3 * lags[0] * (np.arange(_ORDER) == 0), lags[1:])
        residual = np.sqrt(max(lags[0] - weights @ lags[1:], 0.0) / _FRAME)
        noise = residual * rng.standard_normal(_FRAME)
        whispered[first : first + _FRAME] += window * lfilter([1], [1, *-weights], noise)
    return at_level(whispered, -35)


def quiet(samples: Waveform, rng: Rng) -> Waveform:
    """Attenuate to -45 dBFS, above a floor of -80 dBFS."""
    floor = 1e-4 * rng.standard_normal(len(samples))
    return (at_level(samples, -45) + floor).astype(np.float32)


def at_level(samples: npt.NDArray[np.floating], dbfs: float) -> Waveform:
    """Scale to a root mean square."""
    rms = np.sqrt(np.mean(np.square(samples))) + 1e-12
    return (samples / rms * 10 ** (dbfs / 20)).astype(np.float32)


def signals(draws: int) -> Iterator[tuple[str, Waveform]]:
    """Yield each signal, clean, in noise of 20 dB and by telephone, at two levels."""
    for seed in range(draws):
        for name, make in SIGNALS.items():
            rng = np.random.default_rng(seed)
            loud = at_level(make(rng), -20)
            noise = at_level(rng.standard_normal(len(loud)), -40)
            for samples in (loud, loud + noise, telephone(loud, rng)):
                yield name, samples
                yield name, at_level(samples, -40)


def people(most: int) -> Iterator[tuple[str, Waveform]]:
    """Yield recordings of up to `most` speakers of each corpus and split, in each condition."""
    groups = sorted({(at.corpus, at.split) for at in read_packs(corpora.DATA)})
    for corpus, split in groups:
        packs, found = corpora.Packs(), 0
        rng = np.random.default_rng(0)
        listed = sorted(by_speaker(corpora.utterances(corpus, split)).items())
        for number in rng.permutation(len(listed)).tolist():
            length = round(rng.uniform(3, LENGTH_S) * SAMPLE_RATE_HZ)
            samples = packs.joined(iter(listed[number][1]), length)[:length]
            if len(samples) < LEAST_S * SAMPLE_RATE_HZ:
                continue
            for name, spoil in {**CONDITIONS, "quiet": quiet, "whisper": whisper}.items():
                yield name, spoil(samples, rng)
            found += 1
            if found == most:
                break


def main() -> int:
    """Measure and write the result."""
    benchmark = Benchmark(name="signals", question=(__doc__ or "").splitlines()[0])
    encoder, _ = bundled_encoder()
    benchmark.record("model", encoder.manifest.name)
    draws, speakers = (1, 1) if benchmark.smoke else (_DRAWS, _SPEAKERS)
    for what, recordings in (("signal", signals(draws)), ("people", people(speakers))):
        for name, found in sorted(grouped(encoder, recordings).items()):
            benchmark.record(f"{what}: {name}", figures(found))
    benchmark.finish()
    return 0


def grouped(
    encoder: SpeakerEncoder, recordings: Iterator[tuple[str, Waveform]]
) -> dict[str, list[RecordingQuality]]:
    """Measure recordings, by name; those with too little speech are left out."""
    groups: dict[str, list[RecordingQuality]] = {}
    for name, samples in recordings:
        _, quality = measure_recording(encoder, samples, label=name)
        if quality.shortage is None:
            groups.setdefault(name, []).append(quality)
    return groups


def figures(qualities: list[RecordingQuality]) -> dict[str, float]:
    """Return the percentages that are refused, and the extreme shares of whole hops."""
    shares = [quality.levels.whole_share for quality in qualities]
    known = [share for share in shares if share is not None]
    scattered = AudioProblem.SCATTERED
    return {
        "recordings": len(qualities),
        "refused_percent": percent([bool(at.problems) for at in qualities]),
        "refused_otherwise_percent": percent(
            [bool(set(at.problems) - {scattered}) for at in qualities]
        ),
        "least_whole_share": min(known),
        "most_whole_share": max(known),
    }


if __name__ == "__main__":
    raise SystemExit(main())
