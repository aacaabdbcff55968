"""Batches of random crops, cut and changed in voice on the device that holds the audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import torch
from torch import Tensor

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.augment.vocal_tract import warp_vocal_tract
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.data.speaker_draws import SpeakerDraw
from speakersdk_training.data.speech_labels import LABEL_SAMPLES

_INT16_SCALE = 32767.0

# Maps speakers, voice numbers and middles of crops to the teacher's embeddings.
Targets = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of crops of one length.

    Attributes:
        samples: (B, n) float32 in +-1 at 16 kHz.
        classes: (B,) int64, speaker * number of voices + voice.
        speech: (B, k) float32 speech probability of each frame; None without labels.
        first_utterance: (B, k) bool, frames of the utterance in which the crop begins; None means
            that crops begin anywhere.
        second: (B,) int64 classes of a second voice in the crops; None means no second voice.
        first_weight: (B,) float32 weight of the first voice; None means no second voice.
        feature_weights: (B, num_mels, k) float32, 0 for hidden (SpecAugment); None means nothing
            hidden.
        targets: (B, E) float32 of length 1, the teacher's embedding of each crop; None means no
            teacher.
    """

    samples: Tensor
    classes: Tensor
    speech: Tensor | None
    first_utterance: Tensor | None = None
    second: Tensor | None = None
    first_weight: Tensor | None = None
    feature_weights: Tensor | None = None
    targets: Tensor | None = None


def join_batches(batches: Sequence[Batch]) -> Batch:
    """Join batches that have the same fields."""
    if len(batches) == 1:
        return batches[0]
    joined: dict[str, Any] = {}
    for field in fields(Batch):
        parts = [getattr(batch, field.name) for batch in batches]
        joined[field.name] = None if parts[0] is None else torch.cat(parts)
    return Batch(**joined)


