"""The voices of a recording: the assignment of its speech to voices.

stretches -> voices -> most likely sequence of voices -> the same with updated voices -> parts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding
from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.one_voice import Speech
from speakersdk.diarization.clustering import cluster, llr_matrix
from speakersdk.diarization.decoding import decode
from speakersdk.diarization.voice_track import (
    PAUSE_S,
    SpeechHop,
    VoiceTrack,
    speech_of,
    windows_around,
)
from speakersdk.encoder.statistics_ring import RECENT_S

# The first decoding uses the voices of the clusters, the second those of the first. A third
# decoding would change almost nothing.
_ROUNDS: Final = 2


@dataclass(frozen=True, slots=True)
class Part:
    """Speech of one voice within a stretch.

    Attributes:
        voice: number of the voice.
        hops: consecutive hops of speech.
        speech: embeddings of windows that cover the hops.
        evidence: (K,) natural log-likelihood of the part with each of the voices.
    """

    voice: int
    hops: list[SpeechHop]
    speech: Speech
    evidence: npt.NDArray[np.float64]

    @property
    def speech_s(self) -> float:
        """The net speech in seconds."""
        return sum(hop.speech_s for hop in self.hops)


def pooled(parts: Sequence[Part]) -> Embedding:
    """Return the (D,) float32 embedding of all these parts."""
    speech = Speech(
        np.concatenate([part.speech.embeddings for part in parts]),
        np.concatenate([part.speech.speech_s for part in parts]),
    )
    return speech.pooled(np.ones(len(speech), np.bool_))


def find_voices(track: VoiceTrack, calibration: Calibration) -> list[Part]:
    """Assign all speech of a recording to voices, in order of time.

    Args:
        track: voice track with at least one stretch.
        calibration: calibration of the model's scores.
    """
    hops = [hop for stretch in track.stretches for hop in stretch.hops]
    embeddings, window_s = windows_around(track)
    hop_s = np.array([hop.speech_s for hop in hops])
    # Overlapping windows are redundant, and therefore a hop counts its share. Windows shorter than
    # those that the calibration supports do not count.
    shares = np.where(window_s < calibration.minimum_speech_s, 0.0, hop_s / window_s)
    pauses = np.diff([hop.number for hop in hops], prepend=hops[0].number)
    is_after_pause = pauses > round(PAUSE_S / track.hop_s)
    voices = _first_voices(track, calibration)
    for _ in range(_ROUNDS):
        scores_llr = llr_matrix(embeddings, window_s, voices, calibration)
        evidence = scores_llr * shares[:, np.newaxis]
        parts = _parts(track, decode(evidence, is_after_pause), evidence)
        spoken = sorted({part.voice for part in parts})
        by_voice = [[part for part in parts if part.voice == voice] for voice in spoken]
        voices = Speech(
            np.stack([pooled(own) for own in by_voice]),
            np.array([sum(part.speech_s for part in own) for own in by_voice]),
        )
    return parts


def _first_voices(track: VoiceTrack, calibration: Calibration) -> Speech:
    """Find the voices of the stretches that are long enough to cluster."""
    stretches = [at for at in track.stretches if at.speech_s >= RECENT_S]
    stretches = stretches or [max(track.stretches, key=lambda stretch: stretch.speech_s)]
    speech = Speech(
        np.stack([stretch.embedding for stretch in stretches]),
        np.array([stretch.speech_s for stretch in stretches]),
    )
    labels = cluster(speech, calibration)
    groups = [labels == voice for voice in range(int(labels.max()) + 1)]
    return Speech(*speech.parted(np.stack(groups)))


def _parts(
    track: VoiceTrack, voices: npt.NDArray[np.intp], evidence: npt.NDArray[np.float64]
) -> list[Part]:
    """Cut the stretches where the voice changes."""
    parts: list[Part] = []
    first = 0
    for stretch in track.stretches:
        last = first + len(stretch.hops)
        own = voices[first:last]
        bounds = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), len(own)]
        for start, end in pairwise(bounds):
            hops = stretch.hops[start:end]
            parts.append(
                Part(
                    voice=int(own[start]),
                    hops=hops,
                    speech=speech_of(hops, track.window_hops),
                    evidence=evidence[first + start : first + end].sum(axis=0),
                )
            )
        first = last
    return parts
