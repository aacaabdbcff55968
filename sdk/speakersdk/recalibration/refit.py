"""Refit of a model's calibration on the user's own speakers, held by what the model shipped with.

encodings by speaker -> leave-one-out trials -> offset and scale -> error rates on speakers left out

Each recording is tried against its speaker's other recordings (target) and against all recordings
of each other speaker (nontarget), as enrolling several and probing with one is. The model's own
calibration is the mean of a Gaussian prior on the two weights: deviations of 1 nat of offset and of
0.25 of scale, and all trials of R recordings count as R independent ones, for they share voices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.regression import GaussianPrior, posterior_weights
from speakersdk.decision.one_voice import Speech
from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError
from speakersdk.metrics import cllr, eer
from speakersdk.recalibration.profile import CalibrationProfile, calibration_sha256
from speakersdk.scoring import symmetric_kl

SHIPPED: Final = GaussianPrior(means=(0.0, 1.0), deviations=(1.0, 0.25))
# Leaving one speaker out must leave two to fit on.
MINIMUM_SPEAKERS: Final = 3
# With fewer, one odd recording decides the fit.
MINIMUM_RECORDINGS: Final = 12
# Speakers that share so many errors at any threshold are not told apart by another calibration.
MAXIMUM_EER: Final = 0.25
# Bin of the histogram in nats.
_BIN_LLR = 2.0
_BAR = 40

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnTrials:
    """Leave-one-out trials.

    Attributes:
        llrs: (N,) by the model's own calibration.
        targets: (N,) same speaker.
        speech_s: (N,) comparable speech.
        probes, enrolled: (N,) numbers of the speakers.
        speakers: their names.
        num_recordings: probes.
    """

    llrs: Floats
    targets: Flags
    speech_s: Floats
    probes: npt.NDArray[np.int64]
    enrolled: npt.NDArray[np.int64]
    speakers: tuple[str, ...]
    num_recordings: int

    def histogram(self) -> str:
        """Counts of targets and nontargets by llr, for people."""
        low = _BIN_LLR * np.floor(self.llrs.min() / _BIN_LLR)
        edges = np.arange(low, max(self.llrs.max(), low + 1) + _BIN_LLR, _BIN_LLR)
        own, others = (
            np.histogram(self.llrs[kind], edges)[0] for kind in (self.targets, ~self.targets)
        )
        most = max(own.max(), others.max())
        lines = [f"{'llr':>12}  {'same':>5} {'other':>5}"]
        for left, num_own, num_others in zip(edges, own, others, strict=False):
            bars = "#" * round(_BAR * num_own / most) + "." * round(_BAR * num_others / most)
            span = f"{left:5.0f} to {left + _BIN_LLR:3.0f}"
            lines.append(f"{span}  {num_own:5} {num_others:5}  {bars}")
        return "\n".join([*lines, "# same speaker, . other speaker"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRates:
    """Of llrs on trials.

    Attributes:
        cllr: cost of the llrs in bits.
        far, frr: at the thresholds of the asked-for rate.
    """

    cllr: float
    far: float
    frr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """The weights on top of the model's calibration, and what they change.

    Attributes:
        offset, scale: llr = offset + scale * (model's llr).
        asked_far: false-accept rate asked for.
        before: of the model's own calibration.
        after: likewise, each speaker judged by a fit on the others alone.
        num_target, num_nontarget: trials.
    """

    offset: float
    scale: float
    asked_far: float
    before: ErrorRates
    after: ErrorRates
    num_target: int
    num_nontarget: int

    @property
    def is_better(self) -> bool:
        """Whether the refit lowers Cllr on speakers that it was not fitted on."""
        return self.after.cllr < self.before.cllr


def recalibrate(
    encodings: Mapping[str, Sequence[Encoding]], manifest: ModelManifest, *, far: float
) -> tuple[OwnTrials, Refit]:
    """Trials of all recordings, and the refit on them.

    Args:
        encodings: of each speaker's recordings.
        manifest: of the model that made them.
        far: false-accept rate at which to report.

    Raises:
        CalibrationError: too few speakers or recordings, or they are not told apart; the model
            has no calibration.
        ConfigError: the calibration cannot support `far`.
    """
    if manifest.calibration is None:
        raise CalibrationError(
            f"expected a calibrated model, got {manifest.name} without calibration; nothing can "
            "be fitted on top of it"
        )
    trials = own_trials(encodings, manifest.calibration)
    return trials, refit(trials, manifest.calibration, far=far)


def profile(
    manifest: ModelManifest, trials: OwnTrials, fitted: Refit, *, name: str
) -> CalibrationProfile:
    """What to store of a refit under a name."""
    if manifest.calibration is None:
        raise ValueError("expected the manifest of the refit's model, got one without calibration")
    return CalibrationProfile(
        name=name,
        model_name=manifest.name,
        model_sha256=manifest.weights_sha256,
        base_sha256=calibration_sha256(manifest.calibration),
        offset=fitted.offset,
        scale=fitted.scale,
        num_speakers=len(trials.speakers),
        num_recordings=trials.num_recordings,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def own_trials(encodings: Mapping[str, Sequence[Encoding]], calibration: Calibration) -> OwnTrials:
    """All leave-one-out trials of the recordings with enough speech.

    Raises:
        CalibrationError: too few speakers or recordings.
    """
    heard = {
        name: [one for one in listed if one.speech_s >= calibration.minimum_speech_s]
        for name, listed in encodings.items()
    }
    heard = {name: listed for name, listed in heard.items() if len(listed) >= 2}
    num_recordings = sum(map(len, heard.values()))
    if len(heard) < MINIMUM_SPEAKERS or num_recordings < MINIMUM_RECORDINGS:
        raise CalibrationError(
            f"expected at least {MINIMUM_SPEAKERS} speakers with two recordings each, and "
            f"{MINIMUM_RECORDINGS} recordings in all, with {calibration.minimum_speech_s:g} s of "
            f"speech each, got {len(heard)} such speakers with {num_recordings} recordings; "
            "record more"
        )
    speech = [_speech(listed) for listed in heard.values()]
    rows: list[tuple[float, bool, float, int, int]] = []
    for speaker, own in enumerate(speech):
        for number in range(len(own)):
            probe = np.arange(len(own)) == number
            for other, enrolled in enumerate(speech):
                side = ~probe if other == speaker else np.ones(len(enrolled), bool)
                sides = {
                    "enrolled_speech_s": float(enrolled.speech_s[side].sum()),
                    "probe_speech_s": float(own.speech_s[number]),
                }
                score = -symmetric_kl(own.embeddings[number], enrolled.pooled(side))
                llr = calibration.llr(score, **sides)
                comparable_s = calibration.comparable_speech_s(*sides.values())
                rows.append((llr, other == speaker, comparable_s, speaker, other))
    llrs, targets, speech_s, probes, enrolled_numbers = map(np.array, zip(*rows, strict=True))
    return OwnTrials(
        llrs=llrs,
        targets=targets,
        speech_s=speech_s,
        probes=probes,
        enrolled=enrolled_numbers,
        speakers=tuple(heard),
        num_recordings=num_recordings,
    )


def refit(trials: OwnTrials, calibration: Calibration, *, far: float) -> Refit:
    """Fit offset and scale, and judge them on speakers left out.

    Raises:
        CalibrationError: the trials do not tell the speakers apart; shows the overlap.
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
        asked_far=far,
        before=_rates(trials.llrs, trials, calibration, far),
        after=_rates(left_out, trials, calibration, far),
        num_target=int(trials.targets.sum()),
        num_nontarget=int((~trials.targets).sum()),
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


def _rates(llrs: Floats, trials: OwnTrials, calibration: Calibration, far: float) -> ErrorRates:
    point = calibration.operating_point(far)
    accepted = llrs >= point.thresholds(trials.speech_s)
    return ErrorRates(
        cllr=cllr(llrs, trials.targets),
        far=float(accepted[~trials.targets].mean()),
        frr=float((~accepted)[trials.targets].mean()),
    )


def _speech(encodings: Sequence[Encoding]) -> Speech:
    return Speech(
        np.stack([encoding.embedding for encoding in encodings]),
        np.array([encoding.speech_s for encoding in encodings]),
    )
