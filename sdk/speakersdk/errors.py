"""The errors of speakersdk.

    SpeakerSdkError
    ├── ConfigError (also ValueError)     an option is outside its range or unknown
    │   ├── WrongTypeError (also TypeError) an argument is of a wrong type
    │   └── StateFileError                a file with attempts or last uses is damaged
    ├── ClosedError (also ValueError)     an object is used after its end
    ├── ConcurrentUseError                two threads use one object at the same time
    ├── MissingDependencyError            a library is not installed
    ├── AudioError
    │   ├── UnreadableAudioError          missing, corrupt or not an audio file
    │   ├── InvalidAudioError             empty, non-finite, wrong shape or sample type
    │   ├── AudioTooShortError            fewer seconds than the model needs
    │   └── MicrophoneError               missing device, or one that cannot record or was lost
    ├── ModelError
    │   ├── ManifestError                 the ONNX file has no valid manifest
    │   ├── IncompatibleModelError        a voiceprint and a model do not belong together
    │   └── InferenceError                onnxruntime failed
    ├── EnrollmentError                   the recordings are not good enough for a voiceprint
    ├── CalibrationError                  the recordings or the file do not give a valid calibration
    ├── UnknownSpeakerError               no voiceprint of that name
    ├── DuplicateSpeakerError             a voiceprint of that name already exists
    ├── VoiceprintError                   corrupt, foreign or unknown-version voiceprint
    │   └── ExpiredVoiceprintError        the voiceprint has expired
    ├── GalleryError                      corrupt, foreign or unknown-version gallery file
    ├── SealError                         sealed with another key, changed, or plain
    └── AttemptLimitError                 rejected too often; wait

Wrong rank, dtype or dimension of an array is a plain ValueError or TypeError. A rejected speaker is
a result, not an error. Messages say what was expected, what was given and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from speakersdk.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_LISTED: Final = 20  # names in a message


class SpeakerSdkError(Exception):
    """Base class of the errors of speakersdk.

    Every subclass can be pickled and sent between processes, whatever its constructor takes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # `Exception` would call the constructor with the finished message.
        return _restored, (type(self), self.args, self.__dict__)


class ConfigError(SpeakerSdkError, ValueError):
    """An option is unknown or outside its range."""


class WrongTypeError(ConfigError, TypeError):
    """An argument is of a type that the call does not take, such as a text for a number."""


class ClosedError(SpeakerSdkError, ValueError):
    """A stream, pool, enrollment, microphone or verifier was used after its end."""


class ConcurrentUseError(SpeakerSdkError, RuntimeError):
    """Two threads use one stream, enrollment, pool or microphone at the same time."""


class MissingDependencyError(SpeakerSdkError):
    """A library that the call needs is not installed."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.remedy = remedy


class AudioError(SpeakerSdkError):
    """The audio cannot be used."""


class UnreadableAudioError(AudioError):
    """The file is missing, corrupt or in a format that cannot be decoded.

    Attributes:
        path: path of the file.
        reason: the reason in a few words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"cannot read audio from {path}: {reason}; "
            "expected a readable WAV, FLAC, Ogg, Opus or MP3 file"
        )
        self.path = path
        self.reason = reason


class InvalidAudioError(AudioError, ValueError):
    """The samples are empty, not finite, or have the wrong shape or type."""


class AudioTooShortError(AudioError):
    """The audio, or the speech in it, is shorter than the model needs."""

    def __init__(self, *, needed_s: float, got_s: float, what: str = "audio") -> None:
        super().__init__(
            f"expected at least {needed_s:.3g} s of {what}, got {got_s:.3g} s; record longer"
        )
        self.needed_s = needed_s
        self.got_s = got_s


class MicrophoneError(AudioError):
    """The input device is missing, cannot be opened, or has stopped."""


class ModelError(SpeakerSdkError):
    """The model file cannot be used."""


class ManifestError(ModelError):
    """The ONNX file has no manifest, or one that this version cannot read."""


class IncompatibleModelError(ModelError):
    """A voiceprint or calibration was made with a different model."""

    def __init__(
        self, *, expected: str, got: str, what: str = "voiceprint", remedy: str | None = None
    ) -> None:
        if remedy is None:
            again = "calibrate again with this model"
            if what != "calibration":
                again = "enroll again with this model (from kept recordings: speakersdk migrate)"
            remedy = f"{again}, or load the model that made it"
        super().__init__(
            f"the {what} was made with model {got}, expected model {expected}; {remedy}"
        )
        self.expected = expected
        self.got = got


