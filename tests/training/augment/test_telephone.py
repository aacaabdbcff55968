"""The telephone: its band, and its code compared with the G.711 of libsndfile."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import soundfile as sf
import torch

from speakersdk_training.augment.random import BatchRandom, rms
from speakersdk_training.augment.telephone import code_a_law, code_mu_law, telephone

RATE_HZ = 16000


@pytest.fixture
def random(generator: torch.Generator) -> BatchRandom:
    return BatchRandom(generator)


def send(
    samples: torch.Tensor, random: BatchRandom, *, share: float = 1.0, a_law: float = 0.5
) -> torch.Tensor:
    return telephone(samples, share=share, a_law=a_law, sample_rate_hz=RATE_HZ, random=random)


def in_db(values: torch.Tensor) -> torch.Tensor:
    return 20 * torch.log10(values)


def power_between(samples: torch.Tensor, low_hz: float, high_hz: float) -> torch.Tensor:
    """Return the (B,) share of the power in a band; a Hann window reduces leakage."""
    spectrum = torch.fft.rfft(samples * torch.hann_window(samples.shape[1])).abs().square()
    frequency = torch.linspace(0, RATE_HZ / 2, spectrum.shape[1])
    inside = (frequency >= low_hz) & (frequency <= high_hz)
    return spectrum[:, inside].sum(dim=1) / spectrum.sum(dim=1)


@pytest.mark.parametrize(
    ("code", "subtype", "full_scale", "finest"),
    [(code_mu_law, "ULAW", 8192, 2), (code_a_law, "ALAW", 2048, 1)],
)
def test_code_is_that_of_libsndfile(
    code: Callable[[torch.Tensor], torch.Tensor], subtype: str, full_scale: int, finest: int
) -> None:
    """Return every value of the standard's linear code, from a file that libsndfile coded."""
    values = np.arange(-full_scale + 1, full_scale) / full_scale
    file = io.BytesIO()
    sf.write(file, (values * 32768).astype(np.int16), 8000, subtype=subtype, format="WAV")
    file.seek(0)
    expected, _ = sf.read(file)
    got = code(torch.from_numpy(values).float()).double().numpy()
    # libsndfile rounds to its table from 16 bits. Therefore a value at the edge of a step may be
    # rounded to the other side. Both are then within one step of the value, which is a 16th of it
    # or the finest step.
    step = np.maximum(np.abs(values) / 16, finest / full_scale)
    assert (np.abs(got - expected) <= step * 1.07).all()
    # Away from edges, the code words are equal.
    assert np.mean(np.abs(got - expected) < 1e-4) > 0.9
    assert len(np.unique(np.abs(got))) == 128


@pytest.mark.parametrize("a_law", [0.0, 1.0])
def test_telephone_passes_the_telephone_band(random: BatchRandom, a_law: float) -> None:
    samples = 0.1 * random.normal(6, 16000)
    coded = send(samples, random, a_law=a_law)
    # Companding noise is about 35 dB below the voice and spread over the 4 kHz of the telephone
    # band.
    assert power_between(coded, 190, 3510).min() > 0.999
    assert in_db(power_between(coded, 4200, 8000).sqrt()).max() < -60
    passed = torch.fft.rfft(coded).abs()[:, 400:3300].square().sum(dim=1)
    sent = torch.fft.rfft(samples).abs()[:, 400:3300].square().sum(dim=1)
    torch.testing.assert_close(passed / sent, torch.ones(6), rtol=0.01, atol=0)


def test_telephone_takes_its_share_of_the_rows(random: BatchRandom) -> None:
    samples = 0.1 * random.normal(20, 2000)
    for share, expected in ((0.0, 0), (0.12, 2), (0.5, 10), (1.0, 20)):
        coded = send(samples, random, share=share)
        assert int((coded != samples).any(dim=1).sum()) == expected
        assert torch.isfinite(coded).all()


@pytest.mark.parametrize("a_law", [0.0, 1.0])
def test_companding_has_the_noise_of_eight_bits(random: BatchRandom, a_law: float) -> None:
    """A code of 8 bits is 38 dB below a tone, whatever the tone's level below the row's peak."""
    time = torch.arange(16000) / RATE_HZ
    tone = torch.sin(2 * torch.pi * 1013 * time)[None]  # contains all code words
    ratios = []
    for quiet in (1.0, 0.1):  # a loud beginning sets the peak; the tone itself is 20 dB lower
        samples = quiet * tone
        samples[:, :1600] = tone[:, :1600]
        coded = send(samples, random, a_law=a_law)
        late = slice(8000, 15000)
        noise = coded[0, late] - samples[0, late]
        ratios.append(float(in_db(rms(samples[:, late]) / rms(noise[None]))))
    # G.711 gives 33 dB over a range of 40 dB (ITU-T G.712 mask) and at most about 42 dB; a linear
    # code of 8 bits would lose 20 dB between the two.
    assert all(33 < ratio < 48 for ratio in ratios), ratios


@pytest.mark.parametrize("a_law", [0.0, 1.0])
def test_the_error_of_companding_is_below_a_step(random: BatchRandom, a_law: float) -> None:
    time = torch.arange(16000) / RATE_HZ
    tone = 0.9 * torch.sin(2 * torch.pi * 997 * time)[None]
    coded = send(tone, random, a_law=a_law)
    error = (coded - tone)[0, 2000:14000].abs().max()
    # 127 steps of the logarithm of 1 to 256: the widest, at the peak, is 4.4 % of it. Half a step,
    # and a little more where the following band limit overshoots; a linear code would stay below a
    # tenth of that.
    step = 0.9 * math.log(256) / 127
    assert 0.25 * step < float(error) < step


def test_both_codes_are_sent_and_levels_do_not_matter(random: BatchRandom) -> None:
    samples = 0.1 * random.normal(4, 4000)
    quiet = send(1e-3 * samples, BatchRandom(torch.Generator().manual_seed(1)))
    loud = send(samples, BatchRandom(torch.Generator().manual_seed(1)))
    torch.testing.assert_close(1e3 * quiet, loud, rtol=1e-3, atol=1e-4)
