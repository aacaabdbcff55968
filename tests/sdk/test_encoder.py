import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from speakersdk.encoder import load_encoder, recalibrated
from speakersdk.errors import InferenceError, ManifestError
from speakersdk.stateful_encoder import StatefulEncoder
from speakersdk.windowed_encoder import WindowedEncoder

MODELS = Path(__file__).parents[1] / "data" / "models"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stateful", StatefulEncoder),
        ("stateful-headless", StatefulEncoder),
        ("windowed", WindowedEncoder),
    ],
)
def test_the_manifest_decides_the_kind_of_encoder(name: str, kind: type) -> None:
    encoder = load_encoder(MODELS / f"{name}.onnx")
    assert isinstance(encoder, kind)
    assert encoder.manifest.name == f"test-{name}"
    assert encoder.session.providers == ("CPUExecutionProvider",)


def edited(folder: Path, model: str, **fields: Any) -> Path:
    """A copy of a test model whose manifest says something else, with values of equal length."""
    data = (MODELS / f"{model}.onnx").read_bytes()
    for field, (before, after) in fields.items():
        key = f"speakersdk.{field}".encode()
        at = data.index(key)
        old, new = (json.dumps(value).encode() for value in (before, after))
        assert len(old) == len(new)
        found = data.index(old, at + len(key))
        data = data[:found] + new + data[found + len(old) :]
    path = folder / "edited.onnx"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"embedding_dim": (16, 17)}, "embedding"),
        ({"cache_size": (64, 65)}, "cache"),
        ({"statistics_size": (24, 25)}, "statistics"),
        ({"mode": ("stateful", "windowed")}, "inputs"),
    ],
)
def test_a_graph_that_breaks_its_manifest_is_refused(
    fields: dict[str, tuple[Any, Any]], named: str, tmp_path: Path
) -> None:
    path = edited(tmp_path, "stateful", **fields)
    with pytest.raises(ManifestError, match=named):
        load_encoder(path)


def test_a_promised_speech_head_must_be_there(tmp_path: Path) -> None:
    data = (MODELS / "stateful-headless.onnx").read_bytes()
    at = data.index(b"speakersdk.has_speech_head")
    found = data.index(b"false", at)
    path = tmp_path / "edited.onnx"
    path.write_bytes(data[:found] + b"true " + data[found + 5 :])  # JSON allows the space
    with pytest.raises(ManifestError, match="speech"):
        load_encoder(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InferenceError):
        load_encoder(tmp_path / "absent.onnx")


def test_another_calibration_changes_the_manifest_alone(default_model: Path) -> None:
    encoder = load_encoder(default_model)
    assert encoder.manifest.calibration is not None
    other = dataclasses.replace(encoder.manifest.calibration, offset=7.0)
    changed = recalibrated(encoder, other)
    assert changed.manifest == dataclasses.replace(encoder.manifest, calibration=other)
    assert changed.session is encoder.session
    assert type(changed) is type(encoder)
