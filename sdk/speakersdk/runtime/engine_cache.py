"""A cache of TensorRT engines on disk.

    key of everything that an engine depends on -> folder -> checked before use, sealed after

TensorRT never receives a damaged engine or one for another model, GPU or version: the folder name
is a hash of all these, and a seal lists the hash of every file in the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from speakersdk.files import cache_folder, file_sha256, replacement

_SEAL: Final = "seal.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """Everything that an engine depends on.

    Attributes:
        model_sha256: hash of the whole model file.
        onnxruntime, tensorrt: versions.
        gpu: name and compute capability of the GPU.
        precision: see `speakersdk.runtime.options.Precision`.
        shapes: shapes of the inputs.
    """

    model_sha256: str
    onnxruntime: str
    tensorrt: str
    gpu: str
    precision: str
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def folder_name(self) -> str:
        """The hash of the fields as hexadecimal digits."""
        fields = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()[:32]


def default_cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/speakersdk/tensorrt``; the default base is ``~/.cache``.

    Raises:
        ConfigError: the variable is not set and there is no home folder.
    """
    return cache_folder("tensorrt")


class EngineCache:
    """A cache of engines: one folder per engine in a root folder.

    Attributes:
        state: result of the last request: "unused", "reused", "built", "damaged, built again", or
            "off: " and the reason.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self.state = "unused"

    @contextlib.contextmanager
    def entry(self, key: EngineKey) -> Iterator[Path | None]:
        """Yield the folder of an engine for TensorRT; None if the cache cannot be used.

        A new engine is built in a temporary folder, which is renamed at the end of the block. An
        interrupted build leaves nothing, and processes can build at the same time.
        """
        try:
            folder = self._folder(key)
            folder.parent.mkdir(parents=True, exist_ok=True)
            is_damaged = folder.exists() and not _is_intact(folder)
            if is_damaged:
                shutil.rmtree(folder)
            is_known = folder.exists()
            build = folder if is_known else _build_folder(folder.parent)
        except (OSError, RuntimeError) as error:
            self.state = f"off: {error}"
            yield None
            return
        if is_known:
            self.state = "reused"
            yield folder
            if not _is_intact(folder):  # TensorRT wrote it again
                with contextlib.suppress(OSError):
                    _seal(folder)
            return
        self.state = "damaged, built again" if is_damaged else "built"
        try:
            yield build
            self._publish(build, folder)
        finally:
            shutil.rmtree(build, ignore_errors=True)

    def _publish(self, build: Path, folder: Path) -> None:
        """Move a finished build to its final folder."""
        try:
            _seal(build)
            build.rename(folder)
        except OSError as error:
            if not folder.exists():  # otherwise another process built the same engine
                self.state = f"off: {error}"

    def discard(self, key: EngineKey) -> None:
        """Delete an intact engine that TensorRT refused."""
        shutil.rmtree(self._folder(key), ignore_errors=True)

    def _folder(self, key: EngineKey) -> Path:
        root = default_cache_folder() if self._root is None else self._root
        return root / key.folder_name


def _build_folder(root: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix="building-", dir=root))


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.iterdir() if path.name != _SEAL)
    return {path.name: file_sha256(path) for path in files}


def _seal(folder: Path) -> None:
    hashes = json.dumps(_hashes(folder)).encode()
    with replacement(folder / _SEAL) as file:
        file.write(hashes)


def _is_intact(folder: Path) -> bool:
    """Return whether the files of a folder match its seal."""
    try:
        sealed = json.loads((folder / _SEAL).read_bytes())
        return bool(sealed == _hashes(folder))
    except (OSError, ValueError):
        return False
