"""Computation of a teacher's embeddings of all training audio, once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.data.crops import change_speed
from speakersdk_training.errors import TrainingError
from speakersdk_training.teacher.provenance import Provenance
from speakersdk_training.teacher.table import TeacherTable, count_segments

_BATCH = 512


@torch.no_grad()
def embed_audio(
    teacher: nn.Module,
    bank: AudioBank,
    *,
    speeds: tuple[float, ...],
    window_samples: int,
    stride_samples: int,
    is_half: bool,
    taught_by: Provenance,
    batch: int = _BATCH,
) -> TeacherTable:
    """Embed a segment every `stride_samples` of each speaker's audio, at each speed.

    Args:
        teacher: module from (B, n) float32 samples to (B, E), on the bank's device.
        bank: all training audio.
        speeds: playing speeds of the voices.
        window_samples: length of a segment that the teacher gets; the audio of a speaker with less
            is repeated.
        stride_samples: distance between two segments in the audio as recorded.
        is_half: whether to run the teacher in bfloat16.
        taught_by: origin of the teacher, for the table.
        batch: number of segments at a time.

    Raises:
        TrainingError: an embedding is not finite.
    """
    counts = count_segments(bank.length, stride_samples)
    speaker = torch.repeat_interleave(torch.arange(len(counts), device=bank.device), counts)
    within = torch.arange(len(speaker), device=bank.device)
    middle = (within - (counts.cumsum(0) - counts)[speaker]) * stride_samples + stride_samples // 2
    parts: list[Tensor] = []
    for speed in speeds:
        computed: list[Tensor] = []
        for rows in torch.arange(len(speaker), device=bank.device).split(batch):  # type: ignore[no-untyped-call]
            samples = bank.segments(speaker[rows], middle[rows], round(window_samples * speed))
            samples = change_speed(samples, window_samples)
            with torch.autocast(bank.device.type, torch.bfloat16, enabled=is_half):
                computed.append(teacher(samples).half())
        parts.append(torch.cat(computed).cpu())
    embeddings = torch.stack(parts)
    if not bool(embeddings.isfinite().all()):
        raise TrainingError("the teacher's embeddings are not finite; compute them in float32")
    return TeacherTable(
        embeddings=embeddings,
        counts=counts.cpu(),
        speakers=bank.speakers,
        speeds=speeds,
        stride_samples=stride_samples,
        teachers=(taught_by,),
    )
