from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from speakersdk.arrays import Waveform
from speakersdk.encoder import load_encoder
from speakersdk_export import onnx_export
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.errors import ParityError
from speakersdk_export.onnx_export import export_model, make_manifest
from speakersdk_training.checkpoint import CheckpointInfo, weights_sha256
from speakersdk_training.models import BlstmEncoder, TdnnEncoder

pytestmark = pytest.mark.export


MakeInfo = Callable[..., CheckpointInfo]


def test_a_stateful_encoder_is_exported(
    tdnn: TdnnEncoder,
    speech: Waveform,
    tmp_path: Path,
    clip_trials: CalibrationTrials,
    make_info: MakeInfo,
) -> None:
    path = tmp_path / "model.onnx"
    report = export_model(
        tdnn, make_info(tdnn), path, speech=speech, trials=clip_trials, name="other"
    )
    encoder = load_encoder(path)
    assert encoder.manifest == report.manifest
    assert encoder.manifest.name == "other"
    assert encoder.manifest.mode == "stateful"
    assert encoder.manifest.has_speech_head
    assert encoder.manifest.training_corpora == ("corpus-a", "corpus-b")
    assert encoder.manifest.weights_sha256 == weights_sha256(tdnn)
    assert encoder.manifest.calibration is not None
    assert report.num_bytes == path.stat().st_size
    assert list(tmp_path.iterdir()) == [path]
    samples = speech[:48000]
    with torch.no_grad():
        embedding, _ = tdnn.utterance(torch.from_numpy(samples[np.newaxis]))
        expected = tdnn.scale(embedding)[0].numpy()
    # The gate's own limit.
    np.testing.assert_allclose(encoder.encode(samples).embedding, expected, atol=1e-4)


def test_a_windowed_encoder_is_exported(
    blstm: BlstmEncoder, speech: Waveform, tmp_path: Path, make_info: MakeInfo
) -> None:
    path = tmp_path / "model.onnx"
    report = export_model(blstm, make_info(blstm), path, speech=speech)
    assert report.manifest.mode == "windowed"
    assert report.manifest.calibration is None
    assert not report.manifest.has_speech_head
    samples = speech[:16000]
    with torch.no_grad():
        expected = blstm(torch.from_numpy(samples[np.newaxis]))[0].numpy()
    np.testing.assert_allclose(load_encoder(path).encode(samples).embedding, expected, atol=1e-4)


def test_a_head_that_was_not_trained_is_not_promised(
    tdnn: TdnnEncoder, make_info: MakeInfo
) -> None:
    manifest = make_manifest(tdnn, make_info(tdnn, has_speech_head=False))
    assert manifest.name == "small"
    assert not manifest.has_speech_head


def test_a_file_that_fails_is_not_written(
    tdnn: TdnnEncoder,
    speech: Waveform,
    tmp_path: Path,
    make_info: MakeInfo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("the last good model")

    def with_a_slip(encoder: TdnnEncoder, *, has_speech_head: bool) -> object:
        with torch.no_grad():
            encoder.embedding.weight.mul_(2.0)
            encoder.embedding.weight[0, 0] += 1.0
            graph = stateful_graph(encoder, has_speech_head=has_speech_head)
            encoder.embedding.weight[0, 0] -= 1.0
        return graph

    stateful_graph = onnx_export.stateful_graph
    monkeypatch.setattr(onnx_export, "stateful_graph", with_a_slip)
    with pytest.raises(ParityError):
        export_model(tdnn, make_info(tdnn), path, speech=speech)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "the last good model"
