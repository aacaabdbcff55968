from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder.graph import StatefulGraph
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import InferenceError
from speakersdk.runtime.bound_call import BoundCall, Carried
from speakersdk.runtime.options import SessionOptions
from speakersdk.runtime.session import OnnxSession, open_session


@pytest.fixture(params=[False, True], ids=["in place", "through the device"])
def session(request: pytest.FixtureRequest, default_model: Path) -> OnnxSession:
    """The bundled model; with fixed shapes, the arrays are copied as to and from a GPU."""
    manifest = ModelManifest.from_metadata(open_session(default_model).metadata)
    return open_session(
        default_model,
        SessionOptions(fixed_shapes=request.param),
        shapes=StatefulGraph(manifest).inputs(10),
    )


@pytest.fixture
def feeds(session: OnnxSession) -> dict[str, np.ndarray]:
    manifest = ModelManifest.from_metadata(session.metadata)
    shapes = StatefulGraph(manifest).inputs(10)
    return {
        name: np.full(shape, name == "frame_weights", np.float32) for name, shape in shapes.items()
    }


def sine(level: float) -> np.ndarray:
    return (level * np.sin(np.arange(1841))).astype(np.float32)


def test_a_call_reads_and_fills_the_same_arrays_again(
    session: OnnxSession, feeds: dict[str, np.ndarray]
) -> None:
    outputs = {name: np.zeros_like(values) for name, values in session.run(feeds).items()}
    call = session.bind(feeds, outputs)
    for level in (0.0, 0.1):
        feeds["samples"][:] = sine(level)
        call()
        expected = session.run(feeds)
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, expected[name])


def carrying(
    session: OnnxSession, feeds: dict[str, np.ndarray]
) -> tuple[BoundCall, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A call that manages the cache, its inputs and its outputs."""
    outputs = {
        name: np.zeros_like(values)
        for name, values in session.run(feeds).items()
        if name != "next_cache"
    }
    inputs = {name: values.copy() for name, values in feeds.items() if name != "cache"}
    cache = Carried("next_cache", feeds["cache"].shape)
    return session.bind(inputs, outputs, {"cache": cache}), inputs, outputs


def test_what_is_carried_goes_from_call_to_call(
    session: OnnxSession, feeds: dict[str, np.ndarray]
) -> None:
    call, inputs, outputs = carrying(session, feeds)
    for level in (0.3, 0.0, 0.1, 0.2):
        feeds["samples"][:] = inputs["samples"][:] = sine(level)
        call()
        expected = session.run(feeds)
        feeds["cache"][:] = expected.pop("next_cache")
        for name, values in expected.items():
            np.testing.assert_array_equal(outputs[name], values)


# After an odd and after an even number of calls: zeros go where the next call reads.
@pytest.mark.parametrize("num_calls", [1, 2])
def test_a_reset_clears_the_state(
    session: OnnxSession, feeds: dict[str, np.ndarray], num_calls: int
) -> None:
    call, inputs, outputs = carrying(session, feeds)
    feeds["samples"][:] = inputs["samples"][:] = sine(0.1)
    for _ in range(num_calls):
        call()
    call.reset()
    call()
    np.testing.assert_array_equal(outputs["embedding"], session.run(feeds)["embedding"])


def test_two_calls_carry_their_own(session: OnnxSession, feeds: dict[str, np.ndarray]) -> None:
    first, inputs, _ = carrying(session, feeds)
    inputs["samples"][:] = sine(0.5)
    first()
    second, inputs, outputs = carrying(session, feeds)
    feeds["samples"][:] = inputs["samples"][:] = sine(0.1)
    second()
    np.testing.assert_array_equal(outputs["embedding"], session.run(feeds)["embedding"])


def test_only_what_changed_and_what_is_wanted_need_be_copied(
    session: OnnxSession, feeds: dict[str, np.ndarray]
) -> None:
    call, inputs, outputs = carrying(session, feeds)
    call()
    feeds["cache"][:] = session.run(feeds)["next_cache"]
    feeds["samples"][:] = inputs["samples"][:] = sine(0.1)
    call(changed=["samples"], wanted=["embedding"])
    np.testing.assert_array_equal(outputs["embedding"], session.run(feeds)["embedding"])


@pytest.mark.parametrize("session", [True], indirect=True)
def test_off_the_host_what_is_not_copied_stays_as_it_was(
    session: OnnxSession, feeds: dict[str, np.ndarray]
) -> None:
    outputs = {name: np.zeros_like(values) for name, values in session.run(feeds).items()}
    call = session.bind(feeds, outputs)
    call()
    before = outputs["speech"].copy()
    feeds["samples"][:] = sine(0.1)
    call(changed=[])
    np.testing.assert_array_equal(outputs["speech"], before)
    call(wanted=[])
    np.testing.assert_array_equal(outputs["speech"], before)
    call()
    assert np.abs(outputs["speech"] - before).max() > 0


def test_arrays_that_do_not_fit_are_an_inference_error(default_model: Path) -> None:
    session = open_session(default_model)
    with pytest.raises(InferenceError, match="cannot run the model"):
        session.bind({"samples": np.zeros((1, 3), np.float32)}, {})()
