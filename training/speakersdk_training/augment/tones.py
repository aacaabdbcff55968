"""Sounds other than speech: hum, dial tones, notes, fans, hiss and clicks.

Each row of a batch gets one kind. The speech head learns to tell these sounds from speech.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from speakersdk.errors import ConfigError
from speakersdk_training.augment.noise import colored, recorded
from speakersdk_training.augment.random import BatchRandom, decibels

KINDS = ("hum", "wave", "line", "notes", "machine", "hiss", "clicks", "offset")
_PARTIALS = 40
_BANK_S = 8
_BANK_ROWS = 64  # number of rows made at a time
_VOICES = 3  # notes of a chord
# Pairs of dial tone, ringback and busy (North America, Europe) and of DTMF.
_LINE_HZ = (
    (350.0, 440.0), (440.0, 480.0), (480.0, 620.0), (425.0, 425.0), (400.0, 450.0),
    *((low, high) for low in (697.0, 770.0, 852.0, 941.0) for high in (1209.0, 1336.0, 1477.0)),
)  # fmt: skip
# Seconds on and off: steady, ringback, ringback, busy, fast busy, DTMF.
_CADENCES = ((9e9, 0.0), (2.0, 4.0), (1.0, 4.0), (0.5, 0.5), (0.25, 0.25), (0.1, 0.1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TonesConfig:
    """The shares and levels of sounds other than speech in the training of the speech head.

    Attributes:
        instead: share of rows with no other sound.
        beneath: share of rows with such a sound throughout, during and between speech.
        between: share of rows in which such a sound replaces a stretch.
        level_low_db, level_high_db: range of the level of a replacement, dB of full scale.
        snr_low_db, snr_high_db: range of the level of speech over a sound beneath it, dB.
        variants: number of eight-second stretches in memory from which sounds are cut.
    """

    instead: float = 0.0
    beneath: float = 0.0
    between: float = 0.0
    level_low_db: float = -60.0
    level_high_db: float = -3.0
    snr_low_db: float = 0.0
    snr_high_db: float = 30.0
    variants: int = 768

    @property
    def is_used(self) -> bool:
        """Whether any row gets such a sound."""
        return self.instead + self.beneath + self.between > 0

    def __post_init__(self) -> None:
        shares = (self.instead, self.beneath, self.between)
        if min(shares) < 0 or sum(shares) > 1:
            raise ConfigError(f"expected shares of tones of 0 or more, 1 in all, got {shares}")


def no_voice(batch: int, num_samples: int, sample_rate_hz: int, random: BatchRandom) -> Tensor:
    """Make (batch, num_samples) sounds of root mean square 1, each row of a random kind."""
    kind = random.integers(len(KINDS), batch, 1)
    time = torch.arange(num_samples, device=random.device) / sample_rate_hz
    rows = torch.zeros(batch, num_samples, device=random.device)
    rows = torch.where(kind <= 1, _buzz(kind == 0, time, sample_rate_hz, random), rows)
    rows = torch.where(kind == 2, _line(batch, time, random), rows)
    rows = torch.where(kind == 3, _notes(batch, time, sample_rate_hz, random), rows)
    noise = colored(batch, num_samples, random)
    noise = noise / noise.std(dim=1, keepdim=True).clamp(min=1e-9)
    spin = _buzz(kind == 0, time, sample_rate_hz, random)  # blades and motor of a fan
    spin = spin * decibels(random.uniform(-20.0, 10.0, batch, 1))
    rows = torch.where(kind == 4, noise + spin, rows)
    rows = torch.where(kind == 5, noise, rows)
    rows = torch.where(kind == 6, _clicks(batch, num_samples, random), rows)
    offset = 1 + 0.01 * noise
    rows = torch.where(kind == 7, offset * (time > random.uniform(-1.0, 1.0, batch, 1)), rows)
    return rows / rows.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)


def no_voice_bank(variants: int, sample_rate_hz: int, random: BatchRandom) -> Tensor:
    """Make (N,) stretches of every kind in advance, because this takes hundreds of GPU kernels."""
    parts = [
        no_voice(min(_BANK_ROWS, variants - made), _BANK_S * sample_rate_hz, sample_rate_hz, random)
        for made in range(0, variants, _BANK_ROWS)
    ]
    return torch.cat(parts).flatten()


def with_no_voice(
    config: TonesConfig, samples: Tensor, speech: Tensor, bank: Tensor, random: BatchRandom
) -> tuple[Tensor, Tensor]:
    """Put sounds other than speech into a batch.

    Args:
        config: shares and levels of the sounds.
        samples: (B, n) float32 in +-1.
        speech: (B, k) probability of speech of each frame.
        bank: (N,) stretches of such sounds, root mean square 1.
        random: source of the draws.

    Returns:
        (B, n) samples, and the remaining (B, k) speech probability.
    """
    batch, num_samples = samples.shape
    other = recorded(bank, batch, num_samples, random)
    draw = random.uniform(0, 1, batch, 1)
    instead = draw < config.instead
    beneath = (draw >= config.instead) & (draw < config.instead + config.beneath)
    until = config.instead + config.beneath + config.between
    between = (draw >= config.instead + config.beneath) & (draw < until)
    begin = random.uniform(0.0, 0.8, batch, 1)
    end = begin + random.uniform(0.2, 1.0, batch, 1)

    def inside(size: int) -> Tensor:
        place = torch.arange(size, device=samples.device)[None] / size
        return instead | (between & (place >= begin) & (place < end))

    loud = other * decibels(random.uniform(config.level_low_db, config.level_high_db, batch, 1))
    level = samples.square().mean(dim=1, keepdim=True).sqrt()
    snr = random.uniform(config.snr_low_db, config.snr_high_db, batch, 1)
    mixed = torch.where(beneath, samples + other * level * decibels(-snr), samples)
    mixed = torch.where(inside(num_samples), loud, mixed).clamp(-1, 1)
    return mixed, torch.where(inside(speech.shape[1]), 0.0, speech)


def _buzz(is_mains: Tensor, time: Tensor, sample_rate_hz: int, random: BatchRandom) -> Tensor:
    """Make harmonics of the mains or of 40 to 1000 Hz: sine, square, sawtooth, drifting or not."""
    batch = len(is_mains)
    mains = torch.where(random.chance(0.5, batch, 1), 50.0, 60.0)
    mains = mains * torch.where(random.chance(0.5, batch, 1), 1.0, 2.0)
    pitch = 40 * torch.pow(25.0, random.uniform(0, 1, batch, 1))
    pitch = torch.where(is_mains, mains, pitch)
    drift = random.uniform(-0.1, 0.1, batch, 1) * random.chance(0.5, batch, 1) * ~is_mains
    wobble = 0.03 * random.uniform(0, 1, batch, 1) * random.chance(0.3, batch, 1) * ~is_mains
    rate = random.uniform(0.2, 6.0, batch, 1)
    phase = pitch * (time + drift * time.square() / 2)
    phase = phase + pitch * wobble * torch.sin(2 * math.pi * rate * time) / (2 * math.pi * rate)
    slope = random.uniform(0.5, 3.0, batch, 1)
    slope = torch.where(random.chance(0.25, batch, 1), 1.0, slope)
    slope = torch.where(random.chance(0.15, batch, 1), 20.0, slope)  # a sine wave
    odd = random.chance(0.35, batch, 1)
    uneven = random.chance(0.4, batch, 1)
    wave = torch.zeros(batch, len(time), device=random.device)
    for partial in range(1, _PARTIALS + 1):
        gain = float(partial) ** -slope * (pitch * partial < sample_rate_hz / 2)
        gain = gain * (~odd | (partial % 2 == 1))
        gain = torch.where(uneven, gain * random.uniform(0.1, 1.0, batch, 1), gain)
        start = random.uniform(0, 1, batch, 1) * uneven
        wave += gain * torch.sin(2 * math.pi * (partial * phase + start))
    return wave


def _line(batch: int, time: Tensor, random: BatchRandom) -> Tensor:
    """Make the tone pair of a telephone exchange or a key, switched on and off."""
    pairs = torch.tensor(_LINE_HZ, device=random.device)
    chosen = pairs[random.integers(len(pairs), batch)] * random.uniform(0.98, 1.02, batch, 1)
    cadences = torch.tensor(_CADENCES, device=random.device)
    cadence = cadences[random.integers(len(cadences), batch)]
    whole = cadence.sum(dim=1, keepdim=True)
    is_on = (time + random.uniform(0, 1, batch, 1) * whole.clamp(max=6)) % whole < cadence[:, :1]
    tones = torch.sin(2 * math.pi * chosen[:, :1] * time)
    tones = tones + torch.sin(2 * math.pi * chosen[:, 1:] * time + 1)
    return tones * (is_on | ~is_on.any(dim=1, keepdim=True))


def _notes(batch: int, time: Tensor, sample_rate_hz: int, random: BatchRandom) -> Tensor:
    """Make chords of notes that are struck, plucked or held, a few times per second or less."""
    sound = torch.zeros(batch, len(time), device=random.device)
    spacing = random.uniform(0.12, 1.5, batch, 1)
    late = (time + random.uniform(0, 1.5, batch, 1)) / spacing
    struck = late.floor()
    since = (late - struck) * spacing
    held = random.chance(0.35, batch, 1)
    decay = torch.where(held, 0.0, random.uniform(1.0, 12.0, batch, 1))
    attack = random.uniform(0.002, 0.06, batch, 1)
    envelope = torch.exp(-decay * since) * (since / attack).clamp(max=1)
    slope = random.uniform(0.7, 3.0, batch, 1)
    stiffness = random.uniform(0.0, 4e-4, batch, 1) * ~held
    seed = random.uniform(1.0, 100.0, batch, 1)
    for voice in range(_VOICES):
        # A different note of the scale at each stroke.
        step = (torch.frac(torch.sin((struck + 7.3 * voice) * seed) * 43758.5) * 36).floor()
        pitch = 65.4 * torch.pow(2.0, step.abs() / 12 + random.integers(3, batch, 1))
        loudness = 1.0 if voice == 0 else random.chance(0.5, batch, 1).float()
        for partial in range(1, 11):
            stretched = partial * torch.sqrt(1 + stiffness * partial**2)
            gain = float(partial) ** -slope * (pitch * stretched < sample_rate_hz / 2)
            fade = torch.exp(-0.4 * decay * since * (partial - 1))
            sound += loudness * gain * fade * torch.sin(2 * math.pi * pitch * stretched * since)
    return sound * envelope


def _clicks(batch: int, num_samples: int, random: BatchRandom) -> Tensor:
    """Make single samples and short bursts, from one to thousands per second."""
    rate = torch.pow(10.0, random.uniform(-4.0, -1.0, batch, 1))
    hits = random.uniform(0, 1, batch, num_samples) < rate
    impulses = random.normal(batch, num_samples) * hits
    ring = torch.exp(-torch.arange(64, device=random.device) / 12)[None, None]
    ringing = torch.nn.functional.conv1d(impulses[:, None], ring, padding=63)[:, 0, :num_samples]
    return torch.where(random.chance(0.5, batch, 1), impulses, ringing)
