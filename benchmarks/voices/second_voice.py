"""Two voices in one recording: how often are they noticed, and one voice taken for two?

    python -m benchmarks.voices.second_voice          # measure, with the bound in the sources
    python -m benchmarks.voices.second_voice --fit    # fit the bound first, and write it there

Speakers outside the training of the bundled encoder, with 15 s or more of one session: 5 s for
enrollment, and the rest for probes, with and without the next speaker of the same corpus. The bound
is one number: 0.5 % of the recordings of one of these speakers have less, in any condition. It is
also fitted on each half of the speakers and tested on the other half. `--held-out` and
`--held-out-of` are those of `speakersdk-export thresholds`. Needs the speech corpora.

`python -m benchmarks.harness.figure_tables` writes the result to docs/guides/several-people.md.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from benchmarks.harness import corpora
from benchmarks.harness.measure import REPOSITORY, Benchmark
from benchmarks.harness.rates import percent
from benchmarks.harness.trial_pairs import bundled_encoder
from speakersdk import Voiceprint
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.one_voice import SECOND_VOICE_LLR
from speakersdk.decision.rule import Request
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.verification import identified
from speakersdk_export.strangers import HeldOut, by_session, read_sessions, split_seen
from speakersdk_training.data.corpus import Utterance, by_speaker, read_packs
from speakersdk_training.evaluation.conditions import CONDITIONS

ENROLL_S, PROBE_S = 5.0, 10.0
FALSE_ALARMS = 0.005
TWO_PEOPLE = 0.02  # share of speakers who may be several people
# Corpora in which the labels of speakers are not reliable.
_UNSURE = {"picovoice-intent"}
# Source files that contain the fitted bound.
SOURCES = (
    REPOSITORY / "sdk" / "speakersdk" / "decision" / "one_voice.py",
    REPOSITORY / "integrations" / "web" / "src" / "decision" / "one-voice.ts",
)
_BOUND = re.compile(r"(?<=SECOND_VOICE_LLR)(: Final)? = -?[\d.]+")
Owner = tuple[str, Voiceprint]  # name in the corpus
ONE_VOICE, TWO_VOICES = "one voice", "two voices"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Speech of one session of a speaker."""

    name: str
    corpus: str
    enroll: Waveform
    probe: Waveform


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for a probe.

    Attributes:
        owner: name of the enrolled speaker.
        kind: `ONE_VOICE` or `TWO_VOICES`.
        what: length, turns and condition.
        one_voice_llr: that of the decision; None below two seconds of speech.
        fits: whether the voiceprint is accepted before its parts are compared.
    """

    owner: str
    kind: str
    what: str
    one_voice_llr: float | None
    fits: bool


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fit", action="store_true", help="fit the bound and write it first")
    parser.add_argument("--speakers", type=int, default=24, metavar="N", help="of a corpus")
    # Speakers that the training of the bundled model left out of its corpora.
    parser.add_argument("--held-out", type=float, default=0.2, metavar="SHARE")
    parser.add_argument("--held-out-of", nargs="+", default=["common-voice"], metavar="CORPUS")
    benchmark = Benchmark(
        name="second-voice", question=(__doc__ or "").splitlines()[0], parser=parser
    )
    corpora.require()
    options = benchmark.options
    encoder, _ = bundled_encoder()
    held_out = HeldOut(share=options.held_out, corpora=tuple(options.held_out_of))
    speakers = read_speakers(encoder, held_out, 4 if benchmark.smoke else options.speakers)
    benchmark.record("model", encoder.manifest.name)
    halves = [list(answers(encoder, half)) for half in (speakers[::2], speakers[1::2])]
    everything = halves[0] + halves[1]
    bound = fitted(everything) if options.fit else SECOND_VOICE_LLR
    if options.fit and not benchmark.smoke:
        for path in SOURCES:
            write_bound(path, bound)
    benchmark.record("bound", bound)
    benchmark.record("speakers", len(speakers))
    for number, (half, other) in enumerate((halves, halves[::-1]), start=1):
        of_other = fitted(other)
        row = {"bound": of_other, **figures(of_one_voice(half), of_other)}
        benchmark.record(f"one voice, half {number}, bound of the other half", row)
    by_corpus = grouped(of_one_voice(everything), lambda answer: answer.owner.split("/")[0])
    benchmark.record(
        "one voice, by corpus",
        {corpus: figures(found, bound) for corpus, found in sorted(by_corpus.items())},
    )
    for name, group in grouped(everything, lambda answer: f"{answer.kind}: {answer.what}").items():
        benchmark.record(name, figures(group, bound))
    benchmark.finish()
    return 0


def of_one_voice(answers: list[Answer]) -> list[Answer]:
    """Return the answers for recordings of one voice."""
    return [answer for answer in answers if answer.kind == ONE_VOICE]


def grouped(answers: list[Answer], key: Callable[[Answer], str]) -> dict[str, list[Answer]]:
    """Group answers by a key, in their order."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(key(answer), []).append(answer)
    return groups


