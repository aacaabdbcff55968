from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from speakersdk import scoring

Vectors = npt.NDArray[np.float32]
Divergences = npt.NDArray[np.float64]

UNIT = np.finfo(np.float64).eps / 2  # largest relative error of one float64 operation
FLOAT32_MAX = float(np.finfo(np.float32).max)


def logits_reference(a: Vectors, b: Vectors) -> tuple[Divergences, Divergences]:
    """Compute J of rows of logits in float64, and how far the kernel may be from it.

    With u the unit and R the largest distance of a logit from its row's maximum: subtracting the
    maximum puts R u into an exponent, exp adds 2 u (8 u in NumPy's vector code: 4 units in the last
    place). The normalizer has the errors of its terms, whose distances average to at most ln dim
    (entropy), and dim u from its sum; the division adds u. (p - q) (a - b) and its sum add 3 u and
    dim u. Together less than (2 dim + R + ln dim + 20) u (p + q) |a - b| for each term, in the
    kernel and here: twice that.
    """
    x, y = (logits.astype(np.float64) for logits in np.broadcast_arrays(a, b))
    shifted = [z - z.max(axis=-1, keepdims=True) for z in (x, y)]
    spread = -np.min(shifted)
    p, q = (z / z.sum(axis=-1, keepdims=True) for z in np.exp(shifted))
    scale = ((p + q) * np.abs(x - y)).sum(axis=-1)
    dim = x.shape[-1]
    tolerance = 2 * (2 * dim + spread + np.log(dim) + 20) * UNIT * scale
    return ((p - q) * (x - y)).sum(axis=-1), tolerance


def positive_reference(a: Vectors, b: Vectors) -> tuple[Divergences, Divergences]:
    """Compute J of positive rows in float64, and how far the kernel may be from it.

    A logarithm has an error of 2 u (8 u in NumPy's vector code) of its size; differences, product
    and sum add (dim + 3) u of the term. Kernel and reference together: 10 u of the logarithms and
    twice the rest.
    """
    p, q = (values.astype(np.float64) for values in np.broadcast_arrays(a, b))
    terms = (p - q) * (np.log(p) - np.log(q))
    scale = (np.abs(p - q) * (np.abs(np.log(p)) + np.abs(np.log(q)))).sum(axis=-1)
    divergence = terms.sum(axis=-1)
    return divergence, 2 * (p.shape[-1] + 3) * UNIT * divergence + 10 * UNIT * scale


class Kind(NamedTuple):
    """One kind of vectors: its functions, its reference, and the values that it accepts."""

    pair: Any
    to_many: Any
    matrix: Any
    reference: Any
    values: st.SearchStrategy[float]
    typical: Any  # (normal float64) -> values such as embeddings have


LOGITS = Kind(
    scoring.symmetric_kl,
    scoring.symmetric_kl_to_many,
    scoring.symmetric_kl_matrix,
    logits_reference,
    st.floats(-100, 100, width=32),
    lambda normal: 2 * normal,
)
POSITIVE = Kind(
    scoring.symmetric_kl_positive,
    scoring.symmetric_kl_positive_to_many,
    scoring.symmetric_kl_positive_matrix,
    positive_reference,
    st.floats(2.0**-40, 2.0**40, width=32),
    np.exp,
)

each_kind = pytest.mark.parametrize("kind", [LOGITS, POSITIVE], ids=["logits", "positive"])
# No deadline: the first call of a function may be slow on a busy machine.
prop = settings(deadline=None)


@st.composite
def two_matrices(draw: st.DrawFn, kind: Kind) -> tuple[Vectors, Vectors]:
    """(num_a, dim) and (num_b, dim); num_b passes the kernel's tile of 16 rows."""
    dim = draw(st.integers(1, 20))
    num_a, num_b = draw(st.integers(1, 3)), draw(st.integers(1, 18))
    rows = [hnp.arrays(np.float32, (num, dim), elements=kind.values) for num in (num_a, num_b)]
    return draw(rows[0]), draw(rows[1])


