"""Quality of a recording for enrollment: net speech, levels, and whether there is one voice.

in one pass: waveform -> frames, speech -> levels; pieces of speech -> cohesion -> problems
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform, whole_rows
from speakersdk.audio.levels import (
    CLIPPED_HOPS_SHARE,
    NARROW_BAND_DB,
    NOISY_SNR_DB,
    QUIET_DBFS,
    SCATTERED_SHARE,
    STEADY_DB,
    AudioLevels,
    AudioProblem,
    QualityMeter,
)
from speakersdk.decision.one_voice import OTHER_VOICE_LLR, SECOND_VOICE_LLR, one_voice_llr
from speakersdk.decision.rule import SHORTEST_SPEECH_S, speech_shortage
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.manifest import ModelManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingQuality:
    """Measurements of one recording.

    Attributes:
        label: name of the recording in messages.
        duration_s, speech_s: duration and net speech in seconds.
        levels: levels of the whole recording.
        loudest_dbfs: level of the loudest hop, with or without speech; None if not measured.
        one_voice_llr: LLR that the two most different parts of the speech are one voice; None
            below 2 s of speech or without calibration.
        others_llr: LLR that this and the other recordings are one voice; None as above, or for a
            single recording.
        shortage: why there is too little speech; None if there is enough.
        failure: why the recording could not be measured; None if it was.
        repeated_share: share of the speech that occurred before, in this or an earlier recording.
            `speech_s` does not include it.
        repetition: why the recording contains too little new speech; None if it has enough.
    """

    label: str
    duration_s: float
    speech_s: float
    levels: AudioLevels
    loudest_dbfs: float | None
    one_voice_llr: float | None
    others_llr: float | None = None
    shortage: str | None = None
    repeated_share: float = 0.0
    repetition: str | None = None
    failure: str | None = None

    @property
    def problems(self) -> tuple[AudioProblem, ...]:
        """All problems of the recording except a shortage of speech."""
        found = list(self.levels.problems())
        for llr, bound, problem in (
            (self.one_voice_llr, SECOND_VOICE_LLR, AudioProblem.SECOND_VOICE),
            (self.others_llr, OTHER_VOICE_LLR, AudioProblem.UNLIKE_OTHERS),
        ):
            if llr is not None and llr <= bound:
                found.append(problem)
        return tuple(found)

    @property
    def obstacles(self) -> dict[str, str]:
        """Reasons against the recording that cannot be overruled, in sentences by key."""
        reasons = {
            "unreadable": self.failure,
            "too-short": self.shortage_finding,
            "repeated": self.repetition,
        }
        return {key: reason for key, reason in reasons.items() if reason}

    @property
    def findings(self) -> dict[str, str]:
        """Everything that is wrong with the recording, in sentences by key."""
        return self.obstacles | {problem.key: self.finding(problem) for problem in self.problems}

    @property
    def is_usable(self) -> bool:
        """Whether the recording can be enrolled."""
        return not self.findings

    @property
    def shortage_finding(self) -> str:
        """A sentence on the shortage of speech and what to do; empty if there is none."""
        if self.shortage is None:
            return ""
        if self.loudest_dbfs is None:
            return self.shortage  # shorter than a hop: the sentence already says what to do
        if self.loudest_dbfs < QUIET_DBFS:
            return (
                f"{self.shortage}, and no part is louder than {self.loudest_dbfs:.0f} dBFS; come "
                "closer or raise the input level"
            )
        if self.speech_s < SHORTEST_SPEECH_S:
            return f"{self.shortage}; check that somebody speaks in it"
        return f"{self.shortage}; record longer"

    def finding(self, problem: AudioProblem) -> str:
        """Describe a problem: the measured and the expected value, and what to do."""
        levels = self.levels
        clipped_share = levels.clipped_share or 0.0
        measured = {
            AudioProblem.STEADY: f"its level varies by {_number(levels.variation_db)} dB, "
            f"expected {STEADY_DB:g} or more",
            AudioProblem.SCATTERED: f"{levels.whole_share or 0.0:.0%} of what resembles speech "
            f"lasts 0.1 s or longer, expected {SCATTERED_SHARE:.0%} or more",
            AudioProblem.CLIPPED: f"{clipped_share:.0%} of the speech is cut off at full "
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
        """Return all measurements by name and the keys of the problems, as values for JSON."""
        return {
            "recording": self.label,
            "duration_s": self.duration_s,
            "speech_s": self.speech_s,
            "loudest_dbfs": self.loudest_dbfs,
            "speech_dbfs": self.levels.speech_dbfs,
            "snr_db": self.levels.snr_db,
            "high_band_db": self.levels.high_band_db,
            "clipped_share": self.levels.clipped_share,
            "variation_db": self.levels.variation_db,
            "whole_share": self.levels.whole_share,
            "one_voice_llr": self.one_voice_llr,
            "others_llr": self.others_llr,
            "shortage": self.shortage,
            "failure": self.failure,
            "repeated_share": self.repeated_share,
            "repetition": self.repetition,
            "problems": [problem.key for problem in self.problems],
            "is_usable": self.is_usable,
        }


class LevelMeter:
    """A `FrameListener` that measures the levels of a recording while it is encoded.

    Attributes:
        loudest_dbfs: level of the loudest hop, with or without speech; None before the first hop.
    """

    def __init__(self, manifest: ModelManifest) -> None:
        self._manifest = manifest
        self._quality = QualityMeter(
            sample_rate_hz=manifest.frontend.sample_rate_hz, memory_hops=None
        )
        self.loudest_dbfs: float | None = None

    @property
    def levels(self) -> AudioLevels:
        """The levels of all hops so far."""
        return self._quality.levels

    def __call__(self, samples: Waveform, is_speech: npt.NDArray[np.bool_]) -> None:
        """Measure each complete hop among these frames."""
        hops = whole_rows(samples, self._manifest.hop_samples)
        is_speech_of_hop = whole_rows(is_speech, self._manifest.hop_frames)
        for hop, frames in zip(hops, is_speech_of_hop, strict=True):
            self._quality.measure(hop)
            level_dbfs = self._quality.level_dbfs
            if self.loudest_dbfs is None or level_dbfs > self.loudest_dbfs:
                self.loudest_dbfs = level_dbfs
            self._quality.take(hop, speech_share=float(frames.mean()))


def measure_recording(
    encoder: SpeakerEncoder, samples: Waveform | Iterable[Waveform], *, label: str
) -> tuple[Encoding, RecordingQuality]:
    """Encode and measure a recording in one pass.

    Args:
        encoder: encoder of the model that will make the voiceprint.
        samples: (n,) float32 at the model's sample rate, or blocks of it.
        label: the name used in messages.

    Raises:
        AudioTooShortError: the recording is shorter than the model's minimum.
    """
    calibration = encoder.manifest.calibration
    meter = LevelMeter(encoder.manifest)
    encoding = encoder.encode(samples, listener=meter)
    shortage = speech_shortage(encoding.speech_s, encoding.duration_s, calibration)
    quality = RecordingQuality(
        label=label,
        duration_s=encoding.duration_s,
        speech_s=encoding.speech_s,
        levels=meter.levels,
        loudest_dbfs=meter.loudest_dbfs,
        one_voice_llr=one_voice_llr(encoding.pieces, calibration),
        shortage=None if shortage is None else shortage[1],
    )
    return encoding, quality


def not_measured(
    *, label: str, duration_s: float, shortage: str | None = None, failure: str | None = None
) -> RecordingQuality:
    """Return the quality of a recording that is too short or cannot be read."""
    nothing = AudioLevels(speech_dbfs=None, snr_db=None, high_band_db=None, clipped_share=None)
    return RecordingQuality(
        label=label,
        duration_s=duration_s,
        speech_s=0.0,
        levels=nothing,
        loudest_dbfs=None,
        one_voice_llr=None,
        shortage=shortage,
        failure=failure,
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"