def read_speakers(encoder: SpeakerEncoder, held_out: HeldOut, most: int) -> list[Speaker]:
    """Read speakers with enough speech in one session, one corpus after the other."""
    _, unseen = split_seen(read_packs(corpora.DATA), encoder.manifest.training_corpora, held_out)
    sessions = read_sessions(corpora.DATA)
    found: dict[str, list[Speaker]] = {}
    for name, listed in sorted(by_speaker(unseen).items()):
        corpus = listed[0].corpus
        if corpus in _UNSURE or len(found.get(corpus, ())) == most:
            continue
        longest = max(by_session(listed, sessions), key=_seconds)
        if _seconds(longest) < ENROLL_S + PROBE_S:
            continue
        samples = read_start(longest, ENROLL_S + PROBE_S)
        first, last = (round(at * SAMPLE_RATE_HZ) for at in (ENROLL_S, ENROLL_S + PROBE_S))
        if len(samples) >= last:  # the last utterance of a pack may be cut
            speaker = Speaker(name, corpus, samples[:first], samples[first:last])
            found.setdefault(corpus, []).append(speaker)
    return [speaker for listed in found.values() for speaker in listed]


def read_start(utterances: list[Utterance], seconds: float) -> Waveform:
    """Read the first seconds of utterances. Only these are decoded: a pack contains 20 minutes."""
    parts: list[Waveform] = []
    left = round(seconds * SAMPLE_RATE_HZ)
    for utterance in utterances:
        with sf.SoundFile(utterance.path) as file:
            file.seek(utterance.start)
            parts.append(file.read(min(left, utterance.num_samples or left), dtype="float32"))
        left -= len(parts[-1])
        if left <= 0:
            break
    return np.concatenate(parts)


def answers(encoder: SpeakerEncoder, speakers: list[Speaker]) -> Iterator[Answer]:
    """Yield the answers for the probes of each speaker, with and without the next one."""
    by_corpus: dict[str, list[Speaker]] = {}
    for speaker in speakers:
        by_corpus.setdefault(speaker.corpus, []).append(speaker)
    for listed in by_corpus.values():
        for number, owner in enumerate(listed):
            rng = np.random.default_rng(number)
            known = owner.name, enrolled(encoder, owner)
            for what, samples in single_voice(owner, rng):
                yield answer(encoder, known, ONE_VOICE, what, samples)
            stranger = listed[(number + 1) % len(listed)]
            if stranger is not owner:
                for what, samples in joined(owner, stranger, rng):
                    yield answer(encoder, known, TWO_VOICES, what, samples)


def enrolled(encoder: SpeakerEncoder, owner: Speaker) -> Voiceprint:
    """Make the voiceprint of a speaker, whatever the quality of the recording."""
    encoding = encoder.encode(owner.enroll)
    return Voiceprint.new(
        encoder.manifest,
        name="owner",
        exemplars=[encoding.embedding],
        speech_s=[encoding.speech_s],
    )


def answer(
    encoder: SpeakerEncoder, owner: Owner, kind: str, what: str, samples: Waveform
) -> Answer:
    """Verify a probe."""
    rule = Request().model_rule(encoder.manifest.calibration, encoder.manifest.name)
    encoding = encoder.encode(samples)
    name, voiceprint = owner
    decision = identified([voiceprint], encoding, rule).decision
    fits = decision.llr is not None and decision.llr >= decision.threshold
    return Answer(name, kind, what, decision.one_voice_llr, fits)


