"""Values and gradients of the margin softmax, compared with NumPy in every configuration."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional

from speakersdk_training.losses.margin_softmax import MarginSoftmax, MarginSoftmaxConfig

BATCH, CLASSES, DIM = 5, 4, 6
TEMPERATURE = 4.0
MARGIN = 0.2
CONFIGS = [
    MarginSoftmaxConfig(similarity=similarity, margin_kind=kind, scale=10.0, label_smoothing=share)
    for similarity, kind, share in product(
        ("cosine", "symmetric_kl"), ("angular", "additive"), (0.0, 0.1)
    )
]
# float32: a similarity has an error of a few tens of units of 6e-8, and the logit scale = 10 times
# that. The arccos triples it near 0.9, the highest similarity here.
TOLERANCE = 3 * 10 * 50 * 2.0**-24

every_config = pytest.mark.parametrize(
    "config",
    CONFIGS,
    ids=lambda config: f"{config.similarity}-{config.margin_kind}-{config.label_smoothing:g}",
)


def make_loss(config: MarginSoftmaxConfig) -> MarginSoftmax:
    torch.manual_seed(7)
    return MarginSoftmax(config, embedding_dim=DIM, num_classes=CLASSES, temperature=TEMPERATURE)


@pytest.fixture
def embeddings(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return (3 * rng.standard_normal((BATCH, DIM))).astype(np.float32)


@pytest.fixture
def classes() -> npt.NDArray[np.int64]:
    return np.array([0, 3, 1, 1, 2])


def reference(
    config: MarginSoftmaxConfig,
    embeddings: npt.NDArray[Any],
    prototypes: npt.NDArray[Any],
    classes: npt.NDArray[np.int64],
) -> float:
    """Compute the loss from its definition, one row after the other, in float64."""
    total = 0.0
    for row, own in zip(embeddings.astype(np.float64), classes, strict=True):
        logits = []
        for number, prototype in enumerate(prototypes.astype(np.float64)):
            a, b = row / np.linalg.norm(row), prototype / np.linalg.norm(prototype)
            similarity = a @ b
            if config.similarity == "symmetric_kl":
                p, q = (np.exp(TEMPERATURE * each) for each in (a, b))
                p, q = p / p.sum(), q / q.sum()
                divergence = ((p - q) * np.log(p / q)).sum()
                similarity = 1 - divergence * DIM / (2 * TEMPERATURE**2)
            if number == own and config.margin_kind == "additive":
                similarity -= MARGIN
            elif number == own:
                angle = np.arccos(np.clip(similarity, -1, 1))
                similarity = np.cos(min(angle + MARGIN, np.pi))
            logits.append(config.scale * similarity)
        log_share = np.array(logits) - np.logaddexp.reduce(logits)
        smoothing = config.label_smoothing
        total -= (1 - smoothing) * log_share[own] + smoothing * log_share.mean()
    return total / len(classes)


@every_config
def test_loss_matches_the_definition(
    config: MarginSoftmaxConfig,
    embeddings: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
) -> None:
    module = make_loss(config)
    got = module(torch.from_numpy(embeddings), torch.from_numpy(classes), margin=MARGIN)
    expected = reference(config, embeddings, module.prototypes.detach().numpy(), classes)
    assert float(got.detach()) == pytest.approx(expected, rel=TOLERANCE)


@every_config
def test_gradients_match_finite_differences(
    config: MarginSoftmaxConfig,
    embeddings: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
) -> None:
    """Central differences of the float64 definition, for embeddings and prototypes."""
    module = make_loss(config)
    inputs = torch.from_numpy(embeddings).requires_grad_()
    module(inputs, torch.from_numpy(classes), margin=MARGIN).backward()
    points = [embeddings.astype(np.float64), module.prototypes.detach().double().numpy()]
    for index, gradient in enumerate([inputs.grad, module.prototypes.grad]):
        assert gradient is not None
        expected = np.zeros(points[index].shape)
        step = 1e-5  # its square and 1e-16 / step are both 1e-10
        for place in np.ndindex(expected.shape):
            values = []
            for sign in (1, -1):
                moved = [point.copy() for point in points]
                moved[index][place] += sign * step
                values.append(reference(config, moved[0], moved[1], classes))
            expected[place] = (values[0] - values[1]) / (2 * step)
        np.testing.assert_allclose(
            gradient.numpy(), expected, rtol=0, atol=2 * TOLERANCE * np.abs(expected).max()
        )


@pytest.mark.parametrize("kind", ["angular", "additive"])
def test_cosine_without_margin_is_plain_cross_entropy(
    kind: Any, embeddings: npt.NDArray[np.float32], classes: npt.NDArray[np.int64]
) -> None:
    module = make_loss(MarginSoftmaxConfig(margin_kind=kind, scale=30.0))
    inputs, labels = torch.from_numpy(embeddings), torch.from_numpy(classes)
    cosine = functional.cosine_similarity(inputs[:, None], module.prototypes[None], dim=2)
    expected = functional.cross_entropy(30.0 * cosine, labels)
    torch.testing.assert_close(module(inputs, labels, margin=0.0), expected, rtol=1e-4, atol=0)


@every_config
def test_margin_makes_it_harder(
    config: MarginSoftmaxConfig,
    embeddings: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
) -> None:
    module = make_loss(config)
    inputs, labels = torch.from_numpy(embeddings), torch.from_numpy(classes)
    losses = [float(module(inputs, labels, margin=m).detach()) for m in (0.0, 0.1, 0.3)]
    assert losses == sorted(losses)
    assert losses[0] < losses[2]


@torch.no_grad()
def test_symmetric_kl_similarity_tends_to_the_cosine_of_centered_directions() -> None:
    """J ignores a common offset of all logits; the cosine is that of directions without it.

    The next term of the expansion in T is T times a mean of cubes of the values of the directions,
    none above 1: the error of the similarity is less than T.
    """
    random = torch.Generator().manual_seed(1)
    embeddings = torch.randn(8, DIM, generator=random)
    embeddings -= embeddings.mean(dim=1, keepdim=True)
    deviations = []
    for temperature in (0.4, 0.1, 0.025):
        module = MarginSoftmax(
            MarginSoftmaxConfig(similarity="symmetric_kl"),
            embedding_dim=DIM,
            num_classes=CLASSES,
            temperature=temperature,
        )
        prototypes = torch.randn(CLASSES, DIM, generator=torch.Generator().manual_seed(2))
        prototypes -= prototypes.mean(dim=1, keepdim=True)
        module.prototypes.copy_(prototypes)
        cosine = functional.cosine_similarity(embeddings[:, None], prototypes[None], dim=2)
        deviations.append(float((module.similarity(embeddings) - cosine).abs().max()))
        assert deviations[-1] < temperature
    assert deviations[0] > 2 * deviations[1] > 4 * deviations[2]


@every_config
def test_gradients_are_finite_where_embedding_and_prototype_agree_or_oppose(
    config: MarginSoftmaxConfig,
) -> None:
    module = make_loss(config)
    inputs = torch.cat([module.prototypes[:2], -module.prototypes[2:]]).detach().requires_grad_()
    module(inputs, torch.arange(CLASSES), margin=MARGIN).backward()
    assert inputs.grad is not None
    assert module.prototypes.grad is not None
    assert torch.isfinite(inputs.grad).all()
    assert torch.isfinite(module.prototypes.grad).all()


@pytest.mark.parametrize(
    ("embeddings_shape", "classes_shape"), [((4, 6), (4, 1)), ((4, 6), (3,)), ((6,), (1,))]
)
def test_shapes_must_fit(embeddings_shape: tuple[int, ...], classes_shape: tuple[int, ...]) -> None:
    module = make_loss(MarginSoftmaxConfig())
    with pytest.raises(ValueError, match=r"expected outputs \(B, D\) and classes \(B,\), got"):
        module(
            torch.zeros(embeddings_shape), torch.zeros(classes_shape, dtype=torch.long), margin=0.0
        )


@torch.no_grad()
def test_the_nearest_of_several_centers_counts() -> None:
    torch.manual_seed(2)
    loss = make_loss(MarginSoftmaxConfig(sub_centres=3))
    assert loss.prototypes.shape == (CLASSES * 3, DIM)
    embeddings = torch.randn(BATCH, DIM)
    directions = functional.normalize(embeddings), functional.normalize(loss.prototypes)
    every = (directions[0] @ directions[1].T).reshape(BATCH, CLASSES, 3)
    torch.testing.assert_close(loss.similarity(embeddings), every.max(dim=2).values)


@torch.no_grad()
def test_two_voices_weigh_their_losses() -> None:
    torch.manual_seed(2)
    loss = make_loss(MarginSoftmaxConfig())
    embeddings = torch.randn(BATCH, DIM)
    first, second = torch.tensor([0, 1, 2, 3, 0]), torch.tensor([1, 2, 3, 0, 2])
    one, other = (loss(embeddings, each, margin=MARGIN) for each in (first, second))
    both = loss(embeddings, first, margin=MARGIN, second=second, weight=torch.full((BATCH,), 0.75))
    torch.testing.assert_close(both, 0.75 * one + 0.25 * other)
