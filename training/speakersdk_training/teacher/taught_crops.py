"""Crops that learn from the teacher alone: exactly the segments that the teacher heard.

They have no class. Any playing speed of the teacher's table is therefore a further voice, and the
student learns what the teacher hears in a segment, not who its training speakers are.
"""

from __future__ import annotations

import torch

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.data.crops import Batch, change_speed, frame_speech
from speakersdk_training.data.speaker_draws import SpeakerDraw
from speakersdk_training.teacher.table import TeacherTargets


class TaughtCrops:
    """A source of crops around the middles of the teacher's segments, at each speed."""

    def __init__(
        self,
        bank: AudioBank,
        frontend: FrontendConfig,
        targets: TeacherTargets,
        *,
        batch_size: int,
        draw_speakers: SpeakerDraw,
        generator: torch.Generator,
    ) -> None:
        """Prepare to draw from a bank.

        Args:
            bank: audio to draw from.
            frontend: front end, which defines the sample rate and the frames.
            targets: the teacher's embeddings of the bank's audio.
            batch_size: crops in a batch; every speed gets an equal share of them.
            draw_speakers: function that draws the speakers of the crops.
            generator: random generator of the segments, on the bank's device.
        """
        self._bank, self._frontend, self._targets = bank, frontend, targets
        self._draw_speakers, self._generator = draw_speakers, generator
        self._voice = (torch.arange(batch_size) % len(targets.speeds)).sort().values
        self._per_speed = torch.bincount(self._voice, minlength=len(targets.speeds)).tolist()
        self._voice = self._voice.to(bank.device)

    def draw(self, crop_samples: int) -> Batch:
        """Draw a batch of crops of `crop_samples` samples, without classes."""
        bank = self._bank
        speaker = self._draw_speakers(len(self._voice))
        draw = torch.rand(len(speaker), generator=self._generator, device=bank.device)
        middle = self._targets.middles(speaker, draw)
        samples, speech = [], []
        groups = zip(
            self._targets.speeds,
            torch.split(speaker, self._per_speed),
            torch.split(middle, self._per_speed),
            strict=True,
        )
        for speed, speakers, middles in groups:
            source_samples = round(crop_samples * speed)
            start = bank.segment_starts(speakers, middles, source_samples)
            cut = bank.cut(speakers, start, source_samples)
            samples.append(change_speed(cut, crop_samples))
            speech.append(frame_speech(bank, self._frontend, speakers, start, speed, crop_samples))
        labels = [each for each in speech if each is not None]
        return Batch(
            samples=torch.cat(samples),
            classes=None,
            speech=torch.cat(labels) if labels else None,
            targets=self._targets(speaker, self._voice, middle),
        )
