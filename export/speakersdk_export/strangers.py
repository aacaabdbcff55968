"""Trials between people outside an encoder's training, from several corpora and conditions.

corpora -> speakers outside the training -> takes (enrolled, probe) -> encodings in each condition
-> groups of trials

A cohort of people in the training is encoded in the same way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile as sf

from speakersdk.arrays import Embeddings, Waveform
from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.cohort import Cohort, pair_nearness
from speakersdk.calibration.thresholds import GroupTrials
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.errors import AudioTooShortError, ConfigError, InvalidAudioError
from speakersdk.scoring import symmetric_kl_matrix
from speakersdk_export.corpora import read_corpora
from speakersdk_training.data.corpus import Utterance, by_speaker
from speakersdk_training.data.splits import split_by_speaker
from speakersdk_training.evaluation.conditions import CONDITIONS

# Conditions of the enrolled side and of the probe.
PAIRS: Final = (
    *((name, name) for name in CONDITIONS),
    *(("clean", name) for name in CONDITIONS if name != "clean"),
    ("telephone", "clean"),
)
# Speaker labels from clustering are not reliable enough for trials; three or six speakers are too
# few to measure a rate.
_NO_TRIALS: Final = {"picovoice-intent", "fsdd"}
_NO_SPLITS: Final = {"demo"}
_RATE_HZ: Final = 16_000
_ENROLLED_S: Final = 8.0
# Used in turn, because thresholds must also hold for short probes.
_PROBES_S: Final = (3.0, 1.5)
_LEAST_S: Final = 1.0
_COHORT_S: Final = 4.0
# The condition that makes strangers sound similar if both sides are in it.
_TELEPHONE: Final = "telephone"
_COHORT_SPEAKERS: Final = 180
_LEAST_COHORT: Final = 20
_MEMBERS_PER_NEAREST: Final = 3  # the nearest third counts
# For a model that was trained on none of the corpora: share of speakers that are reserved for the
# cohort. They are in no trial.
_SET_APART: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Speakers of the training corpora that training left out, see `split_by_speaker`.

    Attributes:
        share: share of the speakers; 0 means none.
        corpora: the corpora to which the share applies.
    """

    share: float = 0.0
    corpora: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A few seconds of one speaker.

    Attributes:
        speaker, corpus: names.
        sessions: "one session" or "other sessions", of the two sides of the speaker; "cohort".
        is_probe: whether it is the probe, and not the enrolled side.
        pieces: (file, first sample, number of samples) of each piece.
    """

    speaker: str
    corpus: str
    sessions: str
    is_probe: bool
    pieces: tuple[tuple[Path, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The encoded takes in one condition.

    Attributes:
        embeddings: (N, D) float32; zero without enough speech.
        speech_s: (N,) float64, net speech in seconds.
    """

    embeddings: Embeddings
    speech_s: npt.NDArray[np.float64]


def split_seen(
    utterances: Iterable[Utterance], training_corpora: Sequence[str], held_out: HeldOut
) -> tuple[list[Utterance], list[Utterance]]:
    """Split utterances by whether their speakers were in the encoder's training.

    For an encoder that was trained on none of them, such as an adopted one, some speakers are
    reserved in place of its training speakers.
    """
    seen: list[Utterance] = []
    unseen: list[Utterance] = []
    for utterance in utterances:
        is_seen = utterance.corpus in training_corpora and utterance.split == "train"
        (seen if is_seen else unseen).append(utterance)
    if held_out.share:
        cut = [utterance for utterance in seen if utterance.corpus in held_out.corpora]
        stay, left = split_by_speaker(cut, held_out=held_out.share)
        seen = [utterance for utterance in seen if utterance.corpus not in held_out.corpora] + stay
        unseen += left
    if not seen:
        unseen, seen = split_by_speaker(unseen, held_out=_SET_APART)
    return seen, unseen


def read_sessions(root: Path) -> dict[tuple[Path, int], int]:
    """Read session numbers by file and first sample; empty if the corpora have none."""
    path = root / "sessions.jsonl"
    if not path.is_file():
        return {}
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {(root / row["pack"], row["start"]): row["session"] for row in rows}


def by_session(
    utterances: Iterable[Utterance], sessions: Mapping[tuple[Path, int], int]
) -> list[list[Utterance]]:
    """Group the utterances of a speaker by session; `sessions` are those of `read_sessions`."""
    groups: dict[int, list[Utterance]] = {}
    for utterance in utterances:
        number = sessions.get((utterance.path, utterance.start), 0)
        groups.setdefault(number, []).append(utterance)
    return list(groups.values())


