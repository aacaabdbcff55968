"""Crops: whose they are, where they lie, at what speed, and that labels follow them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.augment.vocal_tract import warp_vocal_tract
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.data.crops import CropSampler, change_speed, speaker_weights
from speakersdk_training.data.speaker_draws import SamplerConfig, make_draw

FRONTEND = FrontendConfig()


def make_bank(
    pieces: list[torch.Tensor],
    *,
    speech: torch.Tensor | None = None,
    begins: torch.Tensor | None = None,
) -> AudioBank:
    length = torch.tensor([len(piece) for piece in pieces])
    return AudioBank(
        samples=torch.cat(pieces).to(torch.int16),
        speech=speech,
        first=length.cumsum(0) - length,
        length=length,
        begins=length.cumsum(0) - length if begins is None else begins,
        speakers=tuple(f"c/{index}" for index in range(len(pieces))),
    )


def sampler(
    bank: AudioBank,
    *,
    seed: int = 1,
    speaker_cap_s: float = 60.0,
    power: float = 0.5,
    **options: Any,
) -> CropSampler:
    defaults: dict[str, Any] = {"batch_size": 12, "speeds": (1.0,)}
    generator = torch.Generator().manual_seed(seed)
    weights = speaker_weights(
        bank, FRONTEND.sample_rate_hz, speaker_cap_s=speaker_cap_s, power=power
    )
    return CropSampler(
        bank,
        FRONTEND,
        draw_speakers=make_draw(SamplerConfig(), bank.speakers, weights, generator),
        generator=generator,
        **{**defaults, **options},
    )


def test_crops_are_of_their_speaker_and_classes_count_speeds() -> None:
    # Speaker s is the constant 1000 (s + 1), which no speed changes.
    bank = make_bank([torch.full((1600 * (s + 1),), 1000 * (s + 1)) for s in range(5)])
    drawn = sampler(bank, batch_size=100, speeds=(0.9, 1.0, 1.1))
    assert drawn.num_classes == 15
    batch = drawn.draw(800)
    assert batch.samples.shape == (100, 800)
    assert batch.speech is None
    speaker, speed = batch.classes // 3, batch.classes % 3
    expected = (1000.0 * (speaker + 1) / 32767)[:, None].expand(100, 800)
    torch.testing.assert_close(batch.samples, expected, rtol=1e-5, atol=0)
    assert set(speaker.tolist()) == set(range(5))
    assert torch.bincount(speed).tolist() == [34, 33, 33]


def test_crops_begin_everywhere_a_label_does_and_never_leave_the_speaker() -> None:
    ramps = [torch.arange(1600), 5000 + torch.arange(960)]
    batch = sampler(make_bank(ramps), batch_size=400).draw(640)
    values = (batch.samples * 32767).round().long()
    assert (values.diff(dim=1) == 1).all()  # one stretch, no seam
    for speaker, (low, high) in enumerate([(0, 960), (5000, 5320)]):
        starts = set(values[batch.classes == speaker, 0].tolist())
        assert starts == set(range(low, high + 1, 160))


def test_the_audio_of_a_speaker_with_little_audio_is_repeated() -> None:
    short = torch.arange(320)
    batch = sampler(make_bank([short])).draw(800)
    expected = short.repeat(3)[:800].float() / 32767
    torch.testing.assert_close(batch.samples, expected.expand(12, 800))


def test_a_speaker_without_audio_is_not_drawn() -> None:
    bank = make_bank([torch.zeros(0), torch.ones(800), torch.zeros(0)])
    assert set(sampler(bank).draw(400).classes.tolist()) == {1}


@pytest.mark.parametrize(("power", "weights"), [(0.5, [1, 2, 3]), (1.0, [1, 4, 9])])
def test_speakers_are_drawn_by_a_power_of_their_capped_seconds(
    power: float, weights: list[int]
) -> None:
    # 0.01, 0.04 and 1 s, capped at 0.09 s.
    bank = make_bank([torch.zeros(160), torch.zeros(640), torch.zeros(16000)])
    count = 6000
    batch = sampler(bank, batch_size=count, speaker_cap_s=0.09, power=power).draw(400)
    drawn = torch.bincount(batch.classes).double() / count
    # Five standard deviations of a share of 6,000 draws, 0.5 being the widest.
    torch.testing.assert_close(
        drawn,
        torch.tensor(weights).double() / sum(weights),
        rtol=0,
        atol=5 * (0.25 / count) ** 0.5,
    )


@pytest.mark.parametrize("speed", [1.0, 0.9, 1.1])
def test_labels_follow_crop_and_speed(speed: float) -> None:
    """Sample and label rise together: the label is 1 per 160 samples, the sample 100 per label."""
    labels = 200
    ramp = torch.arange(labels * 160) * 100 // 160
    bank = make_bank([ramp, ramp], speech=torch.arange(labels).repeat(2).to(torch.uint8))
    batch = sampler(bank, speeds=(speed,)).draw(8000)
    assert batch.speech is not None
    num_frames = FRONTEND.num_frames(8000)
    assert batch.speech.shape == (12, num_frames)
    center = torch.arange(num_frames) * 160 + 200
    cropped = batch.samples[:, center] * 32767 / 100
    said = batch.speech * 255
    # A label holds for 160 samples and starts at its first: between 0 and 1 below the ramp. A crop
    # resampled as if periodic rings at its ends, where the ramp jumps by 50 labels: 50 / (pi n)
    # after n samples, 0.05 at the tenth frame.
    inner = slice(None) if speed == 1.0 else slice(10, -10)
    difference = (cropped - said)[:, inner]
    assert difference.min() > -0.1
    assert difference.max() < 1.1


@pytest.mark.parametrize("speed", [1.0, 0.8])
def test_crops_begin_where_utterances_do(speed: float) -> None:
    """Three utterances of a speaker and one of another; the label tells the utterance."""
    labels = torch.arange(4).repeat_interleave(torch.tensor([3, 5, 4, 6])).to(torch.uint8)
    bank = make_bank(
        [torch.zeros(12 * 160), torch.zeros(6 * 160)],
        speech=labels,
        begins=torch.tensor([0, 3, 8, 12]) * 160,
    )
    batch = sampler(bank, batch_size=300, speeds=(speed,), from_begin=True).draw(800)
    assert batch.speech is not None
    assert batch.first_utterance is not None
    first = (batch.speech[:, 0] * 255).round().long()
    assert set(first.tolist()) == {0, 1, 2, 3}  # also the last, although a crop is longer
    center = ((torch.arange(FRONTEND.num_frames(800)) * 160 + 200) * speed).long()
    for utterance, count in enumerate([3, 5, 4, 6]):
        own = batch.first_utterance[first == utterance]
        assert torch.equal(own, (center < 160 * count).expand_as(own))
    assert (batch.speech * 255 - first[:, None])[batch.first_utterance].abs().max() < 1e-4


def test_labels_wrap_with_their_samples() -> None:
    bank = make_bank([torch.zeros(480)], speech=torch.tensor([0, 255, 51], dtype=torch.uint8))
    speech = sampler(bank).draw(1280).speech
    # Frame centers at 200, 360, ... of 480 samples: labels 1, 2, 0, 1, 2, 0.
    assert speech is not None
    expected = torch.tensor([1.0, 0.2, 0.0]).repeat(2)
    torch.testing.assert_close(speech, expected.expand(12, 6))


def test_a_seed_repeats_the_batches() -> None:
    noise = torch.randint(-9999, 9999, (9000,), generator=torch.Generator().manual_seed(3))
    bank = make_bank([noise[:4000], noise[4000:]])
    options = {"speeds": (0.9, 1.0)}
    one, other = sampler(bank, **options), sampler(bank, **options)
    first = one.draw(1600)
    assert torch.equal(first.samples, other.draw(1600).samples)
    assert not torch.equal(first.samples, one.draw(1600).samples)
    assert not torch.equal(first.samples, sampler(bank, seed=2, **options).draw(1600).samples)


def test_more_speeds_than_rows() -> None:
    bank = make_bank([torch.ones(1600)])
    batch = sampler(bank, batch_size=2, speeds=(0.9, 1.0, 1.1)).draw(400)
    assert batch.classes.tolist() == [0, 1]


def sine(cycles: int, num_samples: int) -> torch.Tensor:
    turns = cycles * torch.arange(num_samples, dtype=torch.float64) / num_samples
    return torch.sin(2 * torch.pi * turns).float()[None]


@pytest.mark.parametrize(("source", "target"), [(1100, 1000), (900, 1000), (999, 1000)])
def test_change_of_speed_moves_a_tone(source: int, target: int) -> None:
    """Whole cycles stay whole: 37 in 1,100 samples become 37 in 1,000, a tenth higher."""
    moved = change_speed(sine(37, source), target)
    # float32 transforms of a thousand samples: some ten units of rounding of 1, twice.
    torch.testing.assert_close(moved, sine(37, target), rtol=0, atol=2e-6)


def test_change_of_speed_lets_nothing_fold_back() -> None:
    # 520 cycles do not fit below the Nyquist frequency of 1,000 samples.
    assert change_speed(sine(520, 1100), 1000).abs().max() < 2e-6


def test_speed_one_is_the_identity() -> None:
    samples = sine(3, 100)
    assert change_speed(samples, 100) is samples


def test_every_voice_of_a_batch_is_warped_as_its_class_says() -> None:
    noise = torch.randint(-9999, 9999, (16000,), generator=torch.Generator().manual_seed(3))
    bank = make_bank([noise])
    drawn = sampler(bank, batch_size=6, speeds=(1.0,), vocal_tracts=(0.9, 1.0, 1.11)).draw(16000)
    assert drawn.classes.tolist() == [0, 0, 1, 1, 2, 2]
    plain = (noise / 32767)[None]
    warped = [warp_vocal_tract(plain, torch.tensor([factor])) for factor in (0.9, 1.11)]
    for row, expected in zip((0, 2, 4), (warped[0], plain, warped[1]), strict=True):
        torch.testing.assert_close(drawn.samples[row], expected[0], rtol=0, atol=1e-5)
