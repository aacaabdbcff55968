"""The bundled model."""

from __future__ import annotations

from pathlib import Path

from speakersdk.errors import ModelError


def default_model_path() -> Path:
    """Return the path of the bundled ONNX file.

    Raises:
        ModelError: this installation does not contain it.
    """
    path = Path(__file__).parent / "default.onnx"
    if not path.is_file():
        raise ModelError(
            f"expected the bundled model at {path}, got no file; install speakersdk again (in a "
            "program of PyInstaller: build it with --collect-data speakersdk), or pass a model"
        )
    return path
