"""Enrollment from recordings: each usable recording becomes an exemplar of the voiceprint.

recordings -> encoding and quality of each -> check for one voice -> voiceprint, or what is wrong
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from speakersdk.arrays import Embedding, Waveform
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.recordings import (
    Reading,
    Recording,
    check_list,
    open_recording,
    rated,
    recording_label,
)
from speakersdk.audio.spectral_track import Powers, SpectralTrack
from speakersdk.decision.one_voice import Speech, llrs_to_the_others
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.enrollment.joining import llrs_to_known
from speakersdk.enrollment.measure import RecordingQuality, measure_recording, not_measured
from speakersdk.enrollment.repetition import (
    LEAST_NEW_S,
    USELESS_SHARE,
    Repetition,
    repetitions,
)
from speakersdk.errors import AudioError, AudioTooShortError, ConfigError, EnrollmentError
from speakersdk.voiceprint.copies import is_copy
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.voiceprint import Voiceprint

# Number of findings in the message of an error, which is one line.
_MAXIMUM_FINDINGS: Final = 5


def enroll_recordings(
    encoder: SpeakerEncoder,
    recordings: Sequence[Recording],
    *,
    name: str,
    sample_rate_hz: float | None = None,
    accept: Collection[str] = (),
    append_to: Voiceprint | None = None,
    reading: Reading | None = None,
) -> Voiceprint:
    """Make a voiceprint with one exemplar per recording.

    Args:
        encoder: the encoder of the model.
        recordings: one or more recordings of the same speaker.
        name: name of the speaker.
        sample_rate_hz: sample rate of the recordings that are arrays; files have their own.
        accept: members of `AudioProblem`, or their keys, to overlook.
        append_to: a voiceprint of the same name and voice to add the recordings to.
        reading: the limit and the channel of each recording; None means no choice.

    Raises:
        ConfigError: the name cannot be used, `append_to` has another name, or there is a sample
            rate and all recordings are files.
        EnrollmentError: there is no recording, or one is unreadable or not good enough.
        IncompatibleModelError: `append_to` was made with a different model.
    """
    check_list(recordings)
    name = check_name(name)
    if not recordings:
        raise EnrollmentError(f"expected at least one recording of {name!r}, got none")
    accepted = tuple(AudioProblem.of(key) for key in accept)
    manifest = encoder.manifest
    if append_to is not None:
        if append_to.name != name:
            raise ConfigError(f"expected a voiceprint of {name!r}, got that of {append_to.name!r}")
        append_to.check_usable(manifest)
    measured = []
    for number, (recording, rate_hz) in enumerate(rated(recordings, sample_rate_hz), start=1):
        try:
            measured.append(measure(encoder, recording, rate_hz, reading))
        except AudioError as error:
            place = _place(number, recording_label(recording))
            raise EnrollmentError(f"cannot enroll {name!r} from {place}: {error}") from error
    measured = without_repetitions(measured, append_to)
    _check_quality(name, _compared(encoder, measured, append_to), accepted)
    voiceprint = Voiceprint.new(
        manifest,
        name=name,
        exemplars=[recording.encoding.embedding for recording in measured],
        speech_s=[recording.quality.speech_s for recording in measured],
    )
    return voiceprint if append_to is None else append_to.with_exemplars(voiceprint)


def measure_recordings(
    encoder: SpeakerEncoder,
    recordings: Sequence[Recording],
    sample_rate_hz: float | None,
    reading: Reading | None,
) -> list[RecordingQuality]:
    """Measure recordings for enrollment; arguments as for `enroll_recordings`."""
    check_list(recordings)
    qualities: dict[int, RecordingQuality] = {}
    measured: dict[int, MeasuredRecording] = {}
    for number, (recording, rate_hz) in enumerate(rated(recordings, sample_rate_hz)):
        try:
            measured[number] = measure(encoder, recording, rate_hz, reading)
        except AudioTooShortError as error:
            qualities[number] = not_measured(
                label=recording_label(recording), duration_s=error.got_s, shortage=str(error)
            )
        except AudioError as error:  # the others may still be usable
            qualities[number] = not_measured(
                label=recording_label(recording), duration_s=0.0, failure=str(error)
            )
    compared = _compared(encoder, without_repetitions(list(measured.values()), None), None)
    qualities.update(zip(measured, compared, strict=True))
    return [qualities[number] for number in range(len(recordings))]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRecording:
    """The encoding of a recording and its quality for enrollment.

    Attributes:
        powers: (frames, bands) band powers that reveal repeated speech.
    """

    encoding: Encoding
    quality: RecordingQuality
    powers: Powers


def measure(
    encoder: SpeakerEncoder,
    recording: Recording,
    sample_rate_hz: float | None,
    reading: Reading | None = None,
) -> MeasuredRecording:
    """Encode and measure one recording in one pass.

    Raises:
        AudioError: the recording is unreadable, not audio, too short, or longer than the limit.
    """
    track = SpectralTrack(sample_rate_hz=encoder.manifest.frontend.sample_rate_hz)

    def tracked() -> Iterator[Waveform]:
        for block in open_recording(recording, sample_rate_hz, reading):
            track.push(block)
            yield block

    encoding, quality = measure_recording(encoder, tracked(), label=recording_label(recording))
    return MeasuredRecording(encoding=encoding, powers=track.powers, quality=quality)


def _compared(
    encoder: SpeakerEncoder, measured: Sequence[MeasuredRecording], known: Voiceprint | None
) -> list[RecordingQuality]:
    """Add comparisons of the recordings with each other and with a known voiceprint."""
    calibration = encoder.manifest.calibration
    qualities = [recording.quality for recording in measured]
    usable = [
        number
        for number, quality in enumerate(qualities)
        if quality.shortage is None and quality.repetition is None
    ]
    if calibration is None or not usable:
        return qualities
    embeddings: list[Embedding] = [measured[number].encoding.embedding for number in usable]
    speech_s = [measured[number].encoding.speech_s for number in usable]
    llrs: Sequence[float | None]
    if known is None:
        llrs = llrs_to_the_others(Speech(np.stack(embeddings), np.array(speech_s)), calibration)
    else:
        llrs = llrs_to_known(known, embeddings, speech_s, calibration)
    for number, llr in zip(usable, llrs, strict=True):
        qualities[number] = replace(qualities[number], others_llr=llr)
    return qualities


def _check_quality(
    name: str, qualities: Sequence[RecordingQuality], accept: Collection[AudioProblem]
) -> None:
    """Raise an EnrollmentError that lists all problems of all recordings."""
    findings: list[str] = []
    keys: list[str] = []
    for number, quality in enumerate(qualities, start=1):
        found = quality.obstacles
        if not found:
            refused = [problem for problem in quality.problems if problem not in accept]
            found = {problem.key: quality.finding(problem) for problem in refused}
            keys += [key for key in found if key not in keys]
        findings += [f"{_place(number, quality.label)}: {text}" for text in found.values()]
    if not findings:
        return
    if len(findings) > _MAXIMUM_FINDINGS:
        more = len(findings) - _MAXIMUM_FINDINGS
        findings = [*findings[:_MAXIMUM_FINDINGS], f"{more} more; speakersdk quality shows all"]
    raise EnrollmentError(f"cannot enroll {name!r} from {'; '.join(findings)}", tuple(keys))


def without_repetitions(
    measured: Sequence[MeasuredRecording], known: Voiceprint | None
) -> list[MeasuredRecording]:
    """Exclude repeated speech from the speech of each recording.

    Args:
        measured: recordings of one speaker.
        known: the voiceprint to which they will be added.
    """
    repeated = repetitions([recording.powers for recording in measured])
    once = []
    for number, (recording, repetition) in enumerate(zip(measured, repeated, strict=True)):
        reason = _nothing_new(recording, repetition, measured[:number], known)
        quality = replace(
            recording.quality,
            speech_s=recording.encoding.speech_s * (1 - repetition.share),
            repeated_share=1.0 if reason else repetition.share,
            repetition=reason and f"expected different recordings, {reason}; leave it out",
        )
        once.append(replace(recording, quality=quality))
    return once


def _nothing_new(
    one: MeasuredRecording,
    repetition: Repetition,
    earlier: Sequence[MeasuredRecording],
    known: Voiceprint | None,
) -> str | None:
    """Return why a recording contains nothing new; None if it does or has too little speech."""
    if one.quality.shortage is not None:
        return None
    embedding = one.encoding.embedding
    if known is not None and any(is_copy(embedding, row) for row in known.exemplars):
        return "it is already enrolled"
    for number, other in enumerate(earlier, start=1):
        if is_copy(embedding, other.encoding.embedding):
            return f"it is the same as {_place(number, other.quality.label)}"
    share, source = repetition.share, repetition.source
    new_s = one.encoding.speech_s * (1 - share)
    if source is None or (share < USELESS_SHARE and new_s >= LEAST_NEW_S):
        return None
    if source < len(earlier):
        place = _place(source + 1, earlier[source].quality.label)
        return f"{share:.0%} of its speech repeats {place}"
    if new_s < LEAST_NEW_S:
        return f"{share:.0%} of its speech repeats itself, which leaves {new_s:.1f} s"
    return None


def _place(number: int, label: str) -> str:
    """Name a recording of a list in messages."""
    return f"recording {number} ({label})"
