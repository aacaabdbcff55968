"""The requests of clients, as JSON or as a form with files.

The names are those of LocalAI's `/v1/voice`. Fields that would be ignored are refused instead.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import Annotated, Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from speakersdk import ConfigError

_MAXIMUM_FILES: Final = 16
_MAXIMUM_FIELDS: Final = 32
_PART_BYTES: Final = 1 << 40  # no limit of its own: the checks of requests limit the whole body
_SCHEMES: Final = ("http:", "https:", "file:", "ftp:")
_AUDIO: Final = "expected one recording as base64, a data URI or a file"
_SHOWN: Final = 200  # characters that a message quotes
# Errors of pydantic in the words of this project.
_MESSAGES: Final = {
    "extra_forbidden": "unknown field; /docs lists the fields",
    "missing": "expected this field, got none",
}
_NOT_JSON: Final = "expected a form with files (multipart/form-data), or JSON without compression"


class AudioFile(io.BytesIO):
    """The bytes of a recording, with a name for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def decoded(value: Any) -> bytes:
    """Return the bytes of an uploaded file, of base64, or of a data URI with base64."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError(_AUDIO)
    if value.lstrip()[:6].lower().startswith(_SCHEMES):
        raise ValueError("expected the audio itself, got a URL; this service fetches nothing")
    if value.startswith("data:"):
        head, comma, value = value.partition(",")
        if not comma or not head.endswith(";base64"):
            raise ValueError("expected a data URI with base64: data:audio/wav;base64,...")
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"{_AUDIO}; base64 has the standard alphabet and padding") from error


Audio = Annotated[bytes, BeforeValidator(decoded)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Question(BaseModel):
    """Fields that every request may have."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, description="name of the served model; another one is refused")
    store: str | None = Field(
        None, description="from LocalAI; leave it out, because there is a single store"
    )

    @model_validator(mode="after")
    def _has_one_store(self) -> Question:
        if self.store not in {None, "", "default"}:
            raise ValueError("store: expected none, this service has a single store")
        return self


class DecisionQuestion(Question):
    """Fields of requests that are answered by a decision."""

    threshold: float | None = Field(
        None, description="from LocalAI; refused, because the service decides at its own rate"
    )

    @model_validator(mode="after")
    def _has_no_threshold(self) -> DecisionQuestion:
        if self.threshold is not None:
            raise ValueError(
                "threshold: decisions are made at the false-accept rate of the service; start it "
                "with --far, and leave the threshold out"
            )
        return self


class VerifyQuestion(DecisionQuestion):
    """A comparison of `audio2` with the speaker of `audio1`, or with a speaker's `name`."""

    audio1: Audio | None = Field(None, description="a recording of the speaker")
    name: Name | None = Field(None, description="an enrolled speaker, instead of audio1")
    audio2: Audio = Field(description="the recording to verify")
    anti_spoofing: bool = Field(False, description="from LocalAI; true is refused")

    @model_validator(mode="after")
    def _can_be_answered(self) -> VerifyQuestion:
        if (self.audio1 is None) == (self.name is None):
            raise ValueError("expected audio1 or name, one of them")
        if self.anti_spoofing:
            raise ValueError(
                "anti_spoofing: this service runs no detector of replayed or synthetic voices"
            )
        return self


class RegisterQuestion(Question):
    """Enroll a speaker from one or more recordings."""

    name: Name = Field(description="name of the speaker")
    audio: list[Audio] = Field(min_length=1, max_length=_MAXIMUM_FILES)
    replace: bool = Field(False, description="replace an enrolled speaker of this name")
    labels: dict[str, str] = Field(default_factory=dict, description="from LocalAI; refused")

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("audio"), str | bytes):
            return values | {"audio": [values["audio"]]}
        return values

    @model_validator(mode="after")
    def _has_no_labels(self) -> RegisterQuestion:
        if self.labels:
            raise ValueError("labels: voiceprints have none; store them with the id")
        return self


class IdentifyQuestion(DecisionQuestion):
    """An identification of the enrolled speaker, if it is one."""

    audio: Audio
    top_k: int = Field(5, ge=1, le=1000, description="maximum number of candidates")


class EmbedQuestion(Question):
    """The embedding of a recording."""

    audio: Audio


class ForgetQuestion(Question):
    """Delete the voiceprint of a speaker."""

    id: Name


Asked = TypeVar("Asked", bound=Question)


async def _values(form: FormData) -> dict[str, Any]:
    """Return the content of every field; a list if the field comes several times."""
    contents: dict[str, list[str | bytes]] = {}
    for key, value in form.multi_items():
        content = await value.read() if isinstance(value, UploadFile) else value
        contents.setdefault(key, []).append(content)
    return {key: found if len(found) > 1 else found[0] for key, found in contents.items()}


async def read_question(request: Request, kind: type[Asked]) -> Asked:
    """Read the body of a request: a form with files, or JSON with any content type.

    Raises:
        ConfigError: the body is not such a question; the message names the first wrong field.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        try:
            async with request.form(
                max_files=_MAXIMUM_FILES, max_fields=_MAXIMUM_FIELDS, max_part_size=_PART_BYTES
            ) as form:
                values = await _values(form)
        except UnicodeError:  # of a charset that Python knows and that decodes nothing
            raise ConfigError(
                "expected a form in UTF-8; leave the charset out of the Content-Type"
            ) from None
        return await run_in_threadpool(_validated, kind, values)
    body = await request.body()
    return await run_in_threadpool(_validated, kind, body)


def _validated(kind: type[Asked], given: bytes | dict[str, Any]) -> Asked:
    try:
        if isinstance(given, bytes):
            return kind.model_validate_json(given)
        return kind.model_validate(given)
    except ValidationError as error:
        raise ConfigError(first_problem(error, without_json=_NOT_JSON)) from None


def first_problem(error: ValidationError, *, without_json: str) -> str:
    """Describe the first wrong field in one short sentence; `without_json` if there is no JSON."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return without_json if first["type"] == "json_invalid" else _sentence(first)[:_SHOWN]


def _sentence(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function"))
    message = _MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
    return f"{place}: {message}" if place else message
