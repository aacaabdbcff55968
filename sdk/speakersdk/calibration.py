"""From a score to a log-likelihood ratio, and from an asked-for error rate to a threshold.

    llr = offset + scale * score + speech_weight * ln(min(enrolled speech, probe speech) / 1 s)

The weights are fitted by logistic regression on the development trials when a model is exported
(N. Brummer, "Measuring, refining and calibrating speaker and language information", 2010, ch. 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Scores
from speakersdk.errors import ConfigError

# Below this net speech the fit has seen no trials; INCONCLUSIVE is the honest answer.
DEFAULT_MINIMUM_SPEECH_S = 0.8
_NEWTON_STEPS = 50
# Ridge on the standardised weights: keeps separable data finite, invisible on 10^4 trials.
_RIDGE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A threshold and the error rates that it had on the calibration trials.

    Attributes:
        far: false-accept rate, share of nontarget trials accepted.
        frr: false-reject rate, share of target trials rejected.
        llr: threshold; accept when the log-likelihood ratio is at least this.
    """

    far: float
    frr: float
    llr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Logistic calibration and its operating points, ordered by falling FAR.

    Attributes:
        offset, scale, speech_weight: the weights of the module's formula.
        minimum_speech_s: net speech below which no decision is supported.
        num_target, num_nontarget: trials of the fit.
        operating_points: thresholds from loose to strict.
    """

    offset: float
    scale: float
    speech_weight: float
    minimum_speech_s: float = DEFAULT_MINIMUM_SPEECH_S
    num_target: int
    num_nontarget: int
    operating_points: tuple[OperatingPoint, ...]

    def llr(self, score: float, *, enrolled_speech_s: float, probe_speech_s: float) -> float:
        """Log-likelihood ratio (natural log) of same speaker against different speakers."""
        speech_s = max(min(enrolled_speech_s, probe_speech_s), self.minimum_speech_s)
        return self.offset + self.scale * score + self.speech_weight * math.log(speech_s)

    def operating_point(self, far: float) -> OperatingPoint:
        """The threshold for an asked-for false-accept rate, log-linear between stored points.

        Raises:
            ConfigError: the calibration trials cannot support the request.
        """
        points = self.operating_points
        loosest, strictest = points[0].far, points[-1].far
        if not strictest <= far <= loosest:
            raise ConfigError(
                f"expected a false-accept rate between {strictest:g} and {loosest:g} (what the "
                f"model's {self.num_nontarget} nontarget calibration trials support), got {far:g}"
            )
        log_far = np.log([point.far for point in reversed(points)])
        position = math.log(far)
        return OperatingPoint(
            far=far,
            frr=float(np.interp(position, log_far, [point.frr for point in reversed(points)])),
            llr=float(np.interp(position, log_far, [point.llr for point in reversed(points)])),
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Calibration:
        """Rebuild from `dataclasses.asdict`."""
        points = tuple(OperatingPoint(**point) for point in values["operating_points"])
        return cls(**{**values, "operating_points": points})
