"""How a model file is to be run, checked before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final, get_args

from speakersdk.errors import ConfigError
from speakersdk.runtime.compute_device import AUTO, ComputeDevice, Precision, candidates

# Errors only: warnings about single operators mean nothing to someone who verifies a voice.
_LOG_SEVERITY_ERROR: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a file is to be run.

    Attributes:
        device: as asked for.
        strict: whether nothing but that device will do; None = yes, unless it is ``auto``.
        precision: see `speakersdk.runtime.compute_device.Precision`.
        num_threads: threads of one inference on the CPU. One is fastest for 100 ms hops.
        fixed_shapes: whether a session runs one shape only; None = where a new shape stalls, which
            is everywhere but on the CPU.
    """

    device: str = "cpu"
    strict: bool | None = None
    precision: Precision = "fp32"
    num_threads: int = 1
    fixed_shapes: bool | None = None

    def __post_init__(self) -> None:
        if self.num_threads < 1:
            raise ConfigError(f"expected num_threads >= 1, got {self.num_threads}")
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
