from __future__ import annotations

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.spectral_track import FRAME_S, SpectralTrack, band_powers, is_sound
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER


@pytest.fixture(scope="module")
def clip() -> Waveform:
    return read_audio(FOLDER / "slt-probe.flac")


def test_powers_do_not_depend_on_the_chunks(clip: Waveform) -> None:
    track = SpectralTrack(sample_rate_hz=SAMPLE_RATE_HZ)
    for first in range(0, len(clip), 777):
        track.push(clip[first : first + 777])
    np.testing.assert_array_equal(track.powers, band_powers([clip]))


def test_a_cut_starts_the_next_recording(clip: Waveform) -> None:
    half = len(clip) // 2
    track = SpectralTrack(sample_rate_hz=SAMPLE_RATE_HZ)
    track.push(clip[:half])
    track.cut()
    track.push(clip[half:])
    expected = np.concatenate([band_powers([clip[:half]]), band_powers([clip[half:]])])
    np.testing.assert_array_equal(track.powers, expected)


def test_only_the_last_frames_may_be_kept(clip: Waveform) -> None:
    powers = band_powers([clip])
    track = SpectralTrack(sample_rate_hz=SAMPLE_RATE_HZ, kept_frames=100)
    for first in range(0, len(clip), 1600):
        track.push(clip[first : first + 1600])
        assert len(track.powers) <= 200
    assert track.num_frames == len(powers) > 200
    assert len(track.powers) >= 100
    np.testing.assert_array_equal(track.powers, powers[-len(track.powers) :])


def test_a_tone_is_in_its_band() -> None:
    for band in (0, 7, 39):
        middle_hz = 187.5 + 62.5 * (band + 0.25)
        tone = np.sin(2 * np.pi * middle_hz * np.arange(8000) / SAMPLE_RATE_HZ).astype(np.float32)
        assert set(band_powers([tone]).argmax(axis=1)) == {band}


def test_pauses_have_no_sound(clip: Waveform) -> None:
    pause = np.zeros(SAMPLE_RATE_HZ, np.float32)
    has_sound = is_sound(band_powers([clip, pause, clip]))
    first = round(len(clip) / SAMPLE_RATE_HZ / FRAME_S)
    assert has_sound[:first].mean() > 0.5
    assert not has_sound[first : first + 93].any()
    assert not is_sound(band_powers([pause])).any()
    assert len(is_sound(band_powers([]))) == 0
