"""Settings of the service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from speakersdk import Verdict


class Withhold(StrEnum):
    """The speakers whose words are withheld from the client."""

    NOTHING = "nothing"
    REJECTED = "rejected"  # words of strangers
    UNACCEPTED = "unaccepted"  # and those with too little speech

    def applies_to(self, verdict: Verdict | None) -> bool:
        """Return whether words with this verdict are withheld; None if nobody is enrolled."""
        if self is Withhold.NOTHING:
            return False
        if self is Withhold.REJECTED:
            return verdict in {Verdict.REJECT, None}
        return verdict is not Verdict.ACCEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings from the command line.

    Attributes:
        asr: address of the speech recognition behind the service; None if there is none.
        wake: address of the wake word detection behind the service; None if there is none.
        withhold: speakers whose words and wake words are withheld.
        is_tagged: whether to write the speaker's name in front of the text.
        may_enroll: whether to answer `enroll` and `delete`.
        limit_s: maximum length of a recording in seconds.
        wake_s: seconds before a detection that are compared.
        upstream_s: maximum wait for a service behind this one in seconds.
    """

    asr: str | None = None
    wake: str | None = None
    withhold: Withhold = Withhold.NOTHING
    is_tagged: bool = False
    may_enroll: bool = False
    limit_s: float = 300.0
    wake_s: float = 3.0
    upstream_s: float = 60.0
