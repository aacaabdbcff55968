"""Live enrollment from a microphone, with feedback on progress and problems.

chunk -> hop -> quality, speech -> exemplar every 2.5 s of good speech -> voiceprint
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from speakersdk.arguments import checked
from speakersdk.arrays import Embedding, Waveform, scaled
from speakersdk.audio.levels import QUIET_DBFS, AudioProblem, QualityMeter
from speakersdk.audio.microphone import AudioBlock, CaptureCounters, check_gap
from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.samples import Samples
from speakersdk.audio.spectral_track import FRAME_S, SpectralTrack
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.hop import HopEncoder
from speakersdk.encoder.statistics_ring import RECENT, RECENT_S, SO_FAR
from speakersdk.enrollment.repetition import repeated_share
from speakersdk.errors import ConfigError, EnrollmentError
from speakersdk.lifetime import Lifetime
from speakersdk.scoring import symmetric_kl
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.voiceprint import Voiceprint

# Net speech of a voiceprint. The calibration used recordings of a few seconds; more does no harm.
NEEDED_S: Final = 10.0
# Net speech of one exemplar.
EXEMPLAR_S: Final = 2.5
# If there is no speech and the level stays this low for this long, the microphone is off or far
# away.
_QUIET_S: Final = 2.0
# At or below this LLR, the recent speech is not by the speaker of the exemplars. On development
# speakers there was one false alarm in five minutes, and 9 of 10 second voices were noticed within
# 3 s.
_SECOND_VOICE_LLR: Final = -1.0
# For speech that occurred before, such as a loop: no speaker repeats pitch and timing exactly.
REPEATED: Final = "repeated: this was said before; say something new"
# Speech is compared with at least so much audio before it. An enrollment that keeps all of it takes
# 58 MB per hour, also while it waits for somebody to speak.
COMPARED_S: Final = 600.0
# This share of an exemplar may be repeated speech, which then does not count.
_REPEATED_SHARE: Final = 0.5
# Feedback stays this long after its cause so that it can be read.
_PROBLEM_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentProgress:
    """The progress of an enrollment.

    Attributes:
        percent: percentage of the needed net speech, 0 to 100.
        speech_s, needed_s: net speech so far and in all, in seconds.
        is_complete: whether `Enrollment.voiceprint` may be called.
        time_s: seconds of audio so far.
        speech: speech probability of the last hop.
        level_dbfs: level of the last hop.
        snr_db: signal-to-noise ratio; None until there was both speech and noise.
        problem: why speech does not count at the moment, a member of `AudioProblem` or `REPEATED`;
            None if it counts.
        lost_s: seconds of lost audio; an exemplar never spans a gap.
        capture: counters of the microphone; None for other sources.
    """

    percent: float
    speech_s: float
    needed_s: float
    is_complete: bool
    time_s: float
    speech: float
    level_dbfs: float
    snr_db: float | None
    problem: str | None
    lost_s: float = 0.0
    capture: CaptureCounters | None = None


@checked
class Enrollment:
    """Collects the exemplars of one speaker from live audio."""

    def __init__(
        self,
        encoder: HopEncoder,
        calibration: Calibration | None,
        *,
        name: str,
        needed_s: float = NEEDED_S,
    ) -> None:
        if not 1.0 <= needed_s <= 600.0:
            raise ConfigError(f"expected 1 to 600 s of speech to enroll from, got {needed_s:g} s")
        manifest = encoder.manifest
        self.name = check_name(name)
        self._encoder = encoder
        self._manifest = manifest
        self._calibration = calibration
        self._needed_s = needed_s
        self._exemplar_s = min(EXEMPLAR_S, needed_s)
        self._lifetime = Lifetime("enrollment", remedy="start another with Verifier.enrollment")
        self._state = encoder.start()
        self._resampler = StreamResampler()
        rate_hz = manifest.frontend.sample_rate_hz
        self._quality = QualityMeter(sample_rate_hz=rate_hz)
        self._hop_s = manifest.hop_s
        self._track = SpectralTrack(sample_rate_hz=rate_hz, kept_frames=round(COMPARED_S / FRAME_S))
        self._first_frame = 0  # first frame of the exemplar that is being collected
        self._exemplars: list[Embedding] = []
        self._exemplar_speech_s: list[float] = []
        self._num_hops = 0
        self._problem: str | None = None
        self._problem_hops = 0
        self._quiet_hops = 0
        self._lost_s = 0.0

    def __enter__(self) -> Self:
        self._lifetime.check()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the enrollment. Further calls have no effect."""
        self._lifetime.end()

    @property
    def progress(self) -> EnrollmentProgress:
        """The progress after the last hop."""
        speech_s = sum(self._exemplar_speech_s)
        if not self._is_complete:
            speech_s = min(speech_s + self._state.speech_s, self._needed_s)
        percent = 100.0 if self._is_complete else min(99.0, 100 * speech_s / self._needed_s)
        return EnrollmentProgress(
            percent=percent,
            speech_s=speech_s,
            needed_s=self._needed_s,
            is_complete=self._is_complete,
            time_s=self._num_hops * self._hop_s,
            speech=self._state.speech_probability,
            level_dbfs=self._quality.level_dbfs,
            snr_db=self._quality.snr_db,
            lost_s=self._lost_s,
            problem=self._problem,
        )

    def push(self, samples: Samples, *, sample_rate_hz: float) -> EnrollmentProgress:
        """Take the next samples; they are ignored once the enrollment is complete.

        Raises:
            AudioError: the samples are not audio.
            ClosedError: the enrollment is closed.
            ConcurrentUseError: another thread is using the enrollment.
            ConfigError: not a sample rate, or not the same as before.
            InferenceError: onnxruntime failed; the rest of the samples is lost and makes a gap.
        """
        with self._lifetime:
            if isinstance(samples, AudioBlock) and samples.lost_s is not None:
                self._resampler.check(samples, sample_rate_hz=sample_rate_hz)
                self._gap(samples.lost_s)
            waveform = self._resampler.push(samples, sample_rate_hz=sample_rate_hz)
            if not self._is_complete:
                # An exemplar must not join what is before and after lost samples.
                with self._state.buffer.gap_on_error(waveform, self._gap):
                    self._take(waveform)
            return self.progress

    def gap(self, lost_s: float) -> None:
        """Report that audio is missing before the next samples.

        The encoder is reset, and the speech since the last exemplar does not count.

        Args:
            lost_s: seconds of missing audio; 0 if unknown.

        Raises:
            ClosedError, ConcurrentUseError: as for `push`.
            ConfigError: `lost_s` is negative or not finite.
        """
        with self._lifetime:
            self._gap(lost_s)

    def voiceprint(self) -> Voiceprint:
        """Return the speaker's voiceprint.

        Raises:
            ClosedError: the enrollment is closed.
            EnrollmentError: there is not enough good speech yet.
        """
        self._lifetime.check()
        progress = self.progress
        if not progress.is_complete:
            problem = f"; {progress.problem}" if progress.problem else ""
            raise EnrollmentError(
                f"expected {self._needed_s:g} s of good speech to enroll {self.name!r}, got "
                f"{progress.speech_s:.1f} s{problem}; push more audio"
            )
        return Voiceprint.new(
            self._manifest,
            name=self.name,
            exemplars=self._exemplars,
            speech_s=self._exemplar_speech_s,
        )

    @property
    def _is_complete(self) -> bool:
        return sum(self._exemplar_speech_s) >= self._needed_s - self._hop_s

    def _gap(self, lost_s: float) -> None:
        check_gap(lost_s)
        self._resampler = StreamResampler()
        self._state.buffer.restart()
        self._state.reset()
        self._track.cut()
        self._first_frame = self._track.num_frames
        self._lost_s += lost_s

    def _take(self, waveform: Waveform) -> None:
        for hop in self._state.buffer.hops(waveform):
            self._take_hop(hop.copy())
            if self._is_complete:
                break

    def _take_hop(self, hop: Waveform) -> None:
        state = self._state
        self._quality.measure(hop)
        self._track.push(hop)
        problem = self._quality.problem()
        state.is_usable = problem is None
        self._encoder.encode([state])
        self._num_hops += 1
        is_speech = state.hop_speech_s > 0
        self._quality.take(hop, speech_share=state.hop_speech_s / self._hop_s)
        if is_speech:
            self._report(problem)
        self._quiet_hops = 0 if is_speech or not self._is_quiet() else self._quiet_hops + 1
        if self._quiet_hops * self._hop_s >= _QUIET_S:
            self._report(AudioProblem.TOO_QUIET)
        if state.is_evidence and self._is_second_voice(
            state.embeddings[RECENT], min(state.speech_s, RECENT_S)
        ):
            self._report(AudioProblem.SECOND_VOICE)
            self._begin_exemplar()
        missing_s = self._needed_s - sum(self._exemplar_speech_s)
        if state.is_evidence and state.speech_s >= min(self._exemplar_s, missing_s):
            self._take_exemplar(state.embeddings[SO_FAR].copy(), state.speech_s)
            self._begin_exemplar()

    def _take_exemplar(self, embedding: Embedding, speech_s: float) -> None:
        """Keep an exemplar unless its speech is mostly repeated; repeated speech counts once."""
        powers = self._track.powers
        num_dropped = self._track.num_frames - len(powers)
        share = repeated_share(powers, first_frame=max(0, self._first_frame - num_dropped))
        if share >= _REPEATED_SHARE:
            self._report(REPEATED)
            return
        self._exemplars.append(embedding)
        self._exemplar_speech_s.append(speech_s * (1 - share))

    def _begin_exemplar(self) -> None:
        self._state.restart()
        self._first_frame = self._track.num_frames

    def _report(self, problem: str | None) -> None:
        """Report a problem at once, and that it ended after one second."""
        self._problem_hops += 1
        if problem is not None:
            self._problem, self._problem_hops = problem, 0
        elif self._problem_hops * self._hop_s >= _PROBLEM_S:
            self._problem = None

    def _is_quiet(self) -> bool:
        return self._quality.level_dbfs < QUIET_DBFS

    def _is_second_voice(self, embedding: Embedding, speech_s: float) -> bool:
        """Return whether the recent speech is by a different person than the exemplars."""
        if not self._exemplars or self._calibration is None or speech_s < RECENT_S:
            return False
        mean = scaled(np.mean(self._exemplars, axis=0), self._manifest.temperature)
        llr = self._calibration.llr(
            -symmetric_kl(embedding, mean),
            enrolled_speech_s=sum(self._exemplar_speech_s),
            probe_speech_s=speech_s,
        )
        return llr <= _SECOND_VOICE_LLR
