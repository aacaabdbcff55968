from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from speakersdk.arrays import Waveform
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.runtime.session import open_session
from speakersdk_export.graph.stateful import OPSET, log_mel_graph, stateful_graph, windowed_graph
from speakersdk_export.model_file import write_model
from speakersdk_export.onnx_export import make_manifest
from speakersdk_export.parity import check_parity
from speakersdk_training.checkpoint import CheckpointInfo, weights_sha256
from speakersdk_training.models.blstm import BlstmEncoder
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.tdnn import TdnnEncoder

pytestmark = pytest.mark.export


def shapes(values: list[onnx.ValueInfoProto]) -> dict[str, list[str | int]]:
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in values
    }


def operators(graph: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in graph.graph.node)


def test_a_stateful_graph_names_its_values_and_axes(stateful: Any) -> None:
    tdnn, graph = stateful.encoder, stateful.graph
    assert shapes(graph.graph.input) == {
        "samples": ["batch", "num_samples"],
        "frame_weights": ["batch", "frames"],
        "cache": ["batch", tdnn.cache_size],
        "statistics": ["batch", "window_statistics"],
    }
    assert shapes(graph.graph.output) == {
        "embedding": ["windows_of_batch", tdnn.embedding_dim],
        "hop_statistics": ["batch", tdnn.statistics_size],
        "speech": ["batch", "frames"],
        "next_cache": ["batch", tdnn.cache_size],
    }
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", OPSET)]


def test_a_windowed_graph_names_its_values_and_axes(windowed: Any) -> None:
    graph = windowed.graph
    assert shapes(graph.graph.input) == {"samples": ["batch", "num_samples"]}
    assert shapes(graph.graph.output) == {"embedding": ["batch", 16]}
    assert operators(graph)["LSTM"] == 2


def test_the_encoder_is_left_as_it_was(blstm: BlstmEncoder) -> None:
    before = {name: type(module) for name, module in blstm.named_modules()}
    windowed_graph(blstm)
    assert {name: type(module) for name, module in blstm.named_modules()} == before


def test_normalization_is_folded_and_no_shape_is_computed(stateful: Any) -> None:
    found = operators(stateful.graph)
    # The remaining activation is before the padding of a convolution, not after one.
    assert found["BatchNormalization"] == 1
    assert not found.keys() & {"Shape", "Identity", "Expand", "Constant", "Gather"}
    assert found["Cast"] == 1  # of "is speech" to a weight


def test_without_speech_head_its_layers_are_gone(tdnn: TdnnEncoder) -> None:
    graph = stateful_graph(tdnn, has_speech_head=False)
    assert "speech" not in shapes(graph.graph.output)
    assert not [weight.name for weight in graph.graph.initializer if "speech" in weight.name]


def test_digital_silence_keeps_the_floor_of_the_logarithm(tmp_path: Path) -> None:
    # The exporter's own optimizer replaces + 1e-8 by + 0, and silence becomes minus infinity.
    path = tmp_path / "log_mel.onnx"
    onnx.save_model(log_mel_graph(LogMel(FrontendConfig())), path)
    log_mel = open_session(path).run({"samples": np.zeros((1, 1601), np.float32)})["log_mel"]
    assert log_mel.shape == (1, 64, 8)
    np.testing.assert_allclose(log_mel, np.log(np.float32(1e-8)), rtol=1e-6)


@pytest.mark.parametrize(("batch", "frames"), [(1, 1), (1, 7), (3, 10), (2, 400)])
def test_any_batch_and_any_number_of_frames_run(stateful: Any, batch: int, frames: int) -> None:
    tdnn = stateful.encoder
    config = tdnn.frontend.config
    outputs = open_session(stateful.path).run(
        {
            "samples": np.zeros(
                (batch, config.context_samples + frames * config.hop_samples), np.float32
            ),
            "frame_weights": np.ones((batch, frames), np.float32),
            "cache": np.zeros((batch, tdnn.cache_size), np.float32),
            "statistics": np.zeros((batch, tdnn.statistics_size), np.float32),
        }
    )
    assert outputs["speech"].shape == (batch, frames)
    assert outputs["next_cache"].shape == (batch, tdnn.cache_size)


def test_several_windows_of_a_call_are_embedded_as_one_by_one(
    stateful: Any, rng: np.random.Generator
) -> None:
    tdnn, batch, windows, frames = stateful.encoder, 2, 3, 10
    config = tdnn.frontend.config
    session = open_session(stateful.path)
    num_samples = config.context_samples + frames * config.hop_samples
    feeds = {
        "samples": rng.normal(0, 0.1, (batch, num_samples)).astype(np.float32),
        "frame_weights": np.ones((batch, frames), np.float32),
        "cache": np.zeros((batch, tdnn.cache_size), np.float32),
    }
    # Sums as of speech: over as many frames as those of the call itself, and over more.
    size = tdnn.statistics_size
    hop = session.run({**feeds, "statistics": np.zeros((batch, size), np.float32)})
    sums = np.stack([hop["hop_statistics"] * factor for factor in range(windows)], axis=1)
    together = session.run({**feeds, "statistics": sums.reshape(batch, windows * size)})
    for row in range(windows):
        alone = session.run({**feeds, "statistics": sums[:, row]})
        # The same sums pass through the same layer; matrix products of other sizes round
        # differently.
        np.testing.assert_allclose(
            together["embedding"].reshape(batch, windows, -1)[:, row], alone["embedding"], atol=1e-5
        )


@pytest.mark.parametrize(
    "options",
    [
        {"planar_channels": 4, "join_groups": 2},
        {"planar_channels": 2, "planar_blocks": (1, 0, 1), "planar_growth": 2},
        {"bands": (4, 0), "squeeze_channels": 4},
    ],
    ids=["planar front, scales", "stages", "bands, squeeze"],
)
def test_every_architecture_exports_and_streams(
    options: dict[str, Any], small: dict[str, Any], speech: Waveform, tmp_path: Path
) -> None:
    """The smallest sizes pass the same check as every model file: torch, offline, streamed."""
    sizes = {"channels": 8, "dilations": (1, 2), "joined_blocks": (1, 2)}
    torch.manual_seed(3)
    encoder = TdnnEncoder(replace(small["TDNN"], **sizes, **options), small["FRONTEND"]).eval()
    graph = stateful_graph(encoder, has_speech_head=True)
    # Reshapes have constant sizes that are not computed at run time.
    assert not {"Shape", "Gather", "Expand"} & set(operators(graph))
    info = CheckpointInfo("any", 0, (), weights_sha256(encoder), True, {})
    write_model(tmp_path / "any.onnx", graph, make_manifest(encoder, info))
    check_parity(encoder, tmp_path / "any.onnx", speech)
