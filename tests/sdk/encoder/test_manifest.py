import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.calibration.cohort import Cohort
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ManifestError

CALIBRATION = Calibration(
    offset=1.5,
    scale=2.0,
    speech_scale=0.5,
    speech_weight=-0.25,
    maximum_speech_s=8.5,
    num_target=100,
    num_nontarget=1000,
    operating_points=(
        OperatingPoint(far=0.1, frr=0.01, llr=-1.0, llr_slope=-1.5, frr_logit=-2.0, frr_slope=-2.5),
        OperatingPoint(far=0.01, frr=0.2, llr=2.0, llr_slope=-1.5, frr_logit=-2.0, frr_slope=-2.5),
    ),
)


def manifest(**values: Any) -> ModelManifest:
    defaults: dict[str, Any] = {
        "name": "model \N{GREEK SMALL LETTER ALPHA}",
        "mode": "stateful",
        "frontend": FrontendConfig(num_mels=40),
        "embedding_dim": 128,
        "temperature": 4.0,
        "cache_size": 10,
        "statistics_size": 20,
        "has_speech_head": True,
        "weights_sha256": "ab" * 32,
        "training_corpora": ("one", "two"),
        "calibration": CALIBRATION,
    }
    return ModelManifest(**(defaults | values))


@pytest.mark.parametrize("calibration", [None, CALIBRATION])
@pytest.mark.parametrize("mode", ["stateful", "windowed"])
def test_what_is_written_is_read(mode: str, calibration: Calibration | None) -> None:
    written = manifest(mode=mode, calibration=calibration)
    assert ModelManifest.from_metadata(written.to_metadata()) == written


def test_every_field_is_one_property_of_json() -> None:
    metadata = manifest().to_metadata()
    names = {field.name for field in dataclasses.fields(ModelManifest)} | {"schema_version"}
    assert set(metadata) == {f"speakersdk.{name}" for name in names}
    assert json.loads(metadata["speakersdk.frontend"])["num_mels"] == 40
    assert json.loads(metadata["speakersdk.schema_version"]) == 3


def test_foreign_properties_are_unchanged() -> None:
    written = manifest()
    assert ModelManifest.from_metadata(written.to_metadata() | {"author": "x"}) == written


def test_a_file_without_manifest_says_how_to_get_one() -> None:
    with pytest.raises(ManifestError, match="speakersdk-export"):
        ModelManifest.from_metadata({"sample_rate": "16000"})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "schema_version",
            "1",
            "schema 3, got 1; its .* export the model again",
        ),
        ("schema_version", "2", "schema 3, got 2; .* damaged: export the model again"),
        ("schema_version", "4", "schema 3, got 4; install a speakersdk version"),
        ("mode", '"sideways"', "stateful or windowed"),
        ("embedding_dim", "0", "embedding_dim"),
        ("temperature", "NaN", "temperature"),
        ("cache_size", "0", "cache_size"),
        ("name", "no json", "not valid"),
        ("frontend", '{"hop_samples": 0}', "hop_samples"),
        ("frontend", '{"unknown": 1}', "unknown"),
        ("calibration", "{}", "operating_points"),
        ("surprise", "1", "surprise"),
    ],
)
def test_a_manifest_that_is_not_valid_is_refused(field: str, value: str, message: str) -> None:
    metadata = manifest().to_metadata() | {f"speakersdk.{field}": value}
    with pytest.raises(ManifestError, match=message):
        ModelManifest.from_metadata(metadata)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("offset", math.inf),
        ("offset", math.nan),
        ("scale", 1e300),
        ("scale", -2.0),
        ("speech_scale", -math.inf),
        ("minimum_speech_s", 0),
        ("maximum_speech_s", "long"),
        ("num_nontarget", 0.5),
        (
            "operating_points",
            [dataclasses.asdict(point) for point in CALIBRATION.operating_points[::-1]],
        ),
    ],
)
def test_a_calibration_that_would_mislead_is_refused(name: str, value: object) -> None:
    values = json.dumps(dataclasses.asdict(CALIBRATION) | {name: value})
    with pytest.raises(ManifestError, match=r"the manifest is not valid: expected .*, got"):
        ModelManifest.from_metadata(manifest().to_metadata() | {"speakersdk.calibration": values})


@pytest.mark.parametrize("field", ["name", "frontend", "calibration", "training_corpora"])
def test_a_missing_field_is_refused(field: str) -> None:
    metadata = manifest().to_metadata()
    del metadata[f"speakersdk.{field}"]
    with pytest.raises(ManifestError, match=field):
        ModelManifest.from_metadata(metadata)


STRANGE = [
    None, True, False, 0, -1, 1, 0.5, 1e300, -1e300, 10**30, -(10**30), math.nan, math.inf,
    -math.inf, "", "x", "1", "\x1b[2J", "y" * 100_000,
    [], [[]], [None], ["x", 1], {}, {"a": 1}, [{}] * 3,
]  # fmt: skip
NOT_JSON = ["", "[" * 100_000, "9" * 5000, "1e999", "{", '"\\ud800"', "\x00"]


def mutations() -> list[dict[str, str]]:
    """Yield the metadata of a manifest with one value replaced, at the top and inside objects."""
    metadata = manifest().to_metadata()
    found = [metadata | {key: text} for key in metadata for text in NOT_JSON]
    for key, text in metadata.items():
        found += [metadata | {key: json.dumps(value)} for value in STRANGE]
        decoded = json.loads(text)
        if not isinstance(decoded, dict):
            continue
        for name in decoded:
            found += [metadata | {key: json.dumps(decoded | {name: value})} for value in STRANGE]
            found.append(
                metadata | {key: json.dumps({k: v for k, v in decoded.items() if k != name})}
            )
    points = json.loads(metadata["speakersdk.calibration"])
    for name in points["operating_points"][0]:
        for value in STRANGE:
            first = points["operating_points"][0] | {name: value}
            changed = points | {"operating_points": [first, *points["operating_points"][1:]]}
            found.append(metadata | {"speakersdk.calibration": json.dumps(changed)})
    return found


def test_mutated_manifests_are_read_or_refused_in_one_line() -> None:
    changed = mutations()
    messages = []
    for metadata in changed:
        try:
            ModelManifest.from_metadata(metadata)
        except ManifestError as error:
            messages.append(str(error))
    assert len(changed) > 1000
    assert len(messages) > 0.8 * len(changed)
    wrong = [text[:200] for text in messages if len(text) > 800 or not text.isprintable()]
    assert wrong == []


def test_the_cohort_of_another_model_is_refused() -> None:
    calibration = dataclasses.replace(
        CALIBRATION, cohort=Cohort.of(np.ones((4, 3), np.float32), nearest=2)
    )
    with pytest.raises(ManifestError, match="belongs to another model"):
        manifest(embedding_dim=8, calibration=calibration)
