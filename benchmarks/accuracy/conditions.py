"""Conditions: how noise, rooms, telephones and microphones change the realized error rates.

The probe is distorted and compared with a clean enrollment; then both sides are distorted
independently. Calibration and thresholds come from clean speech of one half of the development
speakers of speechocean762 and the rates from the other half, and vice versa. The distortions are
those of training (speakersdk_training.augment) with other random draws. Rooms are simulated; babble
consists of LibriSpeech readers outside the training; recorded noise is that of training, because
there is no other.

Needs the speech corpora. It writes its tables to docs/experiments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import corpora, normalization
from benchmarks.harness.decision_tables import write_tables
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.trial_pairs import (
    FARS,
    Encodings,
    Flags,
    Pairs,
    bundled_encoder,
    compare,
    fit,
    halves,
    read_length,
    rounded,
    speaker_names,
    spoken_by,
)  # fmt: skip
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.evaluation.segments import Segment
from speakersdk.metrics import cllr, eer, min_cllr
from speakersdk_training.evaluation.trial_audio import read_segment_audio

if TYPE_CHECKING:
    import torch

    from speakersdk_training.augment.random import BatchRandom

LENGTHS_S = (1.5, 3.0, 6.0)
# Segments per speaker. More would take minutes; the number of speakers limits the precision.
PER_SPEAKER = 4
_SEED = 20261122
_ROOM_S = 0.5
_EQUALIZER_DB = 8.0
_BABBLE_VOICES = 6

Change = Callable[["torch.Tensor", "BatchRandom"], "torch.Tensor"]


def main() -> int:
    """Measure every condition at every length."""
    benchmark = Benchmark(
        name="conditions", question="What do noise, rooms and channels do to the error rates?"
    )
    encoder, calibration = bundled_encoder()
    changes = dict(list(_changes().items())[: 1 if benchmark.smoke else None])
    rows = measure(encoder, changes, minimum_s=calibration.minimum_speech_s, smoke=benchmark.smoke)
    benchmark.record_model(encoder.manifest)
    benchmark.record("conditions", rows)
    report = benchmark.finish()
    if not benchmark.smoke:
        write_tables(report["facts"])
    return 0


def measure(
    encoder: SpeakerEncoder,
    changes: Mapping[str, Change],
    *,
    minimum_s: float,
    smoke: bool = False,
) -> list[dict[str, Any]]:
    """Measure a row per condition and length, clean speech first."""
    segments = {length_s: read_length(length_s, per_speaker=PER_SPEAKER) for length_s in LENGTHS_S}
    chosen = speaker_names(segments.values())[: 16 if smoke else None]
    cohort_segments = normalization.cohort_segments(smoke=smoke)
    names = chosen + [n for n in speaker_names([cohort_segments]) if n not in set(chosen)]
    segments = {length_s: spoken_by(chosen, listed) for length_s, listed in segments.items()}
    encodings = Encodings(encoder.encode, sha256=encoder.manifest.weights_sha256, names=names)
    cohort = encodings.side(cohort_segments).embeddings
    clean = {length_s: encodings.side(listed) for length_s, listed in segments.items()}
    rng = np.random.default_rng(1)
    methods: dict[str, dict[float, Pairs]] = {"none": {}, "s-norm": {}, "centered": {}}
    for length_s, side in clean.items():
        trials = compare(side, side).answered(minimum_s)
        for method, scored in _scored(trials, side, side, cohort).items():
            methods[method][length_s] = scored
    fits = [
        ({method: fit(pairs, members, rng) for method, pairs in methods.items()}, ~members)
        for _, members in halves(len(names))
    ]
    rows = []
    for condition, change in {"clean": None, **changes}.items():
        for length_s, side in clean.items():
            probes = side
            if change is not None:
                audio = partial(_changed, change, segments, length_s)
                probes = encodings.side(segments[length_s], condition=condition, audio=audio)
            everything = compare(side, probes)
            trials = everything.answered(minimum_s)
            scored = _scored(trials, side, probes, cohort)
            both_changed = compare(probes, probes).answered(minimum_s)
            rows.append(
                {
                    "condition": condition,
                    "length_s": length_s,
                    "target_trials": int(trials.labels.sum()),
                    "nontarget_trials": int((~trials.labels).sum()),
                    "unanswered": rounded(1 - len(trials.labels) / len(everything.labels)),
                    **_mean([_tested(scored, both_changed, *half) for half in fits]),
                }
            )
            print(condition, length_s, rows[-1]["eer"], rows[-1]["far"], flush=True)
    return rows


def _tested(
    scored: Mapping[str, Pairs],
    both_changed: Pairs,
    fitted: Mapping[str, Calibration],
    tested: Flags,
) -> dict[str, Any]:
    """Compute the figures of one half of the speakers with calibrations of the other half.

    Args:
        scored: trials of changed probes with the scores of each normalization.
        both_changed: trials with both sides changed.
        fitted: calibration of each normalization.
        tested: whether each speaker is in the tested half.
    """
    found = {name: _figures(fitted[name], scored[name].within(tested)) for name in fitted}
    normalized = {
        name: {"far": each["far"]["0.01"], "frr": each["frr"]} for name, each in found.items()
    }
    both_sides = _figures(fitted["none"], both_changed.within(tested))
    return {**found["none"], "normalized": normalized, "both_sides": both_sides}


def _scored(trials: Pairs, enrolled: Any, probes: Any, cohort: Any) -> Mapping[str, Pairs]:
    return {"none": trials, **normalization.normalized(trials, enrolled, probes, cohort)}


def _figures(calibration: Calibration, trials: Pairs) -> dict[str, Any]:
    """Compute EER and Cllr, realized false-accept rates, and false rejects at 1 %."""
    llrs, speech_s = calibration.llrs(trials.scores, trials.speech_s)
    # The few speakers of a smoke run do not support small rates.
    supported = {point.far for point in calibration.operating_points}
    is_accepted = {
        far: llrs >= calibration.operating_point(far).thresholds(speech_s)
        for far in FARS
        if far in supported
    }
    return {
        "eer": eer(llrs, trials.labels),
        "cllr": cllr(llrs, trials.labels),
        "min_cllr": min_cllr(llrs, trials.labels),
        "far": {f"{far:g}": float(at[~trials.labels].mean()) for far, at in is_accepted.items()},
        "frr": float((~is_accepted[0.01])[trials.labels].mean()),
    }


def _mean(ways: list[Any]) -> Any:
    """Return the mean of nested dictionaries of numbers, value by value."""
    if isinstance(ways[0], dict):
        return {key: _mean([way[key] for way in ways]) for key in ways[0]}
    return rounded(np.mean(ways))


def _changed(
    change: Change, segments: Mapping[float, list[Segment]], length_s: float
) -> dict[str, Waveform]:
    """Change all segments of a length in one batch; draws depend on condition and length.

    Segments that were decoded too short are padded for the batch and cut again.
    """
    import torch

    from speakersdk_training.augment.random import BatchRandom

    decoded = _decoded(tuple(at for listed in segments.values() for at in listed))
    audio = {segment.name: decoded[segment.name] for segment in segments[length_s]}
    longest = max(len(samples) for samples in audio.values())
    batch = torch.zeros(len(audio), longest)
    for row, samples in zip(batch, audio.values(), strict=True):
        row[: len(samples)] = torch.from_numpy(samples)
    random = BatchRandom(torch.Generator().manual_seed(_SEED + round(10 * length_s)))
    with torch.inference_mode():
        changed = change(batch, random).clamp(-1, 1)
    return {
        name: row[: len(samples)].numpy()
        for (name, samples), row in zip(audio.items(), changed, strict=True)
    }


@lru_cache(maxsize=1)
def _decoded(segments: tuple[Segment, ...]) -> dict[str, Waveform]:
    """Read the segments' samples. Files are decoded once for all conditions and lengths."""
    return read_segment_audio(segments, corpora.DATA, num_workers=1)


