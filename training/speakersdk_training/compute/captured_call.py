"""A call's work on the GPU, captured once and replayed as one CUDA graph.

Drawing and augmenting a batch takes hundreds of small kernels; to launch them one by one takes the
host longer than the GPU needs to run them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

T = TypeVar("T")

_WARM_UP = 3  # calls before the capture: libraries make their plans and workspaces in the first


class CapturedCall(Generic[T]):
    """Replays what a call without arguments did to tensors on the GPU.

    The call must not wait for the device, take random numbers from one generator alone, and read
    what changes from tensors that stay where they are. Its result is overwritten by the next call.
    """

    def __init__(self, call: Callable[[], T], generator: torch.Generator) -> None:
        """Warm up and capture.

        Args:
            call: whose work is captured.
            generator: of its random numbers, on the GPU; goes on with every replay.
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
        """The result of doing it all again."""
        self._graph.replay()
        return self._result
