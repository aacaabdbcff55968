from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from speakersdk.arrays import Waveform
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.windowed import SpeechWindows
from speakersdk_export import onnx_export
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.errors import ParityError
from speakersdk_export.onnx_export import export_model, make_manifest
from speakersdk_training.checkpoint import CheckpointInfo, weights_sha256
from speakersdk_training.models.blstm import BlstmEncoder, paper_blstm
from speakersdk_training.models.mel_filters import papers_frontend
from speakersdk_training.models.tdnn import TdnnEncoder

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
    # The limit of the parity check.
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
    got = load_encoder(path).session.run({"samples": samples[np.newaxis]})["embedding"][0]
    np.testing.assert_allclose(got, expected, atol=1e-4)


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


def test_the_papers_system_is_described_and_exported(
    speech: Waveform, tmp_path: Path, make_info: MakeInfo
) -> None:
    """The front end, windows of 0.454 s, and the dense layers up to the embedding."""
    torch.manual_seed(4)
    network = replace(paper_blstm(3), units=6, extract=1)
    encoder = BlstmEncoder(network, papers_frontend()).eval()
    path = tmp_path / "papers.onnx"
    report = export_model(encoder, make_info(encoder), path, speech=speech)
    model = load_encoder(path)
    assert model.manifest == report.manifest
    assert model.manifest.frontend == papers_frontend()
    assert (model.manifest.window_s, model.manifest.minimum_s) == (0.454, 0.454)
    assert model.manifest.embedding_dim == 30
    assert report.differences[-1].check == "log-mel against python_speech_features"
    # Speech is encoded window by window; in this model, windows overlap by half.
    samples = speech[: 3 * 7264]
    starts = range(0, 3 * 7264 - 7263, 3632)
    with torch.no_grad():
        windows = encoder(torch.from_numpy(np.stack([samples[at : at + 7264] for at in starts])))
        expected = encoder.scale(windows.sum(dim=0, keepdim=True))[0].numpy()
    speech_windows = SpeechWindows(model.session, model.manifest, 7264)
    speech_windows.take(samples)
    np.testing.assert_allclose(speech_windows.mean(), expected, atol=1e-4)
