"""Rooms: direct sound, the physics of the first reflections, and decay by Schroeder's integral."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speakersdk_training.augment import room
from speakersdk_training.augment.random import BatchRandom

RATE_HZ = 16000
SIZES = {"sample_rate_hz": RATE_HZ}


def draws(seed: int = 11) -> BatchRandom:
    return BatchRandom(torch.Generator().manual_seed(seed))


def schroeder_rt60_s(tail: torch.Tensor, *, from_db: float, to_db: float) -> float:
    """Return the time of 60 dB from a line through the backward-integrated energy (ISO 3382)."""
    energy = tail.double().square().flip(0).cumsum(0).flip(0)
    decay_db = (10 * torch.log10(energy / energy[0])).numpy()
    used = (decay_db <= from_db) & (decay_db >= to_db)
    slope_db_s, _ = np.polyfit(np.flatnonzero(used) / RATE_HZ, decay_db[used], 1)
    return float(-60 / slope_db_s)


def test_decaying_noise_has_its_reverberation_time() -> None:
    responses = room.decaying_noise(20, num_samples=2 * RATE_HZ, **SIZES, random=draws())
    rt60_s = draws().uniform(0.05, 0.8, 20)  # the first draw of the same seed
    measured = torch.tensor(
        [schroeder_rt60_s(response[16:], from_db=-5, to_db=-35) for response in responses]
    )
    # 30 dB of noise that falls by 60 dB in 50 ms are 400 independent samples: the level at both
    # ends is known within about 0.5 dB, and the slope within 2 %; five times that.
    torch.testing.assert_close(measured, rt60_s, rtol=0.1, atol=0)


def test_decaying_noise_keeps_direct_sound_and_ratio() -> None:
    responses = room.decaying_noise(300, num_samples=8000, **SIZES, random=draws())
    assert (responses[:, 0] == 1).all()
    assert (responses[:, 1:16] == 0).all()
    ratio_db = -10 * torch.log10(responses[:, 1:].square().sum(dim=1))
    assert ratio_db.min() > -3.01
    assert ratio_db.min() < -2.5
    assert ratio_db.max() < 15.01
    assert ratio_db.max() > 14.5


def test_simulated_rooms_begin_with_the_direct_sound() -> None:
    responses = room.simulated_rooms(20, num_samples=4000, **SIZES, random=draws())
    assert responses.shape == (20, 4000)
    assert torch.isfinite(responses).all()
    # The distance is computed twice, with a handful of float32 operations each.
    torch.testing.assert_close(responses[:, 0], torch.ones(20), rtol=1e-6, atol=0)
    # Every path is longer than the direct one, and walls absorb.
    early = responses[:, 1:16]
    assert (early >= 0).all()
    assert early.max() < 3  # several images may have the same sample
    assert (responses[:, 1:800].square().sum(dim=1) > 0).all()


def test_late_part_of_simulated_rooms_decays_as_requested() -> None:
    num_rooms = 12
    responses = room.simulated_rooms(num_rooms, num_samples=24000, **SIZES, random=draws())
    rt60_s = room.draw_shoeboxes(num_rooms, draws()).rt60
    measured = torch.tensor(
        [schroeder_rt60_s(response[800:], from_db=-5, to_db=-35) for response in responses]
    )
    # As above, and the response ends after 1.5 s: 90 dB down even at 1 s.
    torch.testing.assert_close(measured, rt60_s, rtol=0.1, atol=0)


def test_reflections_of_one_room_lie_where_the_image_method_puts_them() -> None:
    """All paths of up to four reflections, by mirroring the source at one wall after the other."""
    random = draws(5)
    response = room.simulated_rooms(1, num_samples=800, **SIZES, random=random)[0]
    again = draws(5)
    drawn = room.draw_shoeboxes(1, again)
    size, rt60_s, source, microphone = drawn.size, drawn.rt60, drawn.source, drawn.microphone
    sides, source_m = size[0].double().numpy(), source[0].double().numpy()
    microphone_m = microphone[0].double().numpy()

    volume, area = sides.prod(), 2 * (sides.prod() / sides).sum()
    reflection = np.sqrt(1 - np.clip(0.161 * volume / (area * float(rt60_s)), 0.02, 0.98))
    direct_m = np.linalg.norm(source_m - microphone_m)
    images: dict[tuple[float, ...], int] = {tuple(source_m): 0}
    latest = [source_m]
    for order in (1, 2, 3, 4):
        mirrored = []
        for image in latest:
            for axis in range(3):
                for wall in (0.0, sides[axis]):
                    other = image.copy()
                    other[axis] = 2 * wall - other[axis]
                    if not any(np.allclose(other, known) for known in images):
                        images[tuple(other)] = order
                        mirrored.append(other)
        latest = mirrored
    expected = np.zeros(800)
    for image, order in images.items():
        distance = np.linalg.norm(np.array(image) - microphone_m)
        index = round((distance - direct_m) * RATE_HZ / 343.0)
        if index < 800:
            expected[index] += reflection**order * direct_m / distance
    # A fifth reflection is the third at one pair of walls, at least two sides away, or the second
    # at two pairs, each two sides away except for the distance of source and microphone.
    two_sides_m = 2 * sides.min()
    missing_m = min(two_sides_m, np.sqrt(2) * (two_sides_m - direct_m))
    until = int((missing_m - direct_m) * RATE_HZ / 343.0)
    assert until > 50
    # float32 distances of a few meters give the rounded sample except for ties; none is tied here.
    np.testing.assert_allclose(response[:until].numpy(), expected[:until], rtol=0, atol=1e-4)


def test_recorded_rooms_are_cut_at_their_direct_sound() -> None:
    first = torch.tensor([0.0, 0.1, -0.5, 0.25, 0.0, 0.05])
    second = torch.tensor([2.0, 1.0])
    rows = room.recorded_rooms([first, second], num_samples=4, device=torch.device("cpu"))
    torch.testing.assert_close(rows, torch.tensor([[1.0, -0.5, 0.0, -0.1], [1.0, 0.5, 0.0, 0.0]]))


@pytest.mark.parametrize("num_samples", [160, 800, 801])
def test_short_responses_have_no_late_part(num_samples: int) -> None:
    responses = room.simulated_rooms(3, num_samples=num_samples, **SIZES, random=draws())
    assert responses.shape == (3, num_samples)
    assert torch.isfinite(responses).all()


def test_rooms_are_of_many_sizes_and_hold_source_and_microphone() -> None:
    rooms = room.draw_shoeboxes(2000, draws())
    volume = rooms.size.prod(dim=1)
    # From a car's cabin (3 m^3) to a hall; the middle is a living room or an office.
    assert volume.min() < 6
    assert volume.max() > 1500
    assert 20 < volume.median() < 200
    for place in (rooms.source, rooms.microphone):
        assert (place > 0.09).all()
        assert (place < rooms.size - 0.09).all()
    distance = (rooms.source - rooms.microphone).norm(dim=1)
    assert distance.min() < 0.12
    assert 3 < distance.max() <= 4 + 1e-4
    assert rooms.rt60.min() < 0.12
    assert rooms.rt60.max() > 1.18
