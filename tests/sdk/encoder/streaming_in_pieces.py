"""A recording pushed to a stream in pieces of given lengths."""

from __future__ import annotations

from collections.abc import Iterable

from speakersdk.arrays import Waveform
from speakersdk.encoder.interface import Encoding, SpeakerEncoder


def encoded_in_pieces(
    encoder: SpeakerEncoder, samples: Waveform, lengths: Iterable[int]
) -> Encoding:
    """Push pieces of these lengths, then the rest, and return the encoding at the end."""
    stream = encoder.stream()
    first = 0
    for length in lengths:
        stream.push(samples[first : first + length])
        first += length
    stream.push(samples[first:])
    return stream.finish()
