"""Where a model runs: the device that was asked for, and which onnxruntime provider it stands for.

"cuda:1" -> ComputeDevice("cuda", 1) -> CUDAExecutionProvider, with CPUExecutionProvider behind it
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

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
