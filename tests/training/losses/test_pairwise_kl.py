"""The pairwise loss of the papers, in every option, compared with a loop in float64."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from speakersdk.errors import ConfigError
from speakersdk_training.errors import TrainingError
from speakersdk_training.losses.pairwise_kl import PairwiseKl, PairwiseKlConfig

DIM = 5
CLASSES = np.array([0, 1, 0, 2, 1, 0])
# float64: sums of 5 terms of size below 100 (softplus outputs, logs to -16), a matrix product.
TOLERANCE = 1e-11

BASE = PairwiseKlConfig(margin=1.5)
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    **{
        f"{output} {smoothing}": {"output": output, "smoothing": smoothing, "epsilon": 1e-3}
        for output, smoothing in product(("softmax", "softplus", "raw"), ("add", "clip", "max"))
        if (output, smoothing) != ("raw", "add")  # the logarithm of a negative number
    },
    **{
        f"{direction} {place} {hinge}": {"direction": direction, "hinge_on": place, "hinge": hinge}
        for direction, place, hinge in product(
            ("pq", "qp", "symmetric"), ("each_direction", "sum"), ("relu", "softplus", "squared")
        )
    },
    "mean": {"reduction": "mean", "margin": 0.3},
    "temperature": {"temperature": 2.5},
    "positive weight": {"positive_weight": 4.0},
    "balance": {"balance": True},
    "balance and weight": {"balance": True, "positive_weight": 0.5},
    "root": {"root_negatives": True},
}
every_option = pytest.mark.parametrize("pairs", ["all", "two_branch"])


@pytest.fixture
def outputs(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return 2 * rng.standard_normal((6, DIM))


def reference(
    outputs: npt.NDArray[Any], classes: npt.NDArray[np.int64], config: PairwiseKlConfig
) -> float:
    """Compute one pair after the other, as in the papers."""
    x = config.temperature * outputs.astype(np.float64)
    if config.output == "softmax":
        x = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    elif config.output == "softplus":
        x = np.log1p(np.exp(x))
    if config.smoothing == "add":
        x = x + config.epsilon
    else:
        x = np.clip(x, config.epsilon, 1.0 if config.smoothing == "clip" else None)
    pairs = list(combinations(range(len(x)), 2))
    if config.pairs == "two_branch":
        pairs = [(row, row + 1) for row in range(0, len(x), 2)]

    def kl(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
        terms = p * np.log(p / q)
        return float(terms.mean() if config.reduction == "mean" else terms.sum())

    def hinge(divergence: float) -> float:
        if config.root_negatives:
            divergence = np.sqrt(max(divergence, 0) + 1e-12)
        room = config.margin - divergence
        return float(
            {
                "relu": max(room, 0),
                "squared": max(room, 0) ** 2,
                "softplus": np.log1p(np.exp(room)),
            }[config.hinge]
        )

    losses, weights = [], []
    num_same = sum(classes[i] == classes[j] for i, j in pairs)
    for i, j in pairs:
        parts = [kl(x[i], x[j])] * (config.direction != "qp")
        parts += [kl(x[j], x[i])] * (config.direction != "pq")
        if config.hinge_on == "sum":
            parts = [sum(parts)]
        is_same = classes[i] == classes[j]
        losses.append(sum(parts) if is_same else sum(hinge(part) for part in parts))
        share = (num_same if is_same else len(pairs) - num_same) if config.balance else 1
        weights.append((config.positive_weight if is_same else 1.0) / share)
    return float(np.average(losses, weights=weights))


@every_option
@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_matches_a_loop_over_pairs(
    outputs: npt.NDArray[np.float64], name: str, pairs: Any
) -> None:
    config = replace(BASE, pairs=pairs, **OPTIONS[name])
    got = PairwiseKl(config)(torch.from_numpy(outputs), torch.from_numpy(CLASSES))
    assert got.dtype == torch.float64
    assert float(got) == pytest.approx(reference(outputs, CLASSES, config), abs=TOLERANCE)


@every_option
@pytest.mark.parametrize("name", OPTIONS)
def test_gradients_match_finite_differences(
    outputs: npt.NDArray[np.float64], name: str, pairs: Any
) -> None:
    """No pair of these outputs is at a hinge, and no output at a bound of the clipping."""
    loss = PairwiseKl(replace(BASE, pairs=pairs, **OPTIONS[name]))
    inputs = torch.from_numpy(outputs).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.from_numpy(CLASSES)), inputs)


@every_option
def test_stop_gradient_holds_the_first_argument_of_each_kl(
    outputs: npt.NDArray[np.float64], pairs: Any
) -> None:
    """Compute finite differences of the loss, with the other argument fixed."""
    config = replace(BASE, pairs=pairs, stop_gradient=True)
    classes = torch.from_numpy(CLASSES)
    inputs = torch.from_numpy(outputs).requires_grad_()
    PairwiseKl(config)(inputs, classes).backward()
    assert inputs.grad is not None
    still = torch.log_softmax(torch.from_numpy(outputs), dim=1)
    rows = torch.tensor(
        list(combinations(range(6), 2)) if pairs == "all" else [(0, 1), (2, 3), (4, 5)]
    )
    total = torch.zeros((), dtype=torch.float64)
    free = inputs.detach().requires_grad_()
    moving = torch.log_softmax(free, dim=1)
    for i, j in rows.tolist():
        for p, q in ((i, j), (j, i)):
            divergence = (still[p].exp() * (still[p] - moving[q])).sum()
            same = CLASSES[i] == CLASSES[j]
            total = total + (divergence if same else torch.relu(config.margin - divergence))
    (total / len(rows)).backward()
    # epsilon = 1e-7 against none: relative to probabilities of 1e-4 and more.
    torch.testing.assert_close(inputs.grad, free.grad, rtol=0, atol=1e-3)
    assert not torch.allclose(
        inputs.grad, grad_of(PairwiseKl(replace(config, stop_gradient=False)), outputs), atol=1e-2
    )


def grad_of(loss: PairwiseKl, outputs: npt.NDArray[np.float64]) -> torch.Tensor:
    inputs = torch.from_numpy(outputs).requires_grad_()
    loss(inputs, torch.from_numpy(CLASSES)).backward()
    assert inputs.grad is not None
    return inputs.grad


def test_near_outputs_keep_their_digits_in_float32(rng: np.random.Generator) -> None:
    """Divergences of 1e-4. A product that is not centered has an error of 2e-6 here."""
    common = rng.standard_normal(100)
    outputs = common + 0.01 * rng.standard_normal((6, 100))
    single = PairwiseKl(BASE).divergences(torch.from_numpy(outputs).float(), torch.arange(6))[0]
    double = PairwiseKl(BASE).divergences(torch.from_numpy(outputs), torch.arange(6))[0]
    # A logarithm of up to 8 is rounded to half of 2^-21 (the difference form loses as much).
    assert float((single.double() - double).abs().max()) < 2 * 2.0**-22


def test_far_apart_speakers_and_equal_utterances_cost_nothing() -> None:
    outputs = 20 * torch.eye(3).repeat(2, 1)
    classes = torch.arange(3).repeat(2)
    # Same-speaker rows are equal; others are 15 nats apart, beyond the margin of 3.
    assert float(PairwiseKl(PairwiseKlConfig())(outputs, classes)) == pytest.approx(0, abs=1e-5)
    mixed = classes.sort().values
    assert float(PairwiseKl(PairwiseKlConfig())(outputs, mixed)) > 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"direction": "pq", "pairs": "two_branch"}, 1.5 / 2),  # the number of the question
        ({"hinge_on": "sum", "pairs": "two_branch"}, 1.5 / 2),
        ({"pairs": "two_branch"}, 1.5),
        ({"balance": True}, 1.5),
        ({"direction": "pq"}, 1.5 * 5 / 6),
    ],
)
def test_equal_outputs_cost_the_collapsed_loss_and_give_no_gradient(
    options: dict[str, Any], expected: float
) -> None:
    classes = torch.tensor([0, 0, 1, 2])
    loss = PairwiseKl(replace(BASE, **options))
    inputs = torch.full((4, DIM), 0.3, dtype=torch.float64, requires_grad=True)
    value = loss(inputs, classes)
    value.backward()
    assert (
        float(value.detach())
        == pytest.approx(loss.collapsed_loss(classes))
        == pytest.approx(expected)
    )
    assert inputs.grad is not None
    assert float(inputs.grad.abs().max()) < TOLERANCE


@pytest.mark.parametrize("batch", [2, 3, 7, 100])
def test_any_batch_size(batch: int, rng: np.random.Generator) -> None:
    outputs, classes = rng.standard_normal((batch, DIM)), rng.integers(0, 2, batch)
    got = float(PairwiseKl(BASE)(torch.from_numpy(outputs), torch.from_numpy(classes)))
    assert got == pytest.approx(reference(outputs, classes, BASE), abs=TOLERANCE)


@pytest.mark.parametrize(
    ("outputs_shape", "classes_shape"), [((4, 5), (4, 1)), ((4, 5), (3,)), ((5,), (1,))]
)
def test_shapes_must_fit(outputs_shape: tuple[int, ...], classes_shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected outputs \(B, D\) and classes \(B,\), got"):
        PairwiseKl(BASE)(torch.zeros(outputs_shape), torch.zeros(classes_shape, dtype=torch.long))


def test_labels_of_another_shape_than_the_distances_are_refused() -> None:
    """(N, 1) labels with N distances are the defect that the question is about."""
    with pytest.raises(ValueError, match=r"expected divergences \(N, 1 or 2\) and labels \(N,\)"):
        PairwiseKl(BASE).loss(torch.ones(4, 1), torch.ones(4, 1, dtype=torch.bool))


def test_rows_that_make_no_pairs() -> None:
    with pytest.raises(TrainingError, match="at least 2 rows to pair, got 1"):
        PairwiseKl(BASE)(torch.zeros(1, 5), torch.zeros(1, dtype=torch.long))
    with pytest.raises(TrainingError, match="an even number of rows for two branches, got 3"):
        PairwiseKl(replace(BASE, pairs="two_branch"))(
            torch.zeros(3, 5), torch.zeros(3, dtype=torch.long)
        )


@pytest.mark.parametrize("name", ["margin", "epsilon", "temperature", "positive_weight"])
def test_numbers_must_be_positive(name: str) -> None:
    with pytest.raises(ConfigError, match="expected temperature, epsilon, margin"):
        PairwiseKlConfig(**{name: 0.0})
