"""The hops of speech of a recording, in segments."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from speakersdk.diarization.voice_track import PAUSE_S, VoiceTrack, speech_of, windows_around
from speakersdk.encoder.statistics_ring import RECENT_S


def test_stretches_end_at_pauses(track: VoiceTrack, conversation: Any) -> None:
    hops = [hop for stretch in track.stretches for hop in stretch.hops]
    assert [hop.number for hop in hops] == sorted({hop.number for hop in hops})
    for stretch in track.stretches:
        gaps = np.diff([hop.number for hop in stretch.hops])
        assert (gaps * track.hop_s <= PAUSE_S + track.hop_s / 2).all()
    # The turns of the conversation are in different segments.
    for said, later in pairwise(conversation.said):
        between = (said.to_s + later.from_s) / 2
        for stretch in track.stretches:
            first, last = stretch.hops[0].number, stretch.hops[-1].number
            assert not first * track.hop_s < between < last * track.hop_s


def test_every_hop_has_a_window_of_its_own_stretch(track: VoiceTrack) -> None:
    embeddings, seconds = windows_around(track)
    assert len(embeddings) == sum(len(stretch.hops) for stretch in track.stretches)
    assert (seconds > 0).all()
    assert (seconds <= RECENT_S + 1e-9).all()
    for stretch in track.stretches:
        for index, hop in enumerate(stretch.hops):
            before = stretch.hops[max(0, index + 1 - track.window_hops) : index]
            assert np.isclose(hop.window_s, hop.speech_s + sum(at.speech_s for at in before))


def test_windows_cover_the_speech_of_a_stretch(track: VoiceTrack) -> None:
    stretch = max(track.stretches, key=lambda at: len(at.hops))
    speech = speech_of(stretch.hops, track.window_hops)
    assert np.isclose(speech.speech_s.sum(), stretch.speech_s)
