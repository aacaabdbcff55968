"""Resemblyzer, used as in its documentation: preprocess_wav, embed_utterance, inner product."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.encoder.interface import Encoding

IDENTITY = "resemblyzer-0.1.4"
_SAMPLE_RATE_HZ = 16000


def voice_encoder(threads: int, device: str = "cpu") -> Any | None:
    """Load the VoiceEncoder with its own weights; None, with a message, if it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pkg_resources and audioread are deprecated
        try:
            import torch
            from resemblyzer import VoiceEncoder
        except ModuleNotFoundError as error:
            print(f"no Resemblyzer without {error.name}: see benchmarks/README.md", file=sys.stderr)
            return None
        torch.set_num_threads(threads)
        return VoiceEncoder(device, verbose=False)


def load(threads: int) -> Callable[[Waveform], Encoding] | None:
    """Return an encoder as in the documentation; None if it is not installed."""
    encoder = voice_encoder(threads)
    if encoder is None:
        return None
    from resemblyzer import preprocess_wav

    def encode(samples: Waveform) -> Encoding:
        # It cuts out silence, and cannot embed the rest if that is too short.
        trimmed = preprocess_wav(samples, source_sr=_SAMPLE_RATE_HZ)
        used = trimmed if len(trimmed) >= _SAMPLE_RATE_HZ // 2 else samples
        embedding = encoder.embed_utterance(used).astype(np.float32)
        duration_s = len(samples) / _SAMPLE_RATE_HZ
        return Encoding(embedding, duration_s, duration_s)

    return encode