def _changes() -> dict[str, Change]:
    return {
        "noise, 20 dB": partial(_colored, snr_db=20.0),
        "noise, 10 dB": partial(_colored, snr_db=10.0),
        "noise, 0 dB": partial(_colored, snr_db=0.0),
        "kitchen and machines, 10 dB": partial(_recorded, snr_db=10.0),
        "babble, 10 dB": partial(_babble, snr_db=10.0),
        "room": _room,
        "telephone": _telephone,
        "microphone": _microphone,
    }


def _colored(samples: torch.Tensor, random: BatchRandom, *, snr_db: float) -> torch.Tensor:
    from speakersdk_training.augment import noise

    return _mixed(samples, noise.colored(*samples.shape, random), snr_db)


def _recorded(samples: torch.Tensor, random: BatchRandom, *, snr_db: float) -> torch.Tensor:
    from speakersdk_training.augment import noise
    from speakersdk_training.fit.bank import read_noise

    bank = read_noise(str(corpora.DATA / "noise"))
    return _mixed(samples, noise.recorded(bank, *samples.shape, random), snr_db)


def _babble(samples: torch.Tensor, random: BatchRandom, *, snr_db: float) -> torch.Tensor:
    """Mix in several readers who are in no trial."""
    import torch

    segments = read_length(
        samples.shape[1] / SAMPLE_RATE_HZ, corpus="librispeech", split="demo", per_speaker=20
    )
    voices = read_segment_audio(segments, corpora.DATA, num_workers=1)
    rows = torch.zeros(len(voices), samples.shape[1])
    for row, voice in zip(rows, voices.values(), strict=True):
        row[: len(voice)] = torch.from_numpy(voice)
    rows /= rows.square().mean(dim=1, keepdim=True).sqrt()
    mixture = torch.zeros_like(samples)
    for _ in range(_BABBLE_VOICES):
        mixture += rows[random.integers(len(rows), len(samples))]
    return _mixed(samples, mixture, snr_db)


