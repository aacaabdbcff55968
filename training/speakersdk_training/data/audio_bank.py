"""All training audio in one tensor, on the device of the encoder.

The utterances of a speaker are adjacent. A crop may begin anywhere in a speaker's audio and cross
the boundary of two utterances.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.files import replacement
from speakersdk_training.data.corpus import Utterance, by_speaker
from speakersdk_training.data.speech_labels import LABEL_SAMPLES, Labels
from speakersdk_training.errors import TrainingError

_INT16_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class AudioBank:
    """The audio of S speakers on one device.

    Attributes:
        samples: (N,) int16 at 16 kHz.
        speech: (N / 160,) uint8 speech labels (probability * 255); None without labels.
        first, length: (S,) int64, start and length of each speaker's audio; multiples of 160.
        begins: (U,) int64, start of each utterance, in order; multiples of 160.
        speakers: names of the S speakers.
        shard, num_shards: this bank's share of all speakers: every `num_shards`-th from `shard` on.
        num_speakers: number of speakers in all parts; 0 means that this is the only part.
    """

    samples: Tensor
    speech: Tensor | None
    first: Tensor
    length: Tensor
    begins: Tensor
    speakers: tuple[str, ...]
    shard: int = 0
    num_shards: int = 1
    num_speakers: int = 0

    @property
    def speaker_numbers(self) -> Tensor:
        """The (S,) int64 numbers of the speakers among those of all parts."""
        local = torch.arange(len(self.speakers), device=self.device)
        return local * self.num_shards + self.shard

    @property
    def total_speakers(self) -> int:
        """The number of speakers in all parts."""
        return self.num_speakers or len(self.speakers)

    @property
    def device(self) -> torch.device:
        """The device of the audio."""
        return self.samples.device

    def segments(self, speaker: Tensor, middle: Tensor, num_samples: int) -> Tensor:
        """Cut segments within the audio of single speakers.

        Args:
            speaker: (B,) int64 rows of the bank.
            middle: (B,) int64 middles of the segments, in samples from the start of the speaker's
                audio. Segments that would exceed it are moved, and shorter audio is repeated.
            num_samples: length of a segment.

        Returns:
            (B, num_samples) float32 in +-1.
        """
        length = self.length[speaker]
        start = torch.minimum(middle - num_samples // 2, length - num_samples).clamp(min=0)
        places = start[:, None] + torch.arange(num_samples, device=self.device)
        places = self.first[speaker][:, None] + places % length[:, None]
        return self.samples[places].float() / _INT16_SCALE


def load_bank(
    utterances: Iterable[Utterance],
    *,
    device: torch.device,
    labels: dict[str, Labels] | None = None,
    root: Path | None = None,
    num_workers: int | None = None,
    shard: int = 0,
    num_shards: int = 1,
    cache: Path | None = None,
) -> AudioBank:
    """Decode utterances into a bank.

    Args:
        utterances: one or more utterances.
        device: device of the bank.
        labels: speech labels by path relative to `root` (speech_labels.load_labels).
        root: base folder of the labels' paths.
        num_workers: number of files decoded at the same time; None means the executor's default.
        shard, num_shards: keep every `num_shards`-th speaker from `shard` on; the files of the
            others are not read.
        cache: folder of decoded files for the next run; None means that every run decodes.

    Raises:
        TrainingError: there are no utterances, fewer speakers than shards, or a file without
            labels.
    """
    everybody = by_speaker(utterances)
    if not everybody:
        raise TrainingError("expected at least one utterance to train on, got none")
    if len(everybody) < num_shards:
        raise TrainingError(f"expected {num_shards} speakers or more, got {len(everybody)}")
    groups = {name: everybody[name] for name in list(everybody)[shard::num_shards]}
    paths = sorted({utterance.path for group in groups.values() for utterance in group})
    with ThreadPoolExecutor(num_workers) as pool:
        files = dict(zip(paths, pool.map(partial(_read_int16, cache=cache), paths), strict=True))

    pieces, label_pieces, lengths = [], [], []
    for group in groups.values():
        for utterance in group:
            start, stop = _aligned_range(utterance, len(files[utterance.path]))
            pieces.append(files[utterance.path][start:stop])
            if labels is not None:
                track = _labels_of(utterance.path, labels, root)
                frames = np.arange((stop - start) // LABEL_SAMPLES) + start // LABEL_SAMPLES
                label_pieces.append(track[np.minimum(frames, len(track) - 1)])
        lengths.append(sum(len(piece) for piece in pieces[-len(group) :]))
    length = torch.tensor(lengths)
    piece_lengths = torch.tensor([len(piece) for piece in pieces])
    return AudioBank(
        samples=torch.from_numpy(np.concatenate(pieces)).to(device),
        speech=torch.from_numpy(np.concatenate(label_pieces)).to(device) if label_pieces else None,
        first=(length.cumsum(0) - length).to(device),
        length=length.to(device),
        begins=(piece_lengths.cumsum(0) - piece_lengths).to(device),
        speakers=tuple(groups),
        shard=shard,
        num_shards=num_shards,
        num_speakers=len(everybody),
    )


def _read_int16(path: Path, *, cache: Path | None) -> npt.NDArray[np.int16]:
    kept = cache / _cache_name(path) if cache else None
    if kept is not None and kept.is_file():
        samples: npt.NDArray[np.int16] = np.load(kept)
        return samples
    scaled: Waveform = np.rint(np.clip(read_audio(path), -1, 1) * _INT16_SCALE)
    samples = scaled.astype(np.int16)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Runs that start together write the same file; each of them replaces it as a whole.
        with replacement(kept, is_durable=False) as file:
            np.save(file, samples)
    return samples


def _cache_name(path: Path) -> str:
    """Return a name that changes with path, size and modification time of the file."""
    state = path.stat()
    identity = f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"
    return f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.npy"


def _aligned_range(utterance: Utterance, file_samples: int) -> tuple[int, int]:
    """Return the range of an utterance's samples, cut to whole labels at its end."""
    stop = file_samples
    if utterance.num_samples is not None:
        stop = min(stop, utterance.start + utterance.num_samples)
    return utterance.start, stop - (stop - utterance.start) % LABEL_SAMPLES


def _labels_of(path: Path, labels: dict[str, Labels], root: Path | None) -> Labels:
    key = path.relative_to(root).as_posix() if root else path.as_posix()
    if key not in labels:
        raise TrainingError(
            f"no speech labels for {key}; make them again with speakersdk-train speech-labels"
        )
    return labels[key]
