import pickle
import threading

import pytest

from speakersdk.errors import ClosedError, ConcurrentUseError, SpeakerSdkError
from speakersdk.lifetime import Lifetime


def test_the_first_end_is_named() -> None:
    lifetime = Lifetime("stream", remedy="start another")
    lifetime.check()
    lifetime.end("finished")
    lifetime.end()
    assert lifetime.is_over
    with pytest.raises(ClosedError, match="open stream, it is finished; start another"):
        lifetime.check()
    with pytest.raises(ValueError, match="finished"), lifetime:  # as documented for streams
        pass


def test_a_second_thread_is_refused_and_the_first_continues() -> None:
    lifetime = Lifetime("stream", remedy="start another")
    refused: list[BaseException] = []

    def use() -> None:
        try:
            with lifetime:
                pass
        except SpeakerSdkError as error:
            refused.append(error)

    with lifetime:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert [type(error) for error in refused] == [ConcurrentUseError]
    with lifetime:  # one after the other is allowed
        pass


def test_a_refused_entry_leaves_nothing_locked() -> None:
    lifetime = Lifetime("stream", remedy="start another")
    lifetime.end()
    for _ in range(2):
        with pytest.raises(ClosedError), lifetime:
            pass


@pytest.mark.parametrize("error", [ClosedError("over"), ConcurrentUseError("two")])
def test_errors_survive_pickling(error: SpeakerSdkError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args) == (type(error), error.args)
