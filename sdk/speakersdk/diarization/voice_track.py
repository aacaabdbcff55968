"""The voice track of a recording: embeddings of the speech around each hop.

recording -> hops -> stretches: speech without a pause and without a detected change of speaker

Within a stretch, each hop of speech has a window with about 1.4 s of speech around it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Embeddings, Waveform
from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.one_voice import Speech
from speakersdk.decision.speaker_change import KEPT_S, SpeakerChange
from speakersdk.encoder.hop import HopEncoder, HopState, hop_sizes
from speakersdk.encoder.statistics_ring import RECENT, RECENT_S, SO_FAR

# Minimum pause that ends a stretch, because anyone may speak next. Shorter pauses occur within
# words and between them. NIST's reference turns bridge the same 0.3 s (Rich Transcription 2009).
PAUSE_S: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechHop:
    """A hop with speech.

    Attributes:
        number: number of the hop in the recording.
        speech_s: net speech of the hop in seconds.
        window: (D,) float32 embedding of the last speech up to this hop, at most `RECENT_S`.
        window_s: net speech in the window in seconds.
    """

    number: int
    speech_s: float
    window: Embedding
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Speech without a pause or a change of speaker.

    Attributes:
        hops: the hops of speech in order of time.
        embedding: (D,) float32 embedding of all its speech.
    """

    hops: list[SpeechHop]
    embedding: Embedding

    @property
    def speech_s(self) -> float:
        """The net speech in seconds."""
        return sum(hop.speech_s for hop in self.hops)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceTrack:
    """All speech of a recording.

    Attributes:
        stretches: the stretches in order of time; none is empty.
        hop_s: length of a hop in seconds.
        window_hops: number of hops of speech in a complete window.
        duration_s: duration of the recording in seconds.
    """

    stretches: tuple[Stretch, ...]
    hop_s: float
    window_hops: int
    duration_s: float


class _Tracker:
    """A collector of hops in order of time."""

    def __init__(self, encoder: HopEncoder, calibration: Calibration) -> None:
        manifest = encoder.manifest
        sizes = hop_sizes(manifest)
        self.window_hops = sizes.recent_hops
        self.stretches: list[Stretch] = []
        self._pause_hops = max(1, round(PAUSE_S / manifest.hop_s))
        self._kept_hops = round(KEPT_S / manifest.hop_s)
        self._change = SpeakerChange(
            manifest.embedding_dim,
            recent_hops=sizes.recent_hops,
            recent_s=RECENT_S,
            calibrate=lambda score, a_s, b_s: calibration.llr(
                score, enrolled_speech_s=a_s, probe_speech_s=b_s
            ),
        )
        self._hops: list[SpeechHop] = []  # hops of the current stretch
        self._so_far: list[Embedding] = []  # embeddings of its speech up to each of them
        self._silent_hops = 0
        self._number = 0

    def take(self, state: HopState) -> None:
        """Take the hop that was encoded last."""
        if state.is_evidence:
            self._silent_hops = 0
            self._hear(state)
        else:
            self._silent_hops += 1
            if self._silent_hops == self._pause_hops:
                self.close()
                state.restart()
        self._number += 1

    def close(self, *, keep_hops: int = 0) -> None:
        """End the current stretch; its last hops may begin the next one."""
        end = max(1, len(self._hops) - keep_hops)
        ended, kept = self._hops[:end], self._hops[end:]
        if ended:
            self.stretches.append(Stretch(hops=ended, embedding=self._so_far[end - 1]))
        self._hops = kept
        self._so_far = [hop.window for hop in kept]
        self._change.restart()

    def _hear(self, state: HopState) -> None:
        has_changed = self._change.update(
            state.embeddings[RECENT], state.embeddings[SO_FAR], speech_s=state.speech_s
        )
        recent = self._hops[max(0, len(self._hops) - self.window_hops + 1) :]
        self._hops.append(
            SpeechHop(
                number=self._number,
                speech_s=state.hop_speech_s,
                window=state.embeddings[RECENT].copy(),
                window_s=sum(hop.speech_s for hop in recent) + state.hop_speech_s,
            )
        )
        self._so_far.append(state.embeddings[SO_FAR].copy())
        if has_changed:  # the new voice began about `KEPT_S` ago
            self.close(keep_hops=self._kept_hops)
            state.restart(keep_hops=self._kept_hops)


def track_voice(
    encoder: HopEncoder, calibration: Calibration, blocks: Iterable[Waveform]
) -> VoiceTrack:
    """Find the speech of a recording in one pass of the live encoder.

    Args:
        encoder: encoder of one stream.
        calibration: calibration of the model's scores.
        blocks: consecutive blocks, (n,) float32 at the model's sample rate.
    """
    tracker = _Tracker(encoder, calibration)
    state = encoder.start()
    for block in blocks:
        for _ in state.buffer.hops(block):
            encoder.encode([state])
            tracker.take(state)
    if state.buffer.num_frames > 0:
        encoder.encode_remainder(state)
        tracker.take(state)
    tracker.close()
    manifest = encoder.manifest
    return VoiceTrack(
        stretches=tuple(tracker.stretches),
        hop_s=manifest.hop_s,
        window_hops=tracker.window_hops,
        duration_s=state.buffer.num_samples / manifest.frontend.sample_rate_hz,
    )


def windows_around(track: VoiceTrack) -> tuple[Embeddings, npt.NDArray[np.float64]]:
    """Return the window around every hop of speech, in order of time.

    Returns:
        (H, D) embeddings and (H,) seconds of speech in each.
    """
    chosen = [
        stretch.hops[min(index + track.window_hops // 2, len(stretch.hops) - 1)]
        for stretch in track.stretches
        for index in range(len(stretch.hops))
    ]
    return np.stack([hop.window for hop in chosen]), np.array([hop.window_s for hop in chosen])


def speech_of(hops: list[SpeechHop], window_hops: int) -> Speech:
    """Return windows that cover these hops of one stretch, the last one first."""
    ends = range(len(hops) - 1, -1, -window_hops)
    return Speech(
        np.stack([hops[end].window for end in ends]),
        np.array([hops[end].window_s for end in ends]),
    )
