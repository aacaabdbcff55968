"""Settings of the service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from speakersdk import Verdict


class Withhold(StrEnum):
    """Whose words the client does not get."""

    NOTHING = "nothing"
    REJECTED = "rejected"  # those of strangers
    UNACCEPTED = "unaccepted"  # and those of whom too little was heard

    def applies_to(self, verdict: Verdict | None) -> bool:
        """Whether words with this verdict are withheld; None = nobody is enrolled."""
        if self is Withhold.NOTHING:
            return False
        if self is Withhold.REJECTED:
            return verdict in {Verdict.REJECT, None}
        return verdict is not Verdict.ACCEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line asked for.

    Attributes:
        asr: address of the speech recognition behind the service; None = there is none.
        wake: address of the wake word detection behind the service; None = there is none.
        withhold: whose words and wake words are withheld.
        is_tagged: write the speaker's name in front of the text.
        may_enroll: answer `enroll` and `delete`.
        limit_s: longest recording.
        wake_s: seconds before a detection that are compared.
        upstream_s: longest wait for a service behind this one.
    """

    asr: str | None = None
    wake: str | None = None
    withhold: Withhold = Withhold.NOTHING
    is_tagged: bool = False
    may_enroll: bool = False
    limit_s: float = 300.0
    wake_s: float = 3.0
    upstream_s: float = 60.0
