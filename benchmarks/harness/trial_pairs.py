"""Trials for the benchmarks of decisions: all pairs of segments that share no audio."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import corpora
from speakersdk.arrays import Waveform
from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.fit import balanced_weights, fit_calibration
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.evaluation.embedding_cache import EmbeddingCache
from speakersdk.evaluation.segments import Segment, read_segments, share_audio
from speakersdk.files import file_sha256
from speakersdk.models import default_model_path
from speakersdk.scoring import symmetric_kl_matrix
from speakersdk_export.strangers import HeldOut
from speakersdk_training.evaluation.trial_audio import read_segment_audio
from speakersdk_training.evaluation.trial_lists import cut_segments

DEVELOPMENT = ("speechocean762", "dev")
FARS = (0.05, 0.01, 0.001)
# Speakers that the training of the bundled model left out of its corpora.
HELD_OUT = HeldOut(share=0.2, corpora=("common-voice",))
# Trials of each length and kind in a fit.
_FIT_TARGETS, _FIT_NONTARGETS = 6_000, 25_000
_DRAWS = 1000

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
Encode = Callable[[Waveform], Encoding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The segments of one side: embeddings (N, D), speech (N,), speaker indices (N,)."""

    embeddings: npt.NDArray[np.float32]
    speech_s: Floats
    speakers: Numbers
    segments: list[Segment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Trials: scores (N,), labels (N,), and speech, speaker and row of both sides, each (N, 2)."""

    scores: Floats
    labels: Flags
    speech_s: Floats
    speakers: Numbers
    rows: Numbers

    def within(self, members: Flags) -> Pairs:
        """Return the trials whose speakers are both members."""
        return self.take(members[self.speakers].all(axis=1))

    def answered(self, minimum_speech_s: float) -> Pairs:
        """Return the trials with enough speech on both sides."""
        return self.take((self.speech_s >= minimum_speech_s).all(axis=1))

    def take(self, chosen: npt.NDArray[Any]) -> Pairs:
        """Return the trials selected by flags or indices."""
        return Pairs(
            scores=self.scores[chosen],
            labels=self.labels[chosen],
            speech_s=self.speech_s[chosen],
            speakers=self.speakers[chosen],
            rows=self.rows[chosen],
        )

    def rates(self, is_accepted: Flags) -> dict[str, float]:
        """Return the false-accept and false-reject rate of decisions about the trials."""
        return {
            "far": rounded(is_accepted[~self.labels].mean()),
            "frr": rounded((~is_accepted)[self.labels].mean()),
        }

    def with_scores(self, scores: Floats) -> Pairs:
        """Return the same trials with other scores."""
        return replace(self, scores=scores)


class Encodings:
    """An encoder of segments, which caches embeddings in SPEAKERSDK_EMBEDDING_CACHE if that is set.

    Args:
        encode: function from samples at 16 kHz to an encoding.
        sha256: identifies `encode`, such as the hash of its weights.
        names: names of all speakers; the index in it is the number of a speaker.
    """

    def __init__(self, encode: Encode, *, sha256: str, names: Sequence[str]) -> None:
        self._encode = encode
        self._numbers = {name: number for number, name in enumerate(names)}
        folder = os.environ.get("SPEAKERSDK_EMBEDDING_CACHE")
        self._cache = EmbeddingCache(Path(folder), model_sha256=sha256) if folder else None
        self._hashes: dict[str, str] = {}

    def side(
        self,
        segments: Sequence[Segment],
        *,
        condition: str = "",
        audio: Callable[[], Mapping[str, Waveform]] | None = None,
    ) -> Side:
        """Encode segments.

        Args:
            segments: segments of equal length.
            condition: name of the condition of the audio, for the cache.
            audio: function that returns samples by name if needed; None means clean audio.
        """
        keys = [self._key(segment, condition) for segment in segments]
        kept = [self._cache.get(key) if self._cache and key else None for key in keys]
        missing = [index for index, encoding in enumerate(kept) if encoding is None]
        if missing:
            if audio is None:
                wanted = [segments[index] for index in missing]
                samples: Mapping[str, Waveform] = read_segment_audio(
                    wanted, corpora.DATA, num_workers=1
                )
            else:
                samples = audio()
            for index in missing:
                encoding = kept[index] = self._encode(samples[segments[index].name])
                if self._cache:
                    self._cache.put(keys[index], encoding)
        encodings = [encoding for encoding in kept if encoding is not None]
        return Side(
            embeddings=np.stack([encoding.embedding for encoding in encodings]),
            speech_s=np.array([encoding.speech_s for encoding in encodings]),
            speakers=np.array([self._numbers[segment.speaker] for segment in segments]),
            segments=list(segments),
        )

    def _key(self, segment: Segment, condition: str) -> str:
        if self._cache is None:
            return ""
        for piece in segment.pieces:
            if piece.path not in self._hashes:
                self._hashes[piece.path] = file_sha256(corpora.DATA / piece.path)
        return self._cache.key(
            (self._hashes[piece.path] + condition, piece.start, piece.num_samples)
            for piece in segment.pieces
        )


def read_length(
    length_s: float,
    *,
    corpus: str = DEVELOPMENT[0],
    split: str = DEVELOPMENT[1],
    per_speaker: int | None = None,
) -> list[Segment]:
    """Read segments of a length, limited per speaker; the fixed ones if they exist."""
    fixed = corpora.TRIALS / f"segments-{length_s:.1f}s.jsonl"
    if split == "dev" and fixed.is_file():
        listed = read_segments(fixed).values()
        segments = [segment for segment in listed if segment.speaker.startswith(f"{corpus}/")]
    else:
        segments = cut_segments(
            corpora.utterances(corpus, split), corpora.DATA, duration_s=length_s
        )
    groups: dict[str, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.speaker, []).append(segment)
    return [segment for name in sorted(groups) for segment in groups[name][:per_speaker]]


def bundled_encoder() -> tuple[SpeakerEncoder, Calibration]:
    """Load the bundled model, and return its encoder and calibration.

    Raises:
        SystemExit: the corpora or the calibration are missing; prints a message.
    """
    corpora.require()
    encoder = load_encoder(default_model_path())
    calibration = encoder.manifest.calibration
    if calibration is None:
        print("the bundled model has no calibration", file=sys.stderr)
        raise SystemExit(2)
    return encoder, calibration


def spoken_by(names: Iterable[str], segments: Iterable[Segment]) -> list[Segment]:
    """Return the segments of the named speakers."""
    chosen = set(names)
    return [segment for segment in segments if segment.speaker in chosen]


def speaker_names(listed: Iterable[Sequence[Segment]]) -> list[str]:
    """Return the speakers of several lists of segments, sorted."""
    return sorted({segment.speaker for segments in listed for segment in segments})


def compare(enrolled: Side, probes: Side) -> Pairs:
    """Make all trials of two sides, or each pair once for a side with itself."""
    labels = enrolled.speakers[:, np.newaxis] == probes.speakers
    once = np.ones_like(labels) if probes is not enrolled else np.triu(np.ones_like(labels), 1)
    for row, column in np.argwhere(labels & once):  # only segments of one speaker can share audio
        once[row, column] = not share_audio(enrolled.segments[row], probes.segments[column])
    rows, columns = np.nonzero(once)
    return Pairs(
        scores=-symmetric_kl_matrix(enrolled.embeddings, probes.embeddings)[rows, columns],
        labels=labels[rows, columns],
        speech_s=np.column_stack([enrolled.speech_s[rows], probes.speech_s[columns]]),
        speakers=np.column_stack([enrolled.speakers[rows], probes.speakers[columns]]),
        rows=np.column_stack([rows, columns]),
    )


def halves(num_speakers: int) -> tuple[tuple[str, Flags], ...]:
    """Return both halves of the speakers (every other one): the name and members of each."""
    even = np.arange(num_speakers) % 2 == 0
    return ("even", even), ("odd", ~even)


def fit(by_length: Mapping[float, Pairs], members: Flags, rng: np.random.Generator) -> Calibration:
    """Fit a calibration as export does, on equally many trials of each length."""
    drawn: list[Pairs] = []
    groups: list[float] = []
    for length_s, trials in by_length.items():
        inside = trials.within(members)
        for kind, most in ((inside.labels, _FIT_TARGETS), (~inside.labels, _FIT_NONTARGETS)):
            drawn.append(inside.take(rng.permutation(np.flatnonzero(kind))[:most]))
            groups += [length_s] * len(drawn[-1].labels)
    labels = np.concatenate([trials.labels for trials in drawn])
    speakers = np.concatenate([trials.speakers for trials in drawn])
    return fit_calibration(
        np.concatenate([trials.scores for trials in drawn]),
        labels,
        np.concatenate([trials.speech_s for trials in drawn]),
        weights=balanced_weights(labels, speakers, groups),
    )


def far_interval(
    is_accepted: Flags, trials: Pairs, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the false-accept rate over resampled speakers.

    It equals `speakersdk.metrics.bootstrap_interval`, with counts per pair of speakers.
    """
    names, sides = np.unique(trials.speakers, return_inverse=True)
    sides = sides.reshape(trials.speakers.shape)[~trials.labels]
    size = len(names)
    cells = sides[:, 0] * size + sides[:, 1]
    counts = np.bincount(cells, minlength=size**2).reshape(size, size).astype(float)
    errors = np.bincount(cells, is_accepted[~trials.labels], minlength=size**2)
    errors = errors.reshape(size, size)
    draws = rng.multinomial(size, np.full(size, 1 / size), _DRAWS).astype(float)
    rates = ((draws @ errors) * draws).sum(axis=1) / ((draws @ counts) * draws).sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def rounded(rate: Any) -> float:
    """Round a rate to the digits that 0.1 % needs."""
    return round(float(rate), 6)
