"""The verifier: from recordings to voiceprints, scores and decisions.

recording -> audio -> encoder -> embedding -> symmetric KL with a voiceprint -> llr -> decision
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Self

from speakersdk.arguments import checked
from speakersdk.arrays import Embedding
from speakersdk.audio.channels import Channel
from speakersdk.audio.recordings import Reading, Recording, open_recording, rated, recording_label
from speakersdk.decision.outcome import Decision, Identification
from speakersdk.decision.rule import DecisionRule, Request, speech_shortage
from speakersdk.diarization.diarize import diarize
from speakersdk.diarization.turns import Diarization
from speakersdk.encoder.hop import HopEncoder, hop_sizes
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import hop_encoder, load_encoder, recalibrated
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.enrollment.adaptation import Adaptation, adapt, unchanged
from speakersdk.enrollment.live import NEEDED_S, Enrollment
from speakersdk.enrollment.measure import RecordingQuality
from speakersdk.enrollment.recordings import enroll_recordings, measure, measure_recordings
from speakersdk.errors import AudioTooShortError, ClosedError, ConfigError, InvalidAudioError
from speakersdk.models import default_model_path
from speakersdk.recalibration.profile import CalibrationProfile, find_profile
from speakersdk.runtime.options import Precision
from speakersdk.scoring import symmetric_kl
from speakersdk.spoofing import SpoofCheck, SpoofDetector
from speakersdk.streaming.listening import updates_of
from speakersdk.streaming.options import LIMIT_S, MISS_RATE, SILENCE_S, StreamOptions
from speakersdk.streaming.pool import StreamPool
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import StreamUpdate
from speakersdk.verification import identified, unanswered
from speakersdk.voiceprint.candidates import check_distinct, divide_usable
from speakersdk.voiceprint.voiceprint import Voiceprint

Side = Voiceprint | Recording  # one side of a score


@checked
class Verifier:
    """The main interface: it enrolls speakers and decides whether they speak in a recording.

    A recording is a path, an open binary file, a pair (rate, array), or an array together with
    `sample_rate_hz`. A `sample_rate_hz` with only files is a ConfigError: they have their own.

    Args:
        model: ONNX file exported by speakersdk; None means the bundled model.
        far: false-accept rate of one comparison, for speech like that of the model's calibration.
            With N candidates, `identify` accepts an unknown speaker up to N times as often. None
            means 0.01; if the model does not support that rate, only decisions raise an error.
        prior: alternative to `far`: prior probability of the same speaker.
            The threshold then minimizes the expected cost, and probabilities include the prior.
        c_miss, c_fa: costs of a false reject and of a false accept, with `prior`.
        device, strict, precision, num_threads: see `speakersdk.runtime.options.SessionOptions`.
        calibration: name of a stored calibration; None means the model's own.
        max_duration_s: maximum seconds of a recording, summed over channels.
        channel: as for `speakersdk.audio.waveform.read_audio`; `diarize` mixes channels.
        spoof_detector: called for probes that would be accepted; see `speakersdk.spoofing`.

    Raises:
        ConfigError: the calibration cannot support the request, or the device is unknown.
        MissingDependencyError: a library that the named device needs is missing.
        ModelError: the model file cannot be used.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        far: float | None = None,
        prior: float | None = None,
        c_miss: float = 1.0,
        c_fa: float = 1.0,
        device: str = "cpu",
        strict: bool | None = None,
        precision: Precision = "fp32",
        num_threads: int = 1,
        calibration: str | CalibrationProfile | None = None,
        max_duration_s: float | None = None,
        channel: Channel = None,
        spoof_detector: SpoofDetector | None = None,
    ) -> None:
        self._spoof_detector = spoof_detector
        self._reading = Reading(limit_s=max_duration_s, channel=channel)
        self._request = Request(far=far, prior=prior, c_miss=c_miss, c_fa=c_fa)
        path = default_model_path() if model is None else model
        self._model: SpeakerEncoder | None = load_encoder(
            path, device=device, strict=strict, precision=precision, num_threads=num_threads
        )
        self._profile = find_profile(calibration)
        if self._profile is not None:
            self._model = recalibrated(self._encoder, self._profile.applied_to(self.manifest))
        is_requested = far is not None or prior is not None
        if is_requested and self.manifest.calibration is not None:
            self._decision_rule()  # refuse an unsupported request now, not at the first probe

    def __repr__(self) -> str:
        parts = ["closed" if self._model is None else self.manifest.name]
        parts += [f"{key}={value:g}" for key, value in self._request.to_json().items()]
        parts += [f"calibration={self._profile.name!r}"] if self._profile else []
        return f"Verifier({', '.join(parts)})"

    def __enter__(self) -> Self:
        _ = self._encoder
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the model. Later calls raise ClosedError; streams continue."""
        self._model = None

    @property
    def request(self) -> Request:
        """The request: an error rate, or a prior and costs."""
        return self._request

    @property
    def manifest(self) -> ModelManifest:
        """The manifest of the model file."""
        return self._encoder.manifest

    def enroll(
        self,
        recordings: Sequence[Recording],
        *,
        name: str,
        sample_rate_hz: float | None = None,
        accept: Collection[str] = (),
        append_to: Voiceprint | None = None,
    ) -> Voiceprint:
        """Make a speaker's voiceprint, with one exemplar per recording.

        Args:
            recordings: one or more of the same speaker; `quality` measures them.
            name: see `speakersdk.voiceprint.names.check_name`.
            sample_rate_hz: sample rate of the recordings that are arrays; files have their own.
            accept: members of `AudioProblem`, or their keys, to overlook.
            append_to: a voiceprint of the same name and voice to add the recordings to.

        Raises:
            ConfigError: the name cannot be used.
            EnrollmentError: there is no recording, or one is unreadable or not good enough.
            IncompatibleModelError: `append_to` was made with a different model.
        """
        return enroll_recordings(
            self._encoder,
            recordings,
            name=name,
            sample_rate_hz=sample_rate_hz,
            accept=accept,
            append_to=append_to,
            reading=self._reading,
        )

    def quality(
        self, recordings: Sequence[Recording], *, sample_rate_hz: float | None = None
    ) -> list[RecordingQuality]:
        """Measure recordings for enrollment: speech, level, noise, bandwidth, one voice."""
        return measure_recordings(self._encoder, recordings, sample_rate_hz, self._reading)

    def adapt(
        self, voiceprint: Voiceprint, recording: Recording, *, sample_rate_hz: float | None = None
    ) -> Adaptation:
        """Add a recording to a voiceprint if it is good and certainly the speaker's.

        No other method changes a voiceprint. `Voiceprint.reverted` undoes it.

        Raises:
            AudioError, IncompatibleModelError, ModelError: as for `verify`.
        """
        rule = self._decision_rule()
        self._check_candidates([voiceprint])
        check = self._spoof_check(recording, sample_rate_hz)
        try:
            probe = measure(self._encoder, check.recording, check.sample_rate_hz, check.reading)
        except AudioTooShortError as error:
            return unchanged(voiceprint, unanswered(voiceprint, error, rule).decision)
        decision, verification = (
            check(identified([candidate], probe.encoding, rule)).decision
            for candidate in (voiceprint.reverted(), voiceprint)
        )
        embedding, quality = probe.encoding.embedding, probe.quality
        return adapt(voiceprint, embedding, quality, decision, verification, rule.calibration)

    def verify(
        self, voiceprint: Voiceprint, recording: Recording, *, sample_rate_hz: float | None = None
    ) -> Decision:
        """Decide whether the enrolled speaker speaks in the recording.

        Raises:
            AudioError: the recording is unreadable or not audio.
            IncompatibleModelError: the voiceprint was made with a different model.
            ModelError: the model has no calibration; `score` still works.
        """
        return self.identify([voiceprint], recording, sample_rate_hz=sample_rate_hz).decision

    def identify(
        self,
        voiceprints: Sequence[Voiceprint],
        recording: Recording,
        *,
        sample_rate_hz: float | None = None,
    ) -> Identification:
        """Decide which of the enrolled speakers speaks in the recording, if any.

        Raises:
            ConfigError: there is no voiceprint, or two have the same name.
            AudioError, IncompatibleModelError, ModelError: as for `verify`.
        """
        rule = self._decision_rule()
        self._check_candidates(voiceprints)
        check = self._spoof_check(recording, sample_rate_hz)
        try:
            probe = self._encode(check.recording, check.sample_rate_hz, check.reading)
        except AudioTooShortError as error:
            return unanswered(voiceprints[0], error, rule)
        return check(identified(voiceprints, probe, rule))

    def diarize(
        self,
        recording: Recording,
        voiceprints: Sequence[Voiceprint] = (),
        *,
        sample_rate_hz: float | None = None,
    ) -> Diarization:
        """Find out who speaks when: enrolled speakers by name, others as "unknown-1" and so on.

        Raises:
            ConfigError: two voiceprints have the same name.
            AudioError, IncompatibleModelError, ModelError: as for `verify`.
        """
        rule = self._decision_rule(refusing="diarized recordings")
        if voiceprints:
            self._check_candidates(voiceprints)
        blocks = open_recording(recording, sample_rate_hz, self._reading.mixed())
        return diarize(self._hop_encoder(), blocks, voiceprints, rule, identified)

    def stream(
        self,
        voiceprints: Sequence[Voiceprint],
        *,
        miss_rate: float = MISS_RATE,
        limit_s: float = LIMIT_S,
        window_s: float | None = None,
        silence_s: float = SILENCE_S,
    ) -> SpeakerStream:
        """Start a stream that listens for enrolled speakers in audio that arrives in chunks.

        Args:
            voiceprints: voiceprints with different names.
            miss_rate: share of an enrolled speaker's turns that may be rejected.
            limit_s: net speech without a decision after which the answer is INCONCLUSIVE.
            window_s: window of the windowed score in seconds; None means the model's.
            silence_s: silence in seconds after which the evidence is reset.

        Raises:
            ConfigError: no voiceprint, two with the same name, or an option out of range.
            IncompatibleModelError, ModelError: as for `identify`.
        """
        options, rule = self._stream_settings(miss_rate, limit_s, window_s, silence_s)
        self._check_candidates(voiceprints)
        return SpeakerStream(self._hop_encoder(window_s), rule, voiceprints, options)

    def stream_pool(
        self,
        *,
        capacity: int = 32,
        miss_rate: float = MISS_RATE,
        limit_s: float = LIMIT_S,
        window_s: float | None = None,
        silence_s: float = SILENCE_S,
    ) -> StreamPool:
        """Make a pool of streams whose hops are encoded together; arguments as for `stream`.

        Args:
            capacity: maximum number of streams per call of the model.
        """
        options, rule = self._stream_settings(miss_rate, limit_s, window_s, silence_s)
        hops = self._hop_encoder(window_s, capacity=capacity)
        return StreamPool(hops, rule, options, check=self._check_candidates)

    def listen(
        self, voiceprints: Sequence[Voiceprint], *, device: int | str | None = None
    ) -> Iterator[StreamUpdate]:
        """Listen to a microphone without end; the first `next` opens it.

        Args:
            voiceprints: as for `stream`.
            device: index, or part of the name, of an input device; None means the default device.

        Raises:
            MicrophoneError, MissingDependencyError: the device cannot be opened or was lost.
            ConfigError, IncompatibleModelError, ModelError: as for `stream`.
        """
        return updates_of(self.stream(voiceprints), device)

    def enrollment(self, name: str, *, needed_s: float = NEEDED_S) -> Enrollment:
        """Start an enrollment from audio that arrives in chunks, with feedback on progress.

        Args:
            name: see `speakersdk.voiceprint.names.check_name`.
            needed_s: seconds of good net speech to collect.

        Raises:
            ConfigError: the name or `needed_s` cannot be used.
        """
        return Enrollment(
            self._hop_encoder(), self.manifest.calibration, name=name, needed_s=needed_s
        )

    def score(self, a: Side, b: Side, *, sample_rate_hz: float | None = None) -> float:
        """Return -J of two voiceprints or recordings in nats: at most 0, higher for more similar.

        A score needs no calibration, and is comparable only with scores of the same model.

        Raises:
            AudioError: a recording is unreadable, too short or without speech.
            IncompatibleModelError: a voiceprint was made with a different model.
        """
        read = rated([side for side in (a, b) if not isinstance(side, Voiceprint)], sample_rate_hz)
        embeddings = [self.embed(recording, sample_rate_hz=rate_hz) for recording, rate_hz in read]
        for side in (a, b):
            if isinstance(side, Voiceprint):
                side.check_usable(self.manifest)
                embeddings.append(side.embedding)
        return 0.0 - symmetric_kl(*embeddings)  # not -0.0 for equal embeddings

    def embed(self, recording: Recording, *, sample_rate_hz: float | None = None) -> Embedding:
        """Return the embedding of a recording: (D,) float32, for `symmetric_kl` or a `Gallery`.

        Raises:
            AudioError: the recording is unreadable, too short or without speech.
        """
        encoding = self._encode(recording, sample_rate_hz, self._reading)
        if shortage := speech_shortage(encoding.speech_s, encoding.duration_s, None):
            raise InvalidAudioError(f"{recording_label(recording)}: {shortage[1]}")
        return encoding.embedding

    def usable(self, voiceprints: Iterable[Voiceprint]) -> tuple[list[Voiceprint], dict[str, str]]:
        """Return the voiceprints that can be compared, and by name why the others cannot.

        A voiceprint cannot be compared if it has expired or was made with a different model.
        """
        return divide_usable(voiceprints, self.manifest)

    def report(self) -> dict[str, Any]:
        """Report versions, model and device for support requests, as values for JSON."""
        return {
            **self.manifest.summary(),
            "calibration": None if self._profile is None else self._profile.name,
            **self._request.to_json(),
            **self._encoder.session.report(),
        }

    @property
    def _encoder(self) -> SpeakerEncoder:
        """The model; raises ClosedError after `close`."""
        if (model := self._model) is None:
            raise ClosedError("expected an open verifier, it is closed; make another")
        return model

    def _encode(self, recording: Recording, rate_hz: float | None, reading: Reading) -> Encoding:
        return self._encoder.encode(open_recording(recording, rate_hz, reading))

    def _spoof_check(self, recording: Recording, rate_hz: float | None) -> SpoofCheck:
        return SpoofCheck(self._spoof_detector, recording, rate_hz, reading=self._reading)

    def _decision_rule(self, *, refusing: str = "") -> DecisionRule:
        """Return the thresholds; `refusing` names what cannot use a spoof detector."""
        if refusing and self._spoof_detector is not None:
            raise ConfigError(f"{refusing} cannot use a spoof detector; use a Verifier without one")
        return self._request.model_rule(self.manifest.calibration, self.manifest.name)

    def _stream_settings(
        self, miss_rate: float, limit_s: float, window_s: float | None, silence_s: float
    ) -> tuple[StreamOptions, DecisionRule]:
        far = self._request.requested_far
        options = StreamOptions(
            far=far, miss_rate=miss_rate, limit_s=limit_s, window_s=window_s, silence_s=silence_s
        )
        self._request.check_sequential()
        return options, self._decision_rule(refusing="streams")

    def _hop_encoder(self, window_s: float | None = None, *, capacity: int = 1) -> HopEncoder:
        return hop_encoder(self._encoder, hop_sizes(self.manifest, window_s), capacity=capacity)

    def _check_candidates(self, voiceprints: Sequence[Voiceprint]) -> None:
        check_distinct(voiceprints)
        for voiceprint in voiceprints:
            voiceprint.check_usable(self.manifest)
