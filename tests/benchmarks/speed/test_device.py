"""The operations of a pass, compared with the sizes of the bundled model's layers."""

from __future__ import annotations

import pytest

from benchmarks.speed.device import work_of_a_pass
from speakersdk.encoder.graph import StatefulGraph
from speakersdk.encoder.load import load_encoder
from speakersdk.models import default_model_path


def test_work_grows_with_the_frames_and_the_weights_do_not() -> None:
    path = default_model_path()
    manifest = load_encoder(path).manifest
    short, long = (
        work_of_a_pass(path, StatefulGraph(manifest).inputs(frames)) for frames in (100, 200)
    )
    per_frame = (long.flop - short.flop) / 100
    # Every weight except those of the embedding layer (768 x 256) is used once for each frame, and
    # the file contains little else.
    weights = path.stat().st_size / 4 - 768 * 256
    assert per_frame == pytest.approx(2 * weights, rel=0.1)
    assert short.flop - 100 * per_frame == pytest.approx(2 * 768 * 256, rel=0.1)
    assert short.operand_bytes < long.operand_bytes < 2 * short.operand_bytes
