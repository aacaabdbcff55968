"""Diarization of conversations that are joined from recordings of single speakers.

All speech was unseen in training. Half of the speakers in each conversation are enrolled, as well
as somebody who does not speak. The constants of `speakersdk.diarization` were chosen on
conversations of the first 14 development speakers of speechocean762; the next 26 are the test.
Without the corpora, or with --smoke, the bundled synthetic voices only show that the script runs.
"""

from __future__ import annotations

import operator
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import reduce
from typing import Any

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.conversations import Conversation, converse
from benchmarks.harness.demo_speech import demo_voices
from benchmarks.harness.diarization_error import (
    COLLAR_S,
    DiarizationError,
    Stretch,
    diarization_error,
)
from benchmarks.harness.enrolled import enrolled
from benchmarks.harness.measure import Benchmark
from speakersdk import Verifier, Voiceprint
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ

ENROLL_S = 12.0
SPOKEN_S = 75.0  # maximum per speaker in a conversation, repeated if needed
NUM_CHOSEN_ON, NUM_SPEAKERS = 14, 26
NUM_TURNS = 16
NUM_CONVERSATIONS = {"speechocean762": 6, "librispeech": 3}
Speech = Mapping[str, Sequence[Waveform]]


def main() -> int:
    """Measure and report."""
    benchmark = Benchmark(
        name="diarization",
        question="How much of a conversation is missed, falsely detected, or assigned "
        "to another speaker?",
    )
    is_real = corpora.are_there() and not benchmark.smoke
    benchmark.record("speech", "real" if is_real else "synthetic: no figures")
    verifier = Verifier()
    benchmark.record_model(verifier.manifest)
    benchmark.record("collar_s", COLLAR_S)
    if not is_real:
        benchmark.record("synthetic", summary(*measured(verifier, demo_voices(), 1, num_turns=6)))
    else:
        for name, split, speakers in (
            ("speechocean762", "dev", slice(NUM_CHOSEN_ON, NUM_CHOSEN_ON + NUM_SPEAKERS)),
            ("librispeech", "demo", slice(None)),
        ):
            speech = by_speaker(name, split, speakers)
            figures = summary(*measured(verifier, speech, NUM_CONVERSATIONS[name]))
            benchmark.record(name, figures)
            print(name, figures, flush=True)
    benchmark.finish()
    return 0


def measured(
    verifier: Verifier, speech: Speech, count: int, *, num_turns: int = NUM_TURNS
) -> tuple[list[tuple[int, int, DiarizationError]], float, float]:
    """Return speakers, found speakers and error per conversation, and seconds of audio and work."""
    rng = np.random.default_rng(20261128)
    results = []
    audio_s = work_s = 0.0
    for _ in range(count):
        conversation, voiceprints = conversation_of(verifier, speech, rng, num_turns)
        start_s = time.process_time()
        found = verifier.diarize(conversation.samples, voiceprints, sample_rate_hz=SAMPLE_RATE_HZ)
        work_s += time.process_time() - start_s
        audio_s += conversation.duration_s
        error = diarization_error(
            conversation.reference,
            [Stretch(turn.who, turn.from_s, turn.to_s) for turn in found.turns],
            enrolled=[voiceprint.name for voiceprint in voiceprints],
            duration_s=conversation.duration_s,
        )
        speakers = len({stretch.who for stretch in conversation.reference})
        results.append((speakers, len(found.speakers), error))
        print(speakers, len(found.speakers), round(error.rate, 3), flush=True)
    return results, audio_s, work_s


def conversation_of(
    verifier: Verifier, speech: Speech, rng: np.random.Generator, num_turns: int
) -> tuple[Conversation, list[Voiceprint]]:
    """Make a conversation of two to four, half of them enrolled, and enroll somebody absent."""
    names = [str(name) for name in rng.permutation(sorted(speech))]
    speakers = names[: int(rng.integers(2, min(4, len(names) - 1) + 1))]
    known = [*speakers[::2], names[len(speakers)]]
    voiceprints, said = [], {}
    for name in names[: len(speakers) + 1]:
        reel = np.concatenate(list(speech[name]))
        first = min(round(ENROLL_S * SAMPLE_RATE_HZ), len(reel) // 2)
        said[label(name)] = [reel[first : first + round(SPOKEN_S * SAMPLE_RATE_HZ)]]
        if name in known:
            voiceprints.append(enrolled(verifier, [reel[:first]], label(name)))
    del said[label(names[len(speakers)])]
    return converse(said, num_turns=num_turns, rng=rng), voiceprints


def summary(
    results: Sequence[tuple[int, int, DiarizationError]], audio_s: float, work_s: float
) -> dict[str, Any]:
    """Return the shares of the reference speech in percent."""
    total = reduce(operator.add, [error for _, _, error in results])
    seconds = asdict(total)
    return {
        "conversations": len(results),
        "minutes": round(audio_s / 60, 1),
        "speech_minutes": round(total.speech_s / 60, 1),
        "error_percent": round(100 * total.rate, 1),
        **{
            f"{name.removesuffix('_s')}_percent": round(100 * value / total.speech_s, 1)
            for name, value in seconds.items()
            if name != "speech_s"
        },
        "median_error_percent": round(
            100 * float(np.median([error.rate for _, _, error in results])), 1
        ),
        "number_of_speakers_right": sum(there == found for there, found, _ in results),
        "cpu_s_a_second": round(work_s / audio_s, 4),
    }


def label(speaker: str) -> str:
    """Return the name of a speaker without that of the corpus."""
    return speaker.rpartition("/")[2]


def by_speaker(corpus: str, split: str, chosen: slice) -> Speech:
    """Read enough recordings of the chosen speakers for a conversation, in order of names."""
    packs, speech = corpora.Packs(), defaultdict(list)
    most = round((ENROLL_S + SPOKEN_S) * SAMPLE_RATE_HZ)
    utterances = corpora.utterances(corpus, split)
    names = set(sorted({utterance.speaker for utterance in utterances})[chosen])
    for utterance in utterances:
        if utterance.speaker not in names:
            continue
        clips = speech[utterance.speaker]
        if sum(map(len, clips)) < most:
            clips.append(packs.samples(utterance).copy())
    return speech


if __name__ == "__main__":
    raise SystemExit(main())
