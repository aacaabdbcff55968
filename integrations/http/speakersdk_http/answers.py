"""The answers of the service: the fields of LocalAI's `/v1/voice`, followed by additions.

If no decision is possible, the numbers are null; `verdict` and `reason` explain why.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from speakersdk import Decision


class Evidence(BaseModel):
    """The evidence of a decision."""

    verdict: str = Field(description="accept, reject, inconclusive or no_speech")
    reason: str = Field(description="one sentence for people")
    llr: float | None = Field(description="natural log-likelihood ratio; null without an answer")
    probability: float | None = Field(
        description="probability of the same speaker, given the prior"
    )
    score: float | None = Field(description="-J in nats, at most 0; depends on the model")
    far: float | None = Field(description="the requested false-accept rate; null with a prior")
    speech_s: float = Field(description="net speech of the recording in seconds")


class VerifyAnswer(Evidence):
    """The decision; `verified` is true if `distance` <= `threshold` and there is one voice."""

    verified: bool
    distance: float | None = Field(description="the negated llr; null without an answer")
    threshold: float = Field(description="largest accepted distance")
    confidence: float | None = Field(description="100 times the probability")
    model: str
    processing_time_ms: float


class RegisterAnswer(BaseModel):
    """The enrolled speaker."""

    id: str = Field(description="equal to the name, which is unique")
    name: str
    registered_at: str = Field(description="ISO 8601, UTC")
    speech_s: float = Field(description="net speech of all recordings in seconds")
    recordings: int
    model: str


class Candidate(BaseModel):
    """An enrolled speaker who was compared."""

    id: str
    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    distance: float | None
    confidence: float | None
    match: bool = Field(description="whether this is the identified speaker")
    verdict: str
    llr: float | None


class IdentifyAnswer(Evidence):
    """The candidates, best first; `speaker` is null for an unknown speaker."""

    matches: list[Candidate]
    speaker: str | None
    margin: float | None = Field(description="llr of the best candidate minus that of the second")
    model: str
    processing_time_ms: float


class EmbedAnswer(BaseModel):
    """The embedding of a recording: logits, whose length is the model's temperature."""

    embedding: list[float]
    dim: int
    model: str


class VoicesAnswer(BaseModel):
    """The enrolled speakers."""

    voices: list[RegisterAnswer]
    unusable: dict[str, str] = Field(
        description="names or files that are left out, with the reason"
    )


class Problem(BaseModel):
    """The reason why a request was refused."""

    message: str = Field(
        description="one line: what was expected, what was received and what to do"
    )
    type: str = Field(description="class of the error")
    code: int


class ProblemAnswer(BaseModel):
    """The body of an answer with a status of 400 and above."""

    error: Problem


def evidence(decision: Decision, far: float | None) -> dict[str, Any]:
    """Return the fields of `Evidence`."""
    return {
        "verdict": decision.verdict.value,
        "reason": decision.reason,
        "llr": decision.llr,
        "probability": decision.probability,
        "score": decision.score,
        "far": far,
        "speech_s": decision.speech_s,
    }


def distance(decision: Decision) -> float | None:
    """Return the negated llr: lower for more similar voices, in the same units for every model."""
    return None if decision.llr is None else -decision.llr


def confidence(decision: Decision) -> float | None:
    """Return the probability in percent."""
    return None if decision.probability is None else 100 * decision.probability
