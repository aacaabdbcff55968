import pickle

import pytest

from speakersdk.errors import SpeakerSdkError
from speakersdk_export.errors import AccuracyError, ParityError
from speakersdk_training.errors import TrainingError

pytestmark = pytest.mark.export


def test_a_parity_error_says_which_check_failed_and_by_how_much() -> None:
    error = ParityError("streaming", expected="at most 1e-4", got="0.2")
    assert isinstance(error, SpeakerSdkError)
    assert error.check == "streaming"
    assert str(error) == "streaming: expected at most 1e-4, got 0.2; the model file was not written"


@pytest.mark.parametrize(
    "error",
    [
        ParityError("streaming", expected="at most 1e-4", got="0.2"),
        AccuracyError({"dev": (0.01, 0.02)}, limit=0.001),
        TrainingError("too few speakers"),
    ],
)
def test_errors_of_training_and_export_survive_pickling(error: SpeakerSdkError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.__dict__) == (str(error), error.__dict__)
