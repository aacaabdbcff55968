"""Where TensorRT's engines are kept between runs, so that they are built once.

    key of everything an engine depends on -> folder -> checked before use, sealed after

An engine that is damaged, or belongs to another model, GPU or version, is never handed to TensorRT:
the folder's name is the hash of all of these, and a seal lists the hash of every file in it.
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
    """All that an engine depends on; a difference in any of them means another engine.

    Attributes:
        model_sha256: of the whole model file, so that two models of one structure stay apart.
        onnxruntime, tensorrt: versions.
        gpu: its name and compute capability.
        precision: see `speakersdk.runtime.options.Precision`.
        shapes: of the inputs.
    """

    model_sha256: str
    onnxruntime: str
    tensorrt: str
    gpu: str
    precision: str
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def folder_name(self) -> str:
        """Hash of the fields, as hexadecimal digits."""
        fields = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()[:32]


def default_cache_folder() -> Path:
    """``$XDG_CACHE_HOME/speakersdk/tensorrt``, by default below ``~/.cache``.

    Raises:
        RuntimeError: there is neither that variable nor a home folder.
    """
    return cache_folder("tensorrt")


class EngineCache:
    """Folders of engines below one root.

    Attributes:
        state: what became of the last request: "reused", "built", "damaged, built again", or
            "off: " and the reason.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self.state = "unused"

    @contextlib.contextmanager
    def entry(self, key: EngineKey) -> Iterator[Path | None]:
        """The folder in which TensorRT finds or leaves the engine; None if there can be none.

        A new engine is built in a folder of its own, which takes its place when the block ends
        well: an interrupted build leaves nothing, and two processes do not disturb each other.
        """
        try:
            root = default_cache_folder() if self._root is None else self._root
            root.mkdir(parents=True, exist_ok=True)
            folder = root / key.folder_name
            is_damaged = folder.exists() and not _is_intact(folder)
            if is_damaged:
                shutil.rmtree(folder)
            if folder.exists():
                build, self.state = None, "reused"
            else:
                build = Path(tempfile.mkdtemp(prefix="building-", dir=root))
                self.state = "damaged, built again" if is_damaged else "built"
        except (OSError, RuntimeError) as error:
            self.state = f"off: {error}"
            yield None
            return
        if build is None:
            yield folder
            if not _is_intact(folder):  # TensorRT found a reason to write it anew
                with contextlib.suppress(OSError):
                    _seal(folder)
            return
        try:
            yield build
            self._publish(build, folder)
        finally:
            shutil.rmtree(build, ignore_errors=True)

    def _publish(self, build: Path, folder: Path) -> None:
        """Move a finished build to where it is looked for."""
        try:
            _seal(build)
            build.rename(folder)
        except OSError as error:
            if not folder.exists():  # or else another process was first, with the same engine
                self.state = f"off: {error}"

    def discard(self, key: EngineKey) -> None:
        """Forget an engine that TensorRT refused although it is as it was written."""
        root = default_cache_folder() if self._root is None else self._root
        shutil.rmtree(root / key.folder_name, ignore_errors=True)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.iterdir() if path.name != _SEAL)
    return {path.name: file_sha256(path) for path in files}


def _seal(folder: Path) -> None:
    hashes = json.dumps(_hashes(folder)).encode()
    with replacement(folder / _SEAL) as file:
        file.write(hashes)


def _is_intact(folder: Path) -> bool:
    """Whether a folder holds exactly what was sealed."""
    try:
        sealed = json.loads((folder / _SEAL).read_bytes())
        return bool(sealed == _hashes(folder))
    except (OSError, ValueError):
        return False
