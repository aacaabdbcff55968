"""Who speaks when: names, turns, and uncertain parts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.diarization.turns import Diarization
from speakersdk.errors import ConfigError, IncompatibleModelError
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

RATE_HZ = 16000
# Turns begin and end at hops of 0.1 s, and the clips have silence at both ends.
EDGE_S = 0.5
Enrolled = dict[str, Voiceprint]


def diarized(verifier: Verifier, samples: Any, *voiceprints: Voiceprint) -> Diarization:
    return verifier.diarize(samples, voiceprints, sample_rate_hz=RATE_HZ)


def speaker_at(diarization: Diarization, time_s: float) -> str | None:
    found = [turn.who for turn in diarization.turns if turn.from_s <= time_s < turn.to_s]
    return found[0] if found else None


def middles(conversation: Any) -> list[tuple[str, float]]:
    return [(said.who, (said.from_s + said.to_s) / 2) for said in conversation.said]


def test_enrolled_speakers_have_their_names_and_others_numbers(
    verifier: Verifier, conversation: Any, enrolled: Enrolled
) -> None:
    found = diarized(verifier, conversation.samples, enrolled["slt"], enrolled["awb"])
    for who, time_s in middles(conversation):
        assert speaker_at(found, time_s) == {"slt": "slt", "rms": "unknown-1"}[who]
    assert [speaker.who for speaker in found.speakers] == ["slt", "unknown-1"]
    slt, other = (speaker.decision for speaker in found.speakers)
    assert slt is not None
    assert other is not None
    assert slt.accepted
    assert not other.accepted


def test_without_voiceprints_everybody_is_unknown(verifier: Verifier, conversation: Any) -> None:
    found = diarized(verifier, conversation.samples)
    numbers = {"slt": "unknown-1", "rms": "unknown-2"}
    for who, time_s in middles(conversation):
        assert speaker_at(found, time_s) == numbers[who]
    assert {speaker.decision for speaker in found.speakers} == {None}


def test_turns_lie_in_order_within_the_speech_and_pauses_are_nobodys(
    verifier: Verifier, conversation: Any, enrolled: Enrolled
) -> None:
    found = diarized(verifier, conversation.samples, enrolled["slt"], enrolled["rms"])
    assert len(found.turns) >= len(conversation.said)
    for turn, later in pairwise(found.turns):
        assert turn.from_s < turn.to_s <= later.from_s
    for said, later in pairwise(conversation.said):
        assert speaker_at(found, (said.to_s + later.from_s) / 2) is None
    for said in conversation.said:
        own = [at for at in found.turns if said.from_s <= at.from_s < said.to_s]
        assert own[0].from_s - said.from_s < EDGE_S
        assert abs(said.to_s - own[-1].to_s) < EDGE_S
        assert sum(at.speech_s for at in own) <= said.to_s - said.from_s
    assert found.duration_s == pytest.approx(len(conversation.samples) / RATE_HZ)


def test_llrs_are_of_the_turns_own_speech(
    verifier: Verifier, conversation: Any, enrolled: Enrolled
) -> None:
    named = diarized(verifier, conversation.samples, enrolled["slt"])
    certain = [turn for turn in named.turns if turn.who is not None]
    assert all(turn.llr is not None and turn.llr > 0 for turn in certain)


def test_the_only_turn_of_an_unknown_speaker_has_nothing_to_be_compared_with(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    found = diarized(verifier, read_audio(voices["slt"].probe))
    assert len({turn.who for turn in found.turns}) == 1
    if len(found.turns) == 1:
        assert found.turns[0].llr is None


def test_too_little_speech_is_uncertain_and_says_so(
    verifier: Verifier, voices: dict[str, Any], enrolled: Enrolled
) -> None:
    speech = read_audio(voices["slt"].probe)
    word = speech[RATE_HZ : RATE_HZ + round(0.4 * RATE_HZ)]
    silence = np.zeros(2 * RATE_HZ, np.float32)
    found = diarized(verifier, np.concatenate([speech, silence, word, silence]), enrolled["slt"])
    short = [turn for turn in found.turns if turn.from_s > len(speech) / RATE_HZ + 1]
    assert short
    assert all(turn.who is None and turn.llr is None for turn in short)
    assert "is too little for a decision" in str(short[0].reason)


def test_silence_has_no_turns(verifier: Verifier, enrolled: Enrolled) -> None:
    found = diarized(verifier, np.zeros(3 * RATE_HZ, np.float32), enrolled["slt"])
    assert (found.turns, found.speakers, found.duration_s) == ((), (), 3.0)


def test_an_enrolled_name_is_not_given_to_others(
    verifier: Verifier, conversation: Any, voices: dict[str, Any]
) -> None:
    other = verifier.enroll(voices["awb"].enroll, name="unknown-1")
    found = diarized(verifier, conversation.samples, other)
    assert [speaker.who for speaker in found.speakers] == ["unknown-2", "unknown-3"]


def test_voiceprints_are_checked(verifier: Verifier, enrolled: Enrolled) -> None:
    silence = np.zeros(RATE_HZ, np.float32)
    slt = enrolled["slt"]
    with pytest.raises(ConfigError, match="different names"):
        diarized(verifier, silence, slt, slt)
    from dataclasses import replace

    with pytest.raises(IncompatibleModelError):
        diarized(verifier, silence, replace(slt, model_sha256="0" * 64))
