"""Execution providers of onnxruntime: whether they can be used, and their options.

compiled in? -> libraries load? -> GPU present? -> options in the order of preference
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

from speakersdk.errors import MissingDependencyError
from speakersdk.runtime.libraries import gpus, missing_libraries, needed_libraries
from speakersdk.runtime.options import ComputeDevice, Precision

Shapes = Mapping[str, tuple[int, ...]]

# The CUDA provider opens cuDNN at the first convolution, and its ELF file does not list it. The
# file of the TensorRT provider lists it with the version.
_CUDNN: Final = "libcudnn.so"
# onnxruntime and onnxruntime-gpu contain the same module. Each overwrites files of the other, and
# uninstalling either removes them. Both are therefore uninstalled before one is installed.
_UNINSTALL_BOTH: Final = "pip uninstall --yes onnxruntime onnxruntime-gpu"
CPU_PACKAGE: Final = f"{_UNINSTALL_BOTH} && pip install onnxruntime"
GPU_PACKAGE: Final = (
    f'pip install "speakersdk[gpu]" && {_UNINSTALL_BOTH} && pip install --no-deps onnxruntime-gpu'
)
_CUDA_PACKAGES: Final = (
    'pip install "onnxruntime-gpu[cuda,cudnn]" brings the CUDA and cuDNN libraries'
)
_DRIVER_REMEDY: Final = "libcuda.so.1 comes with the NVIDIA driver; without a GPU use device cpu"
_TENSORRT_REMEDY: Final = (
    "install TensorRT from NVIDIA, for the CUDA version of this onnxruntime "
    "(developer.nvidia.com/tensorrt; with NVIDIA's apt repository: apt install libnvinfer10 "
    "libnvinfer-plugin10 libnvonnxparsers10), and put its folder on LD_LIBRARY_PATH"
)
# The TensorRT provider has no option for TF32. Its libraries read this variable once.
_TF32_SWITCH: Final = "NVIDIA_TF32_OVERRIDE"


def missing_of(onnxruntime: ModuleType, device: ComputeDevice) -> tuple[str, ...]:
    """List the libraries that a provider needs and that cannot be loaded."""
    _preload_cuda(onnxruntime)
    names = [
        name
        for member in device.chain
        if member.kind != "cpu"
        for name in _needed_by(onnxruntime, member)
    ]
    names += [
        name
        for name in _needed_by(onnxruntime, ComputeDevice("tensorrt"))
        if name.startswith(_CUDNN)
    ]
    return missing_libraries(dict.fromkeys(names))


def check_usable(onnxruntime: ModuleType, device: ComputeDevice) -> None:
    """Check that a device can be used. onnxruntime would silently use another one.

    Raises:
        MissingDependencyError: the provider, a library, the driver or the GPU is missing; the
            message says what to install.
    """
    if device.kind == "cpu":
        return
    available = onnxruntime.get_available_providers()
    if device.provider not in available:
        raise MissingDependencyError(
            f"this onnxruntime has no {device.provider} (it has {', '.join(available)})",
            remedy=GPU_PACKAGE,
        )
    if missing := missing_of(onnxruntime, device):
        raise MissingDependencyError(
            f"device {device.name} needs {', '.join(missing)}, which cannot be loaded",
            remedy="; ".join(_remedies(missing)),
        )
    if device.index >= (found := len(gpus())):
        raise MissingDependencyError(
            f"expected GPU {device.index} for device {device.name}, the driver lists {found}",
            remedy="GPUs are counted from 0 (nvidia-smi lists them, CUDA_VISIBLE_DEVICES can hide "
            "some); without a GPU use device cpu",
        )


def provider_options(
    device: ComputeDevice,
    *,
    precision: Precision,
    shapes: Shapes | None = None,
    engine_folder: Path | None = None,
) -> list[tuple[str, dict[str, str]]]:
    """Return providers and their options for onnxruntime, in order of preference.

    Args:
        device: the requested device.
        precision: see `speakersdk.runtime.options.Precision`.
        shapes: shape of every input; TensorRT builds an engine for these shapes only.
        engine_folder: folder in which TensorRT stores engines; None means that it stores none.
    """
    options: dict[str, dict[str, str]] = {
        "cpu": {},
        "cuda": {
            "device_id": str(device.index),
            # The default, an exhaustive search, takes 0.3-0.5 s for every new input length.
            "cudnn_conv_algo_search": "HEURISTIC",
            "use_tf32": "1" if precision == "tf32" else "0",
        },
        "tensorrt": _tensorrt_options(device, precision, shapes, engine_folder),
    }
    return [(member.provider, options[member.kind]) for member in device.chain]


def switch_tf32_off(device: ComputeDevice, precision: Precision) -> None:
    """Disable TF32 in TensorRT for the whole process, unless the user has set the variable."""
    if device.kind == "tensorrt" and precision == "fp32":
        os.environ.setdefault(_TF32_SWITCH, "0")


def _tensorrt_options(
    device: ComputeDevice, precision: Precision, shapes: Shapes | None, engine_folder: Path | None
) -> dict[str, str]:
    options = {
        "device_id": str(device.index),
        "trt_fp16_enable": "1" if precision == "fp16" else "0",
    }
    if shapes is not None:
        # Only one shape, because TensorRT rebuilds the engine of a range for every shape outside
        # it.
        profile = ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes.items())
        options |= {f"trt_profile_{bound}_shapes": profile for bound in ("min", "opt", "max")}
    if engine_folder is not None:
        folder = os.fspath(engine_folder)
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": folder,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": folder,
        }
    return options


def _remedies(missing: tuple[str, ...]) -> list[str]:
    """Describe how to install the missing libraries, without repetition."""
    remedies: dict[str, None] = {}
    for name in missing:
        if name.startswith("libcuda."):
            remedies[_DRIVER_REMEDY] = None
        elif name.startswith("libnv"):
            remedies[_TENSORRT_REMEDY] = None
        else:
            remedies[_CUDA_PACKAGES] = None
    return list(remedies)


def _needed_by(onnxruntime: ModuleType, device: ComputeDevice) -> tuple[str, ...]:
    """List the libraries that a device's provider needs, or the provider if it is missing."""
    folder = Path(str(onnxruntime.__file__)).parent / "capi"
    path = folder / f"libonnxruntime_providers_{device.kind}.so"
    return needed_libraries(path) if path.is_file() else (path.name,)


def _preload_cuda(onnxruntime: ModuleType) -> None:
    """Load the CUDA libraries of the NVIDIA packages. `missing_of` reports those that fail."""
    with contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls(directory="")
