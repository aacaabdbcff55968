"""Any arrays as arguments of every compiled function: a result, or TypeError or ValueError."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from fuzz_driver import fuzz

from speakersdk import _native

DTYPES = ["<f4", "<f2", "|i1", "<f8", ">f4", "<i4"]
PAIR = ["symmetric_kl", "symmetric_kl_positive"]
FUNCTIONS = [
    *PAIR,
    *[f"{name}_to_many" for name in PAIR],
    *[f"{name}_matrix" for name in PAIR],
    "symmetric_kl_pairs",
    "log_probabilities",
    "gallery_scores",
    "gallery_search",
    "Cohort",
]


class Bytes:
    """The bytes of the fuzzer, taken from the front. Zeros follow the last one."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, num: int) -> bytes:
        taken, self.data = self.data[:num], self.data[num:]
        return taken + bytes(num - len(taken))

    def number(self, limit: int) -> int:
        return self.take(1)[0] % limit

    def array(self) -> Any:
        """Make an array of any type and a rank of up to 3, which may be strided or unaligned."""
        choice = self.number(16)
        dtype = np.dtype(DTYPES[choice % 6 if choice > 8 else 0])
        rank = self.number(4)
        shape = tuple(self.number(40) for _ in range(rank))
        size = int(np.prod(shape)) * dtype.itemsize
        values = np.frombuffer(b"\0" + self.take(min(size, 512)).ljust(size, b"\x3d"), np.uint8)
        array = values[1:].view(dtype) if choice == 15 else values[1:].copy().view(dtype)
        array = array.reshape(shape)
        return array[..., ::2] if choice == 14 and rank else array


def target(data: bytes) -> None:
    """Call one function."""
    source = Bytes(data)
    name = FUNCTIONS[source.number(len(FUNCTIONS))]
    arguments: list[Any] = [source.array()]
    if name.startswith("symmetric_kl"):
        arguments.append(source.array())
        if name.endswith("_pairs"):
            arguments.append(source.number(4))
    elif name.startswith("gallery"):
        probe = arguments[0]
        if source.number(2) and probe.ndim:  # matching rows, which are rare by chance
            stride = -(-probe.shape[-1] // 16) * 16
            num = source.number(20)
            values = np.frombuffer(source.take(num * stride), np.int8).reshape(num, stride)
            kind = source.number(3)
            arguments.append(values if kind == 0 else values.astype(["f2", "f4"][kind - 1]))
            arguments.append(np.ones(num, np.float32) if kind == 0 else None)
        else:
            arguments += [source.array(), source.array() if source.number(2) else None]
        if name == "gallery_search":
            kept = arguments[1].astype(np.float32) if source.number(2) else source.array()
            arguments.append(kept if source.number(2) else None)
        arguments.append(bool(source.number(2)))
        if name == "gallery_search":
            k = source.number(50)
            arguments += [k, k + source.number(50)]
        arguments.append(source.number(4))
    elif name == "Cohort":
        telephone = source.number(5)
        arguments += [source.number(5), source.number(9), telephone or None, 0.5]
    with contextlib.suppress(TypeError, ValueError), np.errstate(all="ignore"):
        made = getattr(_native, name)(*arguments)
        if name == "Cohort":
            made.nearness(source.array() if source.number(2) else arguments[0])


if __name__ == "__main__":
    fuzz(target, [bytes([i]) + b"\0\2\3\5" * 40 for i in range(len(FUNCTIONS))])
