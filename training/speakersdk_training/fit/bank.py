"""Reading of the training data: audio bank, noise and impulse responses."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from speakersdk.audio.waveform import read_audio
from speakersdk_training.config import DataConfig
from speakersdk_training.data.audio_bank import AudioBank, load_bank
from speakersdk_training.data.corpus import AUDIO_SUFFIXES, Utterance, by_speaker, read_corpus
from speakersdk_training.data.speech_labels import load_labels
from speakersdk_training.data.splits import split_by_speaker
from speakersdk_training.errors import TrainingError


def read_utterances(config: DataConfig) -> list[Utterance]:
    """Read the training utterances of all corpora of a configuration."""
    utterances: list[Utterance] = []
    for corpus in config.corpora:
        listed = read_corpus(corpus.layout, Path(corpus.root))
        if corpus.split:
            listed = [utterance for utterance in listed if utterance.split == corpus.split]
            if not listed:
                raise TrainingError(f"{corpus.root} has no utterances of split {corpus.split!r}")
        unknown = set(corpus.leave_out) - {utterance.corpus for utterance in listed}
        if unknown:
            raise TrainingError(
                f"leave_out names {', '.join(sorted(unknown))}, which are not in {corpus.root}"
            )
        listed = [each for each in listed if each.corpus not in corpus.leave_out]
        if corpus.held_out:
            corpora = corpus.held_out_of or {each.corpus for each in listed}
            whole = [each for each in listed if each.corpus not in corpora]
            cut = [each for each in listed if each.corpus in corpora]
            stay, _ = split_by_speaker(cut, held_out=corpus.held_out)
            listed = whole + stay
        utterances += listed
    if config.max_speakers:
        groups = by_speaker(utterances)
        # Every n-th speaker so that a small run still includes every corpus.
        step = max(len(groups) // config.max_speakers, 1)
        kept = list(groups)[::step][: config.max_speakers]
        utterances = [utterance for name in kept for utterance in groups[name]]
    return utterances


def read_bank(
    config: DataConfig, *, device: torch.device, shard: int = 0, num_shards: int = 1
) -> AudioBank:
    """Decode the training audio of a shard of the speakers, with speech labels if there are any."""
    utterances = read_utterances(config)
    labels = root = None
    if config.speech_labels:
        labels = load_labels(Path(config.speech_labels))
        roots = {corpus.root for corpus in config.corpora}
        if len(roots) > 1:
            raise TrainingError(
                "speech labels belong to one corpus folder; list one corpus, or none"
            )
        root = Path(roots.pop())
    return load_bank(
        utterances,
        device=device,
        labels=labels,
        root=root,
        shard=shard,
        num_shards=num_shards,
        cache=Path(config.cache) if config.cache else None,
    )


def read_noise(folder: str) -> Tensor:
    """Join all recordings of a folder at one level, (N,) float32; empty without a folder."""
    recordings = _read_folder(folder)
    return torch.cat(
        [samples / samples.square().mean().sqrt() for samples in recordings] or [torch.zeros(0)]
    )


def read_rooms(folder: str) -> list[Tensor]:
    """Read the impulse responses of a folder, each (n,) float32; none without a folder."""
    return _read_folder(folder)


def _read_folder(folder: str) -> list[Tensor]:
    if not folder:
        return []
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not paths:
        raise TrainingError(f"expected audio files in {folder}, found none")
    recordings = [torch.from_numpy(read_audio(path)) for path in paths]
    for path, samples in zip(paths, recordings, strict=True):
        if not samples.any():  # silence has neither a level nor a direct sound for scaling
            raise TrainingError(f"{path} is silent; remove it")
    return recordings
