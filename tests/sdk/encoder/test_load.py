import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.content import stamped
from speakersdk.encoder.hop import HopSizes
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import hop_encoder, load_encoder, recalibrated
from speakersdk.encoder.stateful import StatefulEncoder
from speakersdk.encoder.windowed import WindowedEncoder
from speakersdk.errors import InferenceError, ManifestError

MODELS = Path(__file__).parents[2] / "data" / "models"


def noise(num_samples: int, seed: int = 1) -> np.ndarray:
    """Noise whose level changes every 50 ms: frames differ."""
    rng = np.random.default_rng(seed)
    level = np.repeat(10 ** rng.uniform(-4, -1, num_samples // 800 + 1), 800)[:num_samples]
    return (rng.normal(0, 1, num_samples) * level).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stateful", StatefulEncoder),
        ("stateful-headless", StatefulEncoder),
        ("windowed", WindowedEncoder),
    ],
)
def test_the_manifest_decides_the_kind_of_encoder(name: str, kind: type) -> None:
    encoder = load_encoder(MODELS / f"{name}.onnx")
    assert isinstance(encoder, kind)
    assert encoder.manifest.name == f"test-{name}"
    assert encoder.session.providers == ("CPUExecutionProvider",)


def edited(folder: Path, model: str, **fields: Any) -> Path:
    """Copy a test model, with other values of equal length in the manifest."""
    data = (MODELS / f"{model}.onnx").read_bytes()
    for field, (before, after) in fields.items():
        key = f"speakersdk.{field}".encode()
        at = data.index(key)
        old, new = (json.dumps(value).encode() for value in (before, after))
        assert len(old) == len(new)
        found = data.index(old, at + len(key))
        data = data[:found] + new + data[found + len(old) :]
    path = folder / "edited.onnx"
    path.write_bytes(stamped(data))
    return path


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"embedding_dim": (16, 17)}, "embedding"),
        ({"cache_size": (64, 65)}, "cache"),
        ({"statistics_size": (24, 25)}, "statistics"),
        ({"mode": ("stateful", "windowed")}, "inputs"),
    ],
)
def test_a_graph_that_breaks_its_manifest_is_refused(
    fields: dict[str, tuple[Any, Any]], named: str, tmp_path: Path
) -> None:
    path = edited(tmp_path, "stateful", **fields)
    with pytest.raises(ManifestError, match=named):
        load_encoder(path)


def test_a_promised_speech_head_must_be_there(tmp_path: Path) -> None:
    data = (MODELS / "stateful-headless.onnx").read_bytes()
    at = data.index(b"speakersdk.has_speech_head")
    found = data.index(b"false", at)
    path = tmp_path / "edited.onnx"
    path.write_bytes(stamped(data[:found] + b"true " + data[found + 5 :]))  # JSON allows the space
    with pytest.raises(ManifestError, match="speech"):
        load_encoder(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InferenceError):
        load_encoder(tmp_path / "absent.onnx")


@pytest.fixture(scope="module")
def both(default_model: Path) -> tuple[SpeakerEncoder, SpeakerEncoder]:
    """The bundled model as it runs on the CPU, and as it runs where a new shape would stall."""
    return load_encoder(default_model), load_encoder(default_model, fixed_shapes=True)


@pytest.mark.parametrize("num_samples", [8000, 8161, 47_999, 48_240, 48_241, 150_000])
def test_fixed_shapes_change_no_embedding(
    both: tuple[SpeakerEncoder, SpeakerEncoder], num_samples: int
) -> None:
    samples = noise(num_samples)
    free, fixed = (encoder.encode(samples) for encoder in both)
    # The contract of docs/formats/model.md: any chunking within 1e-4 of one pass.
    np.testing.assert_allclose(fixed.embedding, free.embedding, atol=1e-4)
    assert fixed.speech_s == pytest.approx(free.speech_s, abs=0.01)


