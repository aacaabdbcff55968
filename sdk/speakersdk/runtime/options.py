"""How and where a model file is to be run, checked before anything is loaded.

"cuda:1" -> ComputeDevice("cuda", 1) -> CUDAExecutionProvider, with CPUExecutionProvider behind it
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final, Literal, get_args

from speakersdk.errors import ConfigError

Kind = Literal["cpu", "cuda", "tensorrt"]
# Arithmetic of the encoder; what goes in and comes out is float32 in any case.
Precision = Literal["fp32", "tf32", "fp16"]

AUTO: Final = "auto"
PROVIDERS: Final[dict[Kind, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# In the order in which onnxruntime is to offer them the graph. The CPU provider is always the last:
# it runs what the others refuse.
_CHAINS: Final[dict[Kind, tuple[Kind, ...]]] = {
    "cpu": ("cpu",),
    "cuda": ("cuda", "cpu"),
    "tensorrt": ("tensorrt", "cuda", "cpu"),
}
# TF32 rounds the factors of products to 10 bits and moves embeddings by 2.5e-3: only where wanted.
_PRECISIONS: Final[dict[Kind, tuple[Precision, ...]]] = {
    "cpu": ("fp32",),
    "cuda": ("fp32", "tf32"),
    "tensorrt": ("fp32", "tf32", "fp16"),
}
_DEVICE: Final = re.compile(r"cpu|(cuda|tensorrt)(?::(\d+))?")
# Errors only: warnings about single operators mean nothing to someone who verifies a voice.
_LOG_SEVERITY_ERROR: Final = 3


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """A processor that can run a model.

    Attributes:
        kind: ``cpu``, ``cuda`` or ``tensorrt``.
        index: of the GPU; 0 on the CPU.
    """

    kind: Kind
    index: int = 0

    @property
    def name(self) -> str:
        """As the user writes it."""
        return "cpu" if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def provider(self) -> str:
        """The execution provider that must run the model."""
        return PROVIDERS[self.kind]

    @property
    def chain(self) -> tuple[ComputeDevice, ...]:
        """This device and those that run what it refuses, in onnxruntime's order."""
        return tuple(
            ComputeDevice(kind, 0 if kind == "cpu" else self.index) for kind in _CHAINS[self.kind]
        )

    def supports(self, precision: Precision) -> bool:
        """Whether this device can compute so."""
        return precision in _PRECISIONS[self.kind]

    def check_precision(self, precision: Precision) -> None:
        """Refuse what this device cannot do.

        Raises:
            ConfigError: the precision is not one of this device.
        """
        if not self.supports(precision):
            raise ConfigError(
                f"expected precision {' or '.join(_PRECISIONS[self.kind])} on {self.name}, "
                f"got {precision!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a file is to be run.

    Attributes:
        device: as asked for.
        strict: whether nothing but that device will do; None = yes, unless it is ``auto``.
        precision: of the encoder's arithmetic, see `Precision`.
        num_threads: threads of one inference on the CPU, at most as many as the machine has
            processors. One is fastest for 100 ms hops.
        fixed_shapes: whether a session runs one shape only; None = where a new shape stalls, which
            is everywhere but on the CPU.
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
        candidates(self.device, strict=self.strict)  # an unknown device is refused at once

    @property
    def is_strict(self) -> bool:
        """Whether nothing but the named device will do."""
        return self.device != AUTO if self.strict is None else self.strict

    def on(self, device: ComputeDevice) -> SessionOptions:
        """These options on a device that may stand in for another: fp32 is precise enough for all.

        Raises:
            ConfigError: the device was named, and does not have the precision.
        """
        if self.is_strict:
            device.check_precision(self.precision)
        return self if device.supports(self.precision) else replace(self, precision="fp32")

    def native(self, onnxruntime: ModuleType) -> Any:
        """What onnxruntime takes beside the providers."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.num_threads
        options.inter_op_num_threads = 1
        # Idle threads sleep: a listener must not burn a core between two hops.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        options.log_severity_level = _LOG_SEVERITY_ERROR
        return options


def candidates(device: str, *, strict: bool | None) -> tuple[ComputeDevice, ...]:
    """Devices to try in turn; a single one means that nothing else will do.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N``, ``tensorrt``, ``tensorrt:N`` or ``auto``.
        strict: whether nothing but the named device will do; None = yes, unless it is ``auto``.

    Raises:
        ConfigError: an unknown device, or ``auto`` together with strict.
    """
    if device == AUTO:
        if strict:
            raise ConfigError(
                "expected a named device together with strict=True, got auto, which chooses; "
                "name one or leave strict out"
            )
        # TensorRT has to be asked for by name: it builds its engine for a minute first.
        return ComputeDevice("cuda").chain
    match = _DEVICE.fullmatch(device)
    if match is None:
        raise ConfigError(
            f"expected device cpu, cuda, cuda:N, tensorrt, tensorrt:N or auto, got {device!r}"
        )
    kind = next(kind for kind in get_args(Kind) if kind == (match[1] or "cpu"))
    named = ComputeDevice(kind, int(match[2] or 0))
    return named.chain if strict is False else (named,)


def _check_num_threads(num_threads: int) -> None:
    """Refuse what is no number of threads: more than one per processor only costs time."""
    is_integer = isinstance(num_threads, int) and not isinstance(num_threads, bool)
    most = os.cpu_count() or 1
    if not is_integer or not 1 <= num_threads <= most:
        raise ConfigError(
            f"expected num_threads of 1 to {most}, the processors of this machine, got "
            f"{num_threads!r}; one thread is fastest for live streams"
        )
