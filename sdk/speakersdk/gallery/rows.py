"""The stored rows of a gallery and their types.

A row is ln(D q), where q is the softmax distribution of the embedding. The row of the uniform
distribution is zero, and no normalizer is stored. Rows are padded with zeros to a multiple of 16.

    float32   the row, rounded once; 4 bytes per value
    float16   the row in half precision; 2 bytes per value
    int8      the row divided by its scale, max |row| / 127; 1 byte per value, 4 for the scale

A removed row contains a NaN, and no search finds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from speakersdk import _native
from speakersdk.arrays import Embedding, Embeddings

Storage = Literal["float32", "float16", "int8"]
STORAGES: Final[tuple[str, ...]] = get_args(Storage)

# The divergence is recomputed for (first * k + second) candidates. The float32 kernel has
# errors of about 1e-6, the others rounding errors of their type. docs/scoring.md has the recall.
_CANDIDATES: Final = {"float32": (1, 8), "float16": (2, 32), "int8": (4, 64)}

# Rows within this range allow a shorter exponential: kDoublingRange in csrc/kernels/kernel.h.
_NARROW: Final = 4.0


@dataclass(slots=True, kw_only=True)
class RowBlock:
    """A block of rows in contiguous arrays.

    Attributes:
        storage: one of `STORAGES`.
        values: (capacity, stride) of the storage type; a search reads these.
        scales: (capacity,) float32 for int8, otherwise None.
        logs: (capacity, stride) float32 for exact scores: `values` itself for float32, None if the
            gallery does not keep them.
        num: number of rows in use, including removed ones.
        is_narrow: whether every value in use lies within +-4.
    """

    storage: Storage
    values: npt.NDArray[Any]
    scales: npt.NDArray[np.float32] | None
    logs: npt.NDArray[np.float32] | None
    num: int = 0
    is_narrow: bool = True

    @classmethod
    def empty(cls, storage: Storage, *, capacity: int, dim: int, keeps_exact: bool) -> RowBlock:
        """Make an empty block for `capacity` rows of `dim` values."""
        shape = (capacity, stride_of(dim))
        values = np.empty(shape, storage)
        logs = values if storage == "float32" else None
        if storage != "float32" and keeps_exact:
            logs = np.empty(shape, np.float32)
        scales = np.empty(capacity, np.float32) if storage == "int8" else None
        return cls(storage=storage, values=values, scales=scales, logs=logs)

    @property
    def capacity(self) -> int:
        """The number of rows that the block can hold."""
        return len(self.values)

    def put(self, row: int, logs: npt.NDArray[np.float32]) -> None:
        """Store (num, stride) float32 rows, starting at index `row`."""
        rows = slice(row, row + len(logs))
        if self.storage == "int8":
            scales = np.abs(logs).max(axis=1) / np.float32(127)
            scales[scales == 0] = 1  # the uniform distribution: all zeros
            self.scales_in_use[rows] = scales
            self.values[rows] = np.rint(logs / scales[:, np.newaxis])
        else:
            self.values[rows] = logs
        if self.logs is not None and self.logs is not self.values:
            self.logs[rows] = logs
        self.is_narrow = self.is_narrow and float(np.abs(logs).max(initial=0)) <= _NARROW
        self.num = max(self.num, rows.stop)

    def remove(self, row: int) -> None:
        """Mark a row as removed."""
        if self.scales is None:
            self.values[row, 0] = np.nan
        else:
            self.scales[row] = np.nan

    def exact_rows(self, rows: npt.NDArray[np.int64]) -> Embeddings:
        """Return the (num, stride) float32 rows in stored precision."""
        if self.logs is not None:
            return self.logs[rows]
        decoded: Embeddings = self.values[rows].astype(np.float32)
        if self.scales is not None:
            decoded *= self.scales[rows, np.newaxis]
        return decoded

    @property
    def scales_in_use(self) -> npt.NDArray[np.float32]:
        """The scales of int8 storage."""
        if self.scales is None:
            raise TypeError(f"{self.storage} storage has no scales")
        return self.scales

    def scores(self, probe: Embedding, num_threads: int) -> npt.NDArray[np.float32]:
        """Return the (num,) divergences between a probe and the rows; NaN for removed rows."""
        scales = None if self.scales is None else self.scales[: self.num]
        return _native.gallery_scores(
            probe, self.values[: self.num], scales, self.is_narrow, num_threads
        )

    def search(
        self, probes: Embeddings, k: int, num_threads: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return (num_probes, <= k) row indices and divergences, nearest first; -1 means no row.

        The divergences are computed from the rows in stored precision.
        """
        factor, extra = _CANDIDATES[self.storage]
        num = self.num
        return _native.gallery_search(
            probes,
            self.values[:num],
            None if self.scales is None else self.scales[:num],
            None if self.logs is None or self.logs is self.values else self.logs[:num],
            self.is_narrow,
            k,
            factor * k + extra,
            num_threads,
        )


def stride_of(dim: int) -> int:
    """Return the number of values of a padded row."""
    return -(-dim // 16) * 16
