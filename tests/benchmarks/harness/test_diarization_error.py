"""The diarization error, compared with figures computed by hand and with a reference."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from benchmarks.harness.diarization_error import STEP_S, Stretch, diarization_error

pytest.importorskip("scipy")


def test_each_kind_of_error_by_hand() -> None:
    reference = [Stretch("ann", 0, 10), Stretch("bob", 12, 20), Stretch("eve", 21, 25)]
    found = [
        Stretch("ann", 1, 9),  # 2 s missed
        Stretch("ann", 9.5, 11),  # 0.5 s of which are right: 1.5 s missed; and 1 s false
        Stretch("unknown-1", 12, 18),  # bob, who is not enrolled
        Stretch(None, 18, 20),  # uncertain: missed
        Stretch("ann", 21, 25),  # eve under an enrolled name
    ]
    error = diarization_error(reference, found, enrolled=["ann"], duration_s=30, collar_s=0)
    assert error.speech_s == pytest.approx(22)
    assert error.missed_s == pytest.approx(1 + 0.5 + 2)
    assert error.uncertain_s == pytest.approx(2)
    assert error.false_alarm_s == pytest.approx(1)
    assert error.confusion_s == pytest.approx(4)
    assert error.misnamed_s == pytest.approx(4)
    assert error.rate == pytest.approx(8.5 / 22)
    assert (error + error).rate == pytest.approx(error.rate)


def test_collars_do_not_count() -> None:
    reference = [Stretch("ann", 1, 2), Stretch("bob", 2, 4)]
    late = [Stretch("ann", 1.2, 2.2), Stretch("bob", 2.2, 4.2)]
    error = diarization_error(reference, late, enrolled=["ann", "bob"], duration_s=6)
    assert error.rate == 0
    assert error.speech_s == pytest.approx(3 - 4 * 0.25)


def by_definition(
    reference: list[Stretch], found: list[Stretch], names: list[str]
) -> tuple[float, float, float]:
    """Compute missed, false and confused seconds with the best mapping, second by second."""

    def speaker(stretches: list[Stretch], time_s: float) -> str | None:
        return next((at.who for at in stretches if at.from_s <= time_s < at.to_s), None)

    steps = [(speaker(reference, t + 0.5), speaker(found, t + 0.5)) for t in range(40)]
    missed = sum(a is not None and b is None for a, b in steps)
    false = sum(a is None and b is not None for a, b in steps)
    both = [(a, b) for a, b in steps if a is not None and b is not None]
    hypothesis = sorted({b for _, b in both})
    padded = [*names, *[None] * len(hypothesis)]
    confused = min(
        (sum(a != dict(zip(hypothesis, chosen, strict=True))[b] for a, b in both)
         for chosen in permutations(padded, len(hypothesis))),
        default=0,
    )  # fmt: skip
    return float(missed), float(false), float(confused)


@pytest.mark.parametrize("seed", range(5))
def test_unknown_speakers_get_the_best_mapping(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def stretches(names: list[str]) -> list[Stretch]:
        bounds = sorted(rng.choice(np.arange(41), 14, replace=False).tolist())
        return [
            Stretch(str(rng.choice(names)), from_s, to_s)
            for from_s, to_s in zip(bounds[::2], bounds[1::2], strict=True)
        ]

    names = ["a", "b", "c"]
    reference, found = stretches(names), stretches(["u-1", "u-2", "u-3", "u-4"])
    error = diarization_error(reference, found, enrolled=[], duration_s=40, collar_s=0)
    expected = by_definition(reference, found, names)
    got = (error.missed_s, error.false_alarm_s, error.confusion_s)
    assert got == pytest.approx(expected, abs=STEP_S)
