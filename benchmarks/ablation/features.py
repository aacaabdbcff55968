"""The speech of `seed_ablation.py` as log-mel frames, computed once and read by every run.

The amounts are those of the papers' TIMIT lists: 100 training speakers with 8 sentences of about 3
s each, and 40 unseen speakers whose first 8 and next 2 sentences are two utterances for clustering.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from speakersdk.arrays import Waveform, whole_rows
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.evaluation.segments import Piece, Segment, read_segments, share_audio
from speakersdk.evaluation.trials import read_trials, used_segments
from speakersdk_training.data.corpus import Utterance, by_speaker, read_packs
from speakersdk_training.evaluation.trial_audio import read_segment_audio
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.mel_filters import papers_frontend

CORPUS = "speechocean762"
SEGMENT_FRAMES = 40
# TIMIT has ten sentences per speaker: eight for one utterance, and two for the other.
SENTENCES = 10
LONG_SENTENCES = 8
CLUSTERED_SPEAKERS = 40
TRIALS = "speechocean762-dev-3.0s"
# A fixed crop begins 100 ms into a sentence, as in the question.
FIXED_FRAME = 10
_RATE_HZ = 16000
_PITCH_HZ = (60, 400)


@dataclass(frozen=True, slots=True)
class Sentences:
    """The log-mel frames of consecutive sentences.

    Attributes:
        frames: (F, 128) float16.
        first, length: (N,) int64, first frame and number of frames of each sentence.
        speaker: (N,) int64, speaker of each sentence.
    """

    frames: npt.NDArray[np.float16]
    first: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    speaker: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Features:
    """The data of a run.

    Attributes:
        train: sentences of the training speakers, the same number for each.
        voice_group: (S,) int64, training speakers with a low (0) or a high voice (1).
        validation: sentences of other speakers of the train split; for thresholds.
        clustered: 10 sentences of each dev speaker, in order.
        segments: dev segments of 3 s.
        trials: (T, 3) int64: enroll, probe, and 1 for the same speaker.
        apart: (T,) bool, whether the sides of a trial share no sample.
    """

    train: Sentences
    voice_group: npt.NDArray[np.int64]
    validation: Sentences
    clustered: Sentences
    segments: Sentences
    trials: npt.NDArray[np.int64]
    apart: npt.NDArray[np.bool_]

    def save(self, path: Path) -> None:
        """Write all arrays to an uncompressed .npz file."""
        arrays = {
            f"{part}.{name}": getattr(getattr(self, part), name)
            for part in ("train", "validation", "clustered", "segments")
            for name in ("frames", "first", "length", "speaker")
        }
        np.savez(
            path,
            **arrays,
            voice_group=self.voice_group,
            trials=self.trials,
            apart=self.apart,
        )


def load_features(path: Path) -> Features:
    """Read a file of `Features.save`."""
    with np.load(path) as stored:
        parts = {
            part: Sentences(
                *(stored[f"{part}.{name}"] for name in ("frames", "first", "length", "speaker"))
            )
            for part in ("train", "validation", "clustered", "segments")
        }
        return Features(
            **parts,
            voice_group=stored["voice_group"],
            trials=stored["trials"],
            apart=stored["apart"],
        )


def read_features(
    root: Path,
    *,
    train_speakers: int = 100,
    validation_speakers: int = 25,
    dev_speakers: int = 125,
    device: torch.device,
) -> Features:
    """Read the corpus and compute its frames.

    Args:
        root: folder of the packs.
        train_speakers, validation_speakers: numbers of consecutive speakers of the train split.
        dev_speakers: number of speakers of the trials, of which at most 40 are clustered.
        device: device that computes the frames.
    """
    frontend = LogMel(papers_frontend()).to(device)
    groups = _sentences_by_speaker(root, "train", frontend.config)
    train = [group[:SENTENCES] for group in groups[:train_speakers]]
    rest = groups[train_speakers : train_speakers + validation_speakers]
    dev = _sentences_by_speaker(root, "dev", frontend.config)[:dev_speakers]
    clustered = [group[:SENTENCES] for group in dev[:CLUSTERED_SPEAKERS]]
    names = {group[0].speaker for group in dev}
    known = {
        name: segment
        for name, segment in read_segments(root / "trials" / "segments-3.0s.jsonl").items()
        if segment.speaker in names
    }
    trials = [
        trial
        for trial in read_trials(root / "trials" / f"{TRIALS}.txt")
        if trial.enroll in known and trial.probe in known
    ]
    segments = used_segments(trials, known)
    row_of = {segment.name: row for row, segment in enumerate(segments)}
    # In one call, because every call decodes the packs.
    audio = read_segment_audio(chain(*train, *rest, *clustered, segments), root)

    def samples_of(group: list[Segment]) -> list[Waveform]:
        return [audio[segment.name] for segment in group]

    pitches = np.array([_median_pitch_hz(samples_of(group)) for group in train])
    return Features(
        train=_sentences(frontend, map(samples_of, train)),
        voice_group=(pitches > np.median(pitches)).astype(np.int64),
        validation=_sentences(frontend, map(samples_of, rest)),
        clustered=_sentences(frontend, map(samples_of, clustered)),
        segments=_sentences(frontend, (samples_of([segment]) for segment in segments)),
        trials=np.array(
            [(row_of[t.enroll], row_of[t.probe], int(t.is_target)) for t in trials], np.int64
        ),
        apart=np.array([not share_audio(known[t.enroll], known[t.probe]) for t in trials]),
    )


def _sentences_by_speaker(root: Path, split: str, frontend: FrontendConfig) -> list[list[Segment]]:
    """Return the utterances of each speaker that are as long as a segment."""
    utterances = (
        utterance
        for utterance in read_packs(root)
        if (utterance.corpus, utterance.split) == (CORPUS, split)
        and frontend.num_frames(utterance.num_samples or 0) >= SEGMENT_FRAMES
    )
    return [[_whole(each, root) for each in group] for group in by_speaker(utterances).values()]


def synthetic_features(*, speakers: int, rng: np.random.Generator) -> Features:
    """Make random spectra with a color per speaker, to test that a run works."""

    def sentences(count: int, each: int) -> Sentences:
        length = np.full(count * each, 3 * SEGMENT_FRAMES, np.int64)
        speaker = np.arange(count).repeat(each)
        colors = rng.uniform(0, 3, (count, 128))
        noise = rng.standard_normal((int(length.sum()), 128))
        frames = colors[speaker.repeat(length)] + noise
        return Sentences(frames.astype(np.float16), length.cumsum() - length, length, speaker)

    segments = sentences(speakers, 4)
    rows = np.array([(i, j) for i in range(len(segments.first)) for j in range(i)])
    same = segments.speaker[rows[:, 0]] == segments.speaker[rows[:, 1]]
    return Features(
        train=sentences(speakers, SENTENCES),
        voice_group=np.arange(speakers) % 2,
        validation=sentences(speakers, SENTENCES),
        clustered=sentences(speakers, SENTENCES),
        segments=segments,
        trials=np.column_stack([rows, same]).astype(np.int64),
        apart=np.ones(len(rows), bool),
    )


def _whole(utterance: Utterance, root: Path) -> Segment:
    """Return an utterance as a segment of one piece."""
    path = utterance.path.relative_to(root).as_posix()
    piece = Piece(path, utterance.start, utterance.num_samples)
    return Segment(f"{path}:{utterance.start}", utterance.speaker, (piece,))


@torch.no_grad()
@torch.backends.cudnn.flags(allow_tf32=False)  # TF32 would cost three digits of the logarithm
def _sentences(frontend: LogMel, groups: Iterable[list[Waveform]]) -> Sentences:
    """Compute the frames of all sentences, group by group."""
    pieces, speaker = [], []
    for number, group in enumerate(groups):
        for samples in group:
            padded = functional.pad(torch.from_numpy(samples), (1, 0)).to(frontend.kernel.device)
            pieces.append(frontend(padded[None])[0].T.half().cpu().numpy())
            speaker.append(number)
    length = np.array([len(piece) for piece in pieces], np.int64)
    return Sentences(
        np.concatenate(pieces), length.cumsum() - length, length, np.array(speaker, np.int64)
    )


def _median_pitch_hz(recordings: list[Waveform]) -> float:
    """Estimate the median pitch of voiced speech by autocorrelation.

    It replaces the speakers' sex, which the corpus does not state: it separates low and high
    voices.
    """
    samples = np.concatenate(recordings)
    blocks = whole_rows(samples, 1024)
    loud = blocks[np.square(blocks).mean(axis=1) > np.square(samples).mean()]
    spectrum = np.abs(np.fft.rfft(loud, 4096)) ** 2
    correlation = np.fft.irfft(spectrum)[:, :1024]
    shortest, longest = _RATE_HZ // _PITCH_HZ[1], _RATE_HZ // _PITCH_HZ[0]
    lags = shortest + correlation[:, shortest:longest].argmax(axis=1)
    return float(_RATE_HZ / np.median(lags))
