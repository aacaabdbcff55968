import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ConfigError
from speakersdk.runtime.session import open_session
from speakersdk_export import quantize
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.errors import AccuracyError, ParityError
from speakersdk_export.model_file import check_file
from speakersdk_export.quantize import Precision, convertible_layers, quantize_model
from speakersdk_training.data.corpus import Utterance

pytestmark = pytest.mark.export
MODELS = Path(__file__).parents[1] / "data" / "models"


@pytest.fixture(scope="module")
def clips(speech: Waveform) -> list[Waveform]:
    """Three seconds from each of ten places in the demonstration clips."""
    return [
        speech[start : start + 48000]
        for start in np.linspace(0, len(speech) - 48000, 10, dtype=int)
    ]


def converted(
    model: Path,
    precision: Precision,
    folder: Path,
    clips: list[Waveform],
    trials: CalibrationTrials,
) -> Path:
    path = folder / f"{precision}.onnx"
    quantize_model(model, path, precision=precision, speech=clips, trials=trials)
    return path


@pytest.mark.parametrize(("precision", "share"), [("int8", 0.66), ("fp16", 0.72)])
def test_the_bundled_model_gets_smaller_and_keeps_its_answers(
    precision: Precision,
    share: float,
    default_model: Path,
    clips: list[Waveform],
    clip_trials: CalibrationTrials,
    tmp_path: Path,
) -> None:
    path = converted(default_model, precision, tmp_path, clips, clip_trials)
    assert path.stat().st_size < share * default_model.stat().st_size
    original, smaller = load_encoder(default_model), load_encoder(path)
    for samples in clips[:3]:
        one, other = original.encode(samples), smaller.encode(samples)
        # The cosine of embeddings of one length T. Strangers score below 0.7; 8 bits keep 0.998.
        cosine = float(one.embedding @ other.embedding) / original.manifest.temperature**2
        assert cosine > 0.99
        assert other.speech_s == pytest.approx(one.speech_s, abs=0.1)


def test_the_manifest_says_that_it_is_another_model(
    default_model: Path, clips: list[Waveform], clip_trials: CalibrationTrials, tmp_path: Path
) -> None:
    before = check_file(default_model)
    after = check_file(converted(default_model, "fp16", tmp_path, clips, clip_trials))
    assert after.name == f"{before.name}-fp16"
    assert convertible_layers(onnx.load_model(tmp_path / "fp16.onnx"), "int8") == []  # not twice
    assert after.weights_sha256 != before.weights_sha256
    assert after.calibration is not None
    assert after.calibration.num_target == 2 * 4 * 3  # fitted on the given trials
    own = {"name": "any", "weights_sha256": "0" * 64, "calibration": None}
    assert dataclasses.replace(after, **own) == dataclasses.replace(before, **own)


def test_the_front_end_and_the_pooling_stay_float32(default_model: Path) -> None:
    model = onnx.load_model(default_model)
    names = set(convertible_layers(model, "int8"))
    kept = [node for node in model.graph.node if node.name not in names]
    shapes = {value.name: value.dims for value in model.graph.initializer}
    convolutions = [shapes[node.input[1]][-1] for node in kept if node.op_type == "Conv"]
    # The DFT, and those after the last convolution in time.
    assert convolutions[0] > 1
    assert set(convolutions[1:]) == {1}
    assert sum(node.op_type == "MatMul" for node in kept) == 2  # mel bands, sums over frames
    assert {"Log", "Gemm", "Sqrt", "ReduceL2"} <= {n.op_type for n in kept}
    assert "next_cache" not in {
        out for node in model.graph.node if node.name in names for out in node.output
    }


