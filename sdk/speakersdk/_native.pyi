from typing import final

import numpy as np
import numpy.typing as npt

__version__: str

def symmetric_kl(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /) -> float: ...
def symmetric_kl_matrix(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /
) -> npt.NDArray[np.float64]: ...
def symmetric_kl_positive(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /) -> float: ...
def symmetric_kl_positive_matrix(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /
) -> npt.NDArray[np.float64]: ...
def symmetric_kl_positive_to_many(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /
) -> npt.NDArray[np.float64]: ...
def symmetric_kl_to_many(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /
) -> npt.NDArray[np.float64]: ...
def kernel() -> str: ...
def available_kernels() -> list[str]: ...
def release_free_memory() -> bool: ...
def log_probabilities(embeddings: npt.NDArray[np.float32], /) -> npt.NDArray[np.float32]: ...
def gallery_scores(
    probe: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32 | np.float16 | np.int8],
    scales: npt.NDArray[np.float32] | None,
    is_narrow: bool,
    num_threads: int,
    /,
) -> npt.NDArray[np.float32]: ...
def gallery_search(
    probes: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32 | np.float16 | np.int8],
    scales: npt.NDArray[np.float32] | None,
    exact: npt.NDArray[np.float32] | None,
    is_narrow: bool,
    k: int,
    num_candidates: int,
    num_threads: int,
    /,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]: ...
def symmetric_kl_pairs(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], num_threads: int, /
) -> tuple[npt.NDArray[np.float32], int]: ...

@final
class Cohort:
    def __init__(
        self,
        members: npt.NDArray[np.float32],
        conditions: int,
        nearest: int,
        telephone: int | None,
        typical: float,
        /,
    ) -> None: ...
    def nearness(self, embeddings: npt.NDArray[np.float32], /) -> npt.NDArray[np.float64]: ...
