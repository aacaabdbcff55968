"""The parts of an embedding run, from which the next run continues after an interruption."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ConfigError, SpeakerSdkError
from speakersdk.evaluation.embedding_table import (
    EmbeddingTable,
    join_tables,
    read_embeddings,
    write_embeddings,
)
from speakersdk.files import purge_temporary, working_folder
from speakersdk.sealing import SealingKey
from speakersdk.text import printable


@contextlib.contextmanager
def locked_parts(
    output: Path, manifest: ModelManifest, *, key: SealingKey | None = None
) -> Iterator[Parts]:
    """Open the parts of an output file, in the folder ``<output>.parts``, for one run at a time.

    The lock is in that folder. The system releases it when the process ends, also if it is killed.

    Args:
        output: the output file of the run.
        manifest: manifest of the model.
        key: as for `Parts`.

    Raises:
        ConfigError: another run writes the same output, or as for `Parts`.
        SealError: as for `Parts`.
        OSError: the folder cannot be made.
    """
    folder = _folder_of(output)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(working_folder(folder))
        except TimeoutError as error:
            raise ConfigError(
                f"expected one run at a time to write {printable(output)}, but another run is "
                "writing it; wait until that one has ended, or name another output"
            ) from error
        yield Parts(folder, manifest.weights_sha256, key=key)


def purge_finished(output: Path, *, key: SealingKey | None = None) -> None:
    """Delete what a run left that was killed after it had written its output.

    Parts that the output does not need stay: they are of another run, which may continue under
    another name. So do parts in use, and those of an output that cannot be read with the key.

    Args:
        output: an output file that exists.
        key: as for `Parts`.
    """
    folder = _folder_of(output)
    if not folder.is_dir():
        return
    with contextlib.suppress(SpeakerSdkError, OSError), working_folder(folder):
        written = read_embeddings(output, key=key)
        parts = Parts(folder, written.model_sha256, key=key)
        if parts.are_in(written):
            parts.remove()
            purge_temporary(output.parent, output.name)


def _folder_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.parts")


class Parts:
    """A folder of numbered tables of one model.

    Args:
        folder: the folder, which must exist.
        model_sha256: hash of the model's weights.
        key: key with which the parts are sealed; None means plain parts.

    Raises:
        ConfigError: a part is damaged or of another model.
        SealError: a part is plain, or sealed with another key.
    """

    def __init__(self, folder: Path, model_sha256: str, *, key: SealingKey | None = None) -> None:
        self._key = key
        self._folder = folder
        paths = sorted(self._folder.glob("*.npz"))
        self._tables = [_read(path, key) for path in paths]
        others = {table.model_sha256 for table in self._tables} - {model_sha256}
        if others:
            raise ConfigError(
                f"expected parts of model {model_sha256[:12]} in {self._folder}, got "
                f"those of {min(others)[:12]}; remove the folder, or use that model"
            )
        numbers = [int(path.stem) for path in paths if path.stem.isdecimal()]
        self._next = max(numbers, default=-1) + 1

    def kept(self, wanted: Mapping[str, str | None]) -> set[str]:
        """Return the names of the recordings that were embedded from the wanted source."""
        return {
            name
            for table in self._tables
            for name, source in zip(table.names, table.sources, strict=True)
            if wanted.get(name) == source
        }

    def add(self, table: EmbeddingTable) -> None:
        """Store a part.

        Raises:
            OSError: the file cannot be written.
        """
        path = self._folder / f"{self._next:06d}.npz"
        write_embeddings(path, table, key=self._key, is_new=True)
        self._next += 1
        self._tables.append(table)

    def joined(self, wanted: Mapping[str, str | None]) -> EmbeddingTable:
        """Return the rows of the wanted names and sources, in that order."""
        table = join_tables(self._tables)
        pairs = zip(table.names, table.sources, strict=True)
        rows: dict[tuple[str, str | None], int] = {pair: row for row, pair in enumerate(pairs)}
        return table.take([rows[item] for item in wanted.items() if item in rows])

    def are_in(self, table: EmbeddingTable) -> bool:
        """Return whether a table has the recordings of all parts, or consists of their rows."""
        names = {name for part in self._tables for name in part.names}
        sources = dict(zip(table.names, table.sources, strict=True))
        return names <= sources.keys() or self.kept(sources) >= sources.keys()

    def remove(self) -> None:
        """Delete the parts."""
        purge_temporary(self._folder)
        for path in self._folder.glob("*.npz"):
            path.unlink(missing_ok=True)


def _read(path: Path, key: SealingKey | None) -> EmbeddingTable:
    try:
        return read_embeddings(path, key=key)
    except ConfigError as error:
        raise ConfigError(
            f"{error}; remove this part, and its recordings are embedded again"
        ) from error
