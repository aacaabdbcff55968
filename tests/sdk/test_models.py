"""The bundled model."""

from __future__ import annotations

from pathlib import Path

import pytest

import speakersdk.models
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import ModelError
from speakersdk.models import default_model_path


def test_the_bundled_model_supports_decisions() -> None:
    manifest = load_encoder(default_model_path()).manifest
    assert manifest.calibration is not None
    assert len(manifest.weights_sha256) == 64


def test_without_a_bundled_model_the_path_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(speakersdk.models, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ModelError, match=r"default\.onnx, got no file"):
        default_model_path()
