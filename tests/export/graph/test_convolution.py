from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from speakersdk.runtime.session import import_onnxruntime, open_session
from speakersdk_export.graph.convolution import lift_convolutions
from speakersdk_export.graph.view import changed

pytestmark = pytest.mark.export


def convolutions(graph: onnx.ModelProto) -> list[list[int]]:
    """The shapes of kernels."""
    return [
        list(attribute.ints)
        for node in graph.graph.node
        if node.op_type == "Conv"
        for attribute in node.attribute
        if attribute.name == "kernel_shape"
    ]


def test_every_layer_and_the_front_end_have_two_dimensional_kernels(stateful: Any) -> None:
    kernels = convolutions(stateful.graph)
    assert [1, 1 + stateful.encoder.frontend.config.window_samples] in kernels
    assert {tuple(kernel[:-1]) for kernel in kernels} == {(1,)}
    onnx.checker.check_model(stateful.graph, full_check=True)


def test_onnxruntime_takes_in_every_skip_connection(stateful: Any, tmp_path: Path) -> None:
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3  # a warning: the optimized file suits only this machine
    runtime.InferenceSession(stateful.path, options, providers=["CPUExecutionProvider"])
    optimised = onnx.load(tmp_path / "optimised.onnx").graph.node
    blocked = [node for node in optimised if node.domain == "com.microsoft.nchwc"]
    if not blocked:
        pytest.skip("onnxruntime has no blocked kernels for this processor")
    # Weights, bias and the fourth input, which is added.
    sums = [node for node in blocked if node.op_type == "Conv" and len(node.input) == 4]
    assert len(sums) == len(stateful.encoder.config.dilations)
    assert not [node for node in optimised if node.op_type == "Relu"]


def test_the_numbers_stay_those_of_torch(stateful: Any, rng: np.random.Generator) -> None:
    # The parity check allows 1e-4 for every export; this is the same check on a small graph.
    import torch

    tdnn = stateful.encoder
    config = tdnn.frontend.config
    feeds = {
        "samples": rng.normal(0, 0.1, (2, config.context_samples + 10 * config.hop_samples)),
        "frame_weights": np.ones((2, 10)),
        "cache": rng.normal(0, 1, (2, tdnn.cache_size)),
        "statistics": np.zeros((2, tdnn.statistics_size)),
    }
    feeds = {name: values.astype(np.float32) for name, values in feeds.items()}
    found = open_session(stateful.path).run(feeds)
    with torch.no_grad():
        expected = tdnn(*(torch.from_numpy(values) for values in feeds.values()))
    names = ("embedding", "hop_statistics", "speech", "next_cache")
    for name, values in zip(names, expected, strict=True):
        np.testing.assert_allclose(found[name], values.numpy(), rtol=1e-4, atol=1e-4)


def test_lifting_twice_changes_nothing(stateful: Any) -> None:
    graph = onnx.ModelProto()
    graph.CopyFrom(stateful.graph)
    once = convolutions(graph)
    assert convolutions(changed(graph, lift_convolutions)) == once
