import inspect

import pytest

from speakersdk import errors
from speakersdk.errors import (
    AudioTooShortError,
    ConfigError,
    DuplicateSpeakerError,
    IncompatibleModelError,
    InvalidAudioError,
    MissingDependencyError,
    SpeakerSdkError,
    UnknownSpeakerError,
    UnreadableAudioError,
)

CLASSES = [value for _, value in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_has_the_root_as_base(error: type[Exception]) -> None:
    assert issubclass(error, SpeakerSdkError)


@pytest.mark.parametrize("error", CLASSES)
def test_the_tree_at_the_top_names_every_error(error: type[Exception]) -> None:
    assert error.__name__ in str(errors.__doc__)


@pytest.mark.parametrize("error", [ConfigError, InvalidAudioError])
def test_wrong_values_are_also_value_errors(error: type[Exception]) -> None:
    assert issubclass(error, ValueError)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (MissingDependencyError("x is missing", remedy="pip install x"), ["x is", "pip install x"]),
        (UnreadableAudioError("a.wav", "no header"), ["a.wav", "no header", "WAV"]),
        (AudioTooShortError(needed_s=0.5, got_s=0.25), ["0.5 s", "0.25 s", "longer"]),
        (IncompatibleModelError(expected="b", got="a"), ["model a", "model b", "enroll again"]),
        (UnknownSpeakerError("ann", known=("bob",)), ["'ann'", "bob", "speakersdk enroll"]),
        (UnknownSpeakerError("ann"), ["none"]),
        (DuplicateSpeakerError("ann"), ["'ann'", "--replace"]),
    ],
)
def test_messages_say_what_came_and_what_to_do(error: Exception, parts: list[str]) -> None:
    for part in parts:
        assert part in str(error)
