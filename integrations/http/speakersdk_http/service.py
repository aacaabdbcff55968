"""The answers of the service, from its verifier and storage of voiceprints.

All calls block and run in threads. Several threads may use a `Verifier`.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from speakersdk import (
    AttemptLimit,
    AudioProblem,
    ConfigError,
    EnrollmentError,
    MissingDependencyError,
    Voiceprint,
    VoiceprintStore,
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
from speakersdk_http.storage import FolderStorage, Storage

_LOG: Final = logging.getLogger("uvicorn.error")
_REDIS: Final = ("redis://", "rediss://", "unix://")


class SpeakerService:
    """The verifier and the enrolled speakers, for any number of threads.

    Raises:
        SpeakerSdkError: the verifier cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        self.verifier = settings.open_verifier()
        store = settings.open_store()
        self.storage = _open_storage(settings, store)
        self.model = self.verifier.manifest.name
        request = self.verifier.request
        self.far = None if request.prior is not None else request.requested_far
        # The counts are those of the command line. With a database there is no limit.
        self._limit = AttemptLimit(folder=store.folder, tries=settings.tries)
        self.client_limit = self._limit.for_clients()
        self._told: set[str] = set()  # why voiceprints are left out; each is logged once

    def close(self) -> None:
        """Release the model and close all connections."""
        self.verifier.close()
        self.storage.close()

    def verify(self, question: VerifyQuestion) -> VerifyAnswer:
        """Compare two recordings, or a recording with an enrolled speaker."""
        began = time.perf_counter()
        self._check_model(question)
        audio2 = AudioFile(question.audio2, "audio2")
        if question.name is not None:
            (voiceprint,) = self.enrolled([question.name])
            decision = self._limit.decide(
                voiceprint.name, lambda: self.verifier.verify(voiceprint, audio2)
            )
        else:
            audio1 = AudioFile(question.audio1 or b"", "audio1")
            # A recording for a comparison need not be good enough for enrollment.
            voiceprint = self.verifier.enroll([audio1], name="audio1", accept=tuple(AudioProblem))
            decision = self.verifier.verify(voiceprint, audio2)
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
        audio = AudioFile(question.audio, "audio")
        found = self.client_limit.decide(client, lambda: self.verifier.identify(voiceprints, audio))
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
        self.storage.check_new(question.name, replace=question.replace)
        recordings = [
            AudioFile(data, f"audio {number}") for number, data in enumerate(question.audio, 1)
        ]
        voiceprint = self.verifier.enroll(recordings, name=question.name)
        return self._registered(self.storage.save(voiceprint, replace=question.replace))

    def forget(self, question: ForgetQuestion) -> None:
        """Delete a voiceprint."""
        self._check_model(question)
        self.storage.remove(question.id)

    def embed(self, question: EmbedQuestion) -> EmbedAnswer:
        """Compute the embedding of a recording."""
        self._check_model(question)
        embedding = self.verifier.embed(AudioFile(question.audio, "audio"))
        return EmbedAnswer(embedding=embedding.tolist(), dim=len(embedding), model=self.model)

    def voices(self) -> VoicesAnswer:
        """List the enrolled speakers."""
        enrolled, unreadable = self.storage.load_all()
        _, reasons = self.verifier.usable(enrolled)
        return VoicesAnswer(
            voices=[self._registered(voiceprint) for voiceprint in enrolled],
            unusable=unreadable | reasons,
        )

    def enrolled(self, names: list[str] | None = None) -> list[Voiceprint]:
        """Load the voiceprints of these speakers, or of all, and record their use.

        Raises:
            EnrollmentError: nobody is enrolled.
            ExpiredVoiceprintError: the voiceprint of one of the `names` has expired.
            UnknownSpeakerError: a speaker is not enrolled.
        """
        if names is not None:
            voiceprints = [self.storage.load(name) for name in names]
            for error in self.storage.record(voiceprints):
                raise error
            return voiceprints
        stored, unreadable = self.storage.load_all()
        usable, reasons = self.verifier.usable(stored)
        expired = {error.name: str(error) for error in self.storage.record(usable)}
        usable = [voiceprint for voiceprint in usable if voiceprint.name not in expired]
        damaged = [f"{name}: {reason}" for name, reason in unreadable.items()]
        for reason in (*damaged, *reasons.values(), *expired.values()):
            if reason not in self._told:
                self._told.add(reason)
                _LOG.warning("skipped: %s", reason)
        if not usable:
            raise EnrollmentError(
                "nobody is enrolled whose voiceprint can be used; register a speaker first"
            )
        return usable

    def _registered(self, voiceprint: Voiceprint) -> RegisterAnswer:
        return RegisterAnswer(
            id=voiceprint.name,
            name=voiceprint.name,
            registered_at=voiceprint.created_utc,
            speech_s=voiceprint.total_speech_s,
            recordings=len(voiceprint.exemplars),
            model=voiceprint.model_name,
        )

    def _check_model(self, question: Question) -> None:
        if question.model not in {None, "", self.model}:
            raise ConfigError(f"expected the model {self.model}, or none; got another one")


def _open_storage(settings: Settings, store: VoiceprintStore) -> Storage:
    if settings.database is None:
        return FolderStorage(store)
    address, connections = settings.database, settings.threads
    extra = "redis" if address.startswith(_REDIS) else "postgres"
    try:
        if extra == "redis":
            from speakersdk_http.redis import RedisStorage

            return RedisStorage(address, key=store.key, connections=connections)
        from speakersdk_http.postgres import PostgresStorage

        return PostgresStorage(address, key=store.key, connections=connections)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"the database of --database needs the package {error.name}",
            remedy=f'pip install "speakersdk-http[{extra}]"',
        ) from error


def _milliseconds_since(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 3)
