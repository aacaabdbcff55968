"""Options of a stream: error rates, limits and windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from speakersdk.decision.sequential import SequentialBounds
from speakersdk.errors import ConfigError

# Share of the enrolled speaker's turns that may be rejected.
MISS_RATE: Final = 0.05
# Net speech without a decision after which the answer is INCONCLUSIVE.
LIMIT_S: Final = 10.0
# After this much silence anyone may speak next: evidence and encoder state are reset. The
# encoder itself sees 0.7 s of the past.
SILENCE_S: Final = 5.0
# A window keeps the statistics of its hops: ten minutes take about 20 MB per stream.
_LONGEST_WINDOW_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """Options of a stream.

    Attributes:
        far: false-accept rate of one decision.
        miss_rate: share of the enrolled speaker's turns that may be rejected.
        limit_s: net speech in seconds after which an undecided test is INCONCLUSIVE.
        window_s: length of the window of the windowed score in seconds; None means that of the
            model.
        silence_s: silence in seconds after which evidence and encoder state are reset.

    Raises:
        ConfigError: an option is outside its range.
    """

    far: float
    miss_rate: float = MISS_RATE
    limit_s: float = LIMIT_S
    window_s: float | None = None
    silence_s: float = SILENCE_S

    def __post_init__(self) -> None:
        _ = self.bounds  # checks the error rates and the limit
        if self.window_s is not None and not 0 < self.window_s <= _LONGEST_WINDOW_S:
            raise ConfigError(
                f"expected a window_s above 0 s and at most {_LONGEST_WINDOW_S:g} s, got "
                f"{self.window_s:g} s; leave it out for the model's window"
            )
        if not 0 < self.silence_s < math.inf:
            raise ConfigError(f"expected a finite silence_s above 0 s, got {self.silence_s:g} s")

    @property
    def bounds(self) -> SequentialBounds:
        """The bounds of the sequential tests."""
        return SequentialBounds(far=self.far, miss_rate=self.miss_rate, limit_s=self.limit_s)