def typical_rows(kind: Kind, rng: np.random.Generator, *shape: int) -> Vectors:
    return kind.typical(rng.standard_normal(shape)).astype(np.float32)


@each_kind
@prop
@given(data=st.data())
def test_matches_the_reference(kind: Kind, data: st.DataObject) -> None:
    a, b = data.draw(two_matrices(kind))
    expected, tolerance = kind.reference(a[:, None], b[None])
    assert np.all(np.abs(kind.matrix(a, b) - expected) <= tolerance)


@each_kind
@prop
@given(data=st.data())
def test_is_a_symmetric_divergence(kind: Kind, data: st.DataObject) -> None:
    a, b = data.draw(two_matrices(kind))
    divergences = kind.matrix(a, b)
    assert np.all(divergences >= 0)
    assert np.array_equal(divergences, kind.matrix(b, a).T)
    assert np.all(np.diag(kind.matrix(a, a)) == 0)


@each_kind
@prop
@given(data=st.data())
def test_every_shape_gives_the_same_number(kind: Kind, data: st.DataObject) -> None:
    a, b = data.draw(two_matrices(kind))
    divergences = kind.matrix(a, b)
    for row, vector in zip(divergences, a, strict=True):
        assert np.array_equal(row, kind.to_many(vector, b))
        assert row.tolist() == [kind.pair(vector, other) for other in b]


@each_kind
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 128, 192, 257])
def test_matches_the_reference_at_embedding_sizes(
    kind: Kind, dim: int, rng: np.random.Generator
) -> None:
    a, b = typical_rows(kind, rng, 5, dim), typical_rows(kind, rng, 40, dim)
    expected, tolerance = kind.reference(a[:, None], b[None])
    assert np.all(np.abs(kind.matrix(a, b) - expected) <= tolerance)


@each_kind
def test_near_identical_vectors_keep_their_digits(kind: Kind, rng: np.random.Generator) -> None:
    a = typical_rows(kind, rng, 256)
    b = np.where(rng.random(256) < 0.5, a, np.nextafter(a, np.float32(np.inf)))
    expected, tolerance = kind.reference(a, b)
    divergence = kind.pair(a, b)
    assert abs(divergence - expected) <= tolerance
    # a and b differ by 1e-7 of a value. Therefore J is about 1e-14 of one, and five digits of it
    # are certain.
    assert 0 < divergence < 1e-8
    assert tolerance < 1e-5 * divergence


@prop
@given(data=st.data(), constant=st.integers(-1024, 1024))
def test_a_constant_added_to_logits_changes_nothing(data: st.DataObject, constant: int) -> None:
    # Multiples of 2^-8 below 2^7: the sum with an integer below 2^11 is exact in float32.
    grid = st.integers(-(2**15), 2**15).map(lambda step: step / 256)
    dim = data.draw(st.integers(1, 20))
    a, b = (data.draw(hnp.arrays(np.float32, dim, elements=grid)) for _ in "ab")
    shifted = a + np.float32(constant)
    expected, tolerance = logits_reference(a, b)
    _, shifted_tolerance = logits_reference(shifted, b)
    assert abs(scoring.symmetric_kl(shifted, b) - expected) <= tolerance + shifted_tolerance
    assert scoring.symmetric_kl(shifted, b + np.float32(constant)) == scoring.symmetric_kl(a, b)
    _, zero_tolerance = logits_reference(shifted, a)
    assert scoring.symmetric_kl(shifted, a) <= zero_tolerance


def test_one_side_may_be_a_list(rng: np.random.Generator) -> None:
    # Two float32 arrays take a shorter path; anything else is converted.
    a, b = rng.standard_normal((2, 20)).astype(np.float32)
    expected = scoring.symmetric_kl(a, b)
    assert scoring.symmetric_kl(a.tolist(), b) == expected
    assert scoring.symmetric_kl(a, b.tolist()) == expected
    assert scoring.symmetric_kl(a.astype(np.float64), b) == expected


