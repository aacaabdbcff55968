"""Enrollment: does the quality gate pass clean recordings and catch bad ones?

Recordings of 10 s are joined from utterances of one speaker: readers of the demo split of
LibriSpeech, and speakers of the development split of speechocean762. Those of speech-commands
contain the words of a session, 3 s or more. Each recording is then distorted in a known way. The
bound for two voices was fitted on speakers of LibriSpeech and speechocean762, too.

Needs the speech corpora.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import soxr

from benchmarks.harness import corpora
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.rates import percent
from benchmarks.harness.trial_pairs import bundled_encoder
from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.calibration.calibration import DEFAULT_MINIMUM_SPEECH_S, Calibration
from speakersdk.decision.one_voice import OTHER_VOICE_LLR, Speech, llrs_to_the_others
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.enrollment.measure import RecordingQuality, measure_recording
from speakersdk_training.data.corpus import Utterance, by_speaker

# Minimum and maximum seconds of a recording, by corpus and split.
CORPORA = {
    ("librispeech", "demo"): (10.0, 10.0),
    ("speech-commands", "dev"): (3.0, 10.0),
    ("speechocean762", "dev"): (10.0, 10.0),
}
RECORDINGS = 60  # per corpus
TRIPLES = 200  # per corpus, for recordings unlike the others


@dataclass(frozen=True, slots=True)
class Clip:
    """A clean recording, a recording of another speaker, and noise."""

    speaker: str
    samples: Waveform
    stranger: Waveform
    noise: Waveform


def noisy(snr_db: float) -> Callable[[Clip], Waveform]:
    """Add recorded noise at a ratio of the root mean squares of the whole recordings."""

    def spoil(clip: Clip) -> Waveform:
        gain = rms(clip.samples) / rms(clip.noise) * 10 ** (-snr_db / 20)
        return clip.samples + np.float32(gain) * clip.noise

    return spoil


def clipped(share: float, level: float = 1.0) -> Callable[[Clip], Waveform]:
    """Clip a share of all samples, then attenuate to `level`."""

    def spoil(clip: Clip) -> Waveform:
        limit = np.quantile(np.abs(clip.samples), 1 - share)
        return (level * np.clip(clip.samples / limit, -1, 1)).astype(np.float32)

    return spoil


def narrow(clip: Clip) -> Waveform:
    """Resample to 8 kHz."""
    return soxr.resample(soxr.resample(clip.samples, SAMPLE_RATE_HZ, 8000), 8000, SAMPLE_RATE_HZ)


def telephone(clip: Clip) -> Waveform:
    """Resample to 8 kHz and code in 8 bits (ITU-T G.711 mu-law)."""
    speech = soxr.resample(clip.samples, SAMPLE_RATE_HZ, 8000)
    peak = np.abs(speech).max()
    code = np.sign(speech) * np.log1p(255 * np.abs(speech) / peak) / np.log(256)
    code = np.round(code * 127) / 127
    decoded = np.sign(code) * (256 ** np.abs(code) - 1) / 255 * peak
    return soxr.resample(decoded.astype(np.float32), 8000, SAMPLE_RATE_HZ)


def quiet(clip: Clip) -> Waveform:
    """Attenuate to -60 dBFS."""
    return clip.samples * np.float32(1e-3 / rms(clip.samples))


def followed(share: float) -> Callable[[Clip], Waveform]:
    """End the recording with another speaker."""

    def spoil(clip: Clip) -> Waveform:
        cut = round(len(clip.samples) * (1 - share))
        return np.concatenate([clip.samples[:cut], clip.stranger[cut:]])

    return spoil


def in_turns(clip: Clip) -> Waveform:
    """Alternate between two speakers, a quarter of the recording each turn."""
    quarters = np.arange(len(clip.samples)) * 4 // len(clip.samples)
    return np.where(quarters % 2 == 0, clip.samples, clip.stranger)


def at_once(clip: Clip) -> Waveform:
    """Mix two equally loud speakers."""
    return (clip.samples + clip.stranger * np.float32(rms(clip.samples) / rms(clip.stranger))) / 2


CONDITIONS: dict[str, tuple[AudioProblem | None, Callable[[Clip], Waveform]]] = {
    "clean": (None, lambda clip: clip.samples),
    "noise, 20 dB": (AudioProblem.NOISY, noisy(20)),
    "noise, 10 dB": (AudioProblem.NOISY, noisy(10)),
    "noise, 5 dB": (AudioProblem.NOISY, noisy(5)),
    "noise, 0 dB": (AudioProblem.NOISY, noisy(0)),
    "clipped, 0.2 % of the samples": (AudioProblem.CLIPPED, clipped(0.002)),
    "clipped, 1 %": (AudioProblem.CLIPPED, clipped(0.01)),
    "clipped, 5 %": (AudioProblem.CLIPPED, clipped(0.05)),
    "clipped, 5 %, turned down 6 dB": (AudioProblem.CLIPPED, clipped(0.05, 0.5)),
    "sampled at 8 kHz": (AudioProblem.NARROW_BAND, narrow),
    "telephone, mu-law": (AudioProblem.NARROW_BAND, telephone),
    "quiet, -60 dBFS": (AudioProblem.TOO_QUIET, quiet),
    "second voice, last half": (AudioProblem.SECOND_VOICE, followed(1 / 2)),
    "second voice, last third": (AudioProblem.SECOND_VOICE, followed(1 / 3)),
    "second voice, in turns": (AudioProblem.SECOND_VOICE, in_turns),
    "second voice, at once": (AudioProblem.SECOND_VOICE, at_once),
}


def main() -> int:
    """Distort recordings, measure them and report."""
    benchmark = Benchmark(name="enrollment", question=(__doc__ or "").splitlines()[0])
    encoder, calibration = bundled_encoder()
    for (corpus, split), (least_s, most_s) in CORPORA.items():
        rng = np.random.default_rng(20261122)
        speakers = by_speaker(corpora.utterances(corpus, split))
        count = 6 if benchmark.smoke else RECORDINGS
        clips = make_clips(speakers, least_s, most_s, count, rng)
        benchmark.record(f"{corpus}, recordings", len(clips))
        benchmark.record(f"{corpus}, speakers", len({clip.speaker for clip in clips}))
        for name, (problem, spoil) in CONDITIONS.items():
            found = [measure(encoder, spoil(clip)) for clip in clips]
            benchmark.record(f"{corpus}, {name}", rates(found, problem))
        triples = unlike_others(
            encoder, calibration, clips, rng, 20 if benchmark.smoke else TRIPLES
        )
        benchmark.record(f"{corpus}, one of three by somebody else", triples)
    benchmark.finish()
    return 0


def make_clips(
    speakers: dict[str, list[Utterance]],
    least_s: float,
    most_s: float,
    count: int,
    rng: np.random.Generator,
) -> list[Clip]:
    """Make recordings of different utterances, for as many speakers as possible."""
    packs = corpora.Packs()
    made: list[tuple[str, Waveform]] = []
    left = {
        name: iter(rng.permutation(np.array(listed))[::-1]) for name, listed in speakers.items()
    }
    num_samples = round(most_s * SAMPLE_RATE_HZ)
    while left and len(made) < count:
        for name in list(left)[: count - len(made)]:
            samples = packs.joined(left[name], num_samples)[:num_samples]
            if len(samples) < least_s * SAMPLE_RATE_HZ:
                del left[name]
            else:
                made.append((name, samples))
    noises = [read_audio(path) for path in sorted((corpora.DATA / "noise").glob("*.opus"))]
    clips = []
    for number, (name, samples) in enumerate(made):
        others = [other for other_name, other in made if other_name != name]
        stranger = np.resize(others[int(rng.integers(len(others)))], len(samples))
        noise = noises[number % len(noises)]
        noise = np.resize(np.roll(noise, int(rng.integers(len(noise)))), len(samples))
        clips.append(Clip(name, samples, stranger, noise))
    return clips


def measure(encoder: SpeakerEncoder, samples: Waveform) -> RecordingQuality:
    """Return the quality that the gate measures, including a shortage of speech."""
    _, quality = measure_recording(encoder, samples, label="")
    is_short = quality.speech_s < DEFAULT_MINIMUM_SPEECH_S
    return replace(quality, shortage="too little speech" if is_short else None)


def rates(found: list[RecordingQuality], problem: AudioProblem | None) -> dict[str, float]:
    """Return percentages refused for any and for the actual problem, or all problems if clean."""
    shares = {
        "refused_percent": percent([not quality.is_usable for quality in found]),
        "too_short_percent": percent([quality.shortage is not None for quality in found]),
    }
    problems = [problem] if problem is not None else list(AudioProblem)
    named = {
        f"{one.key}_percent": percent([one in quality.problems for quality in found])
        for one in problems
    }
    return shares | {name: share for name, share in named.items() if share or problem}


def unlike_others(
    encoder: SpeakerEncoder,
    calibration: Calibration,
    clips: list[Clip],
    rng: np.random.Generator,
    count: int,
) -> dict[str, Any] | None:
    """Test sets of three half recordings, of one speaker and with one of another speaker."""
    halves: dict[str, list[Any]] = {}
    for clip in clips:
        for half in np.array_split(clip.samples, 2):
            encoding = encoder.encode(half)
            if encoding.speech_s >= DEFAULT_MINIMUM_SPEECH_S:
                halves.setdefault(clip.speaker, []).append(encoding)
    names = [name for name, encodings in halves.items() if len(encodings) >= 2]
    if len(names) < 2:
        return None
    own, caught, mistaken = [], [], []
    for _ in range(count):
        name, other = rng.choice(names, 2, replace=False)
        order = rng.permutation(len(halves[name]))[:3]
        one = [halves[name][place] for place in order]
        stranger = halves[other][int(rng.integers(len(halves[other])))]
        own += [is_unlike(calibration, one)] if len(one) == 3 else []
        flags = is_unlike(calibration, [*one[:2], stranger])
        caught.append(flags[2])
        mistaken += flags[:2]
    return {
        "triples_of_one_speaker": len(own),
        "refused_percent_of_one_speaker": percent([any(flags) for flags in own]) if own else None,
        "stranger_named_percent": percent(caught),
        "others_named_with_a_stranger_percent": percent(mistaken),
    }


def is_unlike(calibration: Calibration, encodings: list[Any]) -> list[bool]:
    """Return whether the gate finds each recording unlike the others."""
    speech = Speech(
        np.stack([encoding.embedding for encoding in encodings]),
        np.array([encoding.speech_s for encoding in encodings]),
    )
    llrs = llrs_to_the_others(speech, calibration)
    return [llr is not None and llr <= OTHER_VOICE_LLR for llr in llrs]


def rms(samples: Waveform) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples))))


if __name__ == "__main__":
    raise SystemExit(main())
