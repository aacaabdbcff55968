"""Blocks of one length give the result of one call, for any number of frames."""

from pathlib import Path

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.graph import StatefulGraph
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.stateful_blocks import Block, Blocks, FixedBlocks, VariableBlocks
from speakersdk.runtime.options import SessionOptions
from speakersdk.runtime.session import open_session

# The contract of docs/formats/model.md: any chunking within 1e-4 of one pass.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def encoder(default_model: Path) -> SpeakerEncoder:
    return load_encoder(default_model)


@pytest.fixture(scope="module")
def fixed(default_model: Path, encoder: SpeakerEncoder) -> FixedBlocks:
    """Blocks of 50 frames, as on a GPU."""
    session = open_session(
        default_model,
        SessionOptions(fixed_shapes=True),
        shapes=StatefulGraph(encoder.manifest).inputs(50),
    )
    return FixedBlocks(session, encoder.manifest, num_frames=50)


def waveform(manifest: ModelManifest, num_frames: int, seed: int) -> np.ndarray:
    """Speech: in noise the graph would pool nothing."""
    frontend = manifest.frontend
    num_samples = frontend.context_samples + num_frames * frontend.hop_samples
    speech = read_audio(FOLDER / "slt-probe.flac")[8000:]
    first = int(np.random.default_rng(seed).integers(len(speech) - num_samples))
    return speech[first : first + num_samples]


def through(
    blocks: Blocks, manifest: ModelManifest, samples: np.ndarray, num_frames: int
) -> dict[str, np.ndarray]:
    """Statistics, speech and embedding of samples in blocks of 50 frames."""
    hop, context = manifest.frontend.hop_samples, manifest.frontend.context_samples
    statistics = np.zeros((1, manifest.statistics_size))
    speech = []
    for first in range(0, num_frames, 50):
        count = min(50, num_frames - first)
        part = samples[first * hop : first * hop + context + count * hop]
        outputs = blocks.run(Block(part, np.ones(count, np.float32), statistics))
        statistics = statistics + outputs["hop_statistics"]
        speech.append(outputs["speech"][0, :count].copy())
        embedding = outputs["embedding"][0].copy()
    return {"statistics": statistics[0], "speech": np.concatenate(speech), "embedding": embedding}


def one_call(
    encoder: SpeakerEncoder, samples: np.ndarray, num_frames: int
) -> dict[str, np.ndarray]:
    manifest = encoder.manifest
    outputs = encoder.session.run(
        {
            "samples": samples[np.newaxis],
            "frame_weights": np.ones((1, num_frames), np.float32),
            "cache": np.zeros((1, manifest.cache_size), np.float32),
            "statistics": np.zeros((1, manifest.statistics_size), np.float32),
        }
    )
    return {
        "statistics": outputs["hop_statistics"][0],
        "speech": outputs["speech"][0],
        "embedding": outputs["embedding"][0],
    }


# One frame, hops that are not full, the border of a block, several blocks.
@pytest.mark.parametrize("num_frames", [1, 9, 10, 49, 50, 51, 99, 100, 101, 237])
@pytest.mark.parametrize("kind", ["fixed", "variable"])
def test_blocks_give_what_one_call_gives(
    encoder: SpeakerEncoder, fixed: FixedBlocks, kind: str, num_frames: int
) -> None:
    manifest = encoder.manifest
    samples = waveform(manifest, num_frames, seed=num_frames)
    fixed.reset()
    blocks = fixed if kind == "fixed" else VariableBlocks(encoder.session, manifest)
    got = through(blocks, manifest, samples, num_frames)
    for name, expected in one_call(encoder, samples, num_frames).items():
        scale = max(1.0, float(np.abs(expected).max()))  # statistics are sums over the frames
        np.testing.assert_allclose(got[name], expected, atol=TOLERANCE * scale)


def test_padding_leaves_no_trace_in_the_next_recording(
    encoder: SpeakerEncoder, fixed: FixedBlocks
) -> None:
    manifest = encoder.manifest
    samples = waveform(manifest, 77, seed=1)
    results = []
    for earlier in (3, 51):
        fixed.reset()
        through(fixed, manifest, waveform(manifest, earlier, seed=2), earlier)
        fixed.reset()
        results.append(through(fixed, manifest, samples, 77))
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])
    # The bundled model does not look ahead. One that does would see silence, and no older block.
    context, hop = manifest.frontend.context_samples, manifest.frontend.hop_samples
    assert not fixed._inputs["samples"][0, context + 27 * hop :].any()


def test_control_without_a_reset_the_earlier_recording_has_an_effect(
    encoder: SpeakerEncoder, fixed: FixedBlocks
) -> None:
    manifest = encoder.manifest
    samples = waveform(manifest, 50, seed=3)
    fixed.reset()
    first = through(fixed, manifest, samples, 50)
    second = through(fixed, manifest, samples, 50)
    assert np.abs(first["embedding"] - second["embedding"]).max() > TOLERANCE