def test_known_values() -> None:
    # p = (1/2, 1/2), q = (1, e) / (1 + e): J = q_2 - 1/2 = tanh(1/2) / 2.
    assert scoring.symmetric_kl([0, 0], [0, 1]) == pytest.approx(np.tanh(0.5) / 2, rel=8 * UNIT)
    # (1 - 2) (ln 1 - ln 2), twice.
    assert scoring.symmetric_kl_positive([1, 2], [2, 1]) == pytest.approx(
        2 * np.log(2), rel=8 * UNIT
    )


def test_extreme_logits_stay_finite() -> None:
    # p = (1, 0), q = (0, 1): J = 2 * (max - -max).
    a = np.array([FLOAT32_MAX, -FLOAT32_MAX], np.float32)
    assert scoring.symmetric_kl(a, -a) == 4 * FLOAT32_MAX


@each_kind
def test_types_and_shapes_of_the_results(kind: Kind) -> None:
    rows = np.ones((3, 4), np.float32)
    assert type(kind.pair(rows[0], rows[1])) is float
    to_many, matrix = kind.to_many(rows[0], rows), kind.matrix(rows[:2], rows)
    assert (to_many.shape, to_many.dtype) == ((3,), np.float64)
    assert (matrix.shape, matrix.dtype) == ((2, 3), np.float64)


@each_kind
def test_any_layout_and_real_type_is_taken(kind: Kind, rng: np.random.Generator) -> None:
    wide = rng.integers(1, 20, (6, 8)).astype(np.float32)  # exact in every type below
    rows = np.ascontiguousarray(wide[::2, ::2])
    expected = kind.matrix(rows, rows)
    unaligned = np.frombuffer(b"\0" + rows.tobytes(), np.float32, offset=1).reshape(rows.shape)
    read_only = rows.copy()
    read_only.flags.writeable = False
    layouts = [wide[::2, ::2], np.asfortranarray(rows), unaligned, read_only, rows.tolist()]
    types = [rows.astype(name) for name in ("f2", "f8", ">f4", "i2", "i8", "u1")]
    for variant in layouts + types:
        assert np.array_equal(kind.matrix(variant, rows), expected)
        assert np.array_equal(kind.matrix(rows, variant), expected)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([[1, 2]], [1, 2], r"^a: expected one vector \(dim,\), got shape \(1, 2\)"),
        ([1, 2], 1.5, r"^b: expected one vector \(dim,\), got shape \(\)"),
        ([], [], r"^a: expected at least one value, got shape \(0,\)"),
        ([1, 2], [1, 2, 3], r"^b: expected dim 2 as a has, got 3"),
        ([1, 2], [1, np.nan], r"^b: expected finite float32 values, got nan at \[1\]"),
        ([np.inf, 1], [1, 2], r"^a: expected finite float32 values, got inf at \[0\]"),
        ([1, 2], [1e39, 2], r"^b: expected finite float32 values, got inf at \[0\]"),
        ([[1, 2], [1]], [1, 2], "^a: expected a vector or rows of equal length"),
    ],
)
def test_errors_name_expected_and_got(a: Any, b: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scoring.symmetric_kl(a, b)


@pytest.mark.parametrize("values", [["a"], [1j], [None], [True]], ids=str)
def test_only_real_numbers_are_taken(values: Any) -> None:
    with pytest.raises(TypeError, match=r"^b: expected real numbers, got dtype "):
        scoring.symmetric_kl([1.0], values)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-50])
def test_positive_vectors_are_above_zero(value: float) -> None:
    with pytest.raises(
        ValueError, match=r"^a: expected finite float32 values above zero, got -?\d at \[1\]"
    ):
        scoring.symmetric_kl_positive([1.0, value], [1.0, 1.0])


