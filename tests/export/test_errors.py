import pytest

from speakersdk.errors import SpeakerSdkError
from speakersdk_export.errors import ParityError

pytestmark = pytest.mark.export


def test_a_parity_error_says_which_check_failed_and_by_how_much() -> None:
    error = ParityError("streaming", expected="at most 1e-4", got="0.2")
    assert isinstance(error, SpeakerSdkError)
    assert error.check == "streaming"
    assert str(error) == "streaming: expected at most 1e-4, got 0.2; the model file was not written"
