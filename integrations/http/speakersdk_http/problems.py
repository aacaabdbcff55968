"""Errors as answers: a status, and one line that says what to do."""

from __future__ import annotations

import logging
import math
from typing import Final

from fastapi.responses import JSONResponse

from speakersdk import (
    AttemptLimitError,
    AudioError,
    DuplicateSpeakerError,
    EnrollmentError,
    ExpiredVoiceprintError,
    IncompatibleModelError,
    MissingDependencyError,
    ModelError,
    SealError,
    SpeakerSdkError,
    StateFileError,
    UnknownSpeakerError,
    VoiceprintError,
)

_LOG: Final = logging.getLogger("uvicorn.error")
# The first matching class counts. With 500, only the operator can help.
_STATUS: Final[tuple[tuple[type[SpeakerSdkError], int], ...]] = (
    (UnknownSpeakerError, 404),
    (DuplicateSpeakerError, 409),
    (IncompatibleModelError, 409),
    (ExpiredVoiceprintError, 409),
    (AttemptLimitError, 429),
    (AudioError, 422),
    (EnrollmentError, 422),
    (ModelError, 500),
    (VoiceprintError, 500),
    (SealError, 500),
    (MissingDependencyError, 500),
    (StateFileError, 500),
    (SpeakerSdkError, 400),
)


def status_of(error: Exception) -> int:
    """Return the status of the answer to a request that raised this error."""
    if isinstance(error, ConnectionError):  # connection to the database
        return 503
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def message_of(error: Exception) -> str:
    """Describe an error in one line, without details for the service's operator."""
    if isinstance(error, UnknownSpeakerError):
        return f"no voiceprint named {error.name!r}; register the speaker first"
    if isinstance(error, DuplicateSpeakerError):
        return 'a voiceprint of that name already exists; replace it with "replace": true'
    if status_of(error) >= 500:
        return "the service failed; its log says why"
    message = error.findings if isinstance(error, EnrollmentError) else str(error)
    return " ".join(message.split())


def log_failure(error: Exception) -> None:
    """Log an error with which only the operator can help."""
    if status_of(error) >= 500:
        _LOG.error("%s: %s", type(error).__name__, error)


def problem(error: Exception) -> JSONResponse:
    """Make the answer to a request that raised an error."""
    log_failure(error)
    headers = {}
    if isinstance(error, AttemptLimitError):
        headers["Retry-After"] = str(math.ceil(max(error.wait_s, 1)))
    return answer(status_of(error), message_of(error), kind=type(error).__name__, headers=headers)


def answer(
    status: int, message: str, *, kind: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Make an answer with a status of 400 or above."""
    content = {"error": {"message": message, "type": kind, "code": status}}
    return JSONResponse(content, status_code=status, headers=headers)
