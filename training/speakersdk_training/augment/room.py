"""Rooms: impulse responses simulated by the image method, decaying noise, and recorded ones.

Source: J. Allen and D. Berkley, "Image method for efficiently simulating small-room acoustics",
1979, eq. 9, with one reflection coefficient for all walls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.augment.random import BatchRandom

SPEED_OF_SOUND_M_S = 343.0
_MAX_ORDER = 8  # images per axis on each side; enough for 0.3 s in a small room


@dataclass(frozen=True, slots=True)
class Shoeboxes:
    """Rectangular rooms, one per row.

    Attributes:
        size: (R, 3) inner length, width and height in meters.
        rt60: (R,) reverberation time in seconds.
        source, microphone: (R, 3) positions in meters.
    """

    size: Tensor
    rt60: Tensor
    source: Tensor
    microphone: Tensor


def draw_shoeboxes(num_rooms: int, random: BatchRandom) -> Shoeboxes:
    """Draw rooms of all sizes from a car's cabin to a hall.

    Sides are log-uniform from 1.5 to 20 m, the height is 1.4-2.2 m in the smallest rooms and up to
    6 m in large ones, the reverberation time is 0.1-1.2 s. The source is at least 0.3 m from the
    walls, the microphone 0.1-4 m from the source.
    """
    size = 1.5 * (20.0 / 1.5) ** random.uniform(0.0, 1.0, num_rooms, 3)
    floor_m = (size[:, 0] * size[:, 1]).sqrt()
    size[:, 2] = (random.uniform(0.25, 1.2, num_rooms) * floor_m).clamp(2.2, 6.0)
    size[:, 2] = torch.where(floor_m < 2.0, random.uniform(1.4, 2.2, num_rooms), size[:, 2])
    rt60 = random.uniform(0.1, 1.2, num_rooms)
    source = 0.3 + random.uniform(0, 1, num_rooms, 3) * (size - 0.6)
    direction = functional.normalize(random.normal(num_rooms, 3), dim=1)
    distance_m = 0.1 * 40.0 ** random.uniform(0.0, 1.0, num_rooms, 1)
    microphone = source + direction * distance_m
    return Shoeboxes(size, rt60, source, microphone.clamp(min=0.1).minimum(size - 0.1))


def simulated_rooms(
    num_rooms: int, *, num_samples: int, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Simulate (num_rooms, num_samples) responses of rectangular rooms, with a noise-like tail.

    The direct sound arrives at sample 0 with amplitude 1.
    """
    rooms = draw_shoeboxes(num_rooms, random)
    device = random.device
    size, rt60, source, microphone = rooms.size, rooms.rt60, rooms.source, rooms.microphone
    # Sabine: absorption from volume, surface and reverberation time; reflection = sqrt(1 - a).
    volume = size.prod(dim=1)
    surface = 2 * (size[:, 0] * size[:, 1] + size[:, 0] * size[:, 2] + size[:, 1] * size[:, 2])
    absorption = (0.161 * volume / (surface * rt60)).clamp(0.02, 0.98)
    reflection = (1 - absorption).sqrt()

    order = torch.arange(-_MAX_ORDER, _MAX_ORDER + 1, device=device)
    responses = torch.zeros(num_rooms, num_samples, device=device)
    axis_distance, axis_hits = [], []
    for axis in range(3):
        # Images of one axis: 2 n L + s and 2 n L - s, hitting 2|n| or |2n - 1| walls.
        even = 2 * order * size[:, axis, None] + source[:, axis, None]
        odd = 2 * order * size[:, axis, None] - source[:, axis, None]
        axis_distance.append(torch.cat([even, odd], dim=1) - microphone[:, axis, None])
        axis_hits.append(torch.cat([2 * order.abs(), (2 * order - 1).abs()]))
    x, y, z = axis_distance
    planar = x[:, :, None].square() + y[:, None, :].square()
    planar_hits = axis_hits[0][:, None] + axis_hits[1][None, :]
    direct = (source - microphone).norm(dim=1).clamp(min=0.1)
    for image in range(z.shape[1]):
        distance = (planar + z[:, image, None, None].square()).sqrt()
        amplitude = reflection[:, None, None] ** (planar_hits + axis_hits[2][image])
        amplitude = amplitude * (direct[:, None, None] / distance.clamp(min=0.1))
        delay = (distance - direct[:, None, None]) * (sample_rate_hz / SPEED_OF_SOUND_M_S)
        index = delay.round().long().flatten(1)
        inside = (index >= 0) & (index < num_samples)
        amplitude = torch.where(inside, amplitude.flatten(1), 0.0)
        responses.scatter_add_(1, index.clamp(0, num_samples - 1), amplitude)
    return _with_diffuse_tail(responses, rt60, sample_rate_hz, random)


def decaying_noise(
    num_rooms: int, *, num_samples: int, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Make (num_rooms, num_samples) exponentially decaying noise after a direct sound of 1.

    The reverberation time is 0.05-0.8 s, the direct-to-reverberant ratio -3 to 15 dB.
    """
    rt60 = random.uniform(0.05, 0.8, num_rooms)
    tail = random.normal(num_rooms, num_samples) * _decay(rt60, num_samples, sample_rate_hz)
    tail[:, :16] = 0  # 1 ms before the first reflection
    ratio_db = random.uniform(-3.0, 15.0, num_rooms, 1)
    tail *= torch.pow(10.0, -ratio_db / 20) / tail.norm(dim=1, keepdim=True)
    tail[:, 0] = 1.0
    return tail


def recorded_rooms(responses: list[Tensor], *, num_samples: int, device: torch.device) -> Tensor:
    """Cut recorded responses at the direct sound, scaled to 1: (len(responses), num_samples)."""
    rows = torch.zeros(len(responses), num_samples, device=device)
    for row, response in zip(rows, responses, strict=True):
        peak = int(response.abs().argmax())
        piece = response[peak : peak + num_samples].to(device)
        row[: len(piece)] = piece / piece[0]
    return rows


def _with_diffuse_tail(
    responses: Tensor, rt60: Tensor, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Replace the reflections after 50 ms by decaying noise of the same level."""
    start = sample_rate_hz // 20
    early = responses[:, start // 2 : start].square().mean(dim=1, keepdim=True).sqrt()
    noise = random.normal(*responses[:, start:].shape)
    decay = _decay(rt60, responses.shape[1], sample_rate_hz)
    responses[:, start:] = noise * early * decay[:, start:] / decay[:, start : start + 1]
    return responses


def _decay(rt60: Tensor, num_samples: int, sample_rate_hz: int) -> Tensor:
    """Return amplitudes that fall by 60 dB in `rt60` seconds."""
    time = torch.arange(num_samples, device=rt60.device) / sample_rate_hz
    return torch.exp(-math.log(1000.0) * time / rt60[:, None])