def test_ranges_of_the_cache_are_included(
    default_model: Path,
    clips: list[Waveform],
    clip_trials: CalibrationTrials,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With only first blocks, the cache is all zeros, and a stream then differs from one pass.
    blocks = quantize._blocks
    monkeypatch.setattr(quantize, "_blocks", lambda *given: iter(list(blocks(*given))[::2]))
    with pytest.raises(ParityError, match="streaming"):
        converted(default_model, "int8", tmp_path, clips, clip_trials)
    assert list(tmp_path.iterdir()) == []


def test_a_less_accurate_model_is_refused_with_its_figures(
    default_model: Path,
    clips: list[Waveform],
    clip_trials: CalibrationTrials,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil = quantize._fp16

    def spoiled(path: Path, layers: list[str]) -> onnx.ModelProto:
        model = spoil(path, layers)
        for value in model.graph.initializer:
            if value.data_type == onnx.TensorProto.FLOAT16 and len(value.dims) == 4:
                noise = np.random.default_rng(1).normal(0, 0.05, tuple(value.dims))
                value.CopyFrom(onnx.numpy_helper.from_array(noise.astype(np.float16), value.name))
        return model

    monkeypatch.setattr(quantize, "_fp16", spoiled)
    path = tmp_path / "fp16.onnx"
    path.write_text("old")
    with pytest.raises(AccuracyError, match=r"0\.1 points worse, got .* 0\.00 -> \d+\.\d\d %"):
        converted(default_model, "fp16", tmp_path, clips, clip_trials)
    assert path.read_text() == "old"


@pytest.mark.parametrize("alias", ["model.onnx", "link.onnx"])
def test_the_original_model_is_not_replaced(
    alias: str,
    default_model: Path,
    clips: list[Waveform],
    clip_trials: CalibrationTrials,
    tmp_path: Path,
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(default_model.read_bytes())
    (tmp_path / "link.onnx").symlink_to(model)
    with pytest.raises(ConfigError, match="expected an output other than"):
        quantize_model(model, tmp_path / alias, precision="fp16", speech=clips, trials=clip_trials)
    assert model.read_bytes() == default_model.read_bytes()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("windowed.onnx", "which is windowed; adopted"),
        ("default", "some speech for the ranges, got 0 rec"),
    ],
)
def test_nothing_to_convert_is_refused(
    name: str, message: str, default_model: Path, clip_trials: CalibrationTrials, tmp_path: Path
) -> None:
    model = default_model if name == "default" else MODELS / name
    speech = [] if name == "default" else [np.zeros(16000, np.float32)]
    with pytest.raises(ConfigError, match=message):
        quantize_model(
            model, tmp_path / "out.onnx", precision="int8", speech=speech, trials=clip_trials
        )


def test_training_speech_is_of_many_speakers(demo_clips: Path) -> None:
    utterances = [
        Utterance(corpus="clips", speaker=path.stem.split("-")[0], path=path)
        for path in sorted(demo_clips.glob("*.flac"))
    ]
    speech = quantize.training_speech(utterances, split="train", number=3, seconds=2.0)
    assert [len(samples) for samples in speech] == [32000] * 3
    assert not np.array_equal(speech[0], speech[1])
    with pytest.raises(ConfigError, match="half a second"):
        quantize.training_speech([], split="train", number=3)


def test_training_speech_comes_from_the_split_if_the_corpus_has_splits(demo_clips: Path) -> None:
    train, dev = (
        Utterance(corpus="clips", speaker=name, path=demo_clips / f"{name}-probe.flac", split=split)
        for name, split in (("slt", "train"), ("rms", "dev"))
    )
    (speech,) = quantize.training_speech([train, dev], split="train")
    np.testing.assert_array_equal(speech, read_audio(train.path)[: len(speech)])
    with pytest.raises(ConfigError, match="split moon, found only the splits dev, train; name"):
        quantize.training_speech([train, dev], split="moon")


def test_blocks_are_the_recording(default_model: Path, clips: list[Waveform]) -> None:
    session = open_session(default_model)
    manifest = ModelManifest.from_metadata(session.metadata)
    first, second = quantize._blocks(session, manifest, clips[:1])
    assert not first["cache"].any()
    outputs = session.run(second)
    whole = load_encoder(default_model).encode(clips[0][: 160 * 298 + 240])
    # Float32 sums in another order; the parity check allows 1e-4.
    np.testing.assert_allclose(outputs["embedding"][0], whole.embedding, atol=1e-4)
