"""Refit of a model's calibration on the user's own speakers, with the original as a prior.

encodings by speaker -> leave-one-out trials -> offset and scale -> error rates of left-out speakers

Each recording is compared with the other recordings of its speaker (target) and with all recordings
of every other speaker (nontarget), like a probe with an enrollment. The original calibration is the
mean of a Gaussian prior on the two weights, with standard deviations of 1 nat for the offset and
0.25 for the scale. The trials of R recordings share voices and count as R independent trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.cohort import Nearness
from speakersdk.calibration.regression import GaussianPrior, posterior_weights
from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError
from speakersdk.metrics import cllr, eer
from speakersdk.recalibration.encodings import calibration_of, speech_of, with_enough_speech
from speakersdk.scoring import symmetric_kl_to_many

SHIPPED: Final = GaussianPrior(means=(0.0, 1.0), deviations=(1.0, 0.25))
# Two speakers must remain for the fit when one is left out.
MINIMUM_SPEAKERS: Final = 3
# With fewer, a single unusual recording dominates the fit.
MINIMUM_RECORDINGS: Final = 12
# With a higher equal error rate, no calibration can separate the speakers.
MAXIMUM_EER: Final = 0.25
# Width of a histogram bin in nats.
_BIN_LLR = 2.0
_BAR = 40

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnTrials:
    """Leave-one-out trials.

    Attributes:
        llrs: (N,) LLRs of the original calibration.
        targets: (N,) true for trials of the same speaker.
        speech_s: (N,) comparable speech in seconds.
        nearness: (N, 3), see `speakersdk.calibration.cohort.Nearness`.
        probes, enrolled: (N,) indices of the speakers.
        speakers: names of the speakers.
        num_recordings: number of probes.
    """

    llrs: Floats
    targets: Flags
    speech_s: Floats
    nearness: Floats
    probes: npt.NDArray[np.int64]
    enrolled: npt.NDArray[np.int64]
    speakers: tuple[str, ...]
    num_recordings: int

    def histogram(self) -> str:
        """A text histogram of the LLRs of targets and nontargets."""
        low = _BIN_LLR * np.floor(self.llrs.min() / _BIN_LLR)
        edges = np.arange(low, max(self.llrs.max(), low + 1) + _BIN_LLR, _BIN_LLR)
        own, others = (
            np.histogram(self.llrs[kind], edges)[0] for kind in (self.targets, ~self.targets)
        )
        largest = max(own.max(), others.max())
        lines = [f"{'llr':>12}  {'same':>5} {'other':>5}"]
        for left, num_own, num_others in zip(edges, own, others, strict=False):
            bars = "#" * round(_BAR * num_own / largest) + "." * round(_BAR * num_others / largest)
            span = f"{left:5.0f} to {left + _BIN_LLR:3.0f}"
            lines.append(f"{span}  {num_own:5} {num_others:5}  {bars}")
        return "\n".join([*lines, "# same speaker, . other speaker"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRates:
    """Error rates of LLRs in a set of trials.

    Attributes:
        cllr: cost of the LLRs in bits.
        far, frr: rates at the thresholds of the requested false-accept rate.
    """

    cllr: float
    far: float
    frr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """The fitted weights and their effect.

    Attributes:
        offset, scale: weights of llr = offset + scale * (original llr).
        requested_far: the requested false-accept rate.
        before: error rates of the original calibration.
        after: error rates of the refit; each speaker is scored by a fit on the other speakers.
        num_target, num_nontarget: numbers of trials.
    """

    offset: float
    scale: float
    requested_far: float
    before: ErrorRates
    after: ErrorRates
    num_target: int
    num_nontarget: int

    @property
    def is_better(self) -> bool:
        """Whether the refit lowers the Cllr of speakers left out of the fit."""
        return self.after.cllr < self.before.cllr


def recalibrate(
    encodings: Mapping[str, Sequence[Encoding]], manifest: ModelManifest, *, far: float
) -> tuple[OwnTrials, Refit]:
    """Compare all recordings and refit the calibration on the trials.

    Args:
        encodings: encodings of the recordings of each speaker.
        manifest: manifest of the model that made them.
        far: false-accept rate to report for.

    Raises:
        CalibrationError: there are too few speakers or recordings, their scores overlap too much,
            or the model has no calibration.
        ConfigError: the calibration cannot support `far`.
    """
    calibration = calibration_of(manifest)
    trials = own_trials(encodings, calibration)
    return trials, refit(trials, calibration, far=far)


def own_trials(encodings: Mapping[str, Sequence[Encoding]], calibration: Calibration) -> OwnTrials:
    """Make all leave-one-out trials of the recordings with enough speech.

    Raises:
        CalibrationError: there are too few speakers or recordings.
    """
    usable = with_enough_speech(encodings, calibration, at_least=2)
    num_recordings = sum(map(len, usable.values()))
    if len(usable) < MINIMUM_SPEAKERS or num_recordings < MINIMUM_RECORDINGS:
        raise CalibrationError(
            f"expected at least {MINIMUM_SPEAKERS} speakers with two recordings each, and "
            f"{MINIMUM_RECORDINGS} recordings in all, with {calibration.minimum_speech_s:g} s of "
            f"speech each, got {len(usable)} such speakers with {num_recordings} recordings; "
            "record more"
        )
    speech = [speech_of(listed) for listed in usable.values()]
    llrs: list[Floats] = []
    comparable_s: list[Floats] = []
    nearness: list[list[Nearness]] = []
    for own in speech:
        for number, probe in enumerate(own.embeddings):
            others = np.arange(len(own)) != number
            sides = [(at, others if at is own else np.ones(len(at), np.bool_)) for at in speech]
            voices = np.stack([at.pooled(side) for at, side in sides])
            spoken_s = [(at.speech_s[side].sum(), own.speech_s[number]) for at, side in sides]
            scores = -symmetric_kl_to_many(probe, voices)
            found, found_s = calibration.llrs(scores, np.array(spoken_s))
            llrs.append(found)
            comparable_s.append(found_s)
            # As decisions do: thresholds follow the cohort's nearness of both sides.
            nearness.append(calibration.pair_nearness(voices, probe))
    probes = np.repeat(np.arange(len(speech)), [len(own) * len(speech) for own in speech])
    enrolled = np.tile(np.arange(len(speech)), num_recordings)
    return OwnTrials(
        llrs=np.concatenate(llrs),
        targets=probes == enrolled,
        speech_s=np.concatenate(comparable_s),
        nearness=np.concatenate(nearness),
        probes=probes,
        enrolled=enrolled,
        speakers=tuple(usable),
        num_recordings=num_recordings,
    )


def refit(trials: OwnTrials, calibration: Calibration, *, far: float) -> Refit:
    """Fit offset and scale, and measure them on left-out speakers.

    Raises:
        CalibrationError: the scores of the speakers overlap too much; the error has a histogram.
        ConfigError: the calibration cannot support `far`.
    """
    rate = eer(trials.llrs, trials.targets)
    if rate > MAXIMUM_EER:
        raise CalibrationError(
            f"expected recordings that tell the speakers apart with at most {MAXIMUM_EER:.0%} of "
            f"errors, got {rate:.0%}; look for recordings in a wrong folder, noise, or several "
            "voices in one (speakersdk quality)",
            overlap=trials.histogram(),
        )
    left_out = np.empty(len(trials.llrs))
    for speaker in range(len(trials.speakers)):
        others = (trials.probes != speaker) & (trials.enrolled != speaker)
        offset, scale = _weights(trials, others)
        judged = trials.probes == speaker
        left_out[judged] = offset + scale * trials.llrs[judged]
    offset, scale = _weights(trials, np.ones(len(trials.llrs), bool))
    return Refit(
        offset=offset,
        scale=scale,
        requested_far=far,
        before=error_rates(trials.llrs, trials, calibration, far),
        after=error_rates(left_out, trials, calibration, far),
        num_target=int(trials.targets.sum()),
        num_nontarget=int((~trials.targets).sum()),
    )


def error_rates(
    llrs: Floats, trials: OwnTrials, calibration: Calibration, far: float
) -> ErrorRates:
    """Compute the error rates of decisions with LLRs, whose thresholds depend on the cohort.

    Args:
        llrs: (N,) LLRs of the trials, from any calibration.
        trials: the trials.
        calibration: calibration with the thresholds.
        far: requested false-accept rate.

    Raises:
        ConfigError: the calibration cannot support `far`.
    """
    point = calibration.operating_point(far)
    accepted = llrs >= point.thresholds(trials.speech_s, trials.nearness)
    return ErrorRates(
        cllr=cllr(llrs, trials.targets),
        far=float(accepted[~trials.targets].mean()),
        frr=float((~accepted)[trials.targets].mean()),
    )


def _weights(trials: OwnTrials, chosen: Flags) -> tuple[float, float]:
    targets = trials.targets[chosen]
    offset, scale = posterior_weights(
        trials.llrs[chosen, np.newaxis],
        targets,
        0.5,
        known=SHIPPED,
        num_independent=float(targets.sum()),  # one target trial for each recording
    )
    return offset, scale
