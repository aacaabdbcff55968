"""The life of a voiceprint: consent, expiry and changes.

Setting the clock back does not revive a voiceprint: its expiry is compared with the latest of the
clock and all times in the voiceprint.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Self, get_args

from speakersdk.arguments import checked
from speakersdk.errors import ConfigError, ExpiredVoiceprintError
from speakersdk.text import is_visible, printable

ChangeKind = Literal["appended", "adapted", "reverted"]
CHANGE_KINDS: Final = get_args(ChangeKind)
MAXIMUM_CHANGES: Final = 100
_MAXIMUM_LABEL: Final = 200  # characters
_UNITS: Final = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.0}  # in days
_MAXIMUM_DAYS: Final = 36500.0
_PERIOD: Final = re.compile(r"([0-9]{1,6})([hdwy])")


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Consent of a person to the use of their voice.

    Attributes:
        given_by: the person who agreed: the speaker or a representative.
        text_id: identifier of the text to which the person agreed, such as "privacy-notice-3".
        given_utc: ISO 8601 time with offset +00:00.
    """

    given_by: str
    text_id: str
    given_utc: str

    def __post_init__(self) -> None:
        for label in (self.given_by, self.text_id):
            if not is_visible(label) or not 0 < len(label) <= _MAXIMUM_LABEL:
                raise ValueError(
                    f"expected 1 to {_MAXIMUM_LABEL} visible characters in a consent, got "
                    f"'{printable(label[:_MAXIMUM_LABEL])}'"
                )
        utc_time(self.given_utc)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read the values of a header.

        Raises:
            ValueError: a value is missing, unknown, or of another type.
        """
        names = ("given_by", "text_id", "given_utc")
        if value.keys() != set(names) or not all(type(item) is str for item in value.values()):
            raise ValueError(f"expected a consent of the texts {', '.join(names)}")
        return cls(**value)

    def to_json(self) -> dict[str, str]:
        """Return the values that `from_json` reads."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a voiceprint after its enrollment.

    Attributes:
        kind: "appended" (recordings), "adapted" (an accepted probe) or "reverted".
        at_utc: ISO 8601 time with offset +00:00.
        speech_s: net speech in seconds that was added or removed.
    """

    kind: ChangeKind
    at_utc: str
    speech_s: float

    def __post_init__(self) -> None:
        if self.kind not in CHANGE_KINDS:
            raise ValueError(
                f"expected a change of {', '.join(CHANGE_KINDS)}, got '{printable(self.kind[:40])}'"
            )
        if not 0 <= self.speech_s < 1e9:  # False for NaN
            raise ValueError(f"expected the speech of a change in seconds, got {self.speech_s}")
        utc_time(self.at_utc)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one item of a header's list.

        Raises:
            ValueError: the item is not a list of a kind, a time and seconds.
        """
        types = [type(item) for item in value] if isinstance(value, list) else []
        if types not in ([str, str, float], [str, str, int]):
            raise ValueError("expected changes of a kind, a time and seconds")
        kind, at_utc, speech_s = value
        return cls(kind=kind, at_utc=at_utc, speech_s=float(speech_s))

    def to_json(self) -> list[Any]:
        """Return the list that `from_json` reads."""
        return [self.kind, self.at_utc, self.speech_s]


def utc_now() -> str:
    """Return the current time in the format of voiceprints."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def utc_time(text: str) -> datetime:
    """Parse a time in the format of voiceprints.

    Raises:
        ValueError: the text is not ISO 8601, or its offset is not +00:00.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"expected a time in ISO 8601, got {printable(text)!r}") from error
    if time.utcoffset() != timedelta(0):
        raise ValueError(f"expected a time with offset +00:00, got {printable(text)!r}")
    return time


def check_end(name: str, expires_utc: str, *, now: datetime, passed: datetime) -> None:
    """Check that a voiceprint has not expired.

    Args:
        name: name of the speaker.
        expires_utc: the end of its use.
        now: the time of the clock.
        passed: the latest time that was recorded.

    Raises:
        ExpiredVoiceprintError: the end is before one of the two times.
    """
    end = utc_time(expires_utc)
    if max(now, passed) >= end:
        is_clock_behind = now < end
        raise ExpiredVoiceprintError(
            name,
            expires_utc=expires_utc,
            passed_utc=passed.isoformat(timespec="seconds") if is_clock_behind else None,
        )


@checked
def expiry_after(period: str, *, now: datetime | None = None) -> str:
    """Return the end of a period that begins now.

    Args:
        period: a number and h, d, w or y for hours, days, weeks or years of 365 days: "90d".
        now: current time; None means that of the clock.

    Raises:
        ConfigError: the text is not a period, or is longer than 100 years.
    """
    found = _PERIOD.fullmatch(period)
    days = int(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < days <= _MAXIMUM_DAYS:
        raise ConfigError(
            "expected a period such as 12h, 90d, 6w or 1y, above zero and at most 100 years, got "
            f"'{printable(period[:40])}'"
        )
    start = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return (start + timedelta(days=days)).isoformat(timespec="seconds")
