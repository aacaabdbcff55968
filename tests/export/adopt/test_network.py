"""The published network as ONNX."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from speakersdk.errors import ModelError
from speakersdk.runtime.session import open_session
from speakersdk_export.adopt.families import FAMILIES
from speakersdk_export.adopt.graft import graft
from speakersdk_export.adopt.network import published_network

pytestmark = pytest.mark.export


def test_torch_weights_of_campplus_compute_what_torch_computes(
    tmp_path: Path, clip: np.ndarray
) -> None:
    from speakersdk_training.teacher.campplus import CampPlus
    from speakersdk_training.teacher.kaldi_fbank import KaldiFbank

    torch.manual_seed(0)
    network = CampPlus().eval()
    weights = tmp_path / "campplus.pt"
    torch.save(network.state_dict(), weights)
    model, size, num_rewritten = graft(
        published_network(weights, FAMILIES["3d-speaker"]), FAMILIES["3d-speaker"], temperature=4.0
    )
    assert (size, num_rewritten) == (192, 52)
    path = tmp_path / "campplus.onnx"
    path.write_bytes(model.SerializeToString())
    session = open_session(path)
    for seconds in (0.5, 2.3, 3.9):
        samples = clip[: round(seconds * 16000)]
        with torch.no_grad():
            expected = network(KaldiFbank()(torch.from_numpy(samples[np.newaxis])))[0].numpy()
        got = session.run({"samples": samples[np.newaxis]})["embedding"][0]
        assert got @ expected / np.linalg.norm(got) / np.linalg.norm(expected) > 0.9999


def test_other_archives_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "weights.pt"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    with pytest.raises(ModelError, match="expected the weights of CAM\\+\\+"):
        published_network(archive, FAMILIES["3d-speaker"])
    with pytest.raises(ModelError, match="--family 3d-speaker"):
        published_network(archive, FAMILIES["nemo"])
