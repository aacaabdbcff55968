"""The rebuilt peers have their published sizes. Otherwise their speed would be meaningless."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
NAMES = ("x-vector", "ECAPA-TDNN C=512", "CAM++", "ResNet34", "ReDimNet-B0")
# Published figures have two or three digits and include different parts (biases, norms).
PARAMETERS_TOLERANCE = 0.03
# Tables refer to two seconds. Some tools leave out activations, some the products of attention.
MACS_TOLERANCE = 0.1


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> Any:
    from benchmarks.peers.published import PEERS

    assert tuple(peer.name for peer in PEERS) == NAMES
    return PEERS[NAMES.index(request.param)]


@pytest.mark.training
@pytest.mark.parametrize("peer", NAMES, indirect=True)
def test_a_rebuilt_peer_has_the_published_size(peer: Any) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    torch.manual_seed(1)
    module = peer.build().eval()
    parameters = sum(value.numel() for value in module.parameters())
    assert parameters / 1e6 == pytest.approx(peer.parameters, rel=PARAMETERS_TOLERANCE)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        embedding = module(torch.randn(2, peer.num_features, peer.frames_2s))
    assert embedding.shape[0] == 2
    assert embedding.isfinite().all()
    assert not torch.equal(embedding[0], embedding[1])
    if peer.macs_2s is not None:
        macs = counter.get_total_flops() / 2 / 2  # two operations each, two rows
        assert macs / 1e9 == pytest.approx(peer.macs_2s, rel=MACS_TOLERANCE)
