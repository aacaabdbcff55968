"""Detection of a change of speaker: recent speech compared with the voice before it.

    mean of  llr(recent speech, all speech until then)
        and  llr(recent speech, voiceprint of the accepted speaker, if there is one)
    <= -0.75  ->  the speaker has changed

Length and bound were chosen on 300 changes between development speakers. docs/streaming.md has the
results for other speakers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from speakersdk.arrays import Embedding
from speakersdk.decision.one_voice import OTHER_VOICE_LLR
from speakersdk.scoring import symmetric_kl

# The last part of the recent speech, in seconds, is certainly the new voice: its first evidence.
KEPT_S: Final = 0.8
# Minimum speech of the earlier voice: with less, there is nothing to compare with.
_MINIMUM_BEFORE_S: Final = 1.5

# (score, seconds of speech of one side, of the other) -> llr
Calibrate = Callable[[float, float, float], float]


class SpeakerChange:
    """Detects changes in one stream. Keeps the last `recent_hops` embeddings of the speech so far.

    Args:
        embedding_dim: length of an embedding.
        recent_hops, recent_s: length of the recent speech in hops and in seconds.
        calibrate: turns a score into an LLR.

    Attributes:
        llr: the mean LLR of the comparisons, positive for the same voice; None if there is too
            little speech.
    """

    def __init__(
        self, embedding_dim: int, *, recent_hops: int, recent_s: float, calibrate: Calibrate
    ) -> None:
        self._recent_s = recent_s
        self._calibrate = calibrate
        self._before = np.zeros((recent_hops, embedding_dim), np.float32)
        self._before_s = np.zeros(recent_hops)
        self.restart()

    def restart(self) -> None:
        """Forget the earlier voice."""
        self._num_hops = 0
        self.llr: float | None = None

    def update(
        self,
        recent: Embedding,
        so_far: Embedding,
        *,
        speech_s: float,
        accepted_llr: float | None = None,
    ) -> bool:
        """Take a hop of speech and return whether the voice has changed.

        Args:
            recent: (D,) embedding of the recent speech.
            so_far: (D,) embedding of all speech since the last change.
            speech_s: net speech in `so_far` in seconds.
            accepted_llr: LLR between the recent speech and the voiceprint of the accepted speaker;
                None if no speaker is accepted.
        """
        row = self._num_hops % len(self._before)
        is_known = self._num_hops >= len(self._before)
        before_s = float(self._before_s[row])
        self.llr = None
        if is_known and before_s >= _MINIMUM_BEFORE_S:
            score = -symmetric_kl(recent, self._before[row])
            self.llr = self._calibrate(score, before_s, self._recent_s)
            if accepted_llr is not None:
                self.llr = (self.llr + accepted_llr) / 2
        self._before[row] = so_far
        self._before_s[row] = speech_s
        self._num_hops += 1
        return self.llr is not None and self.llr <= OTHER_VOICE_LLR
