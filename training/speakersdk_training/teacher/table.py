"""A teacher's embeddings of the training audio: segments of every voice, in one file.

A speaker's audio is cut into segments that begin a stride apart. A crop learns from the segment
nearest to its middle. The table is made once for all runs, including those that leave out speakers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk.files import replacement
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.errors import TrainingError
from speakersdk_training.teacher.provenance import Provenance

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class TeacherTable:
    """A teacher's embeddings of S speakers at V playing speeds.

    Attributes:
        embeddings: (V, R, E) float16.
        counts: (S,) int64 number of segments of each speaker, R in all.
        speakers: names of the S speakers.
        speeds: the V playing speeds.
        stride_samples: distance between two segments.
        teachers: descriptions of the teachers, of more than one for joined tables.
    """

    embeddings: Tensor
    counts: Tensor
    speakers: tuple[str, ...]
    speeds: tuple[float, ...]
    stride_samples: int
    teachers: tuple[Provenance, ...]

    def save(self, path: Path) -> None:
        """Write the table to one file as a whole, for `load_table`."""
        content = {
            "format": _FORMAT,
            "embeddings": self.embeddings.cpu(),
            "counts": self.counts.cpu(),
            "speakers": list(self.speakers),
            "speeds": list(self.speeds),
            "stride_samples": self.stride_samples,
            "teachers": [asdict(teacher) for teacher in self.teachers],
        }
        with replacement(path, is_private=False) as file:
            torch.save(content, file)

    def joined(self, other: TeacherTable) -> TeacherTable:
        """Join the embeddings of two teachers: their cosine is the mean of both cosines.

        Args:
            other: the other teacher's table of the same audio.

        Raises:
            TrainingError: the tables were made of other speakers, speeds or strides.
        """
        same = (
            self.speakers == other.speakers
            and self.speeds == other.speeds
            and self.stride_samples == other.stride_samples
            and torch.equal(self.counts, other.counts)
        )
        if not same:
            raise TrainingError(
                "expected teachers' tables of the same speakers, speeds and stride; make both with "
                "the same configuration and --every"
            )
        parts = []
        for table in (self, other):
            lengths = functional.normalize(table.embeddings.float(), dim=2)
            parts.append(functional.normalize(lengths - lengths.mean(dim=(0, 1)), dim=2))
        return replace(
            self,
            embeddings=torch.cat(parts, dim=2).half(),
            teachers=self.teachers + other.teachers,
        )


def load_table(path: Path) -> TeacherTable:
    """Read a table of `TeacherTable.save`.

    Raises:
        TrainingError: the file is missing or not a table.
    """
    if not path.is_file():
        raise TrainingError(
            f"expected a teacher's table at {path}, found none; make it with "
            "speakersdk-train teacher"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["format"] != _FORMAT:
            raise ValueError(content["format"])
        return TeacherTable(
            embeddings=content["embeddings"],
            counts=content["counts"],
            speakers=tuple(content["speakers"]),
            speeds=tuple(content["speeds"]),
            stride_samples=content["stride_samples"],
            teachers=tuple(Provenance(**provenance) for provenance in content["teachers"]),
        )
    except Exception as error:  # torch's own errors are of many kinds and run over many lines
        raise TrainingError(f"{path} holds no teacher's table of format {_FORMAT}") from error


def count_segments(length: Tensor, stride_samples: int) -> Tensor:
    """Count the (S,) segments of speakers with (S,) samples: one at least."""
    return (-(-length // stride_samples)).clamp(min=1)


class TeacherTargets:
    """The targets of crops: embeddings that the student should reach."""

    def __init__(
        self,
        table: TeacherTable,
        bank: AudioBank,
        *,
        speeds: tuple[float, ...],
        speaker_share: float,
        share_of: Collection[str] = (),
    ) -> None:
        """Pick the bank's speakers out of the table, and subtract the mean of their embeddings.

        Args:
            table: table that holds all speakers of the bank.
            bank: bank of the crops.
            speeds: playing speeds of the voices, in the order of their numbers.
            speaker_share: share of a voice's mean over all its audio in each of its targets; that
                mean does not depend on the words.
            share_of: corpora whose targets have that share; empty means all.

        Raises:
            TrainingError: the table lacks a speed or a speaker, or has a speaker with other audio.
        """
        missing = sorted(set(speeds) - set(table.speeds))
        number_of = {name: number for number, name in enumerate(table.speakers)}
        unknown = [name for name in bank.speakers if name not in number_of]
        if missing or unknown:
            raise TrainingError(
                f"the teacher's table lacks {(missing or unknown)[0]}; make it again with "
                "speakersdk-train teacher"
            )
        rows = torch.tensor([number_of[name] for name in bank.speakers])
        counts = table.counts[rows]
        if not torch.equal(counts, count_segments(bank.length.cpu(), table.stride_samples)):
            raise TrainingError(
                "the teacher's table was made of other audio of the same speakers; make it again "
                "with speakersdk-train teacher"
            )
        first = (table.counts.cumsum(0) - table.counts)[rows]
        speaker = torch.repeat_interleave(torch.arange(len(rows)), counts)
        within = torch.arange(len(speaker)) - (counts.cumsum(0) - counts)[speaker]
        chosen = (first[speaker] + within).to(bank.device)
        speaker = speaker.to(bank.device)
        parts = []
        for speed in speeds:
            part = table.embeddings[table.speeds.index(speed)].to(bank.device)[chosen].float()
            parts.append(functional.normalize(part, dim=1))
        embeddings = torch.stack(parts)  # (V, rows of this bank, E)
        embeddings = functional.normalize(embeddings - embeddings.mean(dim=(0, 1)), dim=2)
        if speaker_share:
            means = embeddings.new_zeros(len(speeds), len(rows), embeddings.shape[2])
            means.index_add_(1, speaker, embeddings)
            means = functional.normalize(means, dim=2)[:, speaker]
            has_share = [not share_of or name.split("/")[0] in share_of for name in bank.speakers]
            share = speaker_share * torch.tensor(has_share, device=bank.device)[speaker, None]
            embeddings = (1 - share) * embeddings + share * means
            embeddings = functional.normalize(embeddings, dim=2)
        self._embeddings = embeddings.half()
        self._counts = counts.to(bank.device)
        self._first = self._counts.cumsum(0) - self._counts
        self._stride = table.stride_samples

    @property
    def embedding_dim(self) -> int:
        """The dimension E of a target."""
        return self._embeddings.shape[2]

    def __call__(self, speaker: Tensor, voice: Tensor, middle: Tensor) -> Tensor:
        """Look up the targets of crops.

        Args:
            speaker: (B,) int64 rows of the bank.
            voice: (B,) int64 numbers of the playing speeds.
            middle: (B,) int64 positions in samples from the start of the speaker's audio.

        Returns:
            (B, E) float32 targets of length 1.
        """
        segment = torch.minimum(middle // self._stride, self._counts[speaker] - 1)
        return self._embeddings[voice, self._first[speaker] + segment].float()
