"""Clips of people and of attacks, in pairs: each attack is made from a clip that is also included.

All clips end in the same way: with a noise floor, and a quarter of them in Opus at a random rate.
Half of them, of people and of attacks, first pass through another room and microphone. Otherwise a
detector could learn the corpus, the codec, an echo or digital silence instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.replay_chains import coded
from benchmarks.spoofing.loudspeakers import LOUDSPEAKERS, rooms, spoken_live
from benchmarks.spoofing.synthesizers import commands, spoken
from benchmarks.spoofing.vocoders import vocoders
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk_training.data.corpus import Utterance, by_speaker, read_packs

CLIP_SAMPLES = 3 * SAMPLE_RATE_HZ
BONA_FIDE = "bona fide"
TRAIN, THRESHOLD, TEST = "train", "threshold", "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The source of clips of people.

    Attributes:
        corpus, split: as in the manifest.
        packs: stems of the packs that are read.
        speakers: maximum number of speakers.
        each: maximum number of clips of a speaker.
    """

    corpus: str
    split: str
    packs: tuple[str, ...]
    speakers: int
    each: int = 1


TRAINING = (
    Selection(corpus="common-voice", split="train", packs=("open_000",), speakers=130),
    Selection(corpus="speech-commands", split="train", packs=("sc2_000",), speakers=50),
    Selection(corpus="malayalam-speech-corpus", split="train", packs=("open_010",), speakers=50),
    Selection(
        corpus="dspspeech20", split="train", packs=("dsp_002", "dsp_010"), speakers=10, each=4
    ),
    Selection(
        corpus="arabic-speech-commands", split="train", packs=("arcmd_001",), speakers=5, each=8
    ),
)
HELD_OUT = (
    Selection(corpus="librispeech", split="train", packs=("libri_000",), speakers=96),
    Selection(
        corpus="speechocean762",
        split="dev",
        packs=("so762_005", "so762_007"),
        speakers=27,
        each=3,
    ),
    Selection(corpus="picovoice-intent", split="train", packs=("open_010",), speakers=14, each=4),
)
SMOKE_TRAINING = (
    Selection(corpus="arabic-speech-commands", split="train", packs=("arcmd_001",), speakers=5),
)
SMOKE_HELD_OUT = (Selection(corpus="librispeech", split="train", packs=("libri_002",), speakers=4),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip of 3 s.

    Attributes:
        kind: kind of attack, or `BONA_FIDE`.
        part: `TRAIN`, `THRESHOLD` (people of the training corpora, to fix a threshold) or `TEST`.
        corpus: corpus of the person, or the synthesizer.
        source: speaker, or voice and sentence; clips of one source are not independent.
        samples: (48000,) float32 at 16 kHz.
    """

    kind: str
    part: str
    corpus: str
    source: str
    samples: Waveform


def families() -> dict[str, tuple[str, ...]]:
    """Return the kinds of attack that can be made on this machine, by family."""
    return {
        "replay": tuple(LOUDSPEAKERS),
        "vocoded copy": tuple(vocoders()),
        "synthesizer": tuple(commands()),
    }


def made(
    selections: Sequence[Selection],
    *,
    is_test: bool,
    attacks_each: int,
    sentences: int,
    seed: int,
) -> Iterator[Clip]:
    """Make all clips of training, or all of the evaluation.

    Args:
        selections: sources of people. Every fifth speaker of training fixes thresholds.
        is_test: whether the clips are for the evaluation, in other rooms.
        attacks_each: number of attacks made from each clip, with alternating kinds.
        sentences: sentences of each synthesizer; the first half is for training.
        seed: seed of every draw.
    """
    chance = np.random.default_rng((seed, is_test))
    packs, names = corpora.Packs(), rooms(evaluation=is_test)
    listed = read_packs(corpora.DATA)
    turn = 0
    for selection in selections:
        for number, source, samples in people(selection, listed, packs):
            part = TEST if is_test else THRESHOLD if number % 5 == 4 else TRAIN
            for changed in (samples, spoken_live(samples, names, chance)):
                yield _clip(BONA_FIDE, part, selection.corpus, source, changed, chance)
            if part == THRESHOLD:
                continue
            for _ in range(attacks_each):
                kind, changed = _attack(samples, turn, names, chance)
                turn += 1
                yield _clip(kind, part, selection.corpus, source, changed, chance)
    spoken_by = _half(sentences, is_test=is_test)
    for kind, voices in commands().items():
        for voice, whole in spoken(voices, spoken_by):
            # The people's recordings were previously coded at such rates.
            samples = coded(np.resize(whole, CLIP_SAMPLES), "OGG", "OPUS", compression_level=0.95)
            for _ in range(4):
                changed = _perhaps_live(samples, names, chance)
                yield _clip(kind, TEST if is_test else TRAIN, kind, voice, changed, chance)


def people(
    selection: Selection, listed: Sequence[Utterance], packs: corpora.Packs
) -> Iterator[tuple[int, str, Waveform]]:
    """Yield the number of a speaker, the speaker and 3 s of samples, joined from short words."""
    chosen = [
        at
        for at in listed
        if (at.corpus, at.split) == (selection.corpus, selection.split)
        and at.path.stem in selection.packs
    ]
    for number, (speaker, utterances) in enumerate(by_speaker(chosen).items()):
        if number == selection.speakers:
            return
        parts = iter(utterances)
        for _ in range(selection.each):
            taken = packs.joined(parts, CLIP_SAMPLES)
            if len(taken) < CLIP_SAMPLES:
                break
            start = (len(taken) - CLIP_SAMPLES) // 2
            yield number, speaker, taken[start : start + CLIP_SAMPLES]


def _attack(
    samples: Waveform, turn: int, names: list[str], chance: np.random.Generator
) -> tuple[str, Waveform]:
    """Make an attack from a recording; return its kind and its samples."""
    copies = vocoders()
    kind = [*LOUDSPEAKERS, *copies][turn % (len(LOUDSPEAKERS) + len(copies))]
    if kind in LOUDSPEAKERS:
        return kind, LOUDSPEAKERS[kind].replayed(samples, names, chance)
    return kind, _perhaps_live(copies[kind](samples, chance), names, chance)


def _half(sentences: int, *, is_test: bool) -> range:
    middle = sentences // 2
    return range(middle, sentences) if is_test else range(middle)


def _perhaps_live(samples: Waveform, names: list[str], chance: np.random.Generator) -> Waveform:
    return spoken_live(samples, names, chance) if chance.random() < 0.5 else samples


def _clip(
    kind: str,
    part: str,
    corpus: str,
    source: str,
    samples: Waveform,
    chance: np.random.Generator,
) -> Clip:
    floor = 10 ** (chance.uniform(-70, -50) / 20) * max(float(samples.std()), 1e-6)
    recorded = np.asarray(samples + floor * chance.standard_normal(len(samples)), np.float32)
    if chance.random() < 0.25:
        recorded = coded(
            recorded, "OGG", "OPUS", compression_level=float(chance.uniform(0.85, 0.97))
        )
    fitted = np.resize(recorded, CLIP_SAMPLES)
    return Clip(kind=kind, part=part, corpus=corpus, source=source, samples=fitted)
