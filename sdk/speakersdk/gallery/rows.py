"""The stored rows of a gallery: what each storage keeps of an embedding, and removed rows.

A row is ln(D q) with q the embedding's softmax distribution: the uniform distribution is all zeros
and no normaliser has to be kept. Rows are padded with zeros to a multiple of 16 values.

    float32   the row, rounded once; 4 bytes a value
    float16   the row in half precision; 2 bytes
    int8      the row divided by its scale, max |row| / 127; 1 byte, and 4 for the scale

A removed row holds a NaN, which no search finds.
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

# Candidates whose divergence is computed again: k times the first, plus the second. The kernel of
# float32 errs by about 1e-6, the others by their rounding: docs/scoring.md has the measured recall.
_CANDIDATES: Final = {"float32": (1, 8), "float16": (2, 32), "int8": (4, 64)}

# Values this small allow the shorter exponential of the kernels: kDoublingRange of
# csrc/kernels/kernel.h.
_NARROW: Final = 4.0


@dataclass(slots=True, kw_only=True)
class RowBlock:
    """Rows in one contiguous block each of what the storage keeps.

    Attributes:
        storage: one of `STORAGES`.
        values: (capacity, stride) of the storage's type; what a search reads.
        scales: (capacity,) float32 for int8, else None.
        logs: (capacity, stride) float32 for exact scores; `values` itself for float32, None where
            the gallery keeps none.
        num: rows in use, removed ones included.
        is_narrow: every value in use lies within +-4.
    """

    storage: Storage
    values: npt.NDArray[Any]
    scales: npt.NDArray[np.float32] | None
    logs: npt.NDArray[np.float32] | None
    num: int = 0
    is_narrow: bool = True

    @classmethod
    def empty(cls, storage: Storage, *, capacity: int, dim: int, keeps_exact: bool) -> RowBlock:
        """A block for `capacity` rows of `dim` values."""
        shape = (capacity, stride_of(dim))
        values = np.empty(shape, storage)
        logs = values if storage == "float32" else None
        if storage != "float32" and keeps_exact:
            logs = np.empty(shape, np.float32)
        scales = np.empty(capacity, np.float32) if storage == "int8" else None
        return cls(storage=storage, values=values, scales=scales, logs=logs)

    @property
    def capacity(self) -> int:
        """Rows that the block can hold."""
        return len(self.values)

    def put(self, row: int, logs: npt.NDArray[np.float32]) -> None:
        """Store (num, stride) float32 from `row` on."""
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
        """Hide a row from every search."""
        if self.scales is None:
            self.values[row, 0] = np.nan
        else:
            self.scales[row] = np.nan

    def exact_rows(self, rows: npt.NDArray[np.int64]) -> Embeddings:
        """(num, stride) float32: the rows as exactly as they are kept."""
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
        """(num,) divergences of one probe; NaN for removed rows."""
        scales = None if self.scales is None else self.scales[: self.num]
        return _native.gallery_scores(
            probe, self.values[: self.num], scales, self.is_narrow, num_threads
        )

    def search(
        self, probes: Embeddings, k: int, num_threads: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """(num_probes, <= k) rows and divergences, the nearest first; -1 where there is none.

        The divergences are those of the rows as exactly as they are kept.
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
    """Values of a padded row."""
    return -(-dim // 16) * 16
