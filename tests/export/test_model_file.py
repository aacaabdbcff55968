from pathlib import Path

import onnx
import pytest

from speakersdk.encoder.content import stamped
from speakersdk.errors import InferenceError, ManifestError, ModelError
from speakersdk_export.model_file import check_file, check_graph, new_model_file, write_model

pytestmark = pytest.mark.export
MODELS = Path(__file__).parents[1] / "data" / "models"


@pytest.mark.parametrize("name", ["stateful", "stateful-headless", "windowed"])
def test_the_test_models_are_valid(name: str) -> None:
    assert check_file(MODELS / f"{name}.onnx").name == f"test-{name}"


def test_the_bundled_model_is_valid(default_model: Path) -> None:
    assert check_file(default_model).mode == "stateful"


def test_embeddings_of_another_length_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "edited.onnx"
    manifest = check_file(MODELS / "stateful.onnx").to_metadata()
    model = onnx.load_model(MODELS / "stateful.onnx")
    onnx.helper.set_model_props(model, manifest | {"speakersdk.temperature": "5.0"})
    path.write_bytes(stamped(model.SerializeToString()))
    with pytest.raises(ModelError, match="length 5, got 4"):
        check_file(path)


def test_a_graph_that_is_not_valid_is_refused() -> None:
    model = onnx.load_model(MODELS / "windowed.onnx")
    del model.graph.node[3]
    with pytest.raises(ModelError, match=r"onnx\.checker"):
        check_graph(model)


def test_files_that_are_not_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(InferenceError):
        check_file(path)
    model = onnx.load_model(MODELS / "windowed.onnx")
    del model.metadata_props[:]
    onnx.save_model(model, path)
    with pytest.raises(ManifestError):
        check_file(path)


def test_weights_and_manifest_are_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    manifest = check_file(MODELS / "windowed.onnx")
    write_model(path, onnx.load_model(MODELS / "windowed.onnx"), manifest)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
    assert check_file(path) == manifest


def test_a_new_model_file_replaces_the_old_one_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.onnx"
    with new_model_file(path) as partial:
        partial.write_bytes(b"first")
    with pytest.raises(AttributeError), new_model_file(path) as partial:
        write_model(partial, None, None)  # type: ignore[arg-type]
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]