def single_voice(owner: Speaker, rng: np.random.Generator) -> Iterator[tuple[str, Waveform]]:
    """Yield probes of one speaker: lengths, pauses, conditions."""
    for length_s in (4, 8, 10):
        yield f"{length_s} s", _cut(owner.probe, 0, length_s)
    pauses = [
        _cut(owner.probe, 0, 3),
        rng.standard_normal(2 * SAMPLE_RATE_HZ, np.float32) * np.float32(1e-3),
        _cut(owner.probe, 3, 5),
        np.zeros(3 * SAMPLE_RATE_HZ, np.float32),
        _cut(owner.probe, 5, 8),
    ]
    yield "8 s, with pauses of 2 and 3 s", np.concatenate(pauses)
    for name in _SPOILED:
        yield f"10 s, {name}", CONDITIONS[name](owner.probe, rng)


def joined(
    owner: Speaker, stranger: Speaker, rng: np.random.Generator
) -> Iterator[tuple[str, Waveform]]:
    """Yield probes in which the owner and a stranger speak in turns."""
    pair = owner.probe, stranger.probe
    for what, turns in TURNS.items():
        yield what, in_turns(pair, turns)
    yield "stranger 4 s, owner 4 s", in_turns(pair[::-1], (4, 4))
    for name in _SPOILED:
        yield f"5 s + 5 s, {name}", CONDITIONS[name](in_turns(pair, (5, 5)), rng)


# Seconds of the turns, the owner's first.
TURNS = {
    "5 s + 5 s": (5, 5),
    "4 s + 4 s": (4, 4),
    "7 s + 3 s": (7, 3),
    "2 s + 2 s": (2, 2),
    "turns of 4 s, 16 s": (4,) * 4,
    "turns of 2 s, 8 s": (2,) * 4,
    "turns of 2 s, 16 s": (2,) * 8,
}
_SPOILED = ("telephone", "noise 10 dB", "room")


def in_turns(pair: tuple[Waveform, Waveform], turns: tuple[int, ...]) -> Waveform:
    """Join two voices in turns; each continues where it stopped."""
    at = [0, 0]
    parts = []
    for number, length_s in enumerate(turns):
        who = number % 2
        parts.append(_cut(pair[who], at[who], at[who] + length_s))
        at[who] += length_s
    return np.concatenate(parts)


def fitted(rows: list[Answer]) -> float:
    """Return the bound that few recordings of single speakers are below, in any condition.

    Corpora have a few names under which two people speak. The lowest speakers are left out.
    """
    scored = [answer for answer in of_one_voice(rows) if answer.one_voice_llr is not None]
    llrs = [
        [answer.one_voice_llr for answer in own]
        for own in grouped(scored, lambda answer: answer.owner).values()
    ]
    rising = sorted(llrs, key=lambda own: float(np.median(own)))
    sure = rising[math.ceil(TWO_PEOPLE * len(rising)) :]
    return round(float(np.quantile(np.concatenate(sure), FALSE_ALARMS)), 1)


def write_bound(path: Path, bound: float) -> None:
    """Replace the bound in a source file."""
    text = path.read_text(encoding="utf-8")
    changed, count = _BOUND.subn(lambda found: f"{found[1] or ''} = {bound:.1f}", text, count=1)
    if count != 1:
        raise SystemExit(f"expected SECOND_VOICE_LLR in {path}, found none")
    path.write_text(changed, encoding="utf-8")


def figures(row: list[Answer], bound: float) -> dict[str, Any]:
    """Return percentages noticed, accepted nevertheless, and acceptable otherwise."""

    def is_two(answer: Answer) -> bool:
        return answer.one_voice_llr is not None and answer.one_voice_llr <= bound

    return {
        "recordings": len(row),
        "noticed_percent": percent([is_two(answer) for answer in row]),
        "accepted_percent": percent([answer.fits and not is_two(answer) for answer in row]),
        "accepted_if_unnoticed_percent": percent([answer.fits for answer in row]),
    }


def _cut(samples: Waveform, first_s: float, last_s: float) -> Waveform:
    return samples[round(first_s * SAMPLE_RATE_HZ) : round(last_s * SAMPLE_RATE_HZ)]


def _seconds(utterances: list[Utterance]) -> float:
    return sum(utterance.num_samples or 0 for utterance in utterances) / SAMPLE_RATE_HZ


if __name__ == "__main__":
    raise SystemExit(main())
