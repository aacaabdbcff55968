from __future__ import annotations

import numpy as np
import pytest

from speakersdk.gallery.rows import STORAGES, RowBlock, Storage, stride_of

DIM, STRIDE = 20, 32


def block(storage: Storage, *, keeps_exact: bool = True) -> RowBlock:
    return RowBlock.empty(storage, capacity=4, dim=DIM, keeps_exact=keeps_exact)


@pytest.mark.parametrize(("dim", "stride"), [(1, 16), (16, 16), (17, 32), (128, 128)])
def test_rows_are_padded_to_16_values(dim: int, stride: int) -> None:
    assert stride_of(dim) == stride


@pytest.mark.parametrize("storage", STORAGES)
def test_rows_come_back_as_exactly_as_they_are_kept(
    storage: Storage, rng: np.random.Generator
) -> None:
    logs = rng.standard_normal((3, STRIDE)).astype(np.float32)
    exact, compact = block(storage), block(storage, keeps_exact=False)
    rows = np.array([2, 0])
    for kept in (exact, compact):
        kept.put(0, logs)
        assert (kept.num, kept.capacity, kept.values.dtype) == (3, 4, storage)
    assert np.array_equal(exact.exact_rows(rows), logs[rows])
    # Half a unit of half precision; half a step of 1/127 of the largest value.
    tolerance = {"float32": 0, "float16": 4 * 2.0**-11, "int8": np.abs(logs).max() / 254}
    error = np.abs(compact.exact_rows(rows) - logs[rows]).max()
    assert error <= tolerance[storage] * (1 + 1e-6)


def test_the_uniform_distribution_fits_int8() -> None:
    uniform = block("int8", keeps_exact=False)
    uniform.put(0, np.zeros((1, STRIDE), np.float32))
    assert uniform.scores(np.zeros(DIM, np.float32), 1).tolist() == [0]


def test_a_block_knows_whether_its_values_are_small() -> None:
    rows = block("float16")
    rows.put(0, np.full((1, STRIDE), 4, np.float32))
    assert rows.is_narrow
    rows.put(1, np.full((1, STRIDE), -4.5, np.float32))
    assert not rows.is_narrow
    rows.put(1, np.zeros((1, STRIDE), np.float32))
    assert not rows.is_narrow  # not searched again


@pytest.mark.parametrize("storage", STORAGES)
def test_a_removed_row_is_not_found(storage: Storage) -> None:
    rows = block(storage)
    rows.put(0, np.zeros((3, STRIDE), np.float32))
    rows.remove(1)
    probe = np.zeros(DIM, np.float32)
    assert np.isnan(rows.scores(probe, 1)).tolist() == [False, True, False]
    found, divergences = rows.search(probe[np.newaxis], 3, 1)
    assert found.tolist() == [[0, 2, -1]]
    assert np.isnan(divergences).tolist() == [[False, False, True]]


def test_only_int8_has_scales() -> None:
    assert len(block("int8").scales_in_use) == 4
    with pytest.raises(TypeError, match="float16 storage has no scales"):
        _ = block("float16").scales_in_use
