"""Adoption, from the published file to the model file that the SDK runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from speakersdk import Verifier
from speakersdk.calibration.calibration import OperatingPoint
from speakersdk.decision.outcome import Verdict
from speakersdk.demo_clips import FOLDER
from speakersdk.errors import AudioTooShortError, ConfigError, EnrollmentError, ModelError
from speakersdk.runtime.session import open_session
from speakersdk_export.adopt.adoption import Adopted, Description, adopt_model
from speakersdk_export.adopt.golden import Golden
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.errors import ParityError
from speakersdk_export.model_file import write_model

pytestmark = pytest.mark.export
PROBE = FOLDER / "slt-probe.flac"


def adopt(published: Path, output: Path, **options: Any) -> Adopted:
    settings: dict[str, Any] = {
        "family": "3d-speaker",
        "description": Description(),
        "golden": None,
        "trials": None,
    }
    return adopt_model(published, output, **(settings | options))


@pytest.fixture
def adopted(publish: Any, tmp_path: Path) -> Path:
    output = tmp_path / "adopted.onnx"
    adopt(publish(), output, description=Description(name="mini", licence="MIT"))
    return output


def test_the_verifier_runs_what_was_adopted(adopted: Path) -> None:
    verifier = Verifier(model=adopted)
    assert verifier.score(PROBE, PROBE) == pytest.approx(0.0, abs=1e-9)
    assert verifier.score(PROBE, FOLDER / "rms-probe.flac") < 0
    voiceprint = verifier.enroll([FOLDER / "slt-enroll-1.flac"], name="slt")
    with pytest.raises(ModelError, match="without calibration"):
        verifier.verify(voiceprint, PROBE)


def test_the_manifest_tells_where_the_weights_come_from(adopted: Path) -> None:
    origin = Verifier(model=adopted).manifest.origin
    assert origin is not None
    assert (origin.family, origin.licence, origin.source) == ("3d-speaker", "MIT", "published.onnx")
    assert origin.front_end["window"] == "povey"
    assert origin.golden_cosine is None


def test_sherpa_metadata_says_where_a_file_was_published(publish: Any, tmp_path: Path) -> None:
    address = "https://example.org/campplus"
    published = publish(metadata={"framework": "3d-speaker", "url": address})
    origin = adopt(published, tmp_path / "adopted.onnx", family="sherpa").manifest.origin
    assert origin is not None
    assert (origin.family, origin.source) == ("3d-speaker", address)


def golden(adopted: Path, tmp_path: Path, clip: np.ndarray, *, noise: float = 0.0) -> Golden:
    vector = open_session(adopted).run({"samples": clip[np.newaxis]})["embedding"][0]
    path = tmp_path / "golden.npy"
    rng = np.random.default_rng(0)
    np.save(path, vector + noise * rng.normal(size=vector.shape))
    return Golden(PROBE, path)


def test_a_golden_vector_that_is_met_is_recorded(
    publish: Any, adopted: Path, clip: np.ndarray, tmp_path: Path
) -> None:
    found = adopt(publish(), tmp_path / "b.onnx", golden=golden(adopted, tmp_path, clip))
    assert found.manifest.origin is not None
    assert found.manifest.origin.golden_cosine == pytest.approx(1.0, abs=1e-6)


def test_a_golden_vector_that_is_missed_leaves_no_file(
    publish: Any, adopted: Path, clip: np.ndarray, tmp_path: Path
) -> None:
    output = tmp_path / "b.onnx"
    with pytest.raises(ParityError, match=r"golden vector of slt-probe\.flac"):
        adopt(publish(), output, golden=golden(adopted, tmp_path, clip, noise=0.5))
    assert not output.exists()
    wrong = tmp_path / "wrong.npy"
    np.save(wrong, np.ones(7))
    with pytest.raises(ConfigError, match="expected 8 finite numbers, got 7"):
        adopt(publish(), output, golden=Golden(PROBE, wrong))
    wrong.write_text("no array")
    with pytest.raises(ConfigError, match=r"expected a \.npy file"):
        adopt(publish(), output, golden=Golden(PROBE, wrong))


def test_wrong_requests_are_refused(publish: Any, tmp_path: Path) -> None:
    published = publish()
    with pytest.raises(ConfigError, match="another file"):
        adopt(published, published)
    with pytest.raises(ConfigError, match="temperature above 0"):
        adopt(published, tmp_path / "b.onnx", temperature=0.0)
    with pytest.raises(ModelError, match="found no file"):
        adopt(tmp_path / "none.onnx", tmp_path / "b.onnx")
    with pytest.raises(ConfigError, match="metadata key 'framework'"):
        adopt(published, tmp_path / "b.onnx", family="sherpa")


def test_a_network_that_needs_a_second_of_speech_gets_no_less(
    publish: Any, clip: np.ndarray, tmp_path: Path, clip_trials: CalibrationTrials
) -> None:
    published = publish(name="features", num_mels=72, layout="B1FT")
    output = tmp_path / "redimnet2.onnx"
    found = adopt(published, output, family="redimnet2", trials=clip_trials)
    assert found.manifest.calibration is not None
    assert found.manifest.calibration.minimum_speech_s == found.manifest.minimum_s == 1.0
    verifier = Verifier(model=output)
    with pytest.raises(AudioTooShortError, match=r"at least 1 s of audio, got 0\.7 s"):
        verifier.embed(clip[:11200], sample_rate_hz=16000)
    # Long enough, but mostly silence.
    mostly_silent = np.concatenate([clip[:12800], np.zeros(16000, np.float32)])
    with pytest.raises(AudioTooShortError, match=r"at least 1 s of speech, got 0\.\d+ s"):
        verifier.embed(mostly_silent, sample_rate_hz=16000)
    with pytest.raises(EnrollmentError, match="at least 1 s of speech"):
        verifier.enroll([(mostly_silent, 16000)], name="slt")
    # A few clips support no rate, and these thresholds have no meaning.
    point = OperatingPoint(far=0.1, frr=0.1, llr=0, llr_slope=0, frr_logit=0, frr_slope=0)
    calibration = replace(
        found.manifest.calibration, operating_points=(point, replace(point, far=0.01))
    )
    write_model(output, onnx.load_model(output), replace(found.manifest, calibration=calibration))
    verifier = Verifier(model=output)
    voiceprint = verifier.enroll([PROBE], name="slt", accept=["second-voice"])
    decision = verifier.verify(voiceprint, (mostly_silent, 16000))
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "at least 1 s of speech" in decision.reason
