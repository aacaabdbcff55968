from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.cli import main
from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError
from speakersdk.recalibration.strangers import StrangerFit, fit_strangers
from speakersdk.verifier import Verifier

FAR = 0.05


@pytest.fixture(scope="module")
def manifest(verifier: Verifier) -> ModelManifest:
    """The calibration of the bundled model without the cohort, which has only real voices."""
    calibration = verifier.manifest.calibration
    assert calibration is not None
    return dataclasses.replace(
        verifier.manifest, calibration=dataclasses.replace(calibration, cohort=None)
    )


def strangers(
    rng: np.random.Generator, manifest: ModelManifest, *, number: int, alike: float, each: int = 1
) -> dict[str, list[Encoding]]:
    """Voices that share a direction: the more similar they are, the higher strangers score."""
    shared = rng.normal(size=manifest.embedding_dim)
    made = {}
    for stranger in range(number):
        center = alike * shared + rng.normal(size=manifest.embedding_dim)
        rows = np.stack([center + 0.1 * rng.normal(size=len(center)) for _ in range(each)])
        rows *= manifest.temperature / np.linalg.norm(rows, axis=1, keepdims=True)
        made[f"{stranger}.wav"] = [
            Encoding(row, speech_s=3.0, duration_s=4.0) for row in rows.astype(np.float32)
        ]
    return made


def accepted(manifest: ModelManifest, encodings: dict[str, list[Encoding]], offset: float) -> float:
    """Return the share of pairs of strangers that reach the threshold, pair by pair."""
    calibration = manifest.calibration
    assert calibration is not None
    fitted = dataclasses.replace(calibration, offset=calibration.offset + offset)
    return fit_strangers(
        encodings, dataclasses.replace(manifest, calibration=fitted), far=FAR
    ).before


def alike_enough(manifest: ModelManifest) -> float:
    """A similarity at which the model accepts more strangers than requested, but not a quarter."""
    for alike in np.geomspace(0.1, 10, 120):
        voices = strangers(np.random.default_rng(7), manifest, number=60, alike=alike)
        try:
            rate = accepted(manifest, voices, 0.0)
        except CalibrationError:
            break
        if rate > 2 * FAR:
            return float(alike)
    raise AssertionError("no likeness of these voices lies in between")


def test_the_offset_brings_other_strangers_to_the_rate(manifest: ModelManifest) -> None:
    alike = alike_enough(manifest)
    fit = fit_strangers(
        strangers(np.random.default_rng(7), manifest, number=60, alike=alike), manifest, far=FAR
    )
    assert fit.before > 2 * FAR
    assert fit.offset < 0
    assert fit.is_better
    assert fit.num_trials == 60 * 59 // 2
    # With the offset, exactly the requested share of the same pairs is accepted.
    realised = accepted(
        manifest, strangers(np.random.default_rng(7), manifest, number=60, alike=alike), fit.offset
    )
    assert realised == pytest.approx(FAR, abs=2 / fit.num_trials)


def test_recordings_of_one_group_are_not_compared(manifest: ModelManifest) -> None:
    rng = np.random.default_rng(3)
    made = strangers(rng, manifest, number=30, alike=0.0, each=2)
    grouped = fit_strangers(made, manifest, far=FAR)
    assert grouped.num_trials == 60 * 59 // 2 - 30
    assert (grouped.num_groups, grouped.num_recordings) == (30, 60)
    apart = {f"{name} {n}": [one] for name, both in made.items() for n, one in enumerate(both)}
    # One person with two names makes the offset larger, never smaller.
    assert fit_strangers(apart, manifest, far=FAR).offset <= grouped.offset


def test_what_supports_no_rate_is_refused(manifest: ModelManifest) -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(CalibrationError, match=r"expected 20 strangers .* got 19 with 171 pairs"):
        fit_strangers(strangers(rng, manifest, number=19, alike=0.0), manifest, far=0.05)
    with pytest.raises(CalibrationError, match=r"500 pairs of them for a rate of 0.01"):
        fit_strangers(strangers(rng, manifest, number=30, alike=0.0), manifest, far=0.01)
    with pytest.raises(CalibrationError, match="got 0 with 0 pairs"):
        fit_strangers({"a": []}, manifest, far=FAR)
    one = strangers(rng, manifest, number=1, alike=0.0, each=25)["0.wav"]
    with pytest.raises(CalibrationError, match=r"100% of pairs .* into one sub-folder"):
        fit_strangers({str(n): [each] for n, each in enumerate(one)}, manifest, far=FAR)
    bare = dataclasses.replace(manifest, calibration=None)
    with pytest.raises(CalibrationError, match="without calibration"):
        fit_strangers({}, bare, far=FAR)


def test_a_shift_that_reaches_enrolled_speakers_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").touch()
    for offset, is_announced in ((-3.5, True), (-2.5, False)):
        fit = StrangerFit(
            offset=offset, requested_far=FAR, before=0.2, after=FAR, num_groups=20,
            num_recordings=20, num_trials=190,
        )  # fmt: skip
        monkeypatch.setattr("speakersdk.cli.calibrate.fit_strangers", lambda *_, fit=fit, **__: fit)
        assert main(["calibrate", str(tmp_path), "--strangers"]) == 0
        note = f"a shift of {offset:.2f} will reject enrolled speakers too; if somebody occurs more"
        assert (note in capsys.readouterr().err) == is_announced


@pytest.mark.speech
def test_an_archive_without_names(
    speech_data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    archive = tmp_path / "archive"
    archive.mkdir()
    seen: set[str] = set()
    listed = speech_data.utterances(corpus="speechocean762", split="dev", minimum_s=2.5)
    for utterance in listed:
        if utterance.speaker not in seen and len(seen) < 40:
            seen.add(utterance.speaker)
            samples = speech_data.samples(utterance)
            sf.write(archive / f"{len(seen)}.wav", samples, SAMPLE_RATE_HZ)
    options = ["calibrate", str(archive), "--strangers", "--far", "0.05", "--name", "archive"]
    status = main([*options, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert status == (0 if document["is_better"] else 1)
    assert 0 <= document["before"] <= 0.25
    path = tmp_path / "share" / "speakersdk" / "calibrations" / "archive.calibration.json"
    assert path.exists() == document["is_better"]
    assert main([*options[:3], "--far", "0.001"]) == 2
    assert "ask for a higher rate" in capsys.readouterr().err
