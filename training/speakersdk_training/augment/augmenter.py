"""The augmentation chain: voice -> room and microphone -> noise -> overdrive -> codec -> level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from speakersdk_training.augment import channel, noise, room, transmission
from speakersdk_training.augment.random import BatchRandom, decibels
from speakersdk_training.augment.telephone import telephone

_HUM_ROWS, _HUM_S = 32, 10  # number of mains hum variants in memory, and their length


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """Shares and ranges of the augmentations; a probability is a share of the batch.

    Attributes:
        clean: share of rows of which only the level is changed.
        equaliser_db: largest standard deviation of the random frequency response.
        band_limit: probability of each of high cut, low cut and notch.
        room: probability of reverberation.
        num_rooms: number of impulse responses in memory: a third each simulated, noise-like and
            recorded.
        room_s: length of the responses in seconds.
        coloured, recorded, babble, hum: shares of the four kinds of noise; a row gets one at most.
        snr_low_db, snr_high_db: range of the signal-to-noise ratio in dB; babble stays 5 dB above
            the lower bound.
        clip: probability of overdrive.
        telephone: probability of a telephone line: 8 kHz, 300-3400 Hz and G.711.
        a_law: share of the telephone rows that are coded by A-law instead of mu-law.
        coarse_spectrum: probability that the short-time spectrum is quantized, as transform codecs
            do.
        packet_loss: probability of losing 20 ms packets in bursts; the last one is repeated.
        ramp_share: share of all steps over which the augmented rows grow from none to `1 - clean`.
        level_low_db, level_high_db: level of every row, dB of full scale.
    """

    clean: float = 0.15
    equaliser_db: float = 8.0
    band_limit: float = 0.15
    room: float = 0.5
    num_rooms: int = 1500
    room_s: float = 0.5
    coloured: float = 0.3
    recorded: float = 0.15
    babble: float = 0.25
    hum: float = 0.0
    snr_low_db: float = 0.0
    snr_high_db: float = 25.0
    clip: float = 0.05
    telephone: float = 0.12
    a_law: float = 0.5
    coarse_spectrum: float = 0.0
    packet_loss: float = 0.0
    ramp_share: float = 0.0
    level_low_db: float = -45.0
    level_high_db: float = -12.0


class Augmenter:
    """The augmentation chain, with its impulse responses and noise on the device."""

    def __init__(
        self,
        config: AugmentConfig,
        *,
        sample_rate_hz: int,
        generator: torch.Generator,
        responses: list[Tensor],
        noise_bank: Tensor,
    ) -> None:
        """Simulate the rooms.

        Args:
            config: shares and ranges.
            sample_rate_hz: rate of all audio.
            generator: random generator on the device where batches are made.
            responses: recorded impulse responses, each (n,) float32; the list may be empty.
            noise_bank: (N,) float32 recorded noise; if it is empty, colored noise takes its place.
        """
        self.config = config
        self._rate = sample_rate_hz
        self._random = BatchRandom(generator)
        self._noise_bank = noise_bank.to(generator.device)
        self._hum_bank = torch.zeros(0)
        if config.hum:
            rows = noise.mains_hum(_HUM_ROWS, _HUM_S * sample_rate_hz, sample_rate_hz, self._random)
            self._hum_bank = rows.flatten()
        num_samples = int(config.room_s * sample_rate_hz)
        share = -(-config.num_rooms // 3)
        sizes = {"num_samples": num_samples, "sample_rate_hz": sample_rate_hz}
        rooms = [
            room.simulated_rooms(share, **sizes, random=self._random),
            room.decaying_noise(share, **sizes, random=self._random),
        ]
        if responses:
            recorded = room.recorded_rooms(
                responses, num_samples=num_samples, device=generator.device
            )
            rooms.append(recorded.repeat(-(-share // len(recorded)), 1)[:share])
        self._rooms = torch.cat(rooms)

    def __call__(self, samples: Tensor, *, progress: float | Tensor = 1.0) -> Tensor:
        """Augment a batch of clean crops.

        Args:
            samples: (B, n) float32 crops.
            progress: share of all steps that are done, for `ramp_share`; a scalar tensor on
                the device if a captured graph reads it.

        Returns:
            (B, n) float32 augmented crops.
        """
        config, random = self.config, self._random
        batch = samples.shape[0]
        dirty = self._room_and_microphone(samples)
        dirty = self._noise(dirty)
        dirty = channel.clip(dirty, probability=config.clip, random=random)
        rate: dict[str, Any] = {"sample_rate_hz": self._rate, "random": random}
        dirty = transmission.coarse_spectrum(dirty, share=config.coarse_spectrum, **rate)
        dirty = telephone(dirty, share=config.telephone, a_law=config.a_law, **rate)
        dirty = transmission.packet_loss(dirty, share=config.packet_loss, **rate)
        dirty_share: float | Tensor = 1 - config.clean
        if config.ramp_share:
            dirty_share *= torch.as_tensor(progress / config.ramp_share).clamp(max=1.0)
        clean = random.chance(1 - dirty_share, batch, 1)
        return channel.set_level(
            torch.where(clean, samples, dirty),
            low_db=config.level_low_db,
            high_db=config.level_high_db,
            random=random,
        )

    def _room_and_microphone(self, samples: Tensor) -> Tensor:
        """Convolve with a room's response and the microphone's in one pass over the spectrum."""
        config, random = self.config, self._random
        batch, num_samples = samples.shape
        size = num_samples + self._rooms.shape[1]
        num_bins = size // 2 + 1
        response = self._rooms[random.integers(len(self._rooms), batch)]
        # Another distance in the same room (reflections 0 to 15 dB lower), or no room.
        reflections = decibels(random.uniform(-15.0, 0.0, batch, 1))
        reflections *= random.chance(config.room, batch, 1)
        response[:, 1:] *= reflections
        gains = channel.equalizer(
            batch,
            num_bins,
            strength_db=config.equaliser_db,
            sample_rate_hz=self._rate,
            random=random,
        ) * channel.band_limits(
            batch,
            num_bins,
            probability=config.band_limit,
            sample_rate_hz=self._rate,
            random=random,
        )
        spectrum = torch.fft.rfft(samples, n=size) * torch.fft.rfft(response, n=size) * gains
        convolved: Tensor = torch.fft.irfft(spectrum, n=size)
        return convolved[:, :num_samples]

    def _noise(self, samples: Tensor) -> Tensor:
        config, random = self.config, self._random
        batch, num_samples = samples.shape
        low, high = config.snr_low_db, config.snr_high_db
        draw = random.uniform(0, 1, batch, 1)
        babble_from, recorded_from = config.coloured, config.coloured + config.babble
        hum_from = recorded_from + config.recorded
        noisy_until = hum_from + config.hum
        chosen = noise.fluctuating(noise.colored(batch, num_samples, random), random)
        voices = noise.babble(samples, random)
        is_babble = (draw >= babble_from) & (draw < recorded_from)
        chosen = torch.where(is_babble, voices, chosen)
        if len(self._noise_bank) > num_samples:
            recorded = noise.recorded(self._noise_bank, batch, num_samples, random)
            chosen = torch.where((draw >= recorded_from) & (draw < hum_from), recorded, chosen)
        if config.hum:
            hum = noise.recorded(self._hum_bank, batch, num_samples, random)
            chosen = torch.where(draw >= hum_from, hum, chosen)
        snr_db = random.uniform(low, high, batch, 1)
        snr_db = torch.where(is_babble, snr_db.clamp(min=low + 5), snr_db)
        return torch.where(draw < noisy_until, noise.mix(samples, chosen, snr_db), samples)