def draw_takes(root: Path, unseen: Sequence[Utterance], *, most: int) -> list[Take]:
    """Draw an enrolled side and a probe of each speaker, from different sessions if possible.

    Args:
        root: folder of the corpora.
        unseen: utterances from `split_seen`.
        most: maximum number of speakers per corpus with one session, and with several.
    """
    sessions = read_sessions(root)
    drawn: dict[tuple[str, str], int] = {}
    takes: list[Take] = []
    for speaker, listed in sorted(by_speaker(unseen).items(), key=lambda item: _hash(item[0])):
        corpus = listed[0].corpus
        if corpus in _NO_TRIALS or listed[0].split in _NO_SPLITS:
            continue
        groups = by_session(listed, sessions)
        long = [group for group in groups if _seconds(group) >= _PROBES_S[0] - 0.5]
        kind = "other sessions" if len(long) > 1 else "one session"
        rank = drawn.get((corpus, kind), 0)
        probe_s = _PROBES_S[rank % len(_PROBES_S)]
        if kind == "one session":
            enrolled_s = min(_ENROLLED_S, _seconds(listed) - probe_s)
            enrolled, rest = _cut(_shuffled(listed, speaker), enrolled_s)
        else:
            enrolled, _ = _cut(long[0], _ENROLLED_S)
            rest = long[1]
        probe, _ = _cut(rest, probe_s)
        if rank >= most or min(_seconds(enrolled), _seconds(probe)) < _LEAST_S:
            continue
        drawn[corpus, kind] = rank + 1
        takes += [_take(enrolled, kind), _take(probe, kind, is_probe=True)]
    return takes


def draw_cohort(seen: Sequence[Utterance]) -> list[Take]:
    """Draw one take of each of some training speakers of a single corpus, the largest one.

    All other corpora are then as foreign to the cohort as the recordings of users. Members from
    several corpora made thresholds too low for any further corpus (docs/adr/0012-promise.md).
    """
    corpora: dict[str, list[Take]] = {}
    for speaker, listed in sorted(by_speaker(seen).items(), key=lambda item: _hash(item[0])):
        pieces, _ = _cut(_shuffled(listed, speaker), _COHORT_S)
        corpus = listed[0].corpus
        if corpus not in _NO_TRIALS and _seconds(pieces) >= _COHORT_S / 2:
            corpora.setdefault(corpus, []).append(_take(pieces, "cohort"))
    return max(corpora.values(), key=len, default=[])[:_COHORT_SPEAKERS]


def encode(encoder: SpeakerEncoder, takes: Sequence[Take]) -> dict[str, Sides]:
    """Encode every take in every condition; without speech, the embedding is zero."""
    size = encoder.manifest.embedding_dim
    sides = {
        name: Sides(
            embeddings=np.zeros((len(takes), size), np.float32), speech_s=np.zeros(len(takes))
        )
        for name in CONDITIONS
    }
    order = sorted(range(len(takes)), key=lambda number: takes[number].pieces[0][:2])
    for number in order:
        samples = _read(takes[number])
        for name, change in CONDITIONS.items():
            rng = np.random.default_rng([1, number])
            try:
                encoding = encoder.encode(change(samples, rng))
            except (AudioTooShortError, InvalidAudioError):
                continue
            sides[name].embeddings[number] = encoding.embedding
            sides[name].speech_s[number] = encoding.speech_s
    return sides


