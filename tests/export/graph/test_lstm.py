from typing import Any

import numpy as np
import pytest
import torch

from speakersdk.runtime.session import open_session
from speakersdk_export.graph.lstm import OnnxLstm

pytestmark = pytest.mark.export
# Float32 gates summed over some hundred frames; embeddings have length 4.
TOLERANCE = 1e-5


def test_the_operator_computes_what_torch_computes(windowed: Any, rng: np.random.Generator) -> None:
    session = open_session(windowed.path)
    for batch, num_samples in ((1, 200), (1, 16000), (3, 4321), (8, 48000)):
        samples = rng.normal(0, 0.1, (batch, num_samples)).astype(np.float32)
        with torch.no_grad():
            expected = windowed.encoder(torch.from_numpy(samples)).numpy()
        got = session.run({"samples": samples})["embedding"]
        np.testing.assert_allclose(got, expected, atol=TOLERANCE)


@pytest.mark.parametrize(
    "options",
    [
        {"bidirectional": False},
        {"batch_first": False},
        {"bias": False},
        {"num_layers": 2},
    ],
)
def test_other_layers_are_refused(options: dict[str, bool | int]) -> None:
    usual = {"bidirectional": True, "batch_first": True}
    with pytest.raises(ValueError, match="one bidirectional"):
        OnnxLstm(torch.nn.LSTM(4, 4, **(usual | options)))
