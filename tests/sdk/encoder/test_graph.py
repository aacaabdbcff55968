"""The contract of the graph's tensors, checked with the model files."""

from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder.graph import (
    CACHE,
    FRAME_WEIGHTS,
    SAMPLES,
    SPEECH,
    STATISTICS,
    StatefulGraph,
    check_session,
)
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import ManifestError

MODELS = Path(__file__).parents[2] / "data" / "models"


@pytest.mark.parametrize("name", ["stateful", "stateful-headless"])
def test_calls_have_the_shapes_that_are_promised(name: str) -> None:
    encoder = load_encoder(MODELS / f"{name}.onnx")
    graph = StatefulGraph(encoder.manifest)
    sizes = {"batch": 3, "windows": 2}
    shapes = graph.inputs(20, **sizes)
    feeds = graph.feeds(
        np.zeros(shapes[SAMPLES], np.float32), statistics=np.zeros(shapes[STATISTICS])
    )
    assert {key: array.shape for key, array in feeds.items()} == shapes
    assert all(array.dtype == np.float32 for array in feeds.values())
    outputs = encoder.session.run(feeds)
    assert {key: array.shape for key, array in outputs.items()} == graph.outputs(20, **sizes)


def test_what_is_left_out_is_the_start_of_a_stream() -> None:
    graph = StatefulGraph(load_encoder(MODELS / "stateful.onnx").manifest)
    feeds = graph.feeds(np.ones((2, graph.num_samples(5)), np.float32))
    assert (feeds[FRAME_WEIGHTS] == np.ones((2, 5))).all()
    assert not feeds[CACHE].any()
    assert not feeds[STATISTICS].any()


def test_a_whole_recording_has_one_zero_before_it_and_no_incomplete_frame() -> None:
    manifest = load_encoder(MODELS / "stateful.onnx").manifest
    waveform = np.arange(1, 1000, dtype=np.float32)
    feeds = StatefulGraph(manifest).whole(waveform)
    num_frames = manifest.frontend.num_frames(len(waveform))
    assert feeds[FRAME_WEIGHTS].shape == (1, num_frames)
    used = manifest.frontend.num_samples(num_frames)
    np.testing.assert_array_equal(feeds[SAMPLES][0], [0.0, *waveform[:used]])


def test_another_graph_than_the_manifest_promises_is_refused() -> None:
    headed, headless = (
        load_encoder(MODELS / f"{name}.onnx") for name in ("stateful", "stateful-headless")
    )
    check_session(headed.session, headed.manifest)
    with pytest.raises(ManifestError, match=rf"promises the outputs .*'{SPEECH}'"):
        check_session(headless.session, headed.manifest)


@pytest.mark.parametrize("name", ["default", "stateful"])
def test_silence_weighs_nothing(name: str, default_model: Path, demo_clips: Path) -> None:
    """The sums are those of the frames of speech, whatever weights the caller gives the others."""
    from speakersdk.audio.waveform import read_audio
    from speakersdk.encoder.graph import HOP_STATISTICS

    encoder = load_encoder(default_model if name == "default" else MODELS / f"{name}.onnx")
    feeds = StatefulGraph(encoder.manifest).whole(read_audio(demo_clips / "slt-probe.flac"))
    all_frames = encoder.session.run(feeds)
    is_speech = all_frames[SPEECH] >= encoder.manifest.speech_threshold
    assert 0 < is_speech.sum() < is_speech.size
    for weights in (is_speech, ~is_speech):
        feeds[FRAME_WEIGHTS] = weights.astype(np.float32)
        sums = encoder.session.run(feeds)[HOP_STATISTICS]
        expected = all_frames[HOP_STATISTICS] if weights is is_speech else np.zeros_like(sums)
        np.testing.assert_array_equal(sums, expected)


def test_without_speech_the_embedding_is_finite(default_model: Path) -> None:
    encoder = load_encoder(default_model)
    encoding = encoder.encode(np.zeros(32000, np.float32))
    assert encoding.speech_s == 0.0
    assert np.isfinite(encoding.embedding).all()
    assert encoding.pieces is not None
    assert len(encoding.pieces) == 0