def _mixed(samples: torch.Tensor, noise_rows: torch.Tensor, snr_db: float) -> torch.Tensor:
    import torch

    from speakersdk_training.augment import noise

    return noise.mix(samples, noise_rows, torch.full((len(samples), 1), snr_db))


def _room(samples: torch.Tensor, random: BatchRandom) -> torch.Tensor:
    """Place each probe in its own simulated room, 0.2 to 2.5 m from the microphone."""
    import torch

    from speakersdk_training.augment import room

    changed = torch.empty_like(samples)
    for start in range(0, len(samples), 100):  # responses of a few rooms at a time fit in memory
        part = samples[start : start + 100]
        responses = room.simulated_rooms(
            len(part),
            num_samples=round(_ROOM_S * SAMPLE_RATE_HZ),
            sample_rate_hz=SAMPLE_RATE_HZ,
            random=random,
        )
        size = part.shape[1] + responses.shape[1]
        spectrum = torch.fft.rfft(part, n=size) * torch.fft.rfft(responses, n=size)
        changed[start : start + 100] = torch.fft.irfft(spectrum, n=size)[:, : part.shape[1]]
    peak = changed.abs().amax(dim=1, keepdim=True)
    return changed / peak.clamp(min=1.0)  # reflections add up, and a recorder would lower its gain


def _telephone(samples: torch.Tensor, random: BatchRandom) -> torch.Tensor:
    """Limit to 300-3400 Hz and code with mu-law, like `telephone` in training."""
    from speakersdk_training.augment.telephone import telephone

    return telephone(samples, share=1.0, a_law=0.0, sample_rate_hz=SAMPLE_RATE_HZ, random=random)


def _microphone(samples: torch.Tensor, random: BatchRandom) -> torch.Tensor:
    """Apply a random frequency response to each probe."""
    import torch

    from speakersdk_training.augment import channel

    spectrum = torch.fft.rfft(samples)
    gains = channel.equalizer(
        len(samples),
        spectrum.shape[1],
        strength_db=_EQUALIZER_DB,
        sample_rate_hz=SAMPLE_RATE_HZ,
        random=random,
    )
    changed = torch.fft.irfft(spectrum * gains, n=samples.shape[1])
    return changed / changed.abs().amax(dim=1, keepdim=True).clamp(min=1.0)


if __name__ == "__main__":
    raise SystemExit(main())
