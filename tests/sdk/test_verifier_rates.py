"""The sample rate next to files, arrays, and lists of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from speakersdk.audio.waveform import SAMPLE_RATE_HZ, read_audio
from speakersdk.errors import ConfigError
from speakersdk.verifier import Verifier


def test_a_rate_with_only_files_is_refused(verifier: Verifier, voices: dict[str, Any]) -> None:
    path = voices["slt"].probe
    slt = verifier.enroll(voices["slt"].enroll, name="slt")
    guarded = Verifier(spoof_detector=lambda _: None)
    for call in (
        lambda: verifier.embed(path, sample_rate_hz=8000),
        lambda: verifier.verify(slt, path, sample_rate_hz=8000),
        lambda: guarded.verify(slt, path, sample_rate_hz=8000),
        lambda: verifier.identify([slt], path, sample_rate_hz=8000),
        lambda: verifier.diarize(path, [slt], sample_rate_hz=8000),
        lambda: verifier.adapt(slt, path, sample_rate_hz=8000),
        lambda: verifier.score(slt, path, sample_rate_hz=8000),
        lambda: verifier.score(path, path, sample_rate_hz=8000),
        lambda: verifier.quality([path], sample_rate_hz=8000),
        lambda: verifier.enroll([path, path], name="ann", sample_rate_hz=8000),
    ):
        with pytest.raises(ConfigError, match=r"no sample rate for a file, .* got 8000; leave"):
            call()


def test_a_rate_in_a_list_is_that_of_the_arrays(verifier: Verifier, voices: dict[str, Any]) -> None:
    first, second = voices["slt"].enroll
    mixed = [first, read_audio(second)]
    enrolled = verifier.enroll(mixed, name="slt", sample_rate_hz=SAMPLE_RATE_HZ)
    from_files = verifier.enroll([first, second], name="slt")
    np.testing.assert_array_equal(enrolled.exemplars, from_files.exemplars)
    assert len(verifier.quality(mixed, sample_rate_hz=SAMPLE_RATE_HZ)) == 2
    score = verifier.score(*mixed, sample_rate_hz=SAMPLE_RATE_HZ)
    assert score == verifier.score(first, second)