def make_cohort(calibration: Calibration, members: dict[str, Sides], usual: Sides) -> Cohort:
    """Make a cohort of the members with enough speech in all conditions.

    Args:
        calibration: calibration of the model.
        members: the encoded members, by condition.
        usual: recordings whose mean nearness is the typical one.
    """
    least_s = calibration.minimum_speech_s
    complete = np.all([sides.speech_s >= least_s for sides in members.values()], axis=0)
    cohort = Cohort.of(
        np.concatenate([sides.embeddings[complete] for sides in members.values()]),
        nearest=max(1, int(complete.sum()) // _MEMBERS_PER_NEAREST),
        conditions=len(members),
        telephone=list(members).index(_TELEPHONE),
    )
    spoken = usual.embeddings[usual.speech_s >= least_s]
    return replace(cohort, typical=float(cohort.nearness(spoken)[:, 0].mean()))


def group_trials(
    calibration: Calibration, cohort: Cohort, takes: Sequence[Take], sides: dict[str, Sides]
) -> list[GroupTrials]:
    """Group the trials by corpus, kind of sessions and pair of conditions."""
    speakers = np.array([take.speaker for take in takes])
    is_probe = np.array([take.is_probe for take in takes])
    kinds = [(take.corpus, take.sessions) for take in takes]
    groups = []
    for corpus, sessions in sorted(set(kinds)):
        inside = np.array([kind == (corpus, sessions) for kind in kinds])
        for first, second in PAIRS:
            a, b = sides[first], sides[second]
            rows = np.flatnonzero(inside & ~is_probe & (a.speech_s >= calibration.minimum_speech_s))
            columns = np.flatnonzero(
                inside & is_probe & (b.speech_s >= calibration.minimum_speech_s)
            )
            if not len(rows) or not len(columns):
                continue
            enrolled, probes = np.repeat(rows, len(columns)), np.tile(columns, len(rows))
            scores = -symmetric_kl_matrix(a.embeddings[rows], b.embeddings[columns]).ravel()
            llrs, speech_s = calibration.llrs(
                scores, np.column_stack([a.speech_s[enrolled], b.speech_s[probes]])
            )
            near_a = np.zeros((len(takes), 2 + cohort.conditions))
            near_b = near_a.copy()
            near_a[rows] = cohort.nearness(a.embeddings[rows])
            near_b[columns] = cohort.nearness(b.embeddings[columns])
            groups.append(
                GroupTrials(
                    corpus=corpus,
                    condition=f"{sessions}, {first} / {second}",
                    llrs=llrs,
                    targets=speakers[enrolled] == speakers[probes],
                    speech_s=speech_s,
                    nearness=pair_nearness(near_a[enrolled], near_b[probes]),
                )
            )
    return groups


def calibration_of(encoder: SpeakerEncoder) -> Calibration:
    """Return the calibration of a model.

    Raises:
        ConfigError: the model has none.
    """
    calibration = encoder.manifest.calibration
    if calibration is None:
        how = "export" if encoder.manifest.origin is None else "adopt"
        raise ConfigError(f"expected a calibrated model, got one without; {how} it with --trials")
    return calibration


def collect(
    encoder: SpeakerEncoder, root: Path, *, held_out: HeldOut, most: int
) -> tuple[Cohort, list[GroupTrials]]:
    """Make the cohort of an encoder, and the trials between people outside its training.

    Raises:
        ConfigError: the model has no calibration, the folder does not have the layout packs, or
            there are no people outside the training.
    """
    calibration = calibration_of(encoder)
    listed = read_corpora(root, layout="packs")  # the other layouts give no lengths
    seen, unseen = split_seen(listed, encoder.manifest.training_corpora, held_out)
    takes, members = draw_takes(root, unseen, most=most), draw_cohort(seen)
    if not takes or len(members) < _LEAST_COHORT:
        raise ConfigError(
            f"expected speakers in {root} outside the model's training and {_LEAST_COHORT} for the "
            f"cohort, got {len(takes) // 2} and {len(members)}"
        )
    sides = encode(encoder, takes)
    cohort = make_cohort(calibration, encode(encoder, members), sides["clean"])
    return cohort, group_trials(calibration, cohort, takes, sides)


def _read(take: Take) -> Waveform:
    """Read (n,) float32 samples. Only the pieces are decoded, because files may last an hour."""
    parts = []
    for path, start, length in take.pieces:
        with sf.SoundFile(path) as file:
            file.seek(start)
            parts.append(file.read(length, dtype="float32"))
    return np.concatenate(parts)


def _cut(
    utterances: Sequence[Utterance], seconds: float
) -> tuple[list[Utterance], list[Utterance]]:
    """Cut the first seconds, and return them and the rest."""
    missing = round(seconds * _RATE_HZ)
    first: list[Utterance] = []
    rest: list[Utterance] = []
    for utterance in utterances:
        length = utterance.num_samples or 0
        used = max(0, min(missing, length))
        missing -= used
        if used:
            first.append(replace(utterance, num_samples=used))
        if used < length:
            rest.append(replace(utterance, start=utterance.start + used, num_samples=length - used))
    return first, rest


def _take(pieces: Sequence[Utterance], sessions: str, *, is_probe: bool = False) -> Take:
    return Take(
        speaker=pieces[0].speaker,
        corpus=pieces[0].corpus,
        sessions=sessions,
        is_probe=is_probe,
        pieces=tuple((at.path, at.start, at.num_samples or 0) for at in pieces),
    )


def _shuffled(utterances: Sequence[Utterance], speaker: str) -> list[Utterance]:
    order = np.random.default_rng(_hash(speaker)).permutation(len(utterances))
    return [utterances[number] for number in order]


def _seconds(utterances: Sequence[Utterance]) -> float:
    return sum(at.num_samples or 0 for at in utterances) / _RATE_HZ


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[8:16])
