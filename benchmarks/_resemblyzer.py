"""Resemblyzer as its documentation uses it: preprocess_wav, embed_utterance, inner product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.encoding import Encoding

IDENTITY = "resemblyzer-0.1.4"
_SAMPLE_RATE_HZ = 16000


def load(threads: int) -> Callable[[Waveform], Encoding] | None:
    """Its encoder with its own weights; None where it is not installed."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pkg_resources and audioread are deprecated
        try:
            import torch
            from resemblyzer import VoiceEncoder, preprocess_wav
        except ImportError:
            return None
    torch.set_num_threads(threads)
    encoder = VoiceEncoder("cpu", verbose=False)

    def encode(samples: Waveform) -> Encoding:
        # It cuts out silence; of almost nothing else it can make no embedding.
        heard = preprocess_wav(samples, source_sr=_SAMPLE_RATE_HZ)
        used = heard if len(heard) >= _SAMPLE_RATE_HZ // 2 else samples
        embedding = encoder.embed_utterance(used).astype(np.float32)
        duration_s = len(samples) / _SAMPLE_RATE_HZ
        return Encoding(embedding, duration_s, duration_s)

    return encode
