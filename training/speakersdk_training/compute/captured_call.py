"""GPU work of a function call, captured once and replayed as one CUDA graph.

Drawing and augmenting a batch takes hundreds of small kernels. Launching them one by one takes the
host longer than the GPU needs to run them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

T = TypeVar("T")

_WARM_UP = 3  # calls before the capture: libraries make their plans and workspaces in the first


class CapturedCall(Generic[T]):
    """A function without arguments whose GPU work is replayed.

    The function must not wait for the device. It must take all random numbers from one generator
    and read changing values from tensors that stay at the same address. The next call overwrites
    the result.
    """

    def __init__(self, call: Callable[[], T], generator: torch.Generator) -> None:
        """Warm up the function and capture its work.

        Args:
            call: the function to capture.
            generator: its random generator on the GPU, which advances with every replay.
        """
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                call()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):
            self._result = call()

    def __call__(self) -> T:
        """Replay the captured work and return its result."""
        self._graph.replay()
        return self._result
