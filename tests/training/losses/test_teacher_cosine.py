"""Equal cosines cost nothing, and the gradient leads to the teacher."""

from __future__ import annotations

import torch
from torch.nn import functional

from speakersdk_training.losses.teacher_cosine import TeacherCosine


def test_an_embedding_that_is_the_teachers_costs_nothing() -> None:
    loss = TeacherCosine(embedding_dim=8, teacher_dim=8)
    with torch.no_grad():
        loss.projection.weight.copy_(torch.eye(8))
    targets = functional.normalize(torch.randn(5, 8), dim=1)
    distance, pairs = loss(3 * targets, targets)
    assert distance.abs() < 1e-5
    assert pairs.abs() < 1e-5


def test_steps_lower_both() -> None:
    torch.manual_seed(1)
    loss = TeacherCosine(embedding_dim=16, teacher_dim=4)
    student = torch.randn(12, 16, requires_grad=True)
    targets = functional.normalize(torch.randn(12, 4), dim=1)
    optimizer = torch.optim.Adam([student, *loss.parameters()], lr=0.05)
    first = sum(float(part.detach()) for part in loss(student, targets))
    for _ in range(100):
        optimizer.zero_grad()
        sum(loss(student, targets)).backward()  # type: ignore[union-attr]
        optimizer.step()
    assert sum(float(part.detach()) for part in loss(student, targets)) < 0.3 * first


def test_a_trained_map_is_taken_over_if_it_fits() -> None:
    trained = TeacherCosine(embedding_dim=8, teacher_dim=4)
    same, wider = (TeacherCosine(embedding_dim=8, teacher_dim=dim) for dim in (4, 6))
    same.start_from(trained.state_dict())
    assert torch.equal(same.projection.weight, trained.projection.weight)
    before = wider.projection.weight.clone()
    wider.start_from(trained.state_dict())
    assert torch.equal(wider.projection.weight, before)
