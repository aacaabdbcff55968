"""The entries of a gallery: names, their rows, and free rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embeddings
from speakersdk.gallery.expiry import EntryExpiry
from speakersdk.gallery.rows import RowBlock, Storage, stride_of

_SMALLEST_BLOCK: Final = 1024


@dataclass(slots=True, kw_only=True, eq=False)
class GalleryEntries:
    """The names and rows of a gallery. Rows never move, and new rows fill free ones first.

    Attributes:
        dim: number of values of an embedding.
        storage: type of the stored values.
        keeps_exact: whether the blocks also keep the float32 rows.
        blocks: the rows.
        block_names: names of the rows of each block; None for removed rows.
        places: block and row of each name.
        free: removed rows that can be reused.
        expiry: when entries expire.
    """

    dim: int
    storage: Storage
    keeps_exact: bool
    blocks: list[RowBlock] = field(default_factory=list)
    block_names: list[list[str | None]] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    free: list[tuple[int, int]] = field(default_factory=list)
    expiry: EntryExpiry = field(default_factory=EntryExpiry)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of their rows."""
        return tuple(name for names in self.block_names for name in names if name is not None)

    def add(self, names: Sequence[str], logs: Embeddings) -> None:
        """Store (num, stride) float32 rows under new names."""
        num_reused = min(len(self.free), len(logs))
        for name, row in zip(names[:num_reused], logs[:num_reused], strict=True):
            block, place = self.free.pop()
            self.blocks[block].put(place, row[np.newaxis])
            self.block_names[block][place] = name
            self.places[name] = (block, place)
        first = num_reused
        while first < len(logs):
            block, num = self._block_with_room(len(logs) - first)
            start = self.blocks[block].num
            self.blocks[block].put(start, logs[first : first + num])
            for place, name in enumerate(names[first : first + num], start=start):
                self.block_names[block].append(name)
                self.places[name] = (block, place)
            first += num

    def adopt(self, block: RowBlock, names: Sequence[str]) -> None:
        """Add a full block and the names of its rows."""
        index = len(self.blocks)
        self.blocks.append(block)
        self.block_names.append(list(names))
        self.places.update((name, (index, row)) for row, name in enumerate(names))

    def remove(self, name: str) -> None:
        """Remove an existing name and free its row."""
        block, row = self.places.pop(name)
        self.blocks[block].remove(row)
        self.block_names[block][row] = None
        self.free.append((block, row))
        self.expiry.remove(name)

    def kept(self) -> Iterator[tuple[RowBlock, npt.NDArray[np.int64]]]:
        """Yield each block with the indices of its rows, without removed rows."""
        for block, names in zip(self.blocks, self.block_names, strict=True):
            yield block, np.flatnonzero([name is not None for name in names])

    def exact_rows(self) -> Embeddings:
        """Return (num, stride) float32: all rows except removed ones, in stored precision."""
        parts = [block.exact_rows(rows) for block, rows in self.kept()]
        return np.concatenate([np.empty((0, stride_of(self.dim)), np.float32), *parts])

    def _block_with_room(self, wanted: int) -> tuple[int, int]:
        """Return the index of a block with room, and how many of `wanted` rows fit into it."""
        if self.blocks and (room := self.blocks[-1].capacity - self.blocks[-1].num):
            return len(self.blocks) - 1, min(room, wanted)
        # Growing by half keeps the number of blocks small, and stored rows in place.
        capacity = max(_SMALLEST_BLOCK if self.blocks else 1, wanted, len(self.places) // 2)
        self.blocks.append(
            RowBlock.empty(
                self.storage, capacity=capacity, dim=self.dim, keeps_exact=self.keeps_exact
            )
        )
        self.block_names.append([])
        return len(self.blocks) - 1, wanted
