"""Diarization of a recording: from its voices to the turns of its speakers.

voices -> names from voiceprints, or unknown -> turns, each with its own evidence
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import count, groupby
from typing import Final

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.decision.outcome import Decision, Identification
from speakersdk.decision.rule import DecisionRule, speech_shortage
from speakersdk.diarization.turns import Diarization, DiarizedSpeaker, Turn
from speakersdk.diarization.voice_track import VoiceTrack, track_voice
from speakersdk.diarization.voices import Part, find_voices, pooled
from speakersdk.encoder.hop import HopEncoder
from speakersdk.encoder.interface import Encoding
from speakersdk.scoring import symmetric_kl
from speakersdk.voiceprint.voiceprint import Voiceprint

# Minimum pause that ends a turn.
TURN_PAUSE_S: Final = 0.5
# A turn is uncertain unless its speaker is this much more likely (nine to one) than the next one.
_CERTAIN_LLR: Final = math.log(9)
_DIGITS: Final = 6  # of rounded seconds: 0.3 instead of 0.30000000000000004

# (voiceprints, speech of a voice, rule) -> which of them it is, if any
Identify = Callable[[Sequence[Voiceprint], Encoding, DecisionRule], Identification]


def diarize(
    encoder: HopEncoder,
    blocks: Iterable[Waveform],
    voiceprints: Sequence[Voiceprint],
    rule: DecisionRule,
    identify: Identify,
) -> Diarization:
    """Find the turns of a recording.

    Args:
        encoder: encoder of one stream.
        blocks: consecutive blocks, (n,) float32 at the model's sample rate.
        voiceprints: voiceprints of one model, with different names; may be empty.
        rule: thresholds for the speech of a voice.
        identify: decides which of the voiceprints is a voice.
    """
    return turns_of(track_voice(encoder, rule.calibration, blocks), voiceprints, rule, identify)


def turns_of(
    track: VoiceTrack, voiceprints: Sequence[Voiceprint], rule: DecisionRule, identify: Identify
) -> Diarization:
    """Find the turns in a voice track; arguments as for `diarize`."""
    parts = find_voices(track, rule.calibration) if track.stretches else []
    speakers = _Speakers(track, parts, voiceprints, rule, identify)
    turns = tuple(speakers.turn(group) for group in _grouped(parts, speakers, track.hop_s))
    return Diarization(
        turns=turns,
        speakers=speakers.speaking_in(turns),
        duration_s=round(track.duration_s, _DIGITS),
    )


class _Speakers:
    """The voices and their names."""

    def __init__(
        self,
        track: VoiceTrack,
        parts: Sequence[Part],
        voiceprints: Sequence[Voiceprint],
        rule: DecisionRule,
        identify: Identify,
    ) -> None:
        self._track = track
        self._identify = identify
        self._parts = parts
        self._calibration = rule.calibration
        self._enrolled = {voiceprint.name: voiceprint for voiceprint in voiceprints}
        self._decisions: dict[str, Decision | None] = {}
        self._names: dict[int, str] = {}
        for voice in dict.fromkeys(part.voice for part in parts):
            name, decision = self._recognized(voice, rule)
            # If two voices have the same name, the decision is that of the voice with more speech.
            known = self._decisions.get(name)
            if known is None or (decision is not None and decision.speech_s > known.speech_s):
                self._decisions[name] = decision
            self._names[voice] = name

    def name(self, part: Part) -> str:
        """Return the name of the speaker of a part."""
        return self._names[part.voice]

    def _recognized(self, voice: int, rule: DecisionRule) -> tuple[str, Decision | None]:
        """Return the name of a voice, and the decision on the most likely voiceprint."""
        own = [part for part in self._parts if part.voice == voice]
        decision = None
        if self._enrolled:
            probe = Encoding(
                pooled(own), sum(part.speech_s for part in own), self._track.duration_s
            )
            found = self._identify(list(self._enrolled.values()), probe, rule)
            decision = found.decision
            # Thresholds of loose requests may be below 0, where a stranger is more likely.
            if found.speaker is not None and decision.llr is not None and decision.llr > 0:
                return found.speaker, decision
        return self._free_name(), decision

    def _free_name(self) -> str:
        """Return the next unused name for an unknown speaker."""
        taken = {*self._enrolled, *self._names.values()}
        return next(name for number in count(1) if (name := f"unknown-{number}") not in taken)

    def turn(self, group: list[Part]) -> Turn:
        """Make a turn of consecutive parts of one speaker."""
        name = self.name(group[0])
        hop_s = self._track.hop_s
        from_s = group[0].hops[0].number * hop_s
        to_s = min((group[-1].hops[-1].number + 1) * hop_s, self._track.duration_s)
        speech_s = sum(part.speech_s for part in group)
        shortage = speech_shortage(speech_s, to_s - from_s, self._calibration)
        reason = shortage[1] if shortage else self._doubt(group, name)
        return Turn(
            who=None if reason else name,
            from_s=round(from_s, _DIGITS),
            to_s=round(to_s, _DIGITS),
            speech_s=round(speech_s, _DIGITS),
            llr=None if shortage else self._llr(group, name, speech_s),
            reason=reason,
        )

    def _doubt(self, group: list[Part], name: str) -> str | None:
        """Return why another speaker may have spoken; None if that is unlikely enough."""
        evidence = np.sum([part.evidence for part in group], axis=0)
        best: dict[str, float] = {}
        for voice, llr in enumerate(evidence):
            if voice in self._names:
                who = self._names[voice]
                best[who] = max(best.get(who, -math.inf), float(llr))
        other = max((who for who in best if who != name), key=lambda who: best[who], default=None)
        if other is None or best[name] - best[other] >= _CERTAIN_LLR:
            return None
        return f"almost as similar to {other} as to {name}"

    def _llr(self, group: list[Part], name: str, speech_s: float) -> float | None:
        """Return the LLR of the turn's speech and the voiceprint, or the speaker's other speech."""
        voiceprint = self._enrolled.get(name)
        if voiceprint is not None:
            other, other_s = voiceprint.embedding, voiceprint.total_speech_s
        else:
            numbers = {part.hops[0].number for part in group}
            rest = [
                part
                for part in self._parts
                if self.name(part) == name and part.hops[0].number not in numbers
            ]
            if not rest:
                return None
            other, other_s = pooled(rest), sum(part.speech_s for part in rest)
        return self._calibration.llr(
            -symmetric_kl(pooled(group), other), enrolled_speech_s=other_s, probe_speech_s=speech_s
        )

    def speaking_in(self, turns: Sequence[Turn]) -> tuple[DiarizedSpeaker, ...]:
        """Return the speakers who have a turn, in order of the first turn."""
        names = dict.fromkeys(turn.who for turn in turns if turn.who is not None)
        return tuple(
            DiarizedSpeaker(
                who=name,
                speech_s=round(sum(turn.speech_s for turn in turns if turn.who == name), _DIGITS),
                turns=sum(turn.who == name for turn in turns),
                decision=self._decisions[name],
            )
            for name in names
        )


def _grouped(parts: Sequence[Part], speakers: _Speakers, hop_s: float) -> list[list[Part]]:
    """Group consecutive parts of one speaker without a long pause."""
    groups: list[list[Part]] = []
    for _, run in groupby(parts, key=speakers.name):
        for number, part in enumerate(run):
            last = groups[-1][-1] if number else None
            pause_s = (part.hops[0].number - last.hops[-1].number - 1) * hop_s if last else math.inf
            if pause_s < TURN_PAUSE_S:
                groups[-1].append(part)
            else:
                groups.append([part])
    return groups
