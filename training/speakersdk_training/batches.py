"""Batches of random crops, cut and speed-perturbed on the device that holds the audio."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from speakersdk.frontend import FrontendConfig
from speakersdk_training.audio_bank import AudioBank
from speakersdk_training.speaker_draws import SpeakerDraw
from speakersdk_training.speech_labels import LABEL_SAMPLES

_INT16_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops of one length.

    Attributes:
        samples: (B, n) float32 in +-1 at 16 kHz.
        classes: (B,) int64, speaker * number of speeds + speed.
        speech: (B, k) float32 speech probability of each frame; None without labels.
    """

    samples: Tensor
    classes: Tensor
    speech: Tensor | None


class CropSampler:
    """Draws crops: a speaker, a place in the speaker's audio, a speed.

    A speed other than 1 changes pitch and formants as another body would, so every speed of a
    speaker is a class of its own.
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
    ) -> None:
        """Prepare drawing.

        Args:
            bank: audio to draw from.
            frontend: gives rate and frames.
            batch_size: crops in a batch.
            speeds: playing speeds; each takes its share of every batch.
            draw_speakers: whose crops; called for each speed.
            generator: of places in the audio, on the bank's device.
        """
        self._bank = bank
        self._frontend = frontend
        self._generator = generator
        self._draw_speakers = draw_speakers
        self._speeds = speeds
        shares = torch.arange(batch_size) % len(speeds)
        self._per_speed = [int((shares == index).sum()) for index in range(len(speeds))]

    @property
    def num_classes(self) -> int:
        """Speakers times speeds."""
        return len(self._bank.speakers) * len(self._speeds)

    def draw(self, crop_samples: int) -> Batch:
        """One batch of crops of `crop_samples` samples."""
        parts = [
            self._draw_speed(index, speed, count, crop_samples)
            for index, (speed, count) in enumerate(zip(self._speeds, self._per_speed, strict=True))
            if count
        ]
        return Batch(
            samples=torch.cat([part.samples for part in parts]),
            classes=torch.cat([part.classes for part in parts]),
            speech=None
            if self._bank.speech is None
            else torch.cat([part.speech for part in parts if part.speech is not None]),
        )

    def _draw_speed(self, index: int, speed: float, count: int, crop_samples: int) -> Batch:
        bank = self._bank
        speaker = self._draw_speakers(count)
        length = bank.length[speaker]
        source_samples = round(crop_samples * speed)
        room = (length - source_samples).clamp(min=0) // LABEL_SAMPLES
        draw = torch.rand(count, generator=self._generator, device=bank.device)
        offset = (draw * (room + 1)).long().clamp(max=room) * LABEL_SAMPLES
        # A speaker with less audio than a crop is heard again from the start.
        position = torch.arange(source_samples, device=bank.device)
        places = (offset[:, None] + position) % length[:, None]
        samples = bank.samples[bank.first[speaker][:, None] + places].float() / _INT16_SCALE
        return Batch(
            samples=change_speed(samples, crop_samples),
            classes=speaker * len(self._speeds) + index,
            speech=self._speech(speaker, offset, speed, crop_samples),
        )

    def _speech(
        self, speaker: Tensor, offset: Tensor, speed: float, crop_samples: int
    ) -> Tensor | None:
        """Labels at the centre of each frame of the crops."""
        bank, frontend = self._bank, self._frontend
        if bank.speech is None:
            return None
        frame = torch.arange(frontend.num_frames(crop_samples), device=bank.device)
        centre = (frame * frontend.hop_samples + frontend.window_samples // 2) * speed
        places = (offset[:, None] + centre.long()) % bank.length[speaker][:, None]
        labels = bank.speech[(bank.first[speaker][:, None] + places) // LABEL_SAMPLES]
        return labels.float() / 255


def speaker_weights(bank: AudioBank, sample_rate_hz: int, *, speaker_cap_s: float) -> Tensor:
    """(S,) how often speakers are drawn: the square root of their seconds, up to a cap."""
    seconds = bank.length.double() / sample_rate_hz
    return seconds.clamp(max=speaker_cap_s).sqrt()


def change_speed(samples: Tensor, num_samples: int) -> Tensor:
    """Resample (B, m) to (B, num_samples) in the frequency domain: band-limited, no aliasing."""
    source = samples.shape[1]
    if source == num_samples:
        return samples
    spectrum = torch.fft.rfft(samples)
    resampled: Tensor = torch.fft.irfft(spectrum, n=num_samples)
    return resampled * (num_samples / source)
