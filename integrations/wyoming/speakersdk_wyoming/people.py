"""The enrolled people and the verifier. All calls block and run in threads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from speakersdk import (
    AttemptLimit,
    LastUses,
    Verdict,
    Verifier,
    Voiceprint,
    VoiceprintStore,
)
from speakersdk_wyoming.audio import Waveform

_LOG: Final = logging.getLogger(__name__)
_RATE_HZ: Final = 16000


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """The result of an identification. It is true only if it has a name.

    Attributes:
        name: name of the speaker; None if the speaker is unknown or no decision is possible.
        verdict: verdict on the best candidate; None if nobody is enrolled.
        probability: probability of the best candidate; None without an answer.
        context: context for clients.
    """

    name: str | None
    verdict: Verdict | None
    probability: float | None
    context: dict[str, Any]

    def __bool__(self) -> bool:
        return self.name is not None


class People:
    """The enrolled people: identification, enrollment and deletion.

    Args:
        open_verifier, open_store: open the verifier and the voiceprints.
        tries: rejected calls of `identify` in a row after which it refuses; None means no limit.
    """

    def __init__(
        self,
        open_verifier: Callable[[], Verifier],
        open_store: Callable[[], VoiceprintStore],
        *,
        tries: int | None,
    ) -> None:
        self._verifier = open_verifier()
        self._store = open_store()
        self._limit = AttemptLimit(folder=self._store.folder, tries=tries)
        self._uses = LastUses(folder=self._store.folder)
        self.model = self._verifier.manifest.name

    def names(self) -> tuple[str, ...]:
        """Return the names of all enrolled speakers."""
        return self._store.names()

    def who(self, probe: Waveform) -> Speaker:
        """Identify the speaker of (n,) samples at 16 kHz among all people.

        Raises:
            SpeakerSdkError: a voiceprint cannot be used.
        """
        return self._nearest(self._everybody(), probe)

    def identify(self, probe: Waveform, names: list[str] | None, *, client: str) -> Speaker:
        """Identify the speaker of an attempt, which counts for one name or else for the client.

        Args:
            probe: (n,) samples at 16 kHz.
            names: candidates; None means all people.
            client: name of the client.

        Raises:
            AttemptLimitError: the speaker or the client has to wait.
            SpeakerSdkError: a voiceprint cannot be used.
        """
        candidates = self._everybody() if names is None else self._named(names)
        limit, attempt = self._limit.for_clients(), client
        if names is not None and len(names) == 1:
            limit, attempt = self._limit, candidates[0].name
        return limit.decide(attempt, lambda: self._nearest(candidates, probe))

    def _nearest(self, voiceprints: list[Voiceprint], probe: Waveform) -> Speaker:
        if not voiceprints:
            context = {"speaker": None, "verdict": None, "reason": "nobody is enrolled"}
            return Speaker(name=None, verdict=None, probability=None, context=context)
        found = self._verifier.identify(voiceprints, probe, sample_rate_hz=_RATE_HZ)
        decision = found.decision
        return Speaker(
            name=found.speaker,
            verdict=decision.verdict,
            probability=decision.probability,
            context={
                "speaker": found.speaker,
                "verdict": decision.verdict.value,
                "llr": decision.llr,
                "speech_s": decision.speech_s,
                "reason": decision.reason,
            },
        )

    def _everybody(self) -> list[Voiceprint]:
        content = self._store.content()
        for file in content.unreadable:
            _LOG.warning("skipped %s: %s", file.path, file.reason)
        usable, reasons = self._verifier.usable(content.voiceprints)
        usable, expired = self._uses.current(usable)
        for name, reason in (reasons | expired).items():
            _LOG.warning("skipped %s: %s", name, reason)
        return usable

    def _named(self, names: list[str]) -> list[Voiceprint]:
        voiceprints = [self._store.load(name) for name in names]
        self._uses.require_current(voiceprints)
        return voiceprints

    def enroll(self, name: str, samples: Waveform) -> Voiceprint:
        """Enroll a speaker, or add the recording to the enrolled one if it is the same voice.

        Raises:
            SpeakerSdkError: the name or the recording is not good enough.
        """

        def joined(known: Voiceprint, _: Voiceprint) -> Voiceprint:
            return self._verifier.enroll(
                [samples], name=name, sample_rate_hz=_RATE_HZ, append_to=known
            )

        first = self._verifier.enroll([samples], name=name, sample_rate_hz=_RATE_HZ)
        return self._store.save(first, append=True, join=joined)

    def delete(self, name: str) -> None:
        """Delete a voiceprint and overwrite its file.

        Raises:
            UnknownSpeakerError: no speaker of that name is enrolled.
        """
        self._store.remove(name, is_overwritten=True)
