"""GPU work of a function call, captured once and replayed as one CUDA graph.

A training step takes about two thousand small kernels. Launching them one by one takes the host
longer than the GPU needs to run them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

T = TypeVar("T")

_WARM_UP = 3  # calls before the capture, in which libraries make their plans and workspaces


class CapturedCall(Generic[T]):
    """A function without arguments whose GPU work is replayed.

    The function must not wait for the device, and must read changing values from tensors that stay
    at the same address. The first calls run as usual; the next call overwrites a replayed result.
    """

    def __init__(self, call: Callable[[], T], *generators: torch.Generator) -> None:
        """Prepare to call a function.

        Args:
            call: the function to capture.
            generators: its random generators on the GPU other than torch's default one; they
                advance with every replay.
        """
        self._call = call
        self._generators = generators
        self._num_calls = 0
        self._side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph = torch.cuda.CUDAGraph()
        self._result: T | None = None

    def __call__(self) -> T:
        """Do the work once, and return its result."""
        self._num_calls += 1
        if self._num_calls <= _WARM_UP:
            return self._warm_up()
        if self._result is None:
            for generator in self._generators:
                self._graph.register_generator_state(generator)
            with torch.cuda.graph(self._graph):  # which records the work without doing it
                self._result = self._call()
        self._graph.replay()
        return self._result

    def _warm_up(self) -> T:
        """Call the function on a stream of its own, as a capture does."""
        self._side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._side):
            result = self._call()
        torch.cuda.current_stream().wait_stream(self._side)
        return result
