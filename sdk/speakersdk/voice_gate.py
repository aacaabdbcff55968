"""A gate for voice agents that opens while an allowed speaker is speaking.

audio in chunks -> stream -> gate updates, which are open while an allowed voice speaks

The assistant's own voice, which the microphone also records, can be forbidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from speakersdk.arguments import checked
from speakersdk.audio.samples import Samples
from speakersdk.decision.outcome import Verdict
from speakersdk.errors import InvalidAudioError, SpeakerSdkError
from speakersdk.streaming.update import StreamUpdate
from speakersdk.text import counted
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

# Silence after which a voice must be recognized again: the next speaker may be a stranger.
SILENCE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateUpdate:
    """The state of the gate after a hop.

    Attributes:
        time_s: end of the hop in seconds since the start.
        is_speech: whether the hop has speech.
        is_open: whether an allowed voice speaks, or paused less than the gate's silence ago.
        speaker: the name of that voice; None while the gate is closed.
        verdict: verdict on the most likely voice, allowed or forbidden.
        llr: log-likelihood ratio of that voice for the speech so far; None if there is too little.
    """

    time_s: float
    is_speech: bool
    is_open: bool
    speaker: str | None
    verdict: Verdict
    llr: float | None


@checked
class VoiceGate:
    """A gate that takes audio in chunks and opens for allowed voices.

    Args:
        verifier: makes the decisions, at its false-accept rate.
        allowed: voiceprints of the allowed voices.
        forbidden: voiceprints of voices that must not be mistaken for them, such as the
            assistant's.
        silence_s: silence after which a voice must be recognized again.

    Attributes:
        latest: the latest update; None before the first hop.
        last_speech: the latest update with speech; None before the first.

    Raises:
        ConfigError: nobody is allowed, two voiceprints have the same name, or `silence_s` is out of
            range.
        IncompatibleModelError, ModelError: as for `Verifier.stream`.
    """

    def __init__(
        self,
        verifier: Verifier,
        allowed: Sequence[Voiceprint],
        *,
        forbidden: Sequence[Voiceprint] = (),
        silence_s: float = SILENCE_S,
    ) -> None:
        self._allowed = frozenset(voiceprint.name for voiceprint in allowed)
        # The stream refuses an empty list: a gate without allowed voices would never open.
        voices = [*allowed, *forbidden] if allowed else []
        self._stream = verifier.stream(voices, silence_s=silence_s)
        self.latest: GateUpdate | None = None
        self.last_speech: GateUpdate | None = None

    @property
    def is_open(self) -> bool:
        """Whether an allowed voice speaks."""
        return self.latest is not None and self.latest.is_open

    @property
    def speaker(self) -> str | None:
        """The name of the allowed voice that speaks; None while the gate is closed."""
        return None if self.latest is None else self.latest.speaker

    def push(self, samples: Samples, *, sample_rate_hz: float) -> list[GateUpdate]:
        """Take the next samples and return an update for every hop that they complete.

        After an error the gate is closed, as after `restart`: nothing is known of what was lost.

        Raises:
            AudioError, ConcurrentUseError, ConfigError, ExpiredVoiceprintError, InferenceError: as
                for `SpeakerStream.push`.
        """
        try:
            updates = self._stream.push(samples, sample_rate_hz=sample_rate_hz)
        except SpeakerSdkError:
            self.restart()
            raise
        gate_updates = [self._gate_update(update) for update in updates]
        for latest in gate_updates:
            self.latest = latest
            if latest.is_speech:
                self.last_speech = latest
        return gate_updates

    def push_pcm(self, pcm: bytes, *, sample_rate_hz: float, num_channels: int) -> list[GateUpdate]:
        """Push interleaved 16-bit samples, the format of agent frameworks.

        Raises:
            InvalidAudioError: the bytes are not complete samples of `num_channels` channels.
        """
        if num_channels < 1 or len(pcm) % (2 * num_channels):
            self.restart()
            raise InvalidAudioError(
                f"expected 16-bit samples of {counted(num_channels, 'channel')}, got "
                f"{len(pcm)} bytes"
            )
        samples = np.frombuffer(pcm, "<i2").reshape(-1, num_channels)
        return self.push(samples, sample_rate_hz=sample_rate_hz)

    def restart(self) -> None:
        """Discard all evidence: the next speaker must be recognized again."""
        self.latest = self.last_speech = None
        self._stream.gap(0.0)

    def _gate_update(self, update: StreamUpdate) -> GateUpdate:
        is_open = update.verdict is Verdict.ACCEPT and update.speaker in self._allowed
        return GateUpdate(
            time_s=update.time_s,
            is_speech=update.age_s == 0,
            is_open=is_open,
            speaker=update.speaker if is_open else None,
            verdict=update.verdict,
            llr=update.total_llr,
        )
