"""Options for running a model file, checked before anything is loaded.

"cuda:1" -> ComputeDevice("cuda", 1) -> CUDAExecutionProvider, then CPUExecutionProvider
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final, Literal, get_args

from speakersdk.errors import ConfigError

Kind = Literal["cpu", "cuda", "tensorrt"]
# Arithmetic of the encoder. Inputs and outputs are always float32.
Precision = Literal["fp32", "tf32", "fp16"]

AUTO: Final = "auto"
PROVIDERS: Final[dict[Kind, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# In the order in which onnxruntime offers them the graph. The CPU provider runs the operators that
# the others refuse.
_CHAINS: Final[dict[Kind, tuple[Kind, ...]]] = {
    "cpu": ("cpu",),
    "cuda": ("cuda", "cpu"),
    "tensorrt": ("tensorrt", "cuda", "cpu"),
}
# TF32 rounds factors to 10 bits and changes embeddings by 2.5e-3. It is used only on request.
_PRECISIONS: Final[dict[Kind, tuple[Precision, ...]]] = {
    "cpu": ("fp32",),
    "cuda": ("fp32", "tf32"),
    "tensorrt": ("fp32", "tf32", "fp16"),
}
_DEVICE: Final = re.compile(r"cpu|(cuda|tensorrt)(?::(\d+))?")
# Errors only: users cannot act on warnings about single operators.
_LOG_SEVERITY_ERROR: Final = 3


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """A processor that can run a model.

    Attributes:
        kind: ``cpu``, ``cuda`` or ``tensorrt``.
        index: index of the GPU; 0 for the CPU.
    """

    kind: Kind
    index: int = 0

    @property
    def name(self) -> str:
        """The name of the device as users write it."""
        return "cpu" if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def provider(self) -> str:
        """The execution provider that must run the model."""
        return PROVIDERS[self.kind]

    @property
    def chain(self) -> tuple[ComputeDevice, ...]:
        """This device, then the devices that run the operators that it refuses."""
        return tuple(
            ComputeDevice(kind, 0 if kind == "cpu" else self.index) for kind in _CHAINS[self.kind]
        )

    def supports(self, precision: Precision) -> bool:
        """Return whether this device supports a precision."""
        return precision in _PRECISIONS[self.kind]

    def check_precision(self, precision: Precision) -> None:
        """Check that this device supports a precision.

        Raises:
            ConfigError: the device does not support it.
        """
        if not self.supports(precision):
            raise ConfigError(
                f"expected precision {' or '.join(_PRECISIONS[self.kind])} on {self.name}, "
                f"got {precision!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """Options for running a model file.

    Attributes:
        device: ``cpu``, ``cuda``, ``cuda:N``, ``tensorrt``, ``tensorrt:N`` or ``auto``.
        strict: whether to refuse other devices than this one; None means yes, except for ``auto``.
        precision: arithmetic of the encoder, see `Precision`.
        num_threads: threads of one inference on the CPU, at most the number of processors. One is
            fastest for 100 ms hops.
        fixed_shapes: whether a session runs a single shape; None means on every device except the
            CPU, where new shapes are fast.
    """

    device: str = "cpu"
    strict: bool | None = None
    precision: Precision = "fp32"
    num_threads: int = 1
    fixed_shapes: bool | None = None

    def __post_init__(self) -> None:
        _check_num_threads(self.num_threads)
        if self.precision not in get_args(Precision):
            raise ConfigError(
                f"expected precision {', '.join(get_args(Precision))}, got {self.precision!r}"
            )
        candidates(self.device, strict=self.strict)  # refuse unknown devices

    @property
    def is_strict(self) -> bool:
        """Whether other devices than the named one are refused."""
        return self.device != AUTO if self.strict is None else self.strict

    def on(self, device: ComputeDevice) -> SessionOptions:
        """Return the options for one of the candidate devices; unsupported precisions become fp32.

        Raises:
            ConfigError: the device was named but does not support the precision.
        """
        if self.is_strict:
            device.check_precision(self.precision)
        return self if device.supports(self.precision) else replace(self, precision="fp32")

    def native(self, onnxruntime: ModuleType) -> Any:
        """Return the session options of onnxruntime."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.num_threads
        options.inter_op_num_threads = 1
        # Idle threads sleep, because a live stream must not keep a core busy between hops.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        options.log_severity_level = _LOG_SEVERITY_ERROR
        return options


def candidates(device: str, *, strict: bool | None) -> tuple[ComputeDevice, ...]:
    """List the devices to try, in order.

    Args:
        device, strict: as for `SessionOptions`.

    Raises:
        ConfigError: the device is unknown, or is ``auto`` together with strict.
    """
    if device == AUTO:
        if strict:
            raise ConfigError(
                "expected a named device together with strict=True, got auto, which chooses; "
                "name one or leave strict out"
            )
        # TensorRT is used only by name, because building its engine takes a minute.
        return ComputeDevice("cuda").chain
    match = _DEVICE.fullmatch(device) if isinstance(device, str) else None
    if match is None:
        raise ConfigError(
            f"expected device cpu, cuda, cuda:N, tensorrt, tensorrt:N or auto, got {device!r}"
        )
    kind = next(kind for kind in get_args(Kind) if kind == (match[1] or "cpu"))
    chosen = ComputeDevice(kind, int(match[2] or 0))
    return chosen.chain if strict is False else (chosen,)


def _check_num_threads(num_threads: int) -> None:
    """Check the number of threads. More threads than processors only cost time."""
    is_integer = isinstance(num_threads, int) and not isinstance(num_threads, bool)
    maximum = os.cpu_count() or 1
    if not is_integer or not 1 <= num_threads <= maximum:
        raise ConfigError(
            f"expected num_threads from 1 to {maximum}, the number of processors, got "
            f"{num_threads!r}; one thread is fastest for live streams"
        )
