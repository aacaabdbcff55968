"""Repeated calls of one shape in memory that is allocated once.

host arrays -> inputs on the device -> graph -> outputs on the device -> host arrays
                       ^ carried outputs <---|
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.errors import InferenceError

Arrays = Mapping[str, npt.NDArray[np.float32]]
_ELEMENT: Final = np.float32


@dataclass(frozen=True, slots=True)
class Carried:
    """State that stays on the device: an output that is an input of the next call.

    Attributes:
        output: name of the output.
        shape: shape of the output and the input.
    """

    output: str
    shape: tuple[int, ...]


class BoundCall:
    """A call of a graph with the same arrays every time.

    On the CPU the graph reads and writes the arrays in place. On other devices a call copies the
    inputs to the device first, because onnxruntime reads them only when they are bound. Outputs are
    copied back on request.
    """

    def __init__(
        self,
        session: Any,
        ort_value: Any,
        *,
        device: tuple[str, int],
        inputs: Arrays,
        outputs: Arrays,
        carried: Mapping[str, Carried],
        in_place: bool,
    ) -> None:
        """Bind the memory.

        Args:
            session: the session of onnxruntime.
            ort_value: the class OrtValue of onnxruntime.
            device: name and index of the device in onnxruntime.
            inputs: contiguous arrays that contain the feeds at every call.
            outputs: contiguous arrays of the right shapes that calls fill.
            carried: state by the name of its input; zero in the first call.
            in_place: whether the device works on host memory.

        Raises:
            InferenceError: onnxruntime refused the arrays.
        """
        self._session = session
        # The graph keeps addresses, and therefore the arrays must live as long as this object.
        self._inputs, self._outputs = dict(inputs), dict(outputs)
        make = ort_value.ortvalue_from_shape_and_type
        self._carried = [
            (name, state.output, [make(state.shape, _ELEMENT, *device) for _ in range(2)])
            for name, state in carried.items()
        ]
        self._device_inputs = {} if in_place else _values(make, inputs, device)
        self._device_outputs = {} if in_place else _values(make, outputs, device)
        # Carried state alternates between two places.
        turns = (0, 1) if carried else (0,)
        self._bindings = [self._binding(turn) for turn in turns]
        self._turn = 0
        self.reset()

    def reset(self) -> None:
        """Set the carried state to zero."""
        for _, _, places in self._carried:
            places[self._turn].update_inplace(np.zeros(places[0].shape(), _ELEMENT))

    def __call__(
        self, changed: Iterable[str] | None = None, wanted: Iterable[str] | None = None
    ) -> None:
        """Run the graph.

        Args:
            changed: inputs to copy to the device; None means all.
            wanted: outputs to copy to the host; None means all. Others may be out of date.

        Raises:
            InferenceError: onnxruntime failed.
        """
        with translated("cannot run the model"):
            if self._device_inputs:
                for name in self._inputs if changed is None else changed:
                    self._device_inputs[name].update_inplace(self._inputs[name])
            self._session.run_with_iobinding(self._bindings[self._turn])
            self._turn = (self._turn + 1) % len(self._bindings)
            if self._device_outputs:
                for name in self._outputs if wanted is None else wanted:
                    np.copyto(self._outputs[name], self._device_outputs[name].numpy())

    def _binding(self, turn: int) -> Any:
        binding = self._session.io_binding()
        for name, array in self._inputs.items():
            if name in self._device_inputs:
                binding.bind_ortvalue_input(name, self._device_inputs[name])
            else:
                binding.bind_input(name, "cpu", 0, _ELEMENT, array.shape, array.ctypes.data)
        for name, array in self._outputs.items():
            if name in self._device_outputs:
                binding.bind_ortvalue_output(name, self._device_outputs[name])
            else:
                binding.bind_output(name, "cpu", 0, _ELEMENT, array.shape, array.ctypes.data)
        for name, output, places in self._carried:
            binding.bind_ortvalue_input(name, places[turn])
            binding.bind_ortvalue_output(output, places[1 - turn])
        return binding


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate the errors of onnxruntime, which have no common base class, to InferenceError."""
    try:
        yield
    except Exception as error:
        raise InferenceError(f"{what}: {error}") from error


def _values(make: Any, arrays: Arrays, device: tuple[str, int]) -> dict[str, Any]:
    return {name: make(array.shape, _ELEMENT, *device) for name, array in arrays.items()}
