"""The table keeps the speaker of each row, and a crop finds the segment nearest to its middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.errors import TrainingError
from speakersdk_training.teacher.embed import embed_audio
from speakersdk_training.teacher.provenance import Provenance
from speakersdk_training.teacher.table import TeacherTable, TeacherTargets, load_table

STRIDE = 800
WHO = Provenance("loud", "none", "0" * 64)
SECOND = Provenance("loud, backwards", "none", "1" * 64)


class Loudness(nn.Module):
    """Return the mean square of both halves of the input."""

    def forward(self, samples: Tensor) -> Tensor:
        return torch.stack([part.square().mean(1) for part in samples.chunk(2, dim=1)], dim=1)


def bank(names: tuple[str, ...] = ("a", "b")) -> AudioBank:
    noise = torch.randn(8000, generator=torch.Generator().manual_seed(1))
    samples = (2000 * noise * torch.linspace(0.1, 2, 8000)).short()
    return AudioBank(
        samples=samples,
        speech=None,
        first=torch.tensor([0, 4800]),
        length=torch.tensor([4800, 3200]),
        begins=torch.tensor([0, 4800]),
        speakers=names,
    )


def example_table() -> TeacherTable:
    return embed_audio(
        Loudness(),
        bank(),
        speeds=(1.0, 1.25),
        window_samples=1600,
        stride_samples=STRIDE,
        is_half=False,
        taught_by=WHO,
        batch=3,
    )


def test_a_file_gives_back_the_table(tmp_path: Path) -> None:
    table = example_table()
    table.save(tmp_path / "table.pt")
    read = load_table(tmp_path / "table.pt")
    assert torch.equal(read.embeddings, table.embeddings)
    assert read.embeddings.shape == (2, 10, 2)
    assert (read.speakers, read.speeds, read.teachers) == (("a", "b"), (1.0, 1.25), (WHO,))
    with pytest.raises(TrainingError, match="found none"):
        load_table(tmp_path / "other.pt")
    (tmp_path / "junk.pt").write_text("junk")
    with pytest.raises(TrainingError, match="holds no teacher's table"):
        load_table(tmp_path / "junk.pt")


def test_a_new_table_replaces_the_file_as_a_whole(tmp_path: Path) -> None:
    path, linked = tmp_path / "table.pt", tmp_path / "linked.pt"
    example_table().save(path)
    linked.hardlink_to(path)
    replace(example_table(), speeds=(1.0, 1.5)).save(path)
    assert load_table(path).speeds == (1.0, 1.5)
    assert load_table(linked).speeds == (1.0, 1.25)  # nothing was written into the old file


def test_crops_find_their_segment_in_a_bank_of_fewer_speakers() -> None:
    table = example_table()
    alone = AudioBank(
        samples=bank().samples[4800:],
        speech=None,
        first=torch.tensor([0]),
        length=torch.tensor([3200]),
        begins=torch.tensor([0]),
        speakers=("b",),
    )
    targets = TeacherTargets(table, alone, speeds=(1.25, 1.0), speaker_share=0.0)
    zero, middle = torch.zeros(4, dtype=torch.int64), torch.tensor([0, 900, 3000, 9000])
    got = targets(zero, torch.tensor([0, 1, 1, 1]), middle)
    rows = table.embeddings[[1, 0]][:, 6:].float()
    rows = torch.nn.functional.normalize(rows, dim=2)
    rows = torch.nn.functional.normalize(rows - rows.mean(dim=(0, 1)), dim=2)
    expected = torch.stack([rows[0, 0], rows[1, 1], rows[1, 3], rows[1, 3]])
    torch.testing.assert_close(got, expected, rtol=0, atol=2e-3)
    whole = TeacherTargets(table, alone, speeds=(1.0,), speaker_share=1.0)
    same = whole(zero, zero, middle)
    torch.testing.assert_close(same, same[:1].expand(4, -1))


def test_only_the_named_corpora_share_the_mean_of_a_speaker() -> None:
    table = replace(example_table(), speakers=("words/a", "talk/b"))
    both = bank(("words/a", "talk/b"))

    def targets(share: float, *corpora: str) -> torch.Tensor:
        made = TeacherTargets(table, both, speeds=(1.0,), speaker_share=share, share_of=corpora)
        speaker, voice = torch.tensor([0, 0, 1, 1]), torch.zeros(4, dtype=torch.int64)
        return made(speaker, voice, torch.tensor([0, 3000, 0, 3000]))

    shared = targets(1.0, "words")
    torch.testing.assert_close(shared[:2], targets(1.0)[:2])
    torch.testing.assert_close(shared[2:], targets(0.0)[2:])
    assert not torch.allclose(shared[:2], targets(0.0)[:2])


def test_what_the_table_lacks_is_reported() -> None:
    table = example_table()
    with pytest.raises(TrainingError, match=r"lacks 0\.9"):
        TeacherTargets(table, bank(), speeds=(0.9,), speaker_share=0.0)
    with pytest.raises(TrainingError, match="lacks c"):
        TeacherTargets(table, bank(("a", "c")), speeds=(1.0,), speaker_share=0.0)
    with pytest.raises(TrainingError, match="other audio"):
        TeacherTargets(table, bank(("b", "a")), speeds=(1.0,), speaker_share=0.0)


def test_the_cosine_of_joined_tables_is_the_mean_of_both() -> None:
    torch.manual_seed(1)
    table = replace(example_table(), embeddings=torch.randn(2, 10, 64).half())
    other = replace(table, embeddings=torch.randn(2, 10, 96).half(), teachers=(SECOND,))
    both = table.joined(other)
    assert both.teachers == (WHO, SECOND)

    def cosines(each: TeacherTable) -> Tensor:
        whole = TeacherTargets(each, bank(), speeds=(1.0, 1.25), speaker_share=0.0)
        speaker = torch.tensor([0] * 6 + [1] * 4)
        middle = torch.tensor([*range(0, 4800, STRIDE), *range(0, 3200, STRIDE)])
        rows = whole(speaker, torch.zeros_like(speaker), middle)
        return rows @ rows.T

    mean = (cosines(table) + cosines(other)) / 2
    torch.testing.assert_close(cosines(both), mean, rtol=0, atol=2e-2)


def test_tables_of_other_audio_are_not_joined() -> None:
    table = example_table()
    with pytest.raises(TrainingError, match="same speakers, speeds and stride"):
        table.joined(replace(table, stride_samples=STRIDE + 1))
