"""Training's error is in the error tree of the SDK: one except clause catches it."""

from __future__ import annotations

from speakersdk.errors import SpeakerSdkError
from speakersdk_training.errors import TrainingError


def test_training_errors_are_speakersdk_errors() -> None:
    assert issubclass(TrainingError, SpeakerSdkError)
