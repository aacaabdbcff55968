"""A shard's part of every batch: crops of its speakers, mixed, augmented and masked.

A shard has its own random generators. Its crops are therefore the same in every process.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from speakersdk_training.augment.augmenter import Augmenter
from speakersdk_training.augment.mixing import mix_speakers
from speakersdk_training.augment.random import BatchRandom
from speakersdk_training.augment.spec_augment import draw_masks
from speakersdk_training.augment.tones import no_voice_bank, with_no_voice
from speakersdk_training.config import TrainConfig
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.data.crops import Batch, CropSampler, speaker_weights
from speakersdk_training.data.speaker_draws import make_draw
from speakersdk_training.teacher.table import TeacherTable, TeacherTargets

# Seeds of shards are far apart so that seed 2 of a run is not the second shard of seed 1.
_SEEDS_APART = 1_000_003


class CropSource:
    """A source of the crops of one shard: drawn, mixed, augmented and masked."""

    def __init__(
        self,
        config: TrainConfig,
        bank: AudioBank,
        *,
        noise: Tensor,
        rooms: list[Tensor],
        from_begin: bool = False,
        teacher: TeacherTable | None = None,
    ) -> None:
        """Prepare to draw from a bank.

        Args:
            config: configuration of the run.
            bank: audio to draw from.
            noise: (N,) float32 recorded noise; may be empty.
            rooms: recorded impulse responses; may be empty.
            from_begin: whether crops begin where an utterance begins.
            teacher: a teacher's embeddings of the bank's audio; None means crops without targets.
        """
        self._config = config
        self.shard = bank.shard
        self.generator = torch.Generator(bank.device).manual_seed(
            config.run.seed + _SEEDS_APART * bank.shard
        )
        self._random = BatchRandom(self.generator)
        self._progress = torch.ones((), device=bank.device)
        self._targets = (
            TeacherTargets(
                teacher,
                bank,
                speeds=config.data.speeds,
                speaker_share=config.teacher.speaker_share,
                share_of=config.teacher.speaker_share_of,
            )
            if teacher is not None
            else None
        )
        self._sampler = CropSampler(
            bank,
            config.frontend,
            batch_size=config.run.batch_size // config.run.shards,
            speeds=config.data.speeds,
            vocal_tracts=config.data.vocal_tracts,
            draw_speakers=make_draw(
                config.sampler,
                bank.speakers,
                speaker_weights(
                    bank,
                    config.frontend.sample_rate_hz,
                    speaker_cap_s=config.data.speaker_cap_s,
                    power=config.data.speaker_power,
                ),
                self.generator,
            ),
            generator=self.generator,
            from_begin=from_begin,
            targets=self._targets,
        )
        self._no_voice = (
            no_voice_bank(config.tones.variants, config.frontend.sample_rate_hz, self._random)
            if config.tones.is_used
            else None
        )
        self._augmenter = Augmenter(
            config.augment,
            sample_rate_hz=config.frontend.sample_rate_hz,
            generator=self.generator,
            responses=rooms,
            noise_bank=noise,
        )

    @property
    def num_classes(self) -> int:
        """The number of classes of all shards."""
        return self._sampler.num_classes

    @property
    def teacher_dim(self) -> int:
        """The dimension E of the teacher's embeddings; 0 without a teacher."""
        return 0 if self._targets is None else self._targets.embedding_dim

    def advance(self, progress: float) -> None:
        """Set the completed share of the steps, which the schedules of augmentation follow."""
        self._progress.fill_(progress)

    def draw(self, crop_samples: int) -> Batch:
        """Draw the shard's part of a batch: crops of `crop_samples` samples."""
        config, progress = self._config, self._progress
        batch = self._sampler.draw(crop_samples)
        if config.run.mixed_share:
            batch = self._mixed(batch, config.run.mixed_share)
        batch = replace(batch, samples=self._augmenter(batch.samples, progress=progress))
        if self._no_voice is not None and batch.speech is not None:
            samples, speech = with_no_voice(
                config.tones, batch.samples, batch.speech, self._no_voice, self._random
            )
            batch = replace(batch, samples=samples, speech=speech)
        if config.spec_augment.rows:
            frames = config.frontend.num_frames(crop_samples)
            shape = (len(batch.classes), config.frontend.num_mels, frames)
            masks = draw_masks(config.spec_augment, shape, self._random)
            batch = replace(batch, feature_weights=masks)
        return batch

    def _mixed(self, batch: Batch, share: float) -> Batch:
        samples, partner, weight = mix_speakers(batch.samples, share=share, random=self._random)
        speech = batch.speech
        if speech is not None:  # a frame is speech if either voice speaks
            both = torch.maximum(speech, speech[partner])
            speech = torch.where(weight[:, None] < 1, both, speech)
        return replace(
            batch,
            samples=samples,
            speech=speech,
            second=batch.classes[partner],
            first_weight=weight,
        )
