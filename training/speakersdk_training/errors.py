"""The error that training raises."""

from __future__ import annotations

from speakersdk.errors import SpeakerSdkError


class TrainingError(SpeakerSdkError):
    """The data, configuration or checkpoint cannot be used; the message says what to do."""
