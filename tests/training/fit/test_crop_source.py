"""The crops of a shard: their speakers, their augmentation, and independence of other shards."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from speakersdk_training.config import TrainConfig, config_from_dict
from speakersdk_training.fit.bank import read_bank
from speakersdk_training.fit.crop_source import CropSource

CPU = torch.device("cpu")


def source(
    values: dict[str, Any], shard: int = 0, *, from_begin: bool = False
) -> tuple[CropSource, TrainConfig]:
    config = config_from_dict(values)
    bank = read_bank(config.data, device=CPU, shard=shard, num_shards=config.run.shards)
    own = CropSource(config, bank, noise=torch.zeros(0), rooms=[], from_begin=from_begin)
    return own, config


def test_a_shard_draws_its_own_speakers_under_the_numbers_of_all(
    tiny_values: dict[str, Any],
) -> None:
    tiny_values["run"] |= {"shards": 2, "batch_size": 64}
    states = []
    for shard, speakers in ((0, {0, 2}), (1, {1, 3})):
        own, _ = source(tiny_values, shard)
        batch = own.draw(4000)
        assert batch.samples.shape == (32, 4000)
        assert own.num_classes == 8  # four speakers at two speeds
        assert set((batch.classes // 2).tolist()) == speakers
        states.append(own.generator.get_state())
    assert not torch.equal(*states)  # they draw other places and rooms, too


def test_a_second_voice_comes_with_its_class_and_weight(tiny_values: dict[str, Any]) -> None:
    tiny_values["run"] |= {"mixed_share": 0.5}
    batch = source(tiny_values)[0].draw(4000)
    assert batch.second is not None
    assert batch.first_weight is not None
    assert int((batch.first_weight < 1).sum()) == 4
    assert torch.equal(batch.second, batch.classes.roll(-1))
    tiny_values["run"] |= {"mixed_share": 0.0}
    assert source(tiny_values)[0].draw(4000).second is None


def test_masks_fit_the_frames(tiny_values: dict[str, Any]) -> None:
    tiny_values["spec_augment"] = {"rows": 1.0}
    own, config = source(tiny_values)
    masks = own.draw(4000).feature_weights
    assert masks is not None
    assert masks.shape == (8, 64, config.frontend.num_frames(4000))
    assert (masks == 0).any()


def test_augmentation_grows_with_the_run(tiny_values: dict[str, Any]) -> None:
    """At the start of a ramp, only the level of a crop changes."""
    tiny_values["augment"] |= {
        "ramp_share": 0.5, "clean": 0.0, "equaliser_db": 20.0, "room": 1.0,
        "level_low_db": -20.0, "level_high_db": -20.0,
    }  # fmt: skip
    tiny_values["data"]["speeds"] = [1.0]
    tiny_values["run"]["batch_size"] = 32

    def drawn_at(progress: float) -> torch.Tensor:
        own, _ = source(tiny_values)
        own.advance(progress)
        return own.draw(4000).samples

    tiny_values["augment"]["clean"] = 1.0
    clean = drawn_at(1.0)
    tiny_values["augment"]["clean"] = 0.0
    assert torch.equal(drawn_at(0.0), clean)
    assert torch.equal(drawn_at(0.5), drawn_at(1.0))
    changed = [(drawn_at(share) != clean).any(dim=1).float().mean() for share in (0.25, 0.5)]
    # Half of 32 rows at half of the ramp, within five deviations; all at its end.
    assert 0.5 - 5 * 0.09 < changed[0] < 0.5 + 5 * 0.09
    assert changed[1] == 1


def test_vocal_tracts_are_voices(tiny_values: dict[str, Any]) -> None:
    tiny_values["data"] |= {"speeds": [0.9, 1.0], "vocal_tracts": [0.9, 1.0, 1.1]}
    tiny_values["run"]["batch_size"] = 12
    own, _ = source(tiny_values)
    assert own.num_classes == 24
    assert sorted((own.draw(4000).classes % 6).tolist()) == sorted([*range(6)] * 2)


def test_the_sampler_is_the_configured_one(tiny_values: dict[str, Any]) -> None:
    tiny_values["data"] |= {"speeds": [1.0]}
    tiny_values["sampler"] = {"kind": "grouped", "per_speaker": 4}
    tiny_values["run"]["batch_size"] = 16
    classes = source(tiny_values)[0].draw(4000).classes.reshape(4, 4)
    assert (classes == classes[:, :1]).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_repeats_the_crops(tiny_values: dict[str, Any], seed: int) -> None:
    tiny_values["run"] |= {"seed": seed, "mixed_share": 0.25}
    tiny_values["spec_augment"] = {"rows": 0.5}
    one, other = (source(tiny_values)[0].draw(4000) for _ in range(2))
    assert torch.equal(one.samples, other.samples)
    assert torch.equal(one.classes, other.classes)


class NothingFromTheHost(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuse tensors made from Python numbers. Filling a tensor copies none and is allowed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: list[torch.Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_made = any(each is made for each in args for made in self._made)
        does_no_work = func.namespace == "prim"  # looks up where a tensor is
        assert not is_made or does_no_work or func is torch.ops.aten.fill_.Tensor, func
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.lift_fresh.default:
            self._made.append(result)
        return result


def test_drawing_never_waits_for_the_device(tiny_values: dict[str, Any]) -> None:
    """A captured graph must not wait: fake tensors have no values to wait for."""
    tiny_values["run"] |= {"mixed_share": 0.5, "batch_size": 12}
    tiny_values["spec_augment"] = {"rows": 0.5}
    tiny_values["data"] |= {"vocal_tracts": [0.9, 1.0, 1.1]}
    tiny_values["augment"] |= {
        "ramp_share": 0.5, "telephone": 0.5, "coarse_spectrum": 0.5, "packet_loss": 0.5, "hum": 0.1,
    }  # fmt: skip
    for kind in ("weighted", "distinct", "alternating"):
        tiny_values["sampler"] = {"kind": kind}
        own, _ = source(tiny_values, from_begin=kind == "weighted")
        with FakeTensorMode(allow_non_fake_inputs=True), NothingFromTheHost():
            own.advance(0.3)
            own.draw(4000)
