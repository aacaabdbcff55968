"""Sessions of onnxruntime, which run on the requested device or report why not.

    open_session(file, options) -> OnnxSession -> run(feeds) -> outputs by name

This is the only module that imports onnxruntime. It does so when the first session is opened, after
it has disabled telemetry.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn

import numpy as np

from speakersdk.errors import InferenceError, MissingDependencyError
from speakersdk.runtime.bound_call import Arrays, BoundCall, Carried, translated
from speakersdk.runtime.engine_cache import EngineCache, EngineKey
from speakersdk.runtime.libraries import gpus, tensorrt_version
from speakersdk.runtime.options import AUTO, ComputeDevice, SessionOptions, candidates
from speakersdk.runtime.providers import (
    CPU_PACKAGE,
    GPU_PACKAGE,
    Shapes,
    check_usable,
    provider_options,
    switch_tf32_off,
)
from speakersdk.text import os_error_text

TELEMETRY_SWITCH: Final = "ORT_DISABLE_TELEMETRY"
# Operators with weights do almost all of the work. A device runs the model only if it runs all of
# them.
_WEIGHTY: Final = frozenset({"Conv", "Gemm", "MatMul", "LSTM"})


@dataclass(frozen=True, slots=True, repr=False)
class ModelFile:
    """The bytes of a model file, shared by its sessions even if the file changes.

    Attributes:
        path: the file.
        content: the bytes of the file.
    """

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ModelFile:
        """Read the file; raises InferenceError if it is missing, unreadable or empty."""
        if not Path(path).is_file():
            raise InferenceError(f"expected an ONNX file at {os.fspath(path)}, found none")
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise InferenceError(f"cannot load {os_error_text(error)}") from error
        if not content:
            raise InferenceError(f"cannot load {os.fspath(path)}: the file is empty; get it again")
        return cls(Path(path), content)


class OnnxSession:
    """A loaded ONNX file on one device.

    Attributes:
        device: the device that runs the model.
        choice: name of the device, and why preferred ones are not used.
        providers: execution providers in the order of preference.
        nodes: number of operators that each provider runs.
        metadata: metadata properties of the file.
        inputs, outputs: shapes by name; a variable size is a string or None.
        shapes: the only input shapes that the device runs; None means any.
        num_calls_on_cpu: number of calls of `run_any_shape` that ran on the CPU.
        engine_cache: state of the TensorRT engine.
    """

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a loaded model cannot be pickled or copied; make a Verifier in each process, such as "
            "in the initializer of a pool, and send voiceprints, which can be pickled"
        )

    def __init__(
        self,
        session: Any,
        runtime: ModuleType,
        file: ModelFile,
        options: SessionOptions,
        device: ComputeDevice,
        shapes: Shapes | None = None,
    ) -> None:
        self._session = session
        self._runtime = runtime
        self._options = options
        self._by_shapes: dict[tuple[tuple[str, tuple[int, ...]], ...], OnnxSession] = {}
        self.num_calls_on_cpu = 0
        self._on_cpu: OnnxSession | None = None
        self.device = device
        self.choice = device.name
        self.engine_cache = "not used"
        self.shapes = dict(shapes) if shapes is not None and self.has_fixed_shapes else None
        # Only a session of fixed shapes opens others, and needs the bytes.
        self._file = file if self.has_fixed_shapes else None
        self.providers: tuple[str, ...] = tuple(session.get_providers())
        self._assigned = [
            (subgraph.ep_name, node.op_type)
            for subgraph in session.get_provider_graph_assignment_info()
            for node in subgraph.get_nodes()
        ]
        self.nodes = dict(Counter(provider for provider, _ in self._assigned))
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.inputs = {value.name: tuple(value.shape) for value in session.get_inputs()}
        self.outputs = {value.name: tuple(value.shape) for value in session.get_outputs()}

    @property
    def has_fixed_shapes(self) -> bool:
        """Whether a session runs only the shapes of `with_shapes`."""
        fixed = self._options.fixed_shapes
        return self.device.kind != "cpu" if fixed is None else fixed

    def with_shapes(self, shapes: Shapes) -> OnnxSession:
        """Return a session for these input shapes, or this one if shapes may vary.

        Sessions are kept, one per shape: cuDNN remembers only the plan of the last shape, and a
        TensorRT engine has a single shape.
        """
        if self._file is None or shapes == self.shapes:
            return self
        key = tuple(sorted(shapes.items()))
        if key not in self._by_shapes:
            session = _open_on(self.device, self._file, self._options, shapes)
            session.choice = self.choice
            self._by_shapes[key] = session
        return self._by_shapes[key]

    def run(self, feeds: Arrays) -> dict[str, Any]:
        """Run the graph once.

        Args:
            feeds: an array for every input; their shapes are `shapes` if that is not None.

        Returns:
            An array for every output.

        Raises:
            InferenceError: onnxruntime refused the feeds or failed.
            ValueError: the shapes differ from the fixed ones.
        """
        self._check_shapes(_shapes(feeds))
        with translated("cannot run the model"):
            outputs = self._session.run(None, feeds)
        return dict(zip(self.outputs, outputs, strict=True))

    def run_any_shape(self, feeds: Arrays) -> dict[str, Any]:
        """Run the graph. Shapes other than the fixed ones, which would be slow, run on the CPU.

        Use it for graphs whose feeds cannot be padded. `report` counts the calls on the CPU.
        """
        if self._file is None or self.shapes in (None, _shapes(feeds)):
            return self.run(feeds)
        if self._on_cpu is None:
            options = replace(self._options, precision="fp32", fixed_shapes=False)
            self._on_cpu = _open_on(ComputeDevice("cpu"), self._file, options, None)
        self.num_calls_on_cpu += 1
        return self._on_cpu.run(feeds)

    def bind(
        self, inputs: Arrays, outputs: Arrays, carried: Mapping[str, Carried] | None = None
    ) -> BoundCall:
        """Bind arrays to the inputs and outputs of the graph for repeated calls.

        Args:
            inputs, outputs, carried: as for `BoundCall`.

        Raises:
            InferenceError: onnxruntime refused the arrays.
            ValueError: the shapes differ from the fixed ones.
        """
        carried = carried or {}
        self._check_shapes(_shapes(inputs) | {name: state.shape for name, state in carried.items()})
        is_cpu = self.device.kind == "cpu"
        with translated("cannot run the model"):
            return BoundCall(
                self._session,
                self._runtime.OrtValue,
                device=("cpu", 0) if is_cpu else ("cuda", self.device.index),
                inputs=inputs,
                outputs=outputs,
                carried=carried,
                # A CPU session with fixed shapes replaces another device, and copies arrays like
                # it.
                in_place=is_cpu and not self.has_fixed_shapes,
            )

    def report(self) -> dict[str, Any]:
        """Describe how the model runs: device, providers, threads, telemetry; values for JSON."""
        return {
            "asked_device": self._options.device,
            "strict": self._options.is_strict,
            "device": self.device.name,
            "device_choice": self.choice,
            "precision": self._options.precision,
            "providers": list(self.providers),
            "nodes_per_provider": self.nodes,
            "fixed_shapes": self.has_fixed_shapes,
            "calls_on_cpu_for_their_shape": self.num_calls_on_cpu,
            "engine_cache": self.engine_cache,
            "num_threads": self._options.num_threads,
            TELEMETRY_SWITCH: os.environ.get(TELEMETRY_SWITCH),
        }

    def check_placement(self) -> None:
        """Check that the device of the session runs the model.

        Raises:
            InferenceError: the provider is not in use, or operators with weights run elsewhere.
        """
        provider = self.device.provider
        if provider not in self.providers:  # the native library omits a provider that fails to load
            raise InferenceError(
                f"expected {provider} for device {self.device.name}, got "
                f"{', '.join(self.providers)}; check the GPU's driver and its libraries with "
                "speakersdk doctor"
            )
        elsewhere = Counter(
            f"{kind} on {other}"
            for other, kind in self._assigned
            if other != provider and kind in _WEIGHTY
        )
        if elsewhere:
            listing = ", ".join(f"{count} {what}" for what, count in sorted(elsewhere.items()))
            raise InferenceError(
                f"expected {provider} to run the model, got {listing}; with strict=False the next "
                "device runs it"
            )

    def _check_shapes(self, got: Shapes) -> None:
        if self.shapes not in (None, got):
            raise ValueError(
                f"expected inputs of the shapes {self.shapes}, got {dict(got)}; use with_shapes"
            )


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def open_session(
    file: str | os.PathLike[str] | ModelFile,
    options: SessionOptions | None = None,
    *,
    shapes: Shapes | None = None,
) -> OnnxSession:
    """Load an ONNX file.

    Args:
        file: path of the model file, or the file that was read.
        options: the options; None means one thread of the CPU.
        shapes: shape of every input, for sessions that run a single shape.

    Raises:
        ConfigError: the device is unknown, or the precision is not supported.
        MissingDependencyError: onnxruntime or, if strict, a library of the device is missing.
        InferenceError: the file cannot be loaded or, if strict, the device cannot run it.
    """
    read = file if isinstance(file, ModelFile) else ModelFile.read(file)
    return _open(read, options or SessionOptions(), shapes)


def _open(file: ModelFile, options: SessionOptions, shapes: Shapes | None) -> OnnxSession:
    """Open a session on the first device that can run the model."""
    *preferred, last = candidates(options.device, strict=options.strict)
    refusals: list[str] = []
    for device in preferred:
        try:
            session = _open_on(device, file, options.on(device), shapes)
            break
        except (MissingDependencyError, InferenceError) as error:
            refusals.append(f"not {device.name}: {error}")
    else:
        session = _open_on(last, file, options.on(last), shapes)
    session.choice = "; ".join([session.choice, *refusals])
    if refusals and options.device != AUTO:
        warnings.warn(f"running on {session.choice}", stacklevel=3)
    return session


def _open_on(
    device: ComputeDevice, file: ModelFile, options: SessionOptions, shapes: Shapes | None
) -> OnnxSession:
    """Open a session on this device."""
    runtime = import_onnxruntime()
    check_usable(runtime, device)
    switch_tf32_off(device, options.precision)
    if device.kind == "tensorrt":
        return _open_with_engine(device, file, options, shapes)
    return _create(runtime, device, file, options, shapes, None)


def _open_with_engine(
    device: ComputeDevice, file: ModelFile, options: SessionOptions, shapes: Shapes | None
) -> OnnxSession:
    """Open a session with a cached TensorRT engine."""
    runtime = import_onnxruntime()
    key = EngineKey(
        model_sha256=hashlib.sha256(file.content).hexdigest(),
        onnxruntime=runtime.__version__,
        tensorrt=tensorrt_version(),
        gpu=str(gpus()[device.index]),
        precision=options.precision,
        shapes=dict(shapes or {}),
    )
    cache = EngineCache()
    try:
        with cache.entry(key) as folder:
            session = _create(runtime, device, file, options, shapes, folder)
    except InferenceError:
        if cache.state != "reused":
            raise
        cache.discard(key)  # TensorRT refused an intact engine: build it again once
        with cache.entry(key) as folder:
            session = _create(runtime, device, file, options, shapes, folder)
    session.engine_cache = cache.state
    return session


def _create(
    runtime: ModuleType,
    device: ComputeDevice,
    file: ModelFile,
    options: SessionOptions,
    shapes: Shapes | None,
    engine_folder: Path | None,
) -> OnnxSession:
    with translated(f"cannot load {file.path}"):
        created = runtime.InferenceSession(
            file.content,
            options.native(runtime),
            providers=provider_options(
                device, precision=options.precision, shapes=shapes, engine_folder=engine_folder
            ),
            enable_fallback=0,  # by default, onnxruntime retries on the CPU
        )
    # The Python class keeps the file for that retry. (A subclass may have none.)
    vars(created).pop("_model_bytes", None)
    session = OnnxSession(created, runtime, file, options, device, shapes)
    session.check_placement()
    if device.kind != "cpu":
        session.choice += f" ({gpus()[device.index]})"
    if engine_folder is not None and shapes is not None:
        # TensorRT finishes its work in the first run, which must come before the seal.
        session.run({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    return session


def import_onnxruntime() -> ModuleType:
    """Import onnxruntime with telemetry disabled, unless the user has set the variable.

    Raises:
        MissingDependencyError: onnxruntime is not installed, or is incomplete.
    """
    if TELEMETRY_SWITCH not in os.environ:
        if "onnxruntime" in sys.modules:
            warnings.warn(
                f"onnxruntime was imported before speakersdk and without {TELEMETRY_SWITCH}=1, and "
                "its telemetry may be on; set the variable before the first import",
                stacklevel=3,
            )
        os.environ[TELEMETRY_SWITCH] = "1"
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise MissingDependencyError(
            "onnxruntime is not installed",
            remedy=f"pip install onnxruntime or, for NVIDIA GPUs, {GPU_PACKAGE}",
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):
        raise MissingDependencyError(
            "onnxruntime is incomplete: a package that shares its folder was uninstalled",
            remedy=f"{CPU_PACKAGE} or, for NVIDIA GPUs, {GPU_PACKAGE}",
        )
    module: ModuleType = onnxruntime
    return module
