"""What a teacher says of the training audio: embeddings of stretches of every voice, in one file.

A speaker's audio is cut into stretches that begin a stride apart; a crop learns from the stretch
nearest to its middle. Made once, for all runs, whatever speakers a run leaves out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.errors import TrainingError
from speakersdk_training.teacher.encoders import Provenance

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class TeacherTable:
    """Embeddings of S speakers at V playing speeds.

    Attributes:
        embeddings: (V, R, E) float16.
        counts: (S,) int64 stretches of each speaker; R in all.
        speakers: S names.
        speeds: V playing speeds.
        stride_samples: between two stretches.
        teacher: who made them.
    """

    embeddings: Tensor
    counts: Tensor
    speakers: tuple[str, ...]
    speeds: tuple[float, ...]
    stride_samples: int
    teacher: Provenance

    def save(self, path: Path) -> None:
        """Write one file for `load_table`."""
        torch.save(
            {
                "format": _FORMAT,
                "embeddings": self.embeddings.cpu(),
                "counts": self.counts.cpu(),
                "speakers": list(self.speakers),
                "speeds": list(self.speeds),
                "stride_samples": self.stride_samples,
                "teacher": asdict(self.teacher),
            },
            path,
        )


def load_table(path: Path) -> TeacherTable:
    """Read what `TeacherTable.save` wrote.

    Raises:
        TrainingError: no such file, or not a table.
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
            teacher=Provenance(**content["teacher"]),
        )
    except Exception as error:  # torch's own errors are of many kinds and run over many lines
        raise TrainingError(f"{path} holds no teacher's table of format {_FORMAT}") from error


def count_stretches(length: Tensor, stride_samples: int) -> Tensor:
    """(S,) samples of each speaker -> (S,) stretches, one at least."""
    return (-(-length // stride_samples)).clamp(min=1)


class TeacherTargets:
    """Looks up what the crops of a bank's speakers should come to."""

    def __init__(
        self,
        table: TeacherTable,
        bank: AudioBank,
        *,
        speeds: tuple[float, ...],
        speaker_share: float,
    ) -> None:
        """Pick the bank's speakers out of the table, and centre the embeddings on its own mean.

        Args:
            table: that holds all speakers of the bank.
            bank: to draw from.
            speeds: of the voices, in the order of their numbers.
            speaker_share: share of a voice's mean over all its audio in each of its targets: what
                its stretches have in common does not depend on the words.

        Raises:
            TrainingError: a speed or a speaker that the table lacks, or has with other audio.
        """
        missing = sorted(set(speeds) - set(table.speeds))
        number_of = {name: number for number, name in enumerate(table.speakers)}
        unknown = [name for name in bank.speakers if name not in number_of]
        if missing or unknown:
            raise TrainingError(
                f"the teacher's table lacks {(missing or unknown)[0]}; make it anew with "
                "speakersdk-train teacher"
            )
        rows = torch.tensor([number_of[name] for name in bank.speakers])
        counts = table.counts[rows]
        if not torch.equal(counts, count_stretches(bank.length.cpu(), table.stride_samples)):
            raise TrainingError(
                "the teacher's table was made of other audio of the same speakers; make it anew "
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
            embeddings = (1 - speaker_share) * embeddings + speaker_share * means
            embeddings = functional.normalize(embeddings, dim=2)
        self._embeddings = embeddings.half()
        self._counts = counts.to(bank.device)
        self._first = self._counts.cumsum(0) - self._counts
        self._stride = table.stride_samples

    @property
    def embedding_dim(self) -> int:
        """E."""
        return self._embeddings.shape[2]

    def __call__(self, speaker: Tensor, voice: Tensor, middle: Tensor) -> Tensor:
        """Targets of crops.

        Args:
            speaker: (B,) int64 row of the bank.
            voice: (B,) int64 number of the playing speed.
            middle: (B,) int64 samples from the begin of the speaker's audio.

        Returns:
            (B, E) float32 of length 1.
        """
        stretch = torch.minimum(middle // self._stride, self._counts[speaker] - 1)
        return self._embeddings[voice, self._first[speaker] + stretch].float()