def test_a_stream_of_fixed_shapes_gives_the_same(
    both: tuple[SpeakerEncoder, SpeakerEncoder],
) -> None:
    samples = noise(70_123)
    free, fixed = both
    stream = fixed.stream()
    for first in range(0, len(samples), 777):
        stream.push(samples[first : first + 777])
    np.testing.assert_allclose(stream.finish().embedding, free.encode(samples).embedding, atol=1e-4)


# Calls for two streams: with three, one is half empty. Calls for one: each keeps its own cache.
@pytest.mark.parametrize("capacity", [1, 2])
def test_hops_of_fixed_shapes_give_the_same(
    both: tuple[SpeakerEncoder, SpeakerEncoder], capacity: int
) -> None:
    sizes = HopSizes(window_hops=10, recent_hops=5)
    speech = read_audio(FOLDER / "slt-probe.flac")  # its noise would not be pooled
    streams = [speech[first : first + 16_000] for first in (4000, 16_000, 28_000)]
    embeddings = []
    for loaded in both:
        encoder = hop_encoder(loaded, sizes, capacity=capacity)
        states = [encoder.start() for _ in streams]
        firsts = [0] * len(states)
        for hop in range(9):
            for number, (state, samples) in enumerate(zip(states, streams, strict=True)):
                firsts[number] += state.buffer.fill(samples[firsts[number] :])
            encoder.encode(states)
            if hop == 3:
                states[1].reset()
        embeddings.append(np.stack([state.embeddings for state in states]))
    assert np.abs(embeddings[0]).max() > 0.1
    np.testing.assert_allclose(embeddings[1], embeddings[0], atol=1e-4)


def test_200_lengths_reach_the_device_in_one_shape(
    default_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(default_model, fixed_shapes=True)
    # The only way to the device except memory that is bound to one shape.
    monkeypatch.setattr(encoder.session, "run", None)
    samples = noise(68_000)
    for num_samples in range(8000, 68_000, 300):
        encoder.encode(samples[:num_samples])
    assert isinstance(encoder, StatefulEncoder)
    (blocks,) = encoder._idle_blocks
    shapes = {name: array.shape for name, array in blocks._inputs.items()}
    assert encoder.session.shapes == {**shapes, "cache": (1, encoder.manifest.cache_size)}


@pytest.mark.parametrize("fixed_shapes", [False, True])
def test_no_length_stalls(default_model: Path, fixed_shapes: bool) -> None:
    encoder = load_encoder(default_model, fixed_shapes=fixed_shapes)
    lengths = range(32_000, 48_000, 80)  # 200 lengths between 2 and 3 s, each one new
    samples = noise(48_000)
    encoder.encode(samples)

    def seconds(num_samples: int) -> float:
        start = time.thread_time()  # other work of the machine does not count
        encoder.encode(samples[:num_samples])
        return time.thread_time() - start

    def slowest_of_usual() -> float:
        # One length again and again: if every new length stalled, the median would stall too.
        usual = statistics.median(seconds(len(samples)) for _ in range(50))
        return max(map(seconds, lengths)) / usual

    # A stall repeats in every round with a new encoder; a delay of the machine does not.
    ratios = [slowest_of_usual()]
    while ratios[-1] > 3 and len(ratios) < 5:
        encoder = load_encoder(default_model, fixed_shapes=fixed_shapes)
        encoder.encode(samples)
        ratios.append(slowest_of_usual())
    assert min(ratios) <= 3


def test_another_calibration_changes_only_the_manifest(default_model: Path) -> None:
    encoder = load_encoder(default_model)
    assert encoder.manifest.calibration is not None
    other = dataclasses.replace(encoder.manifest.calibration, offset=7.0)
    changed = recalibrated(encoder, other)
    assert changed.manifest == dataclasses.replace(encoder.manifest, calibration=other)
    assert changed.session is encoder.session
    assert type(changed) is type(encoder)
