import json
from dataclasses import FrozenInstanceError, asdict
from typing import Any

import pytest

from speakersdk.decision.outcome import Verdict
from speakersdk.streaming.update import Candidate, StreamUpdate


def update() -> StreamUpdate:
    nothing: dict[str, Any] = {
        **dict.fromkeys(("score", "llr", "total_score", "total_llr")),
        "verdict": Verdict.NO_SPEECH,
    }
    candidate = Candidate(name="ann", is_decided=False, decided_s=None, **nothing)
    return StreamUpdate(
        time_s=0.1,
        speech=0.0,
        speech_s=0.0,
        window_speech_s=0.0,
        speaker=None,
        margin=None,
        age_s=0.1,
        has_changed=False,
        candidates=(candidate,),
        **nothing,
    )


def test_an_update_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        update().speaker = "bob"  # type: ignore[misc]


def test_an_update_fits_into_json() -> None:
    document = json.loads(json.dumps(asdict(update()), allow_nan=False))
    assert document["verdict"] == "no_speech"
    assert document["candidates"][0]["name"] == "ann"
    assert document["capture"] is None
