import inspect
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from speakersdk import errors
from speakersdk.errors import (
    AttemptLimitError,
    AudioTooShortError,
    CalibrationError,
    ConfigError,
    DuplicateSpeakerError,
    EnrollmentError,
    ExpiredVoiceprintError,
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
        (UnknownSpeakerError("lizz", known=("liz",)), ["stored: liz", "did you mean 'liz'?"]),
        (UnknownSpeakerError("ann", known=("ann_b", "Ann")), ["did you mean 'Ann'?"]),
        (UnknownSpeakerError("SLT", known=("slt",)), ["did you mean 'slt'?"]),
        (UnknownSpeakerError("x", known=tuple(map(str, range(25)))), ["18, 19 and 5 more)"]),
        (DuplicateSpeakerError("ann"), ["'ann'", "--replace"]),
        (ExpiredVoiceprintError("ann", expires_utc="2027"), ["'ann'", "2027", "--replace"]),
    ],
)
def test_messages_say_what_came_and_what_to_do(error: Exception, parts: list[str]) -> None:
    for part in parts:
        assert part in str(error)


EXAMPLES = [
    ExpiredVoiceprintError("ann", expires_utc="2027"),
    MissingDependencyError("x is missing", remedy="pip install x"),
    UnreadableAudioError("a.wav", "no header"),
    AudioTooShortError(needed_s=0.5, got_s=0.25),
    IncompatibleModelError(expected="b", got="a", what="calibration"),
    EnrollmentError("why", ("noisy",)),
    CalibrationError("why", overlap="###"),
    UnknownSpeakerError("ann", known=("bob",)),
    DuplicateSpeakerError("ann"),
    AttemptLimitError("ann", count=5, wait_s=30.0),
]
# Errors with a constructor of their own have an example above; a new one must get one.
EXAMPLES += [error("why") for error in CLASSES if "__init__" not in vars(error)]


def test_every_class_has_an_example() -> None:
    assert {type(error) for error in EXAMPLES} == set(CLASSES)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling(error: SpeakerSdkError) -> None:
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(error))))
    assert type(again) is type(error)
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))


class ForeignError(SpeakerSdkError):
    """An error that somebody derives, with a constructor of other arguments."""

    def __init__(self, *, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")
        self.sum = first + second


def test_errors_of_others_survive_pickling() -> None:
    again = pickle.loads(pickle.dumps(ForeignError(first=1, second=2)))
    assert (str(again), again.sum) == ("1 and 2", 3)


def _raise(error: Exception) -> None:
    raise error


def test_a_pool_gets_the_error_of_its_worker() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(UnreadableAudioError, match="cannot read audio from"),
    ):
        pool.submit(_raise, UnreadableAudioError("a.wav", "no header")).result(timeout=60)
