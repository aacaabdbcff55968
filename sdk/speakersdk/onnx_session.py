"""The only door to onnxruntime: sessions that run where they were asked to, or say why not.

    open_session(path, device) -> OnnxSession -> run(feeds) -> outputs by name

onnxruntime is imported when the first session is opened, after its telemetry was switched off.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.errors import ConfigError, InferenceError, MissingDependencyError

_TELEMETRY_SWITCH: Final = "ORT_DISABLE_TELEMETRY"
_DEVICE: Final = re.compile(r"cpu|cuda(?::(\d+))?")
# Errors only: warnings about single operators mean nothing to someone who verifies a voice.
_LOG_SEVERITY_ERROR: Final = 3


class OnnxSession:
    """A loaded ONNX file on one device.

    Attributes:
        device: as asked for.
        providers: execution providers in use, first choice first.
        metadata: the file's own metadata properties.
        inputs, outputs: name -> shape; a size that may vary is a string or None.
    """

    def __init__(self, session: Any, *, device: str) -> None:
        self._session = session
        self.device = device
        self.providers: tuple[str, ...] = tuple(session.get_providers())
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.inputs = {value.name: tuple(value.shape) for value in session.get_inputs()}
        self.outputs = {value.name: tuple(value.shape) for value in session.get_outputs()}

    def run(self, feeds: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Any]:
        """Run the graph once.

        Args:
            feeds: an array for every input.

        Returns:
            An array for every output.

        Raises:
            InferenceError: onnxruntime refused the feeds or failed.
        """
        with _translated("cannot run the model"):
            outputs = self._session.run(None, feeds)
        return dict(zip(self.outputs, outputs, strict=True))

    def bind(
        self,
        inputs: Mapping[str, npt.NDArray[np.float32]],
        outputs: Mapping[str, npt.NDArray[np.float32]],
    ) -> Callable[[], None]:
        """Tie arrays to the graph's inputs and outputs, for a call that is made over and over.

        Args:
            inputs: contiguous arrays that hold the feeds whenever the call is made.
            outputs: contiguous arrays of the right shapes that it fills.

        Returns:
            The call; it keeps the arrays alive and raises InferenceError as `run` does.
        """
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        arrays = (dict(inputs), dict(outputs))

        def run() -> None:
            with _translated("cannot run the model"):
                self._session.run_with_iobinding(binding)

        # The graph knows the arrays by address: they must live as long as the call.
        run.arrays = arrays  # type: ignore[attr-defined]
        return run


def open_session(
    path: str | os.PathLike[str], *, device: str = "cpu", num_threads: int = 1
) -> OnnxSession:
    """Load an ONNX file.

    Args:
        path: the file.
        device: ``cpu``, ``cuda`` (the first GPU) or ``cuda:N``.
        num_threads: threads of one inference on the CPU. One thread is fastest for 100 ms hops.

    Raises:
        ConfigError: unknown device or thread count.
        MissingDependencyError: no onnxruntime, or one without the asked-for provider.
        InferenceError: the file cannot be loaded, or the device cannot be used.
    """
    device_match = _DEVICE.fullmatch(device)
    if not device_match:
        raise ConfigError(f"expected device cpu, cuda or cuda:N, got {device!r}")
    if num_threads < 1:
        raise ConfigError(f"expected num_threads >= 1, got {num_threads}")
    if not Path(path).is_file():
        raise InferenceError(f"expected an ONNX file at {os.fspath(path)}, found none")
    onnxruntime = _import_onnxruntime()
    preload_messages = ""
    if device == "cpu":
        providers: list[tuple[str, dict[str, str]]] = [("CPUExecutionProvider", {})]
    else:
        providers = _cuda_providers(onnxruntime, device_id=device_match[1] or "0")
        preload_messages = _preload_cuda(onnxruntime)
    with _translated(f"cannot load {os.fspath(path)}"):
        session = onnxruntime.InferenceSession(
            os.fspath(path),
            _session_options(onnxruntime, num_threads),
            providers=providers,
            enable_fallback=0,  # on failure, raise: by default Python retries on the CPU
        )
    wanted, active = providers[0][0], session.get_providers()
    if wanted not in active:  # the native library, too, drops a provider that fails to load
        raise InferenceError(
            f"expected {wanted} for device {device!r}, got {', '.join(active)}; "
            f"check the GPU driver and its libraries. {preload_messages}".rstrip()
        )
    return OnnxSession(session, device=device)


def _session_options(onnxruntime: ModuleType, num_threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    # Idle threads sleep: a listener must not burn a core between two hops.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _LOG_SEVERITY_ERROR
    return options


def _cuda_providers(onnxruntime: ModuleType, device_id: str) -> list[tuple[str, dict[str, str]]]:
    available = onnxruntime.get_available_providers()
    if "CUDAExecutionProvider" not in available:
        raise MissingDependencyError(
            f"this onnxruntime has no CUDAExecutionProvider (it has {', '.join(available)})",
            remedy='pip uninstall onnxruntime, then pip install "speakersdk[gpu]"',
        )
    options = {
        "device_id": device_id,
        # Exhaustive search, the default, stalls for 0.3-0.5 s at every new input length.
        "cudnn_conv_algo_search": "HEURISTIC",
        # TF32 moves embeddings by 2.5e-3, so that CPU and GPU would disagree.
        "use_tf32": "0",
    }
    # The CPU provider stays for the few operators on shapes that CUDA leaves to it.
    return [("CUDAExecutionProvider", options), ("CPUExecutionProvider", {})]


def _preload_cuda(onnxruntime: ModuleType) -> str:
    """Load the CUDA libraries of the NVIDIA packages; returns what onnxruntime printed of it."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        onnxruntime.preload_dlls(directory="")
    return " ".join(printed.getvalue().split())


def _import_onnxruntime() -> ModuleType:
    """Import onnxruntime with its telemetry off, unless the user has set the switch."""
    if _TELEMETRY_SWITCH not in os.environ:
        if "onnxruntime" in sys.modules:
            warnings.warn(
                f"onnxruntime was imported before speakersdk and without {_TELEMETRY_SWITCH}=1, so "
                "its telemetry may be on; set the variable before the first import",
                stacklevel=3,
            )
        os.environ[_TELEMETRY_SWITCH] = "1"
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise MissingDependencyError(
            "onnxruntime is not installed",
            remedy='pip install "speakersdk[cpu]" or, for NVIDIA GPUs, '
            'pip install "speakersdk[gpu]"',
        ) from error
    module: ModuleType = onnxruntime
    return module


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn onnxruntime's errors, which share no base class, into InferenceError."""
    try:
        yield
    except Exception as error:
        raise InferenceError(f"{what}: {error}") from error
