"""Effects of digital transmission on speech: coarse spectra of transform codecs, lost packets.

`coarse_spectrum` is not a codec. It has the two defects that transform codecs share at low rates:
coefficients are quantized band by band, and weak ones and all above a cutoff are lost. It processes
a whole batch at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from speakersdk_training.augment.random import BatchRandom, decibels
from speakersdk_training.augment.short_time import overlap_add, short_time_spectrum

CODEC_WINDOW, CODEC_HOP = 512, 256  # 32 ms, similar to real transform codecs
NUM_BANDS = 20
PACKET_S = 0.02  # the usual packet length of speech over IP
# A packet that is repeated again and again fades away within 100 ms (after ITU-T G.711 appendix I,
# which fades by 20 % every 10 ms; here whole packets are repeated, not pitch periods).
_FADE = 0.2


def coarse_spectrum(
    samples: Tensor, *, share: float, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Quantize the short-time spectra of a fixed share of the rows (B, n).

    The step is 3 to 15 dB below the level of each frame's band; the cutoff lies between 3.4 kHz and
    Nyquist.
    """
    count = round(share * len(samples))
    if count == 0:
        return samples
    chosen = random.permutation(len(samples))[:count]
    step = decibels(random.uniform(-15.0, -3.0, count, 1))
    cutoff_hz = random.uniform(3400.0, sample_rate_hz / 2, count, 1)
    result = samples.clone()
    result[chosen] = quantize_spectrum(
        samples[chosen], step=step, cutoff=cutoff_hz / (sample_rate_hz / 2)
    )
    return result


def quantize_spectrum(samples: Tensor, *, step: Tensor, cutoff: Tensor) -> Tensor:
    """Round real and imaginary parts of the spectrum to multiples of each band's step.

    Args:
        samples: (B, n).
        step: (B, 1) step size, in units of a band's root mean square magnitude.
        cutoff: (B, 1) cutoff frequency as a share of Nyquist; nothing is left above it.
    """
    window = torch.hann_window(CODEC_WINDOW, device=samples.device).sqrt()
    spectrum = short_time_spectrum(samples, window, CODEC_HOP)  # (B, bins, frames)
    bands = band_matrix(spectrum.shape[1], samples.device)  # (bands, bins)
    parts = torch.view_as_real(spectrum)
    power = torch.matmul(bands / bands.sum(dim=1, keepdim=True), parts.square().sum(dim=3))
    width = (torch.matmul(bands.T, (power + 1e-12).sqrt()) * step[:, :, None])[..., None]
    coarse = torch.view_as_complex(((parts / width).round() * width).contiguous())
    place = torch.linspace(0, 1, spectrum.shape[1], device=samples.device)
    coarse = coarse * (place[None] <= cutoff)[:, :, None]
    return overlap_add(coarse, window, CODEC_HOP, samples.shape[1])


def band_matrix(num_bins: int, device: torch.device) -> Tensor:
    """Assign bins to bands that widen with frequency: (NUM_BANDS, num_bins) of 0 and 1."""
    place = torch.arange(num_bins, device=device) / (num_bins - 1)
    # Even in log(1 + f / 800 Hz) at 8 kHz Nyquist, like the mel scale.
    band = (torch.log1p(10 * place) / math.log(11) * NUM_BANDS).long().clamp(max=NUM_BANDS - 1)
    # torch's one_hot would wait for the device to check the range of the classes.
    return (band == torch.arange(NUM_BANDS, device=device)[:, None]).float()


def packet_loss(
    samples: Tensor, *, share: float, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Lose packets of a fixed share of the rows (B, n) in bursts and conceal them.

    Loss rates are 2 to 20 %, the mean length of a burst is 1 to 3 packets.
    """
    count = round(share * len(samples))
    if count == 0:
        return samples
    packet = round(PACKET_S * sample_rate_hz)
    chosen = random.permutation(len(samples))[:count]
    lost = lost_packets(
        -(-samples.shape[1] // packet),
        rate=random.uniform(0.02, 0.2, count),
        burst=random.uniform(1.0, 3.0, count),
        random=random,
    )
    result = samples.clone()
    result[chosen] = conceal(samples[chosen], lost, packet)
    return result


def lost_packets(num_packets: int, *, rate: Tensor, burst: Tensor, random: BatchRandom) -> Tensor:
    """Draw (B, num_packets) losses from a two-state Markov chain; the first packet always arrives.

    Args:
        num_packets: packets per row.
        rate: (B,) share of packets lost in the long run.
        burst: (B,) mean length of a run of lost packets.
        random: source of the draws.

    Source: E. Gilbert, "Capacity of a burst-noise channel", 1960, with every packet lost in the bad
    state and none in the good state.
    """
    recover = 1 / burst
    fail = recover * rate / (1 - rate)
    # The lengths of alternating good and bad runs are geometric, which avoids a loop over packets.
    leave = torch.stack([fail, recover], dim=1).repeat(1, -(-num_packets // 2))
    draw = random.uniform(0, 1, *leave.shape).clamp(min=1e-6)
    run = (draw.log() / torch.log1p(-leave.clamp(max=1 - 1e-6))).floor() + 1
    ends = run.cumsum(dim=1)  # (B, runs)
    number = torch.arange(num_packets, device=rate.device)
    ended = (ends[:, None, :] <= number[None, :, None]).sum(dim=2)
    return ended % 2 == 1


def conceal(samples: Tensor, lost: Tensor, packet: int) -> Tensor:
    """Replace lost packets by the last one that arrived, fading at every repetition.

    Args:
        samples: (B, n).
        lost: (B, P) booleans, P = ceil(n / packet), the first of each row False.
        packet: number of samples in a packet.
    """
    batch, num_samples = samples.shape
    num_packets = lost.shape[1]
    padded = torch.nn.functional.pad(samples, (0, num_packets * packet - num_samples))
    number = torch.arange(num_packets, device=samples.device).expand(batch, -1)
    arrived = torch.where(lost, 0, number).cummax(dim=1).values
    gain = (1 - _FADE * (number - arrived)).clamp(min=0)
    source = padded.view(batch, num_packets, packet)
    received = source.gather(1, arrived[:, :, None].expand(-1, -1, packet)) * gain[:, :, None]
    return received.reshape(batch, -1)[:, :num_samples]
