"""A live stream compared with enrolled speakers: samples in, one update per hop out.

chunk -> 16 kHz -> hop -> encoder, speech -> embeddings -> llr -> sequential test -> StreamUpdate
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final, Self

import numpy as np

from speakersdk.arguments import checked
from speakersdk.arrays import Waveform
from speakersdk.audio.microphone import AudioBlock, check_gap
from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.samples import Samples
from speakersdk.calibration.cohort import Nearness, pairs
from speakersdk.decision.outcome import Verdict
from speakersdk.decision.rule import DecisionRule
from speakersdk.decision.sequential import LOOKS_LLR, Evidence, SequentialTest
from speakersdk.decision.speaker_change import KEPT_S, SpeakerChange
from speakersdk.encoder.hop import HopEncoder, HopState, hop_sizes
from speakersdk.encoder.statistics_ring import RECENT, RECENT_S, SO_FAR, WINDOW
from speakersdk.lifetime import Lifetime
from speakersdk.scoring import symmetric_kl_matrix
from speakersdk.streaming.options import StreamOptions
from speakersdk.streaming.update import Candidate, StreamUpdate
from speakersdk.voiceprint.life import utc_time
from speakersdk.voiceprint.voiceprint import Voiceprint

# Rows of the embeddings whose evidence is compared with thresholds.
_TESTED: Final = slice(WINDOW, SO_FAR + 1)
_DIGITS: Final = 6  # of rounded seconds: 0.3 instead of 0.30000000000000004


@checked
class SpeakerStream:
    """A stream of audio that arrives in chunks of any length and at any sample rate."""

    def __init__(
        self,
        encoder: HopEncoder,
        rule: DecisionRule,
        voiceprints: Sequence[Voiceprint],
        options: StreamOptions,
    ) -> None:
        manifest = encoder.manifest
        frontend = manifest.frontend
        self._encoder = encoder
        self._rule = rule
        self._voiceprints = tuple(voiceprints)
        self._first_expiry_s = min(  # since 1970
            (
                utc_time(voiceprint.expires_utc).timestamp()
                for voiceprint in voiceprints
                if voiceprint.expires_utc is not None
            ),
            default=math.inf,
        )
        self._enrolled_s = [voiceprint.total_speech_s for voiceprint in voiceprints]
        self._enrolled = np.stack([voiceprint.embedding for voiceprint in voiceprints])
        self._nearness = np.stack(
            [voiceprint.nearness(rule.calibration) for voiceprint in voiceprints]
        )
        # By tested embedding of the last hop and candidate; None until a threshold needs it.
        self._hop_nearness: list[list[Nearness]] | None = None
        self._tests = [SequentialTest(options.bounds) for _ in voiceprints]
        self._hop_s = manifest.hop_s
        self._rate_hz = frontend.sample_rate_hz
        self._silence_hops = max(1, round(options.silence_s / self._hop_s))
        self._resampler = StreamResampler()
        self._lifetime = Lifetime("stream", remedy="start another with Verifier.stream")
        self._change = SpeakerChange(
            manifest.embedding_dim,
            recent_hops=hop_sizes(manifest).recent_hops,
            recent_s=RECENT_S,
            calibrate=self._llr,
        )
        self._kept_hops = round(KEPT_S / self._hop_s)
        self.state: HopState = encoder.start()
        self._num_hops = 0
        self._lost_s: float | None = None  # lost before the next hop
        self._total_lost_s = 0.0
        self._began_s = 0.0  # time before the first counted hop
        self._silent_hops = 0
        self._scores: list[list[float]] | None = None  # by embedding of the hop and candidate
        self._window: list[Evidence | None] = [None] * len(voiceprints)
        self._so_far = self._window

    @property
    def duration_s(self) -> float:
        """The duration of the audio taken so far in seconds."""
        return self.state.buffer.num_samples / self._rate_hz

    def __enter__(self) -> Self:
        self._lifetime.check()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def push(self, samples: Samples, *, sample_rate_hz: float) -> list[StreamUpdate]:
        """Take the next samples and return an update for every hop that they complete.

        If audio was lost before a block of a microphone, `gap` is called first. An error while the
        model runs loses the rest of the samples and makes a gap of that length.

        Args:
            samples: (n,) or (n, channels), n >= 0, in a type that
                `speakersdk.audio.waveform.as_waveform` accepts.
            sample_rate_hz: sample rate, the same in every call.

        Raises:
            AudioError: the samples are not audio.
            ClosedError: the stream is finished or closed.
            ConcurrentUseError: another thread is using the stream.
            ConfigError: not a sample rate, or not the same as before.
            ExpiredVoiceprintError: a candidate has expired since the stream began.
            InferenceError: onnxruntime failed.
        """
        with self._lifetime:
            self._check_current()
            return self._take(self.resample(samples, sample_rate_hz=sample_rate_hz))

    def gap(self, lost_s: float) -> None:
        """Report that audio is missing before the next samples.

        Anyone may speak next: the encoder, the evidence and the verdicts are reset, and an
        incomplete hop is dropped. The next update has `lost_s`, and its time includes the gap.

        Args:
            lost_s: seconds of missing audio; 0 if unknown.

        Raises:
            ClosedError, ConcurrentUseError: as for `push`.
            ConfigError: `lost_s` is negative or not finite.
        """
        with self._lifetime:
            self._gap(lost_s)

    def finish(self) -> list[StreamUpdate]:
        """End the stream and return the updates of the remaining audio.

        Raises:
            ClosedError, ConcurrentUseError, InferenceError: as for `push`.
        """
        with self._lifetime:
            self._lifetime.end("finished")
            updates = self._take(self._resampler.finish())
            if self.state.buffer.num_frames > 0:
                self._encoder.encode_remainder(self.state)
                updates.append(self.update())
            return updates

    def close(self) -> None:
        """End the stream and drop the remaining audio. Further calls have no effect."""
        self._lifetime.end()

    def check(self, samples: Samples, *, sample_rate_hz: float) -> None:
        """Raise the errors that `push` would raise, without taking the samples."""
        self._check_current()
        self._resampler.check(samples, sample_rate_hz=sample_rate_hz)

    def resample(self, samples: Samples, *, sample_rate_hz: float) -> Waveform:
        """Convert the next samples to the model's sample rate."""
        if isinstance(samples, AudioBlock) and samples.lost_s is not None:
            self.check(samples, sample_rate_hz=sample_rate_hz)
            self._gap(samples.lost_s)
        return self._resampler.push(samples, sample_rate_hz=sample_rate_hz)

    def _check_current(self) -> None:
        # A stream may run for months. The clock is read only here, once per call.
        if time.time() >= self._first_expiry_s:
            for voiceprint in self._voiceprints:
                voiceprint.check_current()

    def _gap(self, lost_s: float) -> None:
        check_gap(lost_s)
        buffer = self.state.buffer
        buffer.num_samples += len(self._resampler.finish())  # dropped with the incomplete hop
        buffer.restart()
        self._resampler = StreamResampler()
        self._start_afresh()
        self._lost_s = lost_s + (self._lost_s or 0.0)
        self._total_lost_s += lost_s
        self._began_s = self.duration_s + self._total_lost_s
        self._num_hops = 0
        self._silent_hops = 0

    def _take(self, waveform: Waveform) -> list[StreamUpdate]:
        updates = []
        with self.gap_on_error(waveform):
            for _ in self.state.buffer.hops(waveform):
                self._encoder.encode([self.state])
                updates.append(self.update())
        return updates

    def gap_on_error(self, waveform: Waveform) -> AbstractContextManager[None]:
        """Make a gap if the block ends with an error before all hops of the samples are encoded."""
        return self.state.buffer.gap_on_error(waveform, self._gap)

    def update(self) -> StreamUpdate:
        """Return the update of the hop with which the encoder has just advanced `state`."""
        self._num_hops += 1
        has_changed = False
        if self.state.is_evidence:
            self._silent_hops = 0
            has_changed = self._take_evidence()
        else:
            self._silent_hops += 1
            if self._silent_hops % self._silence_hops == 0:
                self._start_afresh()
        return self._report(has_changed)

    def _take_evidence(self) -> bool:
        """Score the hop's embeddings, run the tests, and return whether the voice has changed."""
        state = self.state
        self._score()
        has_changed = self._change.update(
            state.embeddings[RECENT],
            state.embeddings[SO_FAR],
            speech_s=state.speech_s,
            accepted_llr=self._accepted_llr(),
        )
        if has_changed:
            state.restart(keep_hops=self._kept_hops)
            self._change.restart()
            self._forget()
            for test in self._tests:
                test.restart()
        for test, window, so_far in zip(self._tests, self._window, self._so_far, strict=True):
            test.update(so_far, window, speech_s=state.speech_s)
        return has_changed

    def _score(self) -> None:
        state = self.state
        self._scores = (0.0 - symmetric_kl_matrix(state.embeddings, self._enrolled)).tolist()
        self._hop_nearness = None
        self._window = self._evidence(WINDOW, state.window_speech_s)
        self._so_far = self._evidence(SO_FAR, state.speech_s)

    def _accepted_llr(self) -> float | None:
        """The LLR of the recent speech and the best accepted speaker; None if none is accepted."""
        if self.state.speech_s < RECENT_S or self._scores is None:
            return None
        llrs = [
            self._llr(score, enrolled_s, RECENT_S)
            for test, score, enrolled_s in zip(
                self._tests, self._scores[RECENT], self._enrolled_s, strict=True
            )
            if test.verdict is Verdict.ACCEPT
        ]
        return max(llrs, default=None)

    def _start_afresh(self) -> None:
        self.state.reset()
        self._change.restart()
        self._forget()
        for test in self._tests:
            test.silence()

    def _forget(self) -> None:
        """Discard the evidence of all candidates."""
        self._scores = None
        self._window = self._so_far = [None] * len(self._voiceprints)

    def _llr(self, score: float, a_s: float, b_s: float) -> float:
        return self._rule.calibration.llr(score, enrolled_speech_s=a_s, probe_speech_s=b_s)

    def _evidence(self, row: int, speech_s: float) -> list[Evidence | None]:
        """Return the evidence for every candidate; None if there is too little speech."""
        calibration = self._rule.calibration
        if speech_s < calibration.minimum_speech_s or self._scores is None:
            return [None] * len(self._voiceprints)
        evidence: list[Evidence | None] = []
        for index, (score, enrolled_s) in enumerate(
            zip(self._scores[row], self._enrolled_s, strict=True)
        ):
            comparable_s = calibration.comparable_speech_s(enrolled_s, speech_s)
            llr = calibration.llr_at(score, comparable_s)
            evidence.append(Evidence(llr, partial(self._accept_llr, row, index, comparable_s)))
        return evidence

    def _accept_llr(self, row: int, index: int, comparable_s: float) -> float:
        """The LLR to accept a candidate at, for one of the embeddings of this hop."""
        if self._hop_nearness is None:
            near = self._rule.calibration.nearness(self.state.embeddings[_TESTED])
            self._hop_nearness = pairs(self._nearness, near)
        nearness = self._hop_nearness[row][index]
        return LOOKS_LLR + self._rule.threshold_at(comparable_s, nearness)

    def _report(self, has_changed: bool) -> StreamUpdate:
        candidates = self._candidates()
        ranked = sorted(candidates, key=_total_llr, reverse=True)
        best = ranked[0]
        accepted = next((at for at in ranked if at.verdict is Verdict.ACCEPT), None)
        shown = accepted or best
        margin = None
        if len(ranked) > 1 and best.total_llr is not None and ranked[1].total_llr is not None:
            margin = best.total_llr - ranked[1].total_llr
        lost_s, self._lost_s = self._lost_s, None
        return StreamUpdate(
            time_s=round(self._began_s + self._num_hops * self._hop_s, _DIGITS),
            speech=self.state.speech_probability,
            speech_s=self.state.speech_s,
            window_speech_s=self.state.window_speech_s,
            score=shown.score,
            llr=shown.llr,
            total_score=shown.total_score,
            total_llr=shown.total_llr,
            verdict=shown.verdict,
            speaker=accepted.name if accepted else None,
            margin=margin,
            age_s=round(self._silent_hops * self._hop_s, _DIGITS),
            has_changed=has_changed,
            lost_s=lost_s,
            candidates=candidates,
        )

    def _candidates(self) -> tuple[Candidate, ...]:
        scores = self._scores
        return tuple(
            Candidate(
                name=voiceprint.name,
                score=None if scores is None or window is None else scores[WINDOW][index],
                llr=None if window is None else window.llr,
                total_score=None if scores is None or so_far is None else scores[SO_FAR][index],
                total_llr=None if so_far is None else so_far.llr,
                verdict=test.verdict,
                is_decided=test.is_decided,
                decided_s=test.decided_s,
            )
            for index, (voiceprint, test, window, so_far) in enumerate(
                zip(self._voiceprints, self._tests, self._window, self._so_far, strict=True)
            )
        )


def _total_llr(candidate: Candidate) -> float:
    return float("-inf") if candidate.total_llr is None else candidate.total_llr
