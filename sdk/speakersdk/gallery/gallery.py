"""A gallery: voiceprints in memory that can be searched for the best matches of a probe.

    gallery = Gallery.from_voiceprints(store.content().voiceprints)
    gallery.search(verifier.embed(samples, sample_rate_hz=16000), k=5)

The search is exhaustive: the compiled kernels compare every row and read each stored vector once.
The storage type (float32, float16, int8) determines the speed and the selection of candidates. The
candidates are scored again in float64, which makes the returned scores exact.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from speakersdk import _native
from speakersdk.arguments import checked
from speakersdk.arrays import Embeddings
from speakersdk.errors import (
    ConfigError,
    DuplicateSpeakerError,
    GalleryError,
    IncompatibleModelError,
    SealError,
    UnknownSpeakerError,
)
from speakersdk.gallery.entries import GalleryEntries
from speakersdk.gallery.file import (
    ENDS,
    check_blocks,
    check_header,
    names_in,
    read_gallery,
    write_gallery,
)
from speakersdk.gallery.mips import MipsExport, mips_vectors
from speakersdk.gallery.rows import STORAGES, RowBlock, Storage, stride_of
from speakersdk.sealing import SealingKey
from speakersdk.text import is_visible, printable
from speakersdk.voiceprint.voiceprint import Voiceprint

_NAMES_SHOWN: Final = 20


class Match(NamedTuple):  # three times as fast to create as a dataclass
    """An entry that a search found.

    Attributes:
        name: name of the entry.
        score: -J, at most 0; higher means more similar.
    """

    name: str
    score: float


@checked
class Gallery:
    """Named embeddings of one model. Adding and removing entries does not move stored rows.

    Entries made from voiceprints keep their expiry. A search does not return expired entries; a
    warning names each of them once. Several threads may search at once, but not while another one
    adds or removes entries.
    """

    def __init__(self, dim: int, *, storage: Storage = "float32", keep_exact: bool = True) -> None:
        """Create an empty gallery.

        Args:
            dim: number of values of an embedding.
            storage: type of the values that a search reads: "float32", "float16" (half the memory)
                or "int8" (a quarter, with one scale per vector).
            keep_exact: with float16 and int8, also keep the float32 rows, to score candidates
                exactly. In a memory-mapped file they are read from disk when needed.
        """
        if storage not in STORAGES:
            raise ConfigError(f"storage: expected one of {', '.join(STORAGES)}, got {storage!r}")
        if dim < 1:
            raise ConfigError(f"dim: expected at least 1, got {dim}")
        self.dim: Final = dim
        self.storage: Final[Storage] = storage
        self.keeps_exact: Final = keep_exact or storage == "float32"
        self.model_name: str | None = None
        self.model_sha256: str | None = None
        self._entries = GalleryEntries(dim=dim, storage=storage, keeps_exact=self.keeps_exact)

    @classmethod
    def from_voiceprints(
        cls,
        voiceprints: Iterable[Voiceprint],
        *,
        storage: Storage = "float32",
        keep_exact: bool = True,
    ) -> Gallery:
        """Create a gallery from one or more voiceprints of the same model.

        Raises:
            ExpiredVoiceprintError: a voiceprint has expired.
            IncompatibleModelError: the voiceprints were made with different models.
            DuplicateSpeakerError: two voiceprints have the same name.
            ValueError: there is no voiceprint.
        """
        members = list(voiceprints)
        if not members:
            raise ValueError("expected at least one voiceprint; use Gallery(dim) for an empty one")
        gallery = cls(members[0].exemplars.shape[1], storage=storage, keep_exact=keep_exact)
        model = gallery._model_of(members)
        gallery.add_many(
            [voiceprint.name for voiceprint in members],
            [voiceprint.embedding for voiceprint in members],
        )
        gallery.model_name, gallery.model_sha256 = model
        gallery._entries.expiry.add(members)
        return gallery

    @classmethod
    def from_embeddings(
        cls,
        embeddings: npt.ArrayLike,
        *,
        names: Sequence[str] | None = None,
        storage: Storage = "float32",
        keep_exact: bool = True,
    ) -> Gallery:
        """Create a gallery from (num, dim) embeddings; the default names are "0", "1", ...."""
        rows = _rows("embeddings", embeddings)
        gallery = cls(rows.shape[1], storage=storage, keep_exact=keep_exact)
        gallery.add_many([str(i) for i in range(len(rows))] if names is None else names, rows)
        return gallery

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of their rows, with those that have expired."""
        return self._entries.names

    def __repr__(self) -> str:
        return f"Gallery({len(self)} entries, dim={self.dim}, {self.storage})"

    def __len__(self) -> int:
        return len(self._entries.places)

    def __contains__(self, name: object) -> bool:
        return name in self._entries.places

    def add_voiceprint(self, voiceprint: Voiceprint) -> None:
        """Add a voiceprint of the gallery's model under its name. Errors as for `add`.

        Raises:
            ExpiredVoiceprintError: the voiceprint has expired.
            IncompatibleModelError: it was made with a different model.
        """
        model = self._model_of([voiceprint])
        self.add(voiceprint.name, voiceprint.embedding)
        self.model_name, self.model_sha256 = model
        self._entries.expiry.add([voiceprint])

    def add(self, name: str, embedding: npt.ArrayLike) -> None:
        """Add one embedding.

        Args:
            name: a new name of visible characters.
            embedding: (dim,) finite logits that span at most 64.

        Raises:
            DuplicateSpeakerError: the name is taken.
            ConfigError: the name is empty or has invisible characters.
            ValueError: wrong shape, or logits not finite or with a larger span.
        """
        row = np.asarray(embedding)
        if row.ndim != 1:
            raise ValueError(f"embedding: expected shape ({self.dim},), got {row.shape}")
        self.add_many([name], row[np.newaxis])

    def add_many(self, names: Sequence[str], embeddings: npt.ArrayLike) -> None:
        """Add (num, dim) embeddings: all of them, or none on an error. Errors as for `add`."""
        rows = _rows("embeddings", embeddings)
        if rows.shape != (len(names), self.dim):
            raise ValueError(
                f"embeddings: expected shape ({len(names)}, {self.dim}), got {rows.shape}"
            )
        added: set[str] = set()
        for name in names:
            if name in self._entries.places or name in added:
                raise DuplicateSpeakerError(name, remedy="remove it first")
            if not name or not is_visible(name):
                raise ConfigError(f"expected a printable name, got '{printable(name)}'")
            added.add(name)
        if len(rows):
            self._entries.add(names, _native.log_probabilities(rows))

    def remove(self, name: str) -> None:
        """Remove an entry and free its row.

        Raises:
            UnknownSpeakerError: there is no entry of that name.
        """
        if name not in self._entries.places:
            shown = self.names[:_NAMES_SHOWN]
            known = (*shown, *["..."] * (len(self) > len(shown)))
            raise UnknownSpeakerError(name, known=known, remedy="add it first")
        self._entries.remove(name)

    def search(self, probe: npt.ArrayLike, k: int = 10, *, num_threads: int = 1) -> list[Match]:
        """Find the k entries most similar to a probe, best first.

        Entries of equal score are in the order of their rows. The result is shorter if the gallery
        has fewer entries that have not expired.

        Args:
            probe: (dim,) finite logits that span at most 64.
            k: number of entries, at least 1.
            num_threads: number of threads.
        """
        row = np.asarray(probe)
        if row.ndim != 1:
            raise ValueError(f"probe: expected shape ({self.dim},), got {row.shape}")
        return self.search_many(row[np.newaxis], k, num_threads=num_threads)[0]

    def search_many(
        self, probes: npt.ArrayLike, k: int = 10, *, num_threads: int = 1
    ) -> list[list[Match]]:
        """Search for each of (num, dim) probes, like `search`, and read stored rows only once."""
        rows = self._probes(probes)
        if k < 1:
            raise ConfigError(f"k: expected at least 1, got {k}")
        expired = self._entries.expiry.expired()
        num = min(k + len(expired), len(self))
        nearest: list[list[tuple[float, int, int]]] = [[] for _ in rows]
        for index, block in enumerate(self._entries.blocks):
            found, divergences = block.search(rows, num, num_threads)
            for own, places, values in zip(
                nearest, found.tolist(), divergences.tolist(), strict=True
            ):
                own += [
                    (value, index, place)
                    for value, place in zip(values, places, strict=True)
                    if place >= 0
                ]
        return [self._matches(sorted(own)[:num], expired)[:k] for own in nearest]

    def score_all(self, probe: npt.ArrayLike, *, num_threads: int = 1) -> npt.NDArray[np.float32]:
        """Compute the scores -J between a probe and every entry, in the order of `names`.

        Returns:
            (len(gallery),) float32, -inf for entries that have expired. With float32 storage the
            relative error is at most 1e-5; float16 and int8 add their rounding errors
            (docs/scoring.md).
        """
        row = self._probes(np.asarray(probe)[np.newaxis])[0]
        parts = [-block.scores(row, num_threads) for block in self._entries.blocks]
        scores = np.concatenate(parts) if parts else np.empty(0, np.float32)
        scores = scores[~np.isnan(scores)] if self._entries.free else scores
        if expired := self._entries.expiry.expired():
            scores[[name in expired for name in self.names]] = -np.inf
        return scores

    def export_mips(self) -> MipsExport:
        """Export entries as vectors of 2 dim + 2 values for a maximum inner product index.

        Expired entries are left out. The index does not know when the others expire.
        """
        logs, names = self._entries.exact_rows()[:, : self.dim], self.names
        if expired := self._entries.expiry.expired():
            logs = logs[[name not in expired for name in names]]
            names = tuple(name for name in names if name not in expired)
        return MipsExport(names=names, vectors=mips_vectors(logs))

    def save(self, path: str | os.PathLike[str], *, key: SealingKey | None = None) -> None:
        """Write the gallery to a file atomically, without removed rows, and sealed with a key.

        Entries that have expired are written with their expiry; `remove` deletes them.
        """
        joined = "\n".join(self.names).encode()
        blocks: dict[str, npt.NDArray[Any]] = {"names": np.frombuffer(joined, np.uint8)}
        kept = list(self._entries.kept())
        values = [block.values[rows] for block, rows in kept]
        empty = np.empty((0, stride_of(self.dim)), self.storage)
        blocks["values"] = np.concatenate([empty, *values])
        if self.storage == "int8":
            scales = [block.scales_in_use[rows] for block, rows in kept]
            blocks["scales"] = np.concatenate([np.empty(0, np.float32), *scales])
        if self.keeps_exact and self.storage != "float32":
            blocks["logs"] = self._entries.exact_rows()
        if self._entries.expiry:
            blocks[ENDS] = self._entries.expiry.to_block(self.names)
        header = {
            "dim": self.dim,
            "storage": self.storage,
            "num": len(self),
            "is_narrow": all(block.is_narrow for block in self._entries.blocks),
            "model_name": self.model_name,
            "model_sha256": self.model_sha256,
        }
        write_gallery(Path(path), header, blocks, key)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, verify: bool = True, key: SealingKey | None = None
    ) -> Gallery:
        """Map a file of `save`. Its rows are read from disk when needed.

        Entries can be added and removed; only `save` changes the file.

        Args:
            path: the file; it must not be truncated while the gallery is in use.
            verify: read the whole file to check its checksum. Otherwise a damaged block is not
                noticed.
            key: key of a sealed file, which is read into memory; a plain file is refused.

        Raises:
            SealError: the file is not sealed with this key, was changed, or is sealed without one.
            OSError: the file cannot be read.
            GalleryError: not a gallery, of an unknown version, truncated or damaged.
        """
        try:
            header, blocks = read_gallery(Path(path), verify=verify, key=key)
            return cls._from_file(header, blocks)
        except (GalleryError, SealError) as error:
            raise type(error)(f"{os.fspath(path)}: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise GalleryError(
                f"{os.fspath(path)}: the gallery's content is not valid: {error!r}"
            ) from error

    @classmethod
    def _from_file(cls, header: dict[str, Any], blocks: dict[str, npt.NDArray[Any]]) -> Gallery:
        header = check_header(header)
        storage, num, logs = header["storage"], header["num"], blocks.get("logs")
        gallery = cls(header["dim"], storage=storage, keep_exact=logs is not None)
        gallery.model_name, gallery.model_sha256 = header["model_name"], header["model_sha256"]
        check_blocks(blocks, storage=storage, shape=(num, stride_of(gallery.dim)))
        names = names_in(blocks["names"], num)
        values = blocks["values"]
        if num:
            rows = RowBlock(
                storage=storage,
                values=values,
                scales=blocks.get("scales"),
                logs=values if storage == "float32" else logs,
                num=num,
                is_narrow=header["is_narrow"],
            )
            gallery._entries.adopt(rows, names)
        if ENDS in blocks:
            gallery._entries.expiry.read_block(names, blocks[ENDS])
        return gallery

    def _model_of(self, voiceprints: Sequence[Voiceprint]) -> tuple[str | None, str | None]:
        """Return name and SHA-256 of the model of all entries with these, after checks of them."""
        name, sha256 = self.model_name, self.model_sha256
        for voiceprint in voiceprints:
            voiceprint.check_current()
            if sha256 is None and not self._entries.places:
                name, sha256 = voiceprint.model_name, voiceprint.model_sha256
            if voiceprint.model_sha256 != sha256:
                raise IncompatibleModelError(
                    expected=f"{name} ({(sha256 or 'none')[:12]})",
                    got=f"{voiceprint.model_name} ({voiceprint.model_sha256[:12]})",
                )
        return name, sha256

    def _probes(self, probes: npt.ArrayLike) -> Embeddings:
        rows = _rows("probes", probes)
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise ValueError(f"probes: expected rows of {self.dim} values, got shape {rows.shape}")
        if not self._entries.blocks and not np.isfinite(rows).all():  # otherwise the kernel checks
            raise ValueError("probes: expected finite float32 values")
        return rows

    def _matches(
        self, nearest: list[tuple[float, int, int]], expired: frozenset[str]
    ) -> list[Match]:
        """Return the named matches of (divergence, block, row), without expired ones."""
        names = self._entries.block_names
        return [
            Match(name, -divergence)
            for divergence, block, row in nearest
            if (name := names[block][row]) is not None and name not in expired
        ]


def _rows(name: str, values: npt.ArrayLike) -> Embeddings:
    """Convert values to C-contiguous float32 of shape (num, dim)."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected real numbers, got dtype {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{name}: expected a matrix (num, dim), got shape {array.shape}")
    if array.dtype == np.float32 and array.flags.carray:
        return array
    with np.errstate(over="ignore"):  # overflow gives inf, which the kernels refuse
        return np.require(array, np.float32, ("C_CONTIGUOUS", "ALIGNED"))
