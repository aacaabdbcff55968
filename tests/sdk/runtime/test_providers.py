"""Refusals and options.

The stand-in reports what GPU builds of onnxruntime report. docs/devices.md has the messages of a
real one on a machine without a GPU.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from speakersdk.errors import MissingDependencyError
from speakersdk.runtime.libraries import gpus
from speakersdk.runtime.options import PROVIDERS, ComputeDevice
from speakersdk.runtime.providers import (
    check_usable,
    missing_of,
    provider_options,
    switch_tf32_off,
)

CUDA = ComputeDevice("cuda")
TENSORRT = ComputeDevice("tensorrt", 1)


@pytest.fixture
def gpu_build(tmp_path: Path, elf: Callable[..., bytes]) -> ModuleType:
    """An onnxruntime with CUDA and TensorRT, whose libraries need others."""
    module = ModuleType("onnxruntime")
    module.__file__ = str(tmp_path / "__init__.py")
    vars(module).update(
        get_available_providers=lambda: list(reversed(PROVIDERS.values())),
        preload_dlls=lambda **_: sys.stdout.write("no library was found"),
    )
    (tmp_path / "capi").mkdir()
    for kind, needed in {
        "cuda": ("libabsent-cublas.so.13", "libc.so.6"),
        "tensorrt": ("libabsent-cublas.so.13", "libcudnn.so.99", "libnvabsent.so.10"),
    }.items():
        library = tmp_path / "capi" / f"libonnxruntime_providers_{kind}.so"
        library.write_bytes(elf(*needed))
    return module


def test_missing_libraries_are_named_once(
    gpu_build: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = missing_of(gpu_build, TENSORRT)
    assert missing == ("libabsent-cublas.so.13", "libcudnn.so.99", "libnvabsent.so.10")
    # The file of the CUDA provider does not name cuDNN.
    assert missing_of(gpu_build, CUDA) == ("libabsent-cublas.so.13", "libcudnn.so.99")
    assert capsys.readouterr().out == ""  # output of onnxruntime is not ours


def test_an_unusable_device_is_refused_with_a_way_out(gpu_build: ModuleType) -> None:
    with pytest.raises(MissingDependencyError) as caught:
        check_usable(gpu_build, CUDA)
    assert "device cuda:0 needs libabsent-cublas.so.13" in str(caught.value)
    assert 'pip install "onnxruntime-gpu[cuda,cudnn]"' in caught.value.remedy
    assert "TensorRT" not in caught.value.remedy
    with pytest.raises(
        MissingDependencyError, match=r"libnvabsent\.so\.10.*developer\.nvidia\.com"
    ):
        check_usable(gpu_build, TENSORRT)


def test_a_provider_whose_file_is_missing_is_named(gpu_build: ModuleType) -> None:
    folder = Path(str(gpu_build.__file__)).parent / "capi"
    (folder / "libonnxruntime_providers_cuda.so").unlink()
    assert missing_of(gpu_build, CUDA)[0] == "libonnxruntime_providers_cuda.so"


def test_libraries_without_a_gpu_are_not_enough(
    gpu_build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gpus():
        pytest.skip("this machine has a GPU")
    monkeypatch.setattr("speakersdk.runtime.providers.missing_libraries", lambda _: ())
    with pytest.raises(MissingDependencyError, match=r"GPU 0 .* the driver lists 0"):
        check_usable(gpu_build, CUDA)


def test_a_cpu_build_has_no_such_provider() -> None:
    cpu_build = ModuleType("onnxruntime")
    vars(cpu_build).update(get_available_providers=lambda: ["CPUExecutionProvider"])
    with pytest.raises(MissingDependencyError, match=r"has no CUDA.*has CPU.*speakersdk\[gpu\]"):
        check_usable(cpu_build, CUDA)
    check_usable(cpu_build, ComputeDevice("cpu"))


def test_cuda_searches_heuristically_and_leaves_tf32_off() -> None:
    (cuda, options), (cpu, _) = provider_options(ComputeDevice("cuda", 3), precision="fp32")
    assert (cuda, cpu) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert options == {"device_id": "3", "cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    with_tf32 = provider_options(CUDA, precision="tf32")
    assert with_tf32[0][1]["use_tf32"] == "1"


def test_tensorrt_builds_for_one_shape_and_keeps_the_engine(tmp_path: Path) -> None:
    (tensorrt, options), (cuda, _), (cpu, _) = provider_options(
        TENSORRT,
        precision="fp16",
        shapes={"samples": (1, 1841), "cache": (1, 8960)},
        engine_folder=tmp_path,
    )
    assert [tensorrt, cuda, cpu] == list(reversed(PROVIDERS.values()))
    profile = "samples:1x1841,cache:1x8960"
    assert {options[f"trt_profile_{bound}_shapes"] for bound in ("min", "opt", "max")} == {profile}
    assert options["trt_fp16_enable"] == options["trt_engine_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == str(tmp_path)


def test_without_a_folder_no_engine_is_kept() -> None:
    options = provider_options(TENSORRT, precision="fp32")[0][1]
    assert options == {"device_id": "1", "trt_fp16_enable": "0"}


def test_tensorrt_is_kept_from_tf32_by_the_only_way_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    for device, precision in ((CUDA, "fp32"), (TENSORRT, "tf32"), (ComputeDevice("cpu"), "fp32")):
        switch_tf32_off(device, precision)
        assert "NVIDIA_TF32_OVERRIDE" not in os.environ
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    switch_tf32_off(TENSORRT, "fp32")
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "1"
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    switch_tf32_off(TENSORRT, "fp32")
    assert os.environ.pop("NVIDIA_TF32_OVERRIDE") == "0"