@each_kind
def test_many_rows_are_checked_too(kind: Kind) -> None:
    vector, rows = np.ones(3), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"^b: expected a matrix \(num, dim\), got shape \(3,\)"):
        kind.to_many(vector, vector)
    with pytest.raises(ValueError, match=r"^a: expected one vector \(dim,\), got shape \(2, 3\)"):
        kind.to_many(rows, rows)
    with pytest.raises(ValueError, match=r"^a: expected a matrix \(num, dim\), got shape \(3,\)"):
        kind.matrix(vector, rows)
    with pytest.raises(ValueError, match=r"^b: expected at least one value, got shape \(0, 3\)"):
        kind.matrix(rows, rows[:0])
    rows[1, 2] = np.inf
    with pytest.raises(ValueError, match=r"^b: expected finite .*, got inf at \[1, 2\]"):
        kind.to_many(vector, rows)


# float32 rows are rounded twice (to float32 logarithms, and in the product): 1e-5 relatively, as
# documented, and u |ln p| of a value where two rows are that similar.
def assert_close_in_float32(a: Vectors, b: Vectors, num_threads: int = 1) -> None:
    exact = scoring.symmetric_kl_matrix(a, b)
    quick = scoring.symmetric_kl_matrix(a, b, dtype=np.float32, num_threads=num_threads)
    assert quick.dtype == np.float32
    assert np.all(quick >= 0)
    assert np.all(np.abs(quick - exact) <= 1e-5 * exact + 1e-9)


@pytest.mark.parametrize(("num_a", "num_b", "dim"), [(1, 1, 1), (15, 33, 20), (40, 70, 128)])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_the_float32_matrix_keeps_its_bound(
    num_a: int, num_b: int, dim: int, num_threads: int, rng: np.random.Generator
) -> None:
    a, b = (typical_rows(LOGITS, rng, num, dim) for num in (num_a, num_b))
    assert_close_in_float32(a, b, num_threads)


@pytest.mark.parametrize("closeness", [1e-1, 1e-2, 1e-3, 0])
def test_the_float32_matrix_of_like_rows_keeps_its_bound(
    closeness: float, rng: np.random.Generator
) -> None:
    a = np.repeat(typical_rows(LOGITS, rng, 1, 128), 40, axis=0)
    a += (closeness * rng.standard_normal(a.shape)).astype(np.float32)
    assert_close_in_float32(a, a)
    assert np.all(np.diag(scoring.symmetric_kl_matrix(a, a, dtype=np.float32)) == 0)


@prop
@given(data=st.data())
def test_the_float32_matrix_keeps_its_bound_for_any_logits(data: st.DataObject) -> None:
    # Beyond a span of 20, weights of 2e-9 have an effect, and with them float32's rounding of
    # logits.
    values = st.floats(-10, 10, width=32)
    dim = data.draw(st.integers(1, 20))
    a, b = (data.draw(hnp.arrays(np.float32, (num, dim), elements=values)) for num in (3, 18))
    exact = scoring.symmetric_kl_matrix(a, b)
    quick = scoring.symmetric_kl_matrix(a, b, dtype=np.float32)
    # u |ln(D p)| of each logarithm, |ln(D p)| <= 20 + ln 20.
    assert np.all(np.abs(quick - exact) <= 1e-5 * exact + 1e-7)


def test_the_float32_matrix_names_what_it_does_not_take() -> None:
    with pytest.raises(ValueError, match="span at most 64, got more in row 1"):
        scoring.symmetric_kl_matrix([[1, 2], [0, 65]], [[0, 0]], dtype=np.float32)
    with pytest.raises(ValueError, match=r"dtype: expected np\.float64 or np\.float32"):
        scoring.symmetric_kl_matrix([[1]], [[1]], dtype=np.float16)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="num_threads: expected 1 in float64"):
        scoring.symmetric_kl_matrix([[1]], [[1]], num_threads=2)
    with pytest.raises(ValueError, match="num_threads: expected 1 to 1024, got 0"):
        scoring.symmetric_kl_matrix([[1]], [[1]], dtype=np.float32, num_threads=0)
