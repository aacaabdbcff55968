"""The error that training raises."""

from __future__ import annotations

from speakersdk.errors import SpeakerSdkError


class TrainingError(SpeakerSdkError):
    """Data, configuration or checkpoint cannot be trained on; the message says what to do."""
