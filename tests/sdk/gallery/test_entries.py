from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.gallery.entries import GalleryEntries
from speakersdk.gallery.rows import RowBlock


def rows(*values: float) -> npt.NDArray[np.float32]:
    """One row of 16 equal values for each name."""
    return np.repeat(np.array(values, np.float32)[:, np.newaxis], 16, axis=1)


def entries() -> GalleryEntries:
    return GalleryEntries(dim=10, storage="float32", keeps_exact=True)


def test_stored_rows_never_move() -> None:
    table = entries()
    table.add(["a", "b"], rows(1, 2))
    address = table.blocks[0].values.ctypes.data
    table.add(["c"], rows(3))
    table.add([str(i) for i in range(3000)], rows(*range(3000)))
    assert table.blocks[0].values.ctypes.data == address
    assert table.places["a"] == (0, 0)
    assert table.names == ("a", "b", "c", *map(str, range(3000)))
    assert np.array_equal(table.exact_rows()[:, 0], [1, 2, 3, *range(3000)])
    assert len(table.blocks) <= 4  # blocks grow with the gallery


def test_a_free_row_is_taken_first() -> None:
    table = entries()
    table.add(["a", "b", "c"], rows(1, 2, 3))
    table.remove("b")
    assert table.names == ("a", "c")
    assert table.exact_rows()[:, 0].tolist() == [1, 3]
    table.add(["d", "e"], rows(4, 5))
    assert table.names[:3] == ("a", "d", "c")
    assert table.exact_rows()[:, 0].tolist() == [1, 4, 3, 5]
    assert table.free == []


def test_a_full_block_is_adopted() -> None:
    table = entries()
    values = rows(1, 2)
    table.adopt(
        RowBlock(storage="float32", values=values, scales=None, logs=values, num=2), ["a", "b"]
    )
    table.add(["c"], rows(3))
    assert table.names == ("a", "b", "c")
    assert table.blocks[0].values is values
    assert table.exact_rows()[:, 0].tolist() == [1, 2, 3]


def test_nothing_is_kept_without_a_speaker() -> None:
    assert entries().names == ()
    assert entries().exact_rows().shape == (0, 16)
