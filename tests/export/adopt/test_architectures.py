"""Networks of other projects, in their own code with random weights: parity of the whole pipeline.

The networks are small, but of the classes that their projects publish. The original pipeline is a
project's features and network in torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.runtime.session import open_session
from speakersdk_export.cli import main as export
from tests.export.adopt.published_code import (
    NEMO,
    SPEECHBRAIN,
    WESPEAKER,
    published_module,
    published_wheel,
)

pytestmark = pytest.mark.export
CLIPS = sorted(FOLDER.glob("*.flac"))
PROBE = FOLDER / "slt-probe.flac"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The pipeline of a project.

    Attributes:
        features: from (n,) samples to the inputs of the network, for one recording.
        network: from these inputs to the embedding.
        exported: the network as the project exports it, with the same inputs.
        inputs, outputs: names in its published files.
        time_axis: axis of the frames.
    """

    features: Callable[[Waveform], tuple[Tensor, ...]]
    network: nn.Module
    exported: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    time_axis: int

    def embed(self, samples: Waveform) -> np.ndarray:
        with torch.no_grad():
            found = self.network(*self.features(samples))
        embedding: np.ndarray = (found[-1] if isinstance(found, tuple) else found).numpy()
        return embedding.reshape(-1)

    def settled(self) -> Original:
        """Give normalizations the statistics of speech; otherwise all embeddings are similar."""
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = None
        inputs = [self.features(read_audio(path)[: 2 * 16000]) for path in CLIPS]
        self.network.train()
        with torch.no_grad():
            self.network(*(torch.cat(each) for each in zip(*inputs, strict=True)))
        self.network.eval()
        return self

    def published(self, path: Path) -> Path:
        """Write the file that the project publishes."""
        features = self.features(np.concatenate([read_audio(clip) for clip in CLIPS])[: 20 * 16000])
        sizes = {self.inputs[0]: {0: "B", self.time_axis: "T"}}
        sizes |= {name: {0: "B"} for name in (*self.inputs[1:], *self.outputs)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch and of tracing
            torch.onnx.export(
                self.exported.eval(), features, path, dynamo=False, opset_version=17,
                input_names=list(self.inputs), output_names=list(self.outputs),
                dynamic_axes=sizes,
            )  # fmt: skip
        return path


def kaldi(window: str, scale: float) -> Callable[[Waveform], tuple[Tensor]]:
    """The features of WeSpeaker and 3D-Speaker by Kaldi's own code."""
    knf = pytest.importorskip("kaldi_native_fbank", reason="the reference is not installed")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = window
    options.mel_opts.num_bins = 80

    def features(samples: Waveform) -> tuple[Tensor]:
        fbank = knf.OnlineFbank(options)
        fbank.accept_waveform(16000, (scale * samples).tolist())
        fbank.input_finished()
        rows = np.stack([fbank.get_frame(number) for number in range(fbank.num_frames_ready)])
        return (torch.from_numpy(rows - rows.mean(axis=0))[None],)

    return features


class LastOutput(nn.Module):
    """What WeSpeaker's bin/export_onnx.py exports: the last output is the embedding."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, feats: Tensor) -> Tensor:
        found = self.network(feats)
        embedding: Tensor = found[-1] if isinstance(found, tuple) else found
        return embedding


def wespeaker(name: str, build: Callable[[Any], nn.Module]) -> Iterator[nn.Module]:
    wheel = published_wheel("wespeaker_unofficial")
    with published_module(wheel, f"wespeaker.models.{name}", WESPEAKER) as module:
        yield LastOutput(build(module))


@contextmanager
def wespeaker_ecapa() -> Iterator[Original]:
    for network in wespeaker(
        "ecapa_tdnn", lambda m: m.ECAPA_TDNN(64, feat_dim=80, embed_dim=32, pooling_func="ASTP")
    ):
        yield Original(
            features=kaldi("hamming", 32768.0), network=network, exported=network,
            inputs=("feats",), outputs=("embs",), time_axis=1,
        )  # fmt: skip


@contextmanager
def speaker3d_eres2net() -> Iterator[Original]:
    """ERes2Net in WeSpeaker's copy of 3D-Speaker's code, with the names of sherpa-onnx."""
    for network in wespeaker(
        "eres2net", lambda m: m.ERes2Net(16, [1, 1, 1, 1], feat_dim=80, embed_dim=32)
    ):
        yield Original(
            features=kaldi("povey", 1.0), network=network, exported=network,
            inputs=("x",), outputs=("embedding",), time_axis=1,
        )  # fmt: skip


@contextmanager
def redimnet2() -> Iterator[Original]:
    """ReDimNet2 in WeSpeaker's copy, with the features of redimnet2-onnx."""
    # Stride in bands and frames, blocks, expansion, kernels, reduction in time.
    stages = [
        [[1, 1], 1, 2, [[3, 3]], 18],
        [[2, 2], 1, 1, [[3, 3]], 18],
        [[1, 2], 1, 1, [[3, 3]], 18],
    ]
    frontend = pytest.importorskip("redimnet2_onnx.frontend", reason="is not installed")
    compute = frontend.ReDimNetFrontend()
    for network in wespeaker(
        "redimnet2",
        lambda m: m.ReDimNet2B0(C=4, stages_setup=stages, feat_dim=72, embed_dim=32),
    ):
        yield Original(
            features=lambda samples: (compute(torch.from_numpy(samples)).clone(),),
            network=network, exported=network,
            inputs=("features",), outputs=("embedding",), time_axis=3,
        )  # fmt: skip


@contextmanager
def speechbrain_ecapa() -> Iterator[Original]:
    wheel = published_wheel("speechbrain")
    with published_module(wheel, "speechbrain.processing.features", SPEECHBRAIN) as module:
        # speechbrain.lobes.features.Fbank, with the settings of the ECAPA recipe.
        stft = module.STFT(sample_rate=16000, n_fft=400)
        filterbank = module.Filterbank(sample_rate=16000, n_fft=400, n_mels=80)
        mean = module.InputNormalization(norm_type="sentence", std_norm=False)
        magnitude = module.spectral_magnitude

    def features(samples: Waveform) -> tuple[Tensor]:
        power = magnitude(stft(torch.from_numpy(samples[None])))
        return (mean(filterbank(power), torch.ones(1)).detach(),)

    name = "speechbrain.lobes.models.ECAPA_TDNN"
    with published_module(wheel, name, SPEECHBRAIN) as module:
        network = module.ECAPA_TDNN(
            80, lin_neurons=32, channels=[64, 64, 64, 64, 192], attention_channels=16,
            res2net_scale=8, se_channels=16,
        )  # fmt: skip
        yield Original(
            features=features, network=network, exported=network,
            inputs=("feats",), outputs=("embedding",), time_axis=1,
        )  # fmt: skip


@contextmanager
def nemo_titanet() -> Iterator[Original]:
    """TitaNet: encoder and decoder of its configuration, with fewer channels."""
    wheel = published_wheel("nemo_toolkit")
    name = "nemo.collections.asr.parts.preprocessing.features"
    with published_module(wheel, name, NEMO) as module:
        preprocessor = module.FilterbankFeatures(
            n_window_size=400, n_window_stride=160, n_fft=512, nfilt=80, normalize="per_feature",
            log_zero_guard_value=2**-24, pad_to=16, dither=0.0,
        ).eval()  # fmt: skip
    with published_module(wheel, "nemo.collections.asr.modules.conv_asr", NEMO) as module:

        class TitaNet(nn.Module):
            """EncDecSpeakerLabelModel.forward_for_export, which is its forward without audio."""

            def __init__(self) -> None:
                super().__init__()
                block = {"stride": [1], "dilation": [1], "dropout": 0.0, "separable": True}
                block |= {"se": True, "se_context_size": -1}
                self.encoder = module.ConvASREncoder(
                    [
                        {**block, "filters": size, "kernel": [kernel], "repeat": repeat,
                         "residual": repeat > 1}
                        for size, kernel, repeat in
                        [(64, 3, 1), (64, 7, 3), (64, 11, 3), (64, 15, 3), (192, 1, 1)]
                    ],
                    activation="relu", feat_in=80,
                )  # fmt: skip
                self.decoder = module.SpeakerDecoder(
                    192, 10, emb_sizes=32, pool_mode="attention", angular=True
                )

            def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
                encoded, length = self.encoder(audio_signal=audio_signal, length=length)
                logits, embs = self.decoder(encoder_output=encoded, length=length)
                return logits, embs

        network, exported = TitaNet(), TitaNet()
        exported.encoder._prepare_for_export()
        exported.load_state_dict(network.state_dict())

        def features(samples: Waveform) -> tuple[Tensor, ...]:
            with torch.no_grad():
                found: tuple[Tensor, ...] = preprocessor(
                    torch.from_numpy(samples[None]), torch.tensor([len(samples)])
                )
            return found

        yield Original(
            features=features, network=network, exported=exported,
            inputs=("audio_signal", "length"), outputs=("logits", "embs"), time_axis=2,
        )  # fmt: skip


ORIGINALS = {
    "wespeaker": wespeaker_ecapa,
    "3d-speaker": speaker3d_eres2net,
    "speechbrain": speechbrain_ecapa,
    "nemo": nemo_titanet,
    "redimnet2": redimnet2,
}


@pytest.fixture(scope="module", params=ORIGINALS)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def original(family: str) -> Iterator[Original]:
    torch.manual_seed(20261130)
    with ORIGINALS[family]() as found:
        found.settled()
        found.exported.load_state_dict(found.network.state_dict())
        yield found


@pytest.fixture(scope="module")
def published(original: Original, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return original.published(tmp_path_factory.mktemp("published") / "network.onnx")


@pytest.fixture(scope="module")
def golden(original: Original, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "slt-probe.npy"
    np.save(path, original.embed(read_audio(PROBE)))
    return path


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a.astype(float) @ b / np.linalg.norm(a) / np.linalg.norm(b))


def adopt(published: Path, family: str, golden: Path, output: Path) -> int:
    command = ["adopt", published, "--family", family, "--golden", PROBE, golden]
    return export([str(part) for part in [*command, "--uncalibrated", "-o", output]])


def rename(model: onnx.ModelProto, feeds: str, embedding: str) -> None:
    """Give the input and the output of a network other names."""
    names = {model.graph.input[0].name: feeds, model.graph.output[0].name: embedding}
    model.graph.input[0].name, model.graph.output[0].name = feeds, embedding
    for node in model.graph.node:
        for each in (node.input, node.output):
            each[:] = [names.get(name, name) for name in each]


def test_the_embedding_is_that_of_the_original_pipeline_at_every_length(
    family: str, original: Original, published: Path, golden: Path, tmp_path: Path
) -> None:
    output = tmp_path / "adopted.onnx"
    assert adopt(published, family, golden, output) == 0
    session = open_session(output)
    samples = np.concatenate([read_audio(path) for path in CLIPS])
    for seconds in (1.0, 1.337, 2.57, 20.0):  # numbers of frames with and without a rest
        part = samples[: round(seconds * 16000)]
        got = session.run_any_shape({"samples": part[None]})["embedding"][0]
        assert cosine(got, original.embed(part)) > 1 - 1e-6


def test_the_networks_tell_recordings_apart(original: Original) -> None:
    # Otherwise a wrong front end would not be noticed.
    one, two = (original.embed(read_audio(path)) for path in (PROBE, FOLDER / "rms-probe.flac"))
    assert cosine(one, two) < 0.99


@pytest.mark.parametrize("family", ["wespeaker", "3d-speaker", "nemo"], indirect=True)
def test_metadata_of_sherpa_names_only_the_family(
    family: str, published: Path, golden: Path, tmp_path: Path
) -> None:
    model = onnx.load_model(published)
    # sherpa-onnx computes its own features by these keys; those of the family are others.
    keys = {"framework": family, "sample_rate": "16000", "output_dim": "32"}
    keys |= {"normalize_samples": "0", "feature_normalize_type": "", "window_type": "povey"}
    onnx.helper.set_model_props(model, keys)
    file = tmp_path / "sherpa.onnx"
    onnx.save_model(model, file)
    assert adopt(file, "sherpa", golden, tmp_path / "adopted.onnx") == 0


@pytest.mark.parametrize(
    ("family", "other", "feeds", "embedding"),
    [
        ("wespeaker", "3d-speaker", "feats", "embedding"),
        ("3d-speaker", "wespeaker", "feats", "embs"),
        ("speechbrain", "3d-speaker", "feats", "embedding"),
    ],
    indirect=["family"],
)
def test_the_front_end_of_another_family_is_detected(
    family: str, other: str, feeds: str, embedding: str, published: Path, golden: Path,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    model = onnx.load_model(published)
    rename(model, feeds, embedding)
    file = tmp_path / "renamed.onnx"
    onnx.save_model(model, file)
    assert adopt(file, other, golden, tmp_path / "adopted.onnx") == 2
    assert "expected a cosine of at least 0.9999" in capsys.readouterr().err
