"""The hook for detectors of spoofing: `Verifier(spoof_detector=...)`.

A detector is called only for probes whose voice would be accepted. speakersdk contains none;
docs/guides/replay.md explains why, and has an example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from speakersdk.arrays import Waveform
from speakersdk.audio.recordings import Reading, Recording, load_recording
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.outcome import Decision, Identification
from speakersdk.text import printable

# Called with the whole probe, (n,) float32 mono at 16 kHz, full scale +-1, read-only. It returns
# None if it finds nothing, otherwise a few words on what it found. Its exceptions reach the caller
# of the verifier: if a detector fails, nobody is accepted.
SpoofDetector = Callable[[Waveform], str | None]
_MAXIMUM_CHARACTERS: Final = 200  # of a finding


class SpoofCheck:
    """The check of one probe by a detector, which is called at most once.

    Args:
        detector: None means that nothing is found.
        recording, sample_rate_hz, reading: as for `speakersdk.audio.recordings.load_recording`.

    Attributes:
        recording, sample_rate_hz, reading: the probe to encode, and how to read it. With a detector
            these are its samples, because a pipe can be read only once.
    """

    def __init__(
        self,
        detector: SpoofDetector | None,
        recording: Recording,
        sample_rate_hz: float | None,
        *,
        reading: Reading,
    ) -> None:
        self._detector = detector
        self._finding: str | None = None
        self._is_asked = False
        self.recording = recording
        self.sample_rate_hz = sample_rate_hz
        self.reading = reading
        if detector is not None:
            self._samples = load_recording(recording, sample_rate_hz, reading=reading)
            self._samples.flags.writeable = False
            self.recording, self.sample_rate_hz = self._samples, SAMPLE_RATE_HZ
            self.reading = Reading()  # the samples are those of the chosen channel

    def __call__(self, identification: Identification) -> Identification:
        """Return the answer, with INCONCLUSIVE in place of ACCEPT if something is found.

        Raises:
            TypeError: the detector returned something other than a text or None.
        """
        if not identification.decision.accepted or self._detector is None:
            return identification
        if not self._is_asked:
            finding = self._detector(self._samples)
            if finding is not None and not isinstance(finding, str):
                raise TypeError(
                    "expected a spoof detector to return a text or None, got "
                    f"{type(finding).__name__}"
                )
            self._finding, self._is_asked = finding, True
        if self._finding is None:
            return identification
        finding = printable(self._finding[:_MAXIMUM_CHARACTERS]) or "the detector names no reason"
        found = f"perhaps not a live voice: {finding}"

        def doubted(decision: Decision) -> Decision:
            if not decision.accepted:
                return decision
            return decision.inconclusive(f"{decision.reason}; {found}")

        return replace(
            identification,
            speaker=None,
            decision=doubted(identification.decision),
            ranking=tuple((name, doubted(one)) for name, one in identification.ranking),
        )
