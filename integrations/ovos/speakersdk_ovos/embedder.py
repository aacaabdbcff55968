"""Voice embeddings for the stores of OpenVoiceOS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from ovos_plugin_manager.templates.embeddings import VoiceEmbedder

from speakersdk import Verifier
from speakersdk_ovos.audio import check_format, sample_rate_of, samples_of


class SpeakerEmbedder(VoiceEmbedder):  # type: ignore[misc]  # the library has no types
    """An embedder of recordings.

    Args:
        config: `model`, an ONNX file instead of the bundled one; `sample_rate`, `sample_width` and
            `channels` of the audio, 16000, 2 and 1.

    Raises:
        SpeakerSdkError: the model cannot be used, or the format is not that of PCM.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(dict(config or {}))
        check_format(self.config)
        self._verifier = Verifier(self.config.get("model"))

    def get_embeddings(self, audio_data: npt.ArrayLike | bytes) -> npt.NDArray[np.float32]:
        """Compute an embedding: (D,) float32, of the same length for every recording.

        Args:
            audio_data: bytes of PCM, or an array (n,) or (n, channels) of integers or of floats
                with full scale +-1.

        Raises:
            AudioError: the recording is not audio, too short or without speech.
        """
        if isinstance(audio_data, bytes | bytearray | memoryview):
            samples = samples_of(bytes(audio_data), self.config)
        else:
            samples = np.asarray(audio_data)
        return self._verifier.embed(samples, sample_rate_hz=sample_rate_of(self.config))