class CropSampler:
    """A source of random crops: a speaker, a position in the speaker's audio, and a voice.

    A speed other than 1 changes pitch and formants, like another body size. Another vocal tract
    changes only the formants. Every combination of the two is a voice, and therefore a class.
    """

    def __init__(
        self,
        bank: AudioBank,
        frontend: FrontendConfig,
        *,
        batch_size: int,
        speeds: tuple[float, ...],
        draw_speakers: SpeakerDraw,
        generator: torch.Generator,
        vocal_tracts: tuple[float, ...] = (1.0,),
        from_begin: bool = False,
        targets: Targets | None = None,
    ) -> None:
        """Prepare to draw from a bank.

        Args:
            bank: audio to draw from.
            frontend: front end, which defines the sample rate and the frames.
            batch_size: crops in a batch.
            speeds, vocal_tracts: playing speeds and factors of the formant frequencies; every pair
                of them takes its share of every batch.
            draw_speakers: function that draws the speakers of the crops, called for each voice.
            generator: random generator of positions in the audio, on the bank's device.
            from_begin: whether crops begin where an utterance begins, and continue in the next one.
            targets: the teacher's embeddings, (B,) speakers, voices and middles -> (B, E); None
                means no teacher.
        """
        self._bank = bank
        self._frontend = frontend
        self._generator = generator
        voices = list(product(speeds, vocal_tracts))
        self._draw_speakers = draw_speakers
        self._num_voices = len(voices)
        self._voice = (torch.arange(batch_size) % len(voices)).sort().values.to(bank.device)
        self._per_voice = [int((self._voice == index).sum()) for index in range(len(voices))]
        self._per_speed: dict[float, int] = {}
        for (speed, _), count in zip(voices, self._per_voice, strict=True):
            if count:
                self._per_speed[speed] = self._per_speed.get(speed, 0) + count
        factors = torch.tensor([factor for _, factor in voices], device=bank.device)[self._voice]
        self._warped = (factors != 1).nonzero().squeeze(1)  # rows
        self._factors = factors[self._warped]
        self._numbers = bank.speaker_numbers
        self._from_begin = from_begin
        self._targets = targets
        total = torch.tensor([len(bank.samples)], device=bank.device)
        self._ends = torch.cat([bank.begins[1:], total])  # of each utterance

    @property
    def num_classes(self) -> int:
        """The number of classes: speakers of all shards times voices."""
        return self._bank.total_speakers * self._num_voices

    def draw(self, crop_samples: int) -> Batch:
        """Draw a batch of crops of `crop_samples` samples."""
        speaker = torch.cat([self._draw_speakers(count) for count in self._per_voice if count])
        groups = torch.split(speaker, list(self._per_speed.values()))
        parts = [
            self._cut(group, speed, crop_samples)
            for speed, group in zip(self._per_speed, groups, strict=True)
        ]
        samples = torch.cat([samples for samples, _, _, _ in parts])
        if len(self._warped):
            warped = warp_vocal_tract(samples[self._warped], self._factors)
            samples = samples.index_copy(0, self._warped, warped)
        speech = [labels for _, labels, _, _ in parts if labels is not None]
        first_utterance = [own for _, _, own, _ in parts if own is not None]
        targets = None
        if self._targets is not None:
            middle = torch.cat([middle for _, _, _, middle in parts])
            targets = self._targets(speaker, self._voice, middle)
        return Batch(
            samples=samples,
            classes=self._numbers[speaker] * self._num_voices + self._voice,
            speech=torch.cat(speech) if speech else None,
            first_utterance=torch.cat(first_utterance) if first_utterance else None,
            targets=targets,
        )

    def _cut(
        self, speaker: Tensor, speed: float, crop_samples: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
        """Cut crops of these speakers at one speed.

        Returns:
            (b, n) samples, (b, k) labels, (b, k) `first_utterance`, (b,) middles in the speakers'
            audio.
        """
        bank = self._bank
        length = bank.length[speaker]
        source_samples = round(crop_samples * speed)
        # Crops may end in the next utterance, and therefore also after a speaker's last one.
        kept_samples = LABEL_SAMPLES if self._from_begin else source_samples
        room = (length - kept_samples).clamp(min=0) // LABEL_SAMPLES
        draw = torch.rand(len(speaker), generator=self._generator, device=bank.device)
        offset = (draw * (room + 1)).long().clamp(max=room) * LABEL_SAMPLES
        first = bank.first[speaker]
        if self._from_begin:
            utterance = torch.searchsorted(bank.begins, first + offset, right=True) - 1
            offset = bank.begins[utterance] - first
        # The audio of a speaker with less than a crop is repeated.
        position = torch.arange(source_samples, device=bank.device)
        places = (offset[:, None] + position) % length[:, None]
        samples = bank.samples[first[:, None] + places].float() / _INT16_SCALE
        frame = torch.arange(self._frontend.num_frames(crop_samples), device=bank.device)
        center = frame * self._frontend.hop_samples + self._frontend.window_samples // 2
        reached = offset[:, None] + (center * speed).long()  # at the center of each frame
        labels = own = None
        if bank.speech is not None:
            label = (first[:, None] + reached % length[:, None]) // LABEL_SAMPLES
            labels = bank.speech[label].float() / 255
        if self._from_begin:
            own = first[:, None] + reached < self._ends[utterance][:, None]
        middle = (offset + source_samples // 2) % length
        return change_speed(samples, crop_samples), labels, own, middle


def speaker_weights(
    bank: AudioBank, sample_rate_hz: int, *, speaker_cap_s: float, power: float
) -> Tensor:
    """Return (S,) rates of drawing the speakers: a power of their seconds, up to a cap."""
    seconds = bank.length.double() / sample_rate_hz
    return seconds.clamp(max=speaker_cap_s) ** power


def change_speed(samples: Tensor, num_samples: int) -> Tensor:
    """Resample (B, m) to (B, num_samples) in the frequency domain, without aliasing."""
    source = samples.shape[1]
    if source == num_samples:
        return samples
    spectrum = torch.fft.rfft(samples)
    resampled: Tensor = torch.fft.irfft(spectrum, n=num_samples)
    return resampled * (num_samples / source)
