from typing import Any

import numpy as np
import onnx
import pytest

from speakersdk.onnx_session import open_session
from speakersdk_export.convolution import with_planar_convolutions

pytestmark = pytest.mark.export


def convolutions(graph: onnx.ModelProto) -> list[list[int]]:
    """Kernel shapes of all but the front end's convolution."""
    return [
        list(attribute.ints)
        for node in graph.graph.node
        if node.op_type == "Conv" and node.input[1] != "frontend.kernel"
        for attribute in node.attribute
        if attribute.name == "kernel_shape"
    ]


def test_every_causal_layer_has_two_dimensional_kernels(stateful: Any) -> None:
    kernels = convolutions(stateful.graph)
    assert kernels
    assert {tuple(kernel[:-1]) for kernel in kernels} == {(1,)}
    onnx.checker.check_model(stateful.graph, full_check=True)


def test_the_numbers_stay_those_of_torch(stateful: Any, rng: np.random.Generator) -> None:
    # The parity gate holds every export to 1e-4; this is the same in small.
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
    assert convolutions(with_planar_convolutions(graph)) == once
