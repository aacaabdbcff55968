from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError, ConfigError, IncompatibleModelError
from speakersdk.recalibration.profile import CalibrationProfile, calibration_sha256, rescaled
from speakersdk.verifier import Verifier


def make_profile(manifest: ModelManifest, **changes: Any) -> CalibrationProfile:
    assert manifest.calibration is not None
    values = {
        "name": "usb-mic",
        "model_name": manifest.name,
        "model_sha256": manifest.weights_sha256,
        "base_sha256": calibration_sha256(manifest.calibration),
        "offset": -1.5,
        "scale": 0.5,
        "num_speakers": 3,
        "num_recordings": 12,
        "created_utc": "2026-11-22T14:00:00+00:00",
    }
    return CalibrationProfile(**{**values, **changes})


@pytest.mark.parametrize("speech_s", [(0.9, 5.0), (3.0, 3.0), (100.0, 1.0)])
def test_the_llr_is_the_formula_and_thresholds_stay(
    verifier: Verifier, speech_s: tuple[float, float]
) -> None:
    base = verifier.manifest.calibration
    assert base is not None
    changed = rescaled(base, offset=-1.5, scale=0.5)
    sides = {"enrolled_speech_s": speech_s[0], "probe_speech_s": speech_s[1]}
    for score in (-8.0, -1.0, 0.0):
        assert changed.llr(score, **sides) == pytest.approx(-1.5 + 0.5 * base.llr(score, **sides))
    assert changed.operating_points == base.operating_points


def test_save_and_load(verifier: Verifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    profile = make_profile(verifier.manifest, name="Küche")
    path = profile.save()
    assert path == tmp_path / "speakersdk" / "calibrations" / "Küche.calibration.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert CalibrationProfile.load("Küche") == CalibrationProfile.load(str(path)) == profile
    with pytest.raises(ConfigError, match="already exists; replace it with --replace"):
        profile.save()
    other = dataclasses.replace(profile, offset=2.0)
    other.save(replace=True)
    assert CalibrationProfile.load("Küche") == other
    with pytest.raises(ConfigError, match=r"\(stored: Küche\).*got 'kitchen'"):
        CalibrationProfile.load("kitchen")


def test_new_names_are_unlike_stored_ones(verifier: Verifier, tmp_path: Path) -> None:
    make_profile(verifier.manifest, name="cop").save(folder=tmp_path)
    with pytest.raises(ConfigError, match="looks like the stored 'cop'"):
        make_profile(verifier.manifest, name="\u0441\u043e\u0440").save(folder=tmp_path)


# In another SDK, a name could leave the folder: file names are checked like speakers' names.
def test_names_and_weights_are_checked(verifier: Verifier) -> None:
    wrong = [{"offset": offset} for offset in (float("inf"), float("nan"), -float("inf"), 101.0)]
    wrong += [{"scale": scale} for scale in (0.0, -1.0, float("inf"), float("nan"))]
    for changes in ({"name": "../mic"}, *wrong):
        with pytest.raises(ConfigError, match="expected"):
            make_profile(verifier.manifest, **changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("scale"), "is not valid"),
        (lambda values: values.update(surprise=1), "is not valid"),
        (lambda values: values.update(scale="big"), "is not valid"),
        (lambda values: values.update(version=3), "version 2 or lower, got 3; install"),
        (lambda values: values.update(version=True), "version 2 or lower, got True"),
        (lambda values: values.update(offset=float("inf")), "is not valid"),
        (lambda values: values.update(offset=float("nan")), "is not valid"),
        (lambda values: values.update(offset=101.0), "at most 100"),
        (lambda values: values.update(name=5), "is not valid"),
        (lambda values: values.update(model_name="red\x1b[31m"), "is not valid"),
        (lambda values: values.update(model_sha256=5), "is not valid"),
        (lambda values: values.update(num_speakers="2"), "is not valid"),
        (lambda values: values.update(scale=10**400), "is not valid"),
        (lambda values: values.update(created_utc="x" * 70_000), "at most 65536 bytes"),
    ],
)
def test_a_damaged_file_is_refused(
    verifier: Verifier, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    path = make_profile(verifier.manifest).save(folder=tmp_path)
    values = json.loads(path.read_text())
    del values["sha256"]
    change(values)
    canonical = json.dumps(values, sort_keys=True)
    checksum = hashlib.sha256(canonical.encode()).hexdigest()
    path.write_text(json.dumps({**values, "sha256": checksum}))
    with pytest.raises(CalibrationError, match=message):
        CalibrationProfile.load("usb-mic", folder=tmp_path)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(CalibrationError, match="is not valid"):
        CalibrationProfile.load("usb-mic", folder=tmp_path)


def test_every_changed_value_is_noticed(verifier: Verifier, tmp_path: Path) -> None:
    profile = make_profile(verifier.manifest)
    path = profile.save(folder=tmp_path)
    intact = json.loads(path.read_text())
    path.write_text(json.dumps(intact))  # the checksum covers the values, not the spaces
    assert CalibrationProfile.load("usb-mic", folder=tmp_path) == profile
    for changes in ({"offset": 0.125}, {"scale": 2.5}, {"version": 1}, {"sha256": "0" * 64}):
        path.write_text(json.dumps(intact | changes))
        with pytest.raises(CalibrationError, match="its checksum does not match"):
            CalibrationProfile.load("usb-mic", folder=tmp_path)


def test_a_file_of_version_1_is_read(verifier: Verifier, tmp_path: Path) -> None:
    profile = make_profile(verifier.manifest)
    path = profile.save(folder=tmp_path)
    values = json.loads(path.read_text()) | {"version": 1}
    del values["sha256"]
    path.write_text(json.dumps(values))
    assert CalibrationProfile.load("usb-mic", folder=tmp_path) == profile


def test_it_reaches_the_decision(
    verifier: Verifier,
    default_model: Path,
    voices: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    profile = make_profile(verifier.manifest)
    profile.save()
    slt = verifier.enroll(voices["slt"].enroll, name="slt")
    own = verifier.verify(slt, voices["slt"].probe)
    assert own.llr is not None
    for calibration in ("usb-mic", profile):
        fitted = Verifier(default_model, calibration=calibration)
        decision = fitted.verify(slt, voices["slt"].probe)
        assert decision.score == own.score
        assert decision.llr == pytest.approx(-1.5 + 0.5 * own.llr)
        assert decision.threshold == own.threshold
        assert fitted.report()["calibration"] == "usb-mic"
    assert verifier.report()["calibration"] is None


def test_it_fits_one_model_and_one_calibration(
    verifier: Verifier, edit_model: Callable[..., Path]
) -> None:
    profile = make_profile(verifier.manifest)
    other = edit_model(name="other-model", weights_sha256="cd" * 32)
    with pytest.raises(IncompatibleModelError, match=r"the calibration was made .*calibrate again"):
        Verifier(other, calibration=profile)
    assert verifier.manifest.calibration is not None
    newer = {**dataclasses.asdict(verifier.manifest.calibration), "offset": 1.0}
    for model in (edit_model(calibration=None), edit_model(calibration=newer)):
        with pytest.raises(CalibrationError, match="run speakersdk calibrate again"):
            Verifier(model, calibration=profile)