class InferenceError(ModelError):
    """onnxruntime could not load or run the model."""


class EnrollmentError(SpeakerSdkError):
    """The recordings are not good enough for a voiceprint.

    Attributes:
        findings: the message without the offer to accept the problems, for users of a program that
            accepts none.
        problems: keys of the `speakersdk.AudioProblem` members that caused it and may be accepted.
    """

    def __init__(self, findings: str, problems: tuple[str, ...] = ()) -> None:
        options = " ".join(f"--accept {key}" for key in problems)
        offer = f"; to enroll anyway, accept {', '.join(problems)} ({options})"
        super().__init__(findings + offer if problems else findings)
        self.findings = findings
        self.problems = problems


class CalibrationError(SpeakerSdkError):
    """The recordings do not support a calibration, or its file is damaged or for another model.

    Attributes:
        overlap: histogram of the scores if they overlap too much, otherwise empty.
    """

    def __init__(self, message: str, *, overlap: str = "") -> None:
        super().__init__(message)
        self.overlap = overlap


class UnknownSpeakerError(SpeakerSdkError):
    """No voiceprint of that name is stored."""

    def __init__(
        self,
        name: str,
        *,
        known: tuple[str, ...] = (),
        remedy: str = "enroll it first: speakersdk enroll NAME RECORDING...",
    ) -> None:
        import difflib

        listing = ", ".join(known[:_LISTED]) or "none"
        if len(known) > _LISTED:
            listing += f" and {len(known) - _LISTED} more"
        by_case = {each.casefold(): each for each in known}
        close = difflib.get_close_matches(name.casefold(), by_case, 1)
        if close:
            remedy = f"did you mean {by_case[close[0]]!r}?"
        super().__init__(f"no voiceprint named {name!r} (stored: {listing}); {remedy}")
        self.name = name
        self.known = known


class DuplicateSpeakerError(SpeakerSdkError):
    """A voiceprint of that name is already stored."""

    def __init__(
        self,
        name: str,
        *,
        remedy: str = "replace it with replace=True (--replace) or add to it with append=True "
        "(--append)",
    ) -> None:
        super().__init__(f"a voiceprint named {name!r} already exists; {remedy}")
        self.name = name


class VoiceprintError(SpeakerSdkError):
    """The bytes are not a voiceprint, are damaged, or come from an unknown version."""


class ExpiredVoiceprintError(VoiceprintError):
    """A voiceprint has expired and must no longer be used.

    Attributes:
        name: name of the speaker.
        expires_utc: time of expiry in ISO 8601.
        passed_utc: a later time recorded in the voiceprint if the clock is before the expiry;
            otherwise None.
    """

    def __init__(self, name: str, *, expires_utc: str, passed_utc: str | None = None) -> None:
        remedy = "; "
        if passed_utc is not None:
            remedy = (
                f", before the time {passed_utc} of its last change or use; the clock is or was "
                "wrong: correct it, and "
            )
        remedy += "enroll again (--replace), or erase it: speakersdk profiles erase NAME"
        super().__init__(f"the voiceprint of {name!r} expired at {expires_utc}{remedy}")
        self.name = name
        self.passed_utc = passed_utc
        self.expires_utc = expires_utc


class StateFileError(ConfigError):
    """A file with the state of a store is damaged: attempts, or the days of the last uses."""


class GalleryError(SpeakerSdkError):
    """The file is not a gallery, is damaged, or comes from an unknown version."""


class SealError(SpeakerSdkError):
    """A sealed file cannot be opened, or a file is sealed (or plain) against expectation."""


class AttemptLimitError(SpeakerSdkError):
    """A speaker was rejected too often and has to wait.

    Attributes:
        wait_s: seconds until the next attempt.
    """

    def __init__(self, name: str, *, count: int, wait_s: float) -> None:
        super().__init__(
            f"{name!r} was rejected {counted(count, 'time')} in a row; "
            f"try again in {max(wait_s, 1):.0f} s"
        )
        self.wait_s = wait_s


def _restored(
    kind: type[SpeakerSdkError], arguments: tuple[Any, ...], attributes: Mapping[str, Any]
) -> SpeakerSdkError:
    """Rebuild a pickled error without calling its constructor."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error
