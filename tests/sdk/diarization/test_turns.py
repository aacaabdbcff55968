"""Turns as values for JSON."""

from __future__ import annotations

import json

from speakersdk.diarization.turns import Diarization, DiarizedSpeaker, Turn


def test_everything_is_in_the_json() -> None:
    turn = Turn(who="ann", from_s=0.5, to_s=2.0, speech_s=1.4, llr=3.2)
    speaker = DiarizedSpeaker(who="ann", speech_s=1.4, turns=1, decision=None)
    document = Diarization(turns=(turn,), speakers=(speaker,), duration_s=2.5).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == {
        "duration_s": 2.5,
        "speakers": [{"who": "ann", "speech_s": 1.4, "turns": 1, "decision": None}],
        "turns": [
            {
                "who": "ann", "from_s": 0.5, "to_s": 2.0, "speech_s": 1.4, "llr": 3.2,
                "reason": None,
            }
        ],
    }  # fmt: skip
