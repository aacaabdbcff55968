"""The cache with files in place of engines, because building one needs TensorRT and a GPU."""

from dataclasses import replace
from pathlib import Path

import pytest

from speakersdk.files import file_sha256
from speakersdk.runtime.engine_cache import EngineCache, EngineKey, default_cache_folder

KEY = EngineKey(
    model_sha256="ab",
    onnxruntime="1.32.0",
    tensorrt="10.15.1",
    gpu="GPU 9.0",
    precision="fp32",
    shapes={"samples": (1, 1841)},
)


def use(cache: EngineCache, key: EngineKey = KEY, *, content: str = "engine") -> str:
    """Open an entry like a session: load the engine if it exists, and otherwise build it."""
    with cache.entry(key) as folder:
        assert folder is not None
        engine = folder / "model.engine"
        if not engine.exists():
            engine.write_text(content)
        return engine.read_text()


def test_an_engine_is_built_once(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "new" / "folder")
    assert use(cache, content="first") == "first"
    assert cache.state == "built"
    assert use(cache, content="second") == "first"
    assert cache.state == "reused"


@pytest.mark.parametrize(
    "difference",
    [
        {"model_sha256": "ac"},
        {"onnxruntime": "1.32.1"},
        {"tensorrt": "10.15.2"},
        {"gpu": "GPU 8.9"},
        {"precision": "fp16"},
        {"shapes": {"samples": (2, 1841)}},
        {"shapes": {"samples": (1, 1842)}},
    ],
)
def test_any_difference_is_another_engine(tmp_path: Path, difference: dict) -> None:
    cache = EngineCache(tmp_path)
    use(cache, content="first")
    assert use(cache, replace(KEY, **difference), content="second") == "second"


def test_models_of_one_structure_have_different_hashes(tmp_path: Path, default_model: Path) -> None:
    # One weight differs in its lowest bit. The cache of another SDK took such models for the same.
    data = bytearray(default_model.read_bytes())
    data[len(data) // 2] ^= 1
    other = tmp_path / "other.onnx"
    other.write_bytes(data)
    assert file_sha256(other) != file_sha256(default_model)


def test_a_damaged_engine_is_built_again(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    use(cache, content="first")
    (engine,) = tmp_path.glob("*/model.engine")
    engine.write_text("fi")
    assert use(cache, content="second") == "second"
    assert cache.state == "damaged, built again"
    assert use(cache) == "second"


def test_a_damaged_seal_is_a_damaged_engine(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    use(cache)
    (seal,) = tmp_path.glob("*/seal.json")
    seal.write_text("{")
    use(cache)
    assert cache.state == "damaged, built again"


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)

    def interrupted() -> None:
        with cache.entry(KEY) as folder:
            assert folder is not None
            (folder / "model.engine").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_built_meanwhile_stays(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    with cache.entry(KEY) as folder:
        assert folder is not None
        (folder / "model.engine").write_text("ours")
        assert use(EngineCache(tmp_path), content="theirs") == "theirs"
    assert use(cache) == "theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_engine_that_is_written_again_is_intact(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    use(cache)
    with cache.entry(KEY) as folder:
        assert folder is not None
        (folder / "model.engine").write_text("newer")
    assert use(cache) == "newer"
    assert cache.state == "reused"


def test_a_folder_that_cannot_be_made_turns_the_cache_off(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = EngineCache(tmp_path / "file" / "folder")
    with cache.entry(KEY) as folder:
        assert folder is None
    assert cache.state.startswith("off: ")
    assert "file" in cache.state


def test_a_discarded_engine_is_built_again(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    use(cache, content="first")
    cache.discard(KEY)
    assert use(cache, content="second") == "second"


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "speakersdk" / "tensorrt"
    # The specification says that a relative path is ignored.
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        assert default_cache_folder() == tmp_path / "home" / ".cache" / "speakersdk" / "tensorrt"
