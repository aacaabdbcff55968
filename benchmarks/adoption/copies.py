"""Copies: are embeddings of the same audio told apart from those of another recording?

    python -m benchmarks.adoption.copies                    # the bundled model
    python -m benchmarks.adoption.copies --model ANY.onnx   # an adopted one

Development speakers of speechocean762 (3 s) and speech-commands (1.5 s). Copies are at another
level and start, or from Opus or MP3. Cosine distances follow from the divergence, as
`speakersdk.enrollment.repetition.is_copy` computes them, at several lengths T of the embeddings:
its bound must lie between the copies and all pairs of other recordings of one speaker. Needs the
speech corpora.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from benchmarks.harness.measure import Benchmark
from benchmarks.harness.trial_pairs import (
    Encodings,
    Side,
    bundled_encoder,
    compare,
    corpora,
    read_length,
    speaker_names,
)
from speakersdk.arrays import Embedding, Waveform, scaled
from speakersdk.audio.waveform import SAMPLE_RATE_HZ
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.enrollment.repetition import COPY_DISTANCE, nats_per_distance
from speakersdk.errors import AudioTooShortError
from speakersdk.scoring import symmetric_kl
from speakersdk_training.evaluation.trial_audio import read_segment_audio

SETS = (("speechocean762", 3.0), ("speech-commands", 1.5))
PER_SPEAKER = 4
COPIES = 40  # recordings of a set that are copied
LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
Distances = npt.NDArray[np.float64]


def coded(samples: Waveform, **format_of: str) -> Waveform:
    """Written to a lossy file and read again."""
    file = io.BytesIO()
    sf.write(file, samples, SAMPLE_RATE_HZ, **format_of)
    file.seek(0)
    decoded: Waveform = sf.read(file, dtype="float32")[0]
    return decoded


WAYS: dict[str, Callable[[Waveform], Waveform]] = {
    "half level, 10 ms later": lambda samples: samples[160:] * np.float32(0.5),
    "0.8 of the level, 37 ms later": lambda samples: samples[592:] * np.float32(0.8),
    "Opus": lambda samples: coded(samples, format="OGG", subtype="OPUS"),
    "MP3": lambda samples: coded(samples, format="MP3", subtype="MPEG_LAYER_III"),
}


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, help="a model file (default: the bundled model)")
    benchmark = Benchmark(name="copies", question=(__doc__ or "").splitlines()[0], parser=parser)
    encoder, minimum_s = bundled_encoder()
    if benchmark.options.model is not None:
        encoder = load_encoder(benchmark.options.model)
        minimum_s = max(minimum_s, encoder.manifest.minimum_s)
        benchmark.add_to_name(benchmark.options.model.stem)
    benchmark.record("model", encoder.manifest.name)
    benchmark.record("bound", COPY_DISTANCE)
    rows: list[dict[str, Any]] = []
    for corpus, length_s in SETS[: 1 if benchmark.smoke else None]:
        pairs = pairs_of(encoder, corpus, length_s, minimum_s, is_smoke=benchmark.smoke)
        for kind, found in pairs.items():
            rows += [row(f"{corpus}, {length_s:g} s", kind, found, length) for length in LENGTHS]
    benchmark.record("rows", rows)
    report = benchmark.finish()
    print("\n".join(table(report["facts"]["rows"], encoder.manifest.temperature)))
    return 0


def pairs_of(
    encoder: SpeakerEncoder, corpus: str, length_s: float, minimum_s: float, *, is_smoke: bool
) -> dict[str, list[tuple[Embedding, Embedding]]]:
    """Pairs of embeddings: copies of each way, and other recordings of one speaker."""

    def encode(samples: Waveform) -> Encoding:
        try:
            return encoder.encode(samples)
        except AudioTooShortError:
            nothing = np.zeros(encoder.manifest.embedding_dim, np.float32)
            return Encoding(nothing, 0.0, len(samples) / SAMPLE_RATE_HZ)

    listed = read_length(length_s, corpus=corpus, per_speaker=PER_SPEAKER)
    listed = listed[: 4 * PER_SPEAKER] if is_smoke else listed
    encodings = Encodings(
        encode, sha256=encoder.manifest.weights_sha256, names=speaker_names([listed])
    )
    side = encodings.side(listed)
    found = {"other recordings of one speaker": other_recordings(side, minimum_s)}
    spoken = np.flatnonzero(side.speech_s >= minimum_s)
    chosen = np.random.default_rng(1).permutation(spoken)[: 4 if is_smoke else COPIES]
    audio = read_segment_audio([listed[n] for n in chosen], corpora.DATA, num_workers=1)
    for way, change in WAYS.items():
        copied = [(n, encode(change(audio[listed[n].name]))) for n in chosen]
        found[way] = [
            (side.embeddings[n], copy.embedding) for n, copy in copied if copy.speech_s >= minimum_s
        ]
    return found


def other_recordings(side: Side, minimum_s: float) -> list[tuple[Embedding, Embedding]]:
    """Pairs of one speaker that share no audio."""
    trials = compare(side, side).answered(minimum_s)
    return [
        (side.embeddings[first], side.embeddings[second])
        for first, second in trials.rows[trials.labels]
    ]


def distance(a: Embedding, b: Embedding) -> float:
    """Cosine distance of two embeddings as `is_copy` takes it from their divergence."""
    return symmetric_kl(a, b) / nats_per_distance(a, b)


def row(
    title: str, kind: str, pairs: list[tuple[Embedding, Embedding]], length: float
) -> dict[str, Any]:
    """Distances at one length T: the extremes, and the share within the bound."""
    found = np.array([distance(scaled(a, length), scaled(b, length)) for a, b in pairs])
    return {
        "set": title,
        "pairs": kind,
        "length": length,
        "number": len(found),
        "smallest": round(float(found.min()), 4),
        "median": round(float(np.median(found)), 4),
        "largest": round(float(found.max()), 4),
        "within_bound": round(float((found <= COPY_DISTANCE).mean()), 4),
    }


def table(rows: list[dict[str, Any]], temperature: float) -> list[str]:
    """The rows at the model's own length, for people."""
    return [
        f"{at['set']:24} {at['pairs']:32} {at['number']:5}  {at['smallest']:.4f} to "
        f"{at['largest']:.4f}, {at['within_bound']:.1%} within the bound"
        for at in rows
        if at["length"] == temperature
    ]


if __name__ == "__main__":
    raise SystemExit(main())
