"""The nearness of a voiceprint to a cohort."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.cohort import Cohort
from speakersdk.voiceprint.voiceprint import Voiceprint

VOICEPRINT = Voiceprint(
    name="ann",
    model_name="tdnn-test",
    model_sha256="ab" * 32,
    temperature=5.0,
    exemplars=np.array([[3.0, 4.0, 0.0], [0.0, 3.0, 4.0]], np.float32),
    speech_s=np.array([2.5, 3.25]),
    created_utc="2026-11-22T14:00:00+00:00",
)


def make_calibration(cohort: Cohort | None) -> Calibration:
    return Calibration(
        offset=0.0,
        scale=1.0,
        speech_scale=0.0,
        speech_weight=0.0,
        maximum_speech_s=10.0,
        num_target=1,
        num_nontarget=1,
        operating_points=(),
        cohort=cohort,
    )


def test_the_nearness_is_computed_once_for_a_cohort(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[Cohort] = []
    nearness = Cohort.nearness

    def counted(cohort: Cohort, embeddings: np.ndarray) -> np.ndarray:
        computed.append(cohort)
        return nearness(cohort, embeddings)

    monkeypatch.setattr(Cohort, "nearness", counted)
    one, other = (
        Cohort.of([[0.0, 3.0, 4.0], [5.0, 0.0, 0.0]], nearest=number) for number in (1, 2)
    )
    of_one, of_other = (make_calibration(cohort) for cohort in (one, other))
    found = VOICEPRINT.nearness(of_one)
    assert found is VOICEPRINT.nearness(replace(of_one, offset=-1.0))
    assert (found == nearness(one, VOICEPRINT.embedding[np.newaxis])[0]).all()
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1
    assert computed == [one]
    assert (
        VOICEPRINT.nearness(of_other) == nearness(other, VOICEPRINT.embedding[np.newaxis])[0]
    ).all()
    assert computed == [one, other]
    adapted = VOICEPRINT.adapted_by(np.array([0.0, 0.0, 5.0]), speech_s=1.0)
    assert (adapted.nearness(of_other) == nearness(other, adapted.embedding[np.newaxis])[0]).all()
    assert not VOICEPRINT.nearness(make_calibration(None)).any()
