"""What a recording is worth for enrollment: net speech, levels, and whether it is one voice.

waveform -> hops -> speech -> levels; pieces of 1.5 s of speech -> cohesion -> problems
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from speakersdk.arrays import Embedding, Waveform
from speakersdk.audio.levels import (
    CLIPPED_HOPS_SHARE,
    NARROW_BAND_DB,
    NOISY_SNR_DB,
    QUIET_DBFS,
    AudioLevels,
    AudioProblem,
    AudioQuality,
)
from speakersdk.decision.one_voice import OTHER_VOICE_LLR, SECOND_VOICE_LLR, Speech, least_cohesion
from speakersdk.encoder.hop import HopSizes
from speakersdk.encoder.load import SpeakerEncoder, hop_encoder
from speakersdk.encoder.statistics_ring import SO_FAR

# Net speech of a piece. Less says too little of a voice, more leaves a second voice too few pieces.
PIECE_S: Final = 1.5
_SILENCE_DBFS = -120.0
# What is left over at the end counts as a piece from here on.
_LEAST_PIECE_S: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingQuality:
    """What was measured of one recording.

    Attributes:
        label: how the recording is called.
        duration_s, speech_s: seconds of audio, and of speech in it.
        levels: of the whole recording.
        loudest_dbfs: level of the loudest hop, speech or not.
        one_voice_llr: llr of one voice for the two parts of the speech that differ most; None
            below 2.3 s of speech or without calibration.
        others_llr: llr of one voice with the other recordings together; None likewise, or for a
            single recording.
        shortage: why it has too little speech; None if it has enough.
        failure: why nothing could be measured; None if it could.
        repeated_share: share of its speech that was heard before, in itself or in an earlier
            recording. It does not count a second time: `speech_s` is without it.
        repetition: why so much of it was heard before that it is of no use; None if it is not.
    """

    label: str
    duration_s: float
    speech_s: float
    levels: AudioLevels
    loudest_dbfs: float
    one_voice_llr: float | None
    others_llr: float | None = None
    shortage: str | None = None
    repeated_share: float = 0.0
    repetition: str | None = None
    failure: str | None = None

    @property
    def problems(self) -> tuple[AudioProblem, ...]:
        """Everything that speaks against enrolling from it, but for a shortage of speech."""
        found = list(self.levels.problems())
        for llr, bound, problem in (
            (self.one_voice_llr, SECOND_VOICE_LLR, AudioProblem.SECOND_VOICE),
            (self.others_llr, OTHER_VOICE_LLR, AudioProblem.UNLIKE_OTHERS),
        ):
            if llr is not None and llr <= bound:
                found.append(problem)
        return tuple(found)

    @property
    def is_usable(self) -> bool:
        """Whether nothing speaks against enrolling from it."""
        return (
            self.failure is None
            and self.shortage is None
            and self.repetition is None
            and not self.problems
        )

    @property
    def shortage_finding(self) -> str:
        """The shortage of speech and what to do; empty if there is none."""
        if self.shortage is None:
            return ""
        if self.loudest_dbfs < QUIET_DBFS:
            return (
                f"{self.shortage}, nowhere louder than {self.loudest_dbfs:.0f} dBFS; come closer "
                "or raise the input level"
            )
        return f"{self.shortage}; record longer"

    def finding(self, problem: AudioProblem) -> str:
        """What was measured, what was expected and what to do."""
        levels = self.levels
        measured = {
            AudioProblem.CLIPPED: f"{levels.clipped_share:.0%} of the speech is cut off at full "
            f"scale, expected at most {CLIPPED_HOPS_SHARE:.0%}",
            AudioProblem.TOO_QUIET: f"speech at {_number(levels.speech_dbfs)} dBFS, expected "
            f"{QUIET_DBFS:g} or more",
            AudioProblem.NOISY: f"speech {_number(levels.snr_db)} dB above the noise, expected "
            f"{NOISY_SNR_DB:g} or more",
            AudioProblem.NARROW_BAND: f"{_number(levels.high_band_db)} dB above 4 kHz, expected "
            f"{NARROW_BAND_DB:g} or more",
            AudioProblem.SECOND_VOICE: f"llr {_number(self.one_voice_llr)} between two parts of "
            f"it, expected above {SECOND_VOICE_LLR:g}",
            AudioProblem.UNLIKE_OTHERS: f"llr {_number(self.others_llr)} against the others, "
            f"expected above {OTHER_VOICE_LLR:g}",
        }[problem]
        what, remedy = problem.split(": ", 1)
        return f"{what} ({measured}): {remedy}"

    def to_json(self) -> dict[str, Any]:
        """Every figure by its name, and the problems by their keys."""
        return {
            "recording": self.label,
            "duration_s": self.duration_s,
            "speech_s": self.speech_s,
            "loudest_dbfs": self.loudest_dbfs,
            "speech_dbfs": self.levels.speech_dbfs,
            "snr_db": self.levels.snr_db,
            "high_band_db": self.levels.high_band_db,
            "clipped_share": self.levels.clipped_share,
            "one_voice_llr": self.one_voice_llr,
            "others_llr": self.others_llr,
            "shortage": self.shortage,
            "failure": self.failure,
            "repeated_share": self.repeated_share,
            "repetition": self.repetition,
            "problems": [problem.key for problem in self.problems],
            "is_usable": self.is_usable,
        }


def measure_recording(
    encoder: SpeakerEncoder, waveform: Waveform, *, label: str
) -> RecordingQuality:
    """Hear a recording hop by hop, as the live meter does.

    Args:
        encoder: of the model that is to make the voiceprint.
        waveform: (n,) float32 at the model's rate.
        label: how the recording is called.
    """
    manifest = encoder.manifest
    rate_hz = manifest.frontend.sample_rate_hz
    hop_samples = manifest.hop_frames * manifest.frontend.hop_samples
    hop_s = hop_samples / rate_hz
    piece_hops = round(PIECE_S / hop_s)
    hops = hop_encoder(encoder, HopSizes(window_hops=piece_hops, recent_hops=piece_hops))
    state = hops.start()
    quality = AudioQuality(sample_rate_hz=rate_hz, memory_hops=None)
    pieces: list[tuple[Embedding, float]] = []
    speech_s, loudest_dbfs = 0.0, _SILENCE_DBFS
    rest = waveform
    while len(rest):
        rest = rest[state.buffer.fill(rest) :]
        if not state.buffer.is_full:
            break
        hop = state.buffer.samples[-hop_samples:].copy()
        quality.hear(hop)
        loudest_dbfs = max(loudest_dbfs, quality.level_dbfs)
        hops.encode([state])
        speech_s += state.hop_speech_s
        # Half a hop of speech is neither: it would make speech quieter and noise louder.
        if state.hop_speech_s in (0, hop_s):
            quality.take(hop, is_speech=state.hop_speech_s > 0)
        if state.is_evidence and state.speech_s >= PIECE_S:
            pieces.append((state.embeddings[SO_FAR].copy(), state.speech_s))
            state.restart()
    if state.speech_s >= _LEAST_PIECE_S:
        pieces.append((state.embeddings[SO_FAR].copy(), state.speech_s))
    one_voice_llr = None
    if pieces and manifest.calibration is not None:
        embeddings, seconds = zip(*pieces, strict=True)
        one_voice_llr = least_cohesion(
            Speech(np.stack(embeddings), np.array(seconds)), manifest.calibration
        )
    return RecordingQuality(
        label=label,
        duration_s=len(waveform) / rate_hz,
        speech_s=speech_s,
        levels=quality.levels,
        loudest_dbfs=loudest_dbfs,
        one_voice_llr=one_voice_llr,
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"
