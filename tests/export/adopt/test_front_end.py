"""Front ends of published encoders, each compared with another implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from speakersdk.runtime.session import open_session
from speakersdk_export.adopt.families import FAMILIES
from speakersdk_export.adopt.front_end import FrontEnd, add_front_end
from speakersdk_export.adopt.operators import Operators

pytestmark = pytest.mark.export


def features(front_end: FrontEnd, samples: np.ndarray, tmp_path, opset: int = 17) -> np.ndarray:  # type: ignore[no-untyped-def]
    operators = Operators(opset=opset, prefix="front_")
    name = add_front_end(front_end, operators, "samples")
    graph = helper.make_graph(
        operators.nodes,
        "front_end",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["B", "n"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        operators.initializers,
    )
    path = tmp_path / f"front-{opset}.onnx"
    path.write_bytes(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
        ).SerializeToString()
    )
    return open_session(path).run({"samples": samples[np.newaxis]})[name]


def check(got: np.ndarray, expected: np.ndarray) -> None:
    """Equal except for the rounding of float32.

    Both sides round a spectrum to 1e-7 of its largest value. In the quietest band of a frame, which
    is 60 dB lower in amplitude, that is 1e-4 of the value, and its logarithm changes by as much.
    """
    assert got.shape == expected.shape
    difference = np.abs(got - expected)
    assert difference.mean() < 1e-5
    assert difference.max() < 1e-2


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize(
    ("family", "scale", "window"), [("wespeaker", 32768.0, "hamming"), ("3d-speaker", 1.0, "povey")]
)
def test_kaldi_features_are_those_of_kaldi_native_fbank(  # type: ignore[no-untyped-def]
    family: str, scale: float, window: str, opset: int, clip: np.ndarray, tmp_path
) -> None:
    knf = pytest.importorskip("kaldi_native_fbank", reason="the reference is not installed")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = window
    options.mel_opts.num_bins = 80
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = 8000
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(16000, (clip * scale).tolist())
    fbank.input_finished()
    expected = np.stack([fbank.get_frame(number) for number in range(fbank.num_frames_ready)])
    got = features(FAMILIES[family].front_end, clip, tmp_path, opset)[0]
    check(got, expected - expected.mean(axis=0))


def stft_power(samples: np.ndarray, size: int, window: torch.Tensor) -> np.ndarray:
    spectrum = torch.stft(
        torch.from_numpy(samples).double(),
        size,
        160,
        400,
        window.double(),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return spectrum.abs().square().numpy()


def test_nemo_features_follow_its_formulas(clip: np.ndarray, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from speakersdk_export.adopt.filterbank import mel_filters

    # NeMo's AudioToMelSpectrogramPreprocessor, line by line, in float64.
    emphasised = np.append(clip[0], clip[1:].astype(float) - 0.97 * clip[:-1])
    power = stft_power(emphasised, 512, torch.hann_window(400, periodic=False))
    mel = mel_filters(
        "slaney", num_mels=80, fft_size=512, low_hz=0, high_hz=8000, sample_rate_hz=16000
    )
    expected = np.log(mel @ power + 2**-24)[:, : len(clip) // 160]
    expected -= expected.mean(axis=1, keepdims=True)
    expected /= expected.std(axis=1, ddof=1, keepdims=True) + 1e-5
    check(features(FAMILIES["nemo"].front_end, clip, tmp_path)[0], expected)


def test_speechbrain_features_follow_its_formulas(clip: np.ndarray, tmp_path) -> None:  # type: ignore[no-untyped-def]
    # speechbrain.processing.features: STFT, Filterbank, sentence-wise mean, in float64.
    power = stft_power(clip, 400, torch.hamming_window(400))
    mel = 2595 * np.log10(1 + np.array([0.0, 8000.0]) / 700)
    hz = 700 * (10 ** (np.linspace(*mel, 82) / 2595) - 1)
    band = (hz[1:] - hz[:-1])[:-1, np.newaxis]
    slope = (np.linspace(0, 8000, 201) - hz[1:-1, np.newaxis]) / band
    bank = np.maximum(0, np.minimum(slope + 1, -slope + 1))
    decibels = 10 * np.log10(np.maximum(bank @ power, 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80)
    expected = (decibels - decibels.mean(axis=1, keepdims=True)).T
    # Decibels are ten times as large as natural logarithms.
    check(features(FAMILIES["speechbrain"].front_end, clip, tmp_path)[0] / 10, expected / 10)


def test_nemo_features_are_those_of_its_code(  # type: ignore[no-untyped-def]
    nemo_features: Any, clip: np.ndarray, tmp_path
) -> None:
    # The preprocessor of TitaNet's configuration.
    theirs = nemo_features.FilterbankFeatures(
        n_window_size=400,
        n_window_stride=160,
        n_fft=512,
        nfilt=80,
        normalize="per_feature",
        log_zero_guard_value=2**-24,
        pad_to=16,
    ).eval()
    with torch.no_grad():
        padded, length = theirs(torch.from_numpy(clip[np.newaxis]), torch.tensor([len(clip)]))
    expected = padded[..., : int(length)].numpy()  # the network masks the zeros after these
    assert not padded[..., int(length) :].any()
    check(features(FAMILIES["nemo"].front_end, clip, tmp_path), expected)


def test_speechbrain_features_are_those_of_its_code(  # type: ignore[no-untyped-def]
    speechbrain_features: Any, clip: np.ndarray, tmp_path
) -> None:
    # The operations of speechbrain.lobes.features.Fbank, with the settings of the ECAPA recipe.
    stft = speechbrain_features.STFT(sample_rate=16000, n_fft=400)
    filterbank = speechbrain_features.Filterbank(sample_rate=16000, n_fft=400, n_mels=80)
    mean = speechbrain_features.InputNormalization(norm_type="sentence", std_norm=False)
    power = speechbrain_features.spectral_magnitude(stft(torch.from_numpy(clip[np.newaxis])))
    expected = mean(filterbank(power), torch.ones(1)).detach().numpy()
    # Decibels are ten times as large as natural logarithms.
    check(features(FAMILIES["speechbrain"].front_end, clip, tmp_path) / 10, expected / 10)


def test_redimnet_features_are_those_of_its_package(clip: np.ndarray, tmp_path) -> None:  # type: ignore[no-untyped-def]
    frontend = pytest.importorskip(
        "redimnet2_onnx.frontend", reason="the reference is not installed"
    )
    expected = frontend.ReDimNetFrontend()(torch.from_numpy(clip)).numpy()
    check(features(FAMILIES["redimnet2"].front_end, clip, tmp_path), expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_silence_gives_finite_features(family: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    silence = np.zeros(32000, np.float32)
    assert np.isfinite(features(FAMILIES[family].front_end, silence, tmp_path)).all()
