"""Parts of speech by voice."""

from __future__ import annotations

from typing import Any

import numpy as np

from speakersdk.diarization.voice_track import VoiceTrack
from speakersdk.diarization.voices import find_voices, pooled
from speakersdk.verifier import Verifier


def test_all_speech_is_in_one_part_each(
    verifier: Verifier, track: VoiceTrack, conversation: Any
) -> None:
    assert verifier.manifest.calibration is not None
    parts = find_voices(track, verifier.manifest.calibration)
    numbers = [hop.number for part in parts for hop in part.hops]
    assert numbers == [hop.number for stretch in track.stretches for hop in stretch.hops]
    by_truth: dict[str, set[int]] = {"slt": set(), "rms": set()}
    for part in parts:
        middle_s = np.mean([hop.number for hop in part.hops]) * track.hop_s
        (who,) = [said.who for said in conversation.said if said.from_s <= middle_s <= said.to_s]
        by_truth[who].add(part.voice)
    assert {len(found) for found in by_truth.values()} == {1}
    assert by_truth["slt"] != by_truth["rms"]
    length = np.linalg.norm(pooled(parts))
    assert np.isclose(length, verifier.manifest.temperature, rtol=1e-3)
