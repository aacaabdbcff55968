"""Answers to questions: the verifier and the store of voiceprints behind the service.

Everything here blocks and is called in threads. A `Verifier` may be used from several.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from speakersdk import (
    AttemptLimit,
    AudioProblem,
    ConfigError,
    EnrollmentError,
    ExpiredVoiceprintError,
    IncompatibleModelError,
    Voiceprint,
)
from speakersdk_http.answers import (
    Candidate,
    EmbedAnswer,
    IdentifyAnswer,
    RegisterAnswer,
    VerifyAnswer,
    VoicesAnswer,
    confidence,
    distance,
    evidence,
)
from speakersdk_http.questions import (
    AudioFile,
    EmbedQuestion,
    ForgetQuestion,
    IdentifyQuestion,
    Question,
    RegisterQuestion,
    VerifyQuestion,
)
from speakersdk_http.settings import Settings

# Counts of clients are kept apart from those of speakers, who may have the same names.
_CLIENTS: Final = ".clients"


class Voices:
    """The enrolled speakers and the verifier, for any number of threads.

    Raises:
        SpeakerSdkError: the verifier cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        self.verifier = settings.open_verifier()
        self.store = settings.open_store()
        self.model = self.verifier.manifest.name
        asked = self.verifier.request
        self.far = None if asked.prior is not None else asked.asked_far
        self._tries = settings.tries
        self._lock = threading.Lock()
        self._signature: frozenset[tuple[str, int, int, int]] | None = None
        self._enrolled: tuple[Voiceprint, ...] = ()
        self._unreadable: dict[str, str] = {}

    def close(self) -> None:
        """Let go of the model."""
        self.verifier.close()

    def verify(self, question: VerifyQuestion) -> VerifyAnswer:
        """Compare two recordings, or a recording with an enrolled speaker."""
        began = time.perf_counter()
        self._check_model(question)
        probe = AudioFile(question.audio2, "audio2")
        if question.name is not None:
            voiceprint = self.store.load(question.name)
            limit = self.speaker_limit()
            if limit is not None:
                limit.begin(voiceprint.name)
            decision = self.verifier.verify(voiceprint, probe)
            if limit is not None and decision.accepted:
                limit.accepted(voiceprint.name)
        else:
            audio1 = AudioFile(question.audio1 or b"", "audio1")
            # A recording to compare need not be good enough for enrollment.
            voiceprint = self.verifier.enroll([audio1], name="audio1", accept=tuple(AudioProblem))
            decision = self.verifier.verify(voiceprint, probe)
        return VerifyAnswer(
            verified=decision.accepted,
            distance=distance(decision),
            threshold=-decision.threshold,
            confidence=confidence(decision),
            model=self.model,
            processing_time_ms=_milliseconds_since(began),
            **evidence(decision, self.far),
        )

    def identify(self, question: IdentifyQuestion, *, client: str) -> IdentifyAnswer:
        """Compare a recording with every enrolled speaker."""
        began = time.perf_counter()
        self._check_model(question)
        voiceprints = self.enrolled()
        limit = self.client_limit()
        if limit is not None:
            limit.begin(client)
        found = self.verifier.identify(voiceprints, AudioFile(question.audio, "audio"))
        if limit is not None and found.speaker is not None:
            limit.accepted(client)
        return IdentifyAnswer(
            matches=[
                Candidate(
                    id=name,
                    name=name,
                    distance=distance(decision),
                    confidence=confidence(decision),
                    match=name == found.speaker,
                    verdict=decision.verdict.value,
                    llr=decision.llr,
                )
                for name, decision in found.ranking[: question.top_k]
            ],
            speaker=found.speaker,
            margin=found.margin,
            model=self.model,
            processing_time_ms=_milliseconds_since(began),
            **evidence(found.decision, self.far),
        )

    def register(self, question: RegisterQuestion) -> RegisterAnswer:
        """Enroll a speaker and store the voiceprint."""
        self._check_model(question)
        self.store.check_new(question.name, replace=question.replace)
        recordings = [
            AudioFile(data, f"audio {number}") for number, data in enumerate(question.audio, 1)
        ]
        voiceprint = self.verifier.enroll(recordings, name=question.name)
        return self._registered(self.store.save(voiceprint, replace=question.replace))

    def forget(self, question: ForgetQuestion) -> None:
        """Delete a voiceprint and overwrite its file."""
        self._check_model(question)
        self.store.remove(question.id, is_overwritten=True)

    def embed(self, question: EmbedQuestion) -> EmbedAnswer:
        """The embedding of a recording."""
        self._check_model(question)
        embedding = self.verifier.embed(AudioFile(question.audio, "audio"))
        return EmbedAnswer(embedding=embedding.tolist(), dim=len(embedding), model=self.model)

    def voices(self) -> VoicesAnswer:
        """Everybody who is enrolled."""
        self._refresh()
        reasons = {
            voiceprint.name: reason
            for voiceprint in self._enrolled
            if (reason := self._reason_against(voiceprint)) is not None
        }
        return VoicesAnswer(
            voices=[self._registered(voiceprint) for voiceprint in self._enrolled],
            unusable=self._unreadable | reasons,
        )

    def enrolled(self, names: list[str] | None = None) -> list[Voiceprint]:
        """The voiceprints of these speakers, or of everybody.

        Raises:
            EnrollmentError: nobody is enrolled.
            UnknownSpeakerError: one of the names is not enrolled.
        """
        if names is not None:
            return [self.store.load(name) for name in names]
        self._refresh()
        usable = [each for each in self._enrolled if self._reason_against(each) is None]
        if not usable:
            raise EnrollmentError(
                "nobody is enrolled whose voiceprint can be used; register a speaker first"
            )
        return usable

    def speaker_limit(self) -> AttemptLimit | None:
        """The limit on attempts that name a speaker; its counts are those of the command line."""
        return self._limit(self.store.folder)

    def client_limit(self) -> AttemptLimit | None:
        """The limit on a client's attempts that name no speaker."""
        return self._limit(self.store.folder / _CLIENTS)

    def _limit(self, folder: Path) -> AttemptLimit | None:
        return None if self._tries is None else AttemptLimit(folder=folder, tries=self._tries)

    def _registered(self, voiceprint: Voiceprint) -> RegisterAnswer:
        return RegisterAnswer(
            id=voiceprint.name,
            name=voiceprint.name,
            registered_at=voiceprint.created_utc,
            speech_s=voiceprint.total_speech_s,
            recordings=len(voiceprint.exemplars),
            model=voiceprint.model_name,
        )

    def _reason_against(self, voiceprint: Voiceprint) -> str | None:
        """Why a voiceprint is left out: it has expired, or was made by another model."""
        try:
            voiceprint.check_usable(self.verifier.manifest)
        except (ExpiredVoiceprintError, IncompatibleModelError) as error:
            return str(error)
        return None

    def _check_model(self, question: Question) -> None:
        if question.model not in {None, "", self.model}:
            raise ConfigError(f"expected the model {self.model}, or none; got another one")

    def _refresh(self) -> None:
        """Read the store again if another process has changed it: writers replace whole files."""
        folder = self.store.folder
        with self._lock:
            found = set()
            for name in self.store.files():
                try:
                    state = (folder / name).stat()
                except FileNotFoundError:  # removed since it was listed
                    continue
                found.add((name, state.st_ino, state.st_ctime_ns, state.st_size))
            signature = frozenset(found)
            if signature == self._signature:
                return
            content = self.store.content()
            self._signature = signature
            self._enrolled = content.voiceprints
            self._unreadable = {file.path.name: file.reason for file in content.unreadable}


def _milliseconds_since(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 3)
