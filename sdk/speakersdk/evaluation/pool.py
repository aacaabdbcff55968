"""Worker processes that run one task on many portions of work, and what each of them needs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import ConfigError, InferenceError

# Called with the numbers of finished, failed and total recordings.
Progress = Callable[[int, int, int], None]
_Portion = TypeVar("_Portion")
_Result = TypeVar("_Result")


def run_tasks(
    task: Callable[[_Portion], _Result], portions: Sequence[_Portion], *, num_processes: int
) -> Iterator[_Result]:
    """Run a task on every portion.

    Args:
        task: a function that can be pickled.
        portions: the arguments of its calls, which can be pickled.
        num_processes: maximum number of worker processes; 1 means only this process.

    Yields:
        The results in any order.

    Raises:
        ConfigError: fewer than one process.
        InferenceError: a worker process died.
        Exception: any error of the task.
    """
    if num_processes < 1:
        raise ConfigError(f"expected at least 1 process, got {num_processes}")
    num_processes = min(num_processes, len(portions))
    if num_processes < 2:
        yield from map(task, portions)
        return
    remaining = iter(portions)
    with workers(num_processes) as pool:
        first = islice(remaining, 2 * num_processes)
        running = {pool.submit(task, portion) for portion in first}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                running |= {pool.submit(task, portion) for portion in islice(remaining, 1)}
                yield future.result()


class WorkerPool:
    """Worker processes; `workers` starts and ends them."""

    def __init__(self, num_processes: int) -> None:
        # After a fork, onnxruntime would wait for locks of threads that no longer exist.
        self.executor = ProcessPoolExecutor(
            num_processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
        )

    def submit(self, task: Callable[[_Portion], _Result], portion: _Portion) -> Future[_Result]:
        """Run a task on a portion; both can be pickled."""
        with _interrupt_held_back():  # processes start here
            return self.executor.submit(_Sent(task), portion)


@contextlib.contextmanager
def workers(num_processes: int) -> Iterator[WorkerPool]:
    """Start worker processes. An error in the `with` block ends them and what they run.

    Args:
        num_processes: maximum number of processes, at least 1.

    Raises:
        InferenceError: a worker process died.
    """
    pool, is_done = WorkerPool(num_processes), False
    try:
        yield pool
        is_done = True
    except BrokenProcessPool as error:
        raise InferenceError(
            "a worker process died, perhaps because memory ran out; run it again with fewer "
            "processes"
        ) from error
    finally:
        with _interrupt_held_back():  # a second Ctrl-C would leave processes behind
            if not is_done:
                for process in (pool.executor._processes or {}).values():
                    process.terminate()
            pool.executor.shutdown(cancel_futures=True)


@lru_cache(maxsize=1)
def encoder_of_process(model: Path, device: str = "cpu") -> SpeakerEncoder:
    """Return the encoder of a model, which each process loads once.

    Raises:
        ConfigError, MissingDependencyError, ModelError: the model cannot be used.
    """
    return load_encoder(model, device=device)


@dataclass(frozen=True, slots=True)
class _Sent(Generic[_Portion, _Result]):
    """A task whose errors can all be pickled. Other errors would block the parent process."""

    task: Callable[[_Portion], _Result]

    def __call__(self, portion: _Portion) -> _Result:
        try:
            return self.task(portion)
        except Exception as error:
            try:
                pickle.loads(pickle.dumps(error))  # nosec B301
            except Exception:
                raise RuntimeError(f"{type(error).__name__}: {error}") from error
            raise


@contextlib.contextmanager
def _interrupt_held_back() -> Iterator[None]:
    """Delay Ctrl-C. Processes that start in the meantime ignore it, and their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Ignore Ctrl-C, which would print a traceback, and end when the parent ends.

    The parent ends the pool at Ctrl-C. A worker of a killed parent would wait for tasks forever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
