"""Two processes give the result of one process with the same shards; norms see all rows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing, nn

from speakersdk_training.checkpoint import read_checkpoint
from speakersdk_training.compute.world import World, WorldBatchNorm, join_world, share_norms
from speakersdk_training.config import load_config
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.bank import read_bank
from speakersdk_training.fit.run import fit
from speakersdk_training.fit.trainer import Trainer

CONFIG = """
[run]
name = "two"
steps = 4
batch_size = 16
shards = 2
crop_s = [0.3]
precision = "fp32"
device = "cpu"
log_every = 1
evaluate_every = 99
checkpoint_every = 2
mixed_share = 0.25

[tdnn]
channels = 8
expansion = 16
kernel = 3
dilations = [1, 2]
joined_blocks = [1, 2]
pooled_channels = 16
attention_channels = 4
speech_channels = 4
embedding_dim = 8
dropout = 0.0

[augment]
num_rooms = 6
room_s = 0.1

[optim]
learning_rate = 1e-3

[data]
speeds = [0.9, 1.0]

[[data.corpora]]
root = "{root}"
"""


def run_two(config: Path, folder: Path, *options: str) -> None:
    """Two processes, through the commands of a user."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [sys.executable, *launcher, "-m", "speakersdk_training", "fit", str(config)]
    command += ["-o", str(folder), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def spawn_two(
    function: Callable[..., None], *arguments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run `function(rank, port, *arguments)` in two processes."""
    # The processes import this file by the name that pytest gave it.
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(function, args=(port, *arguments), nprocs=2)  # type: ignore[no-untyped-call]


def assert_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Train in different numbers of processes, and return the checkpoints."""
    assert one["step"] == other["step"] == 4
    assert one["training_corpora"] == other["training_corpora"] == ["voices"]
    # The draws are identical to the bit; each shard contains its own.
    assert one["random"]["shards"].keys() == other["random"]["shards"].keys() == {0, 1}
    for shard, state in one["random"]["shards"].items():
        assert torch.equal(state, other["random"]["shards"][shard])
    # Sums of two halves differ from one sum by about 1e-6 of a gradient. The first steps of AdamW
    # have the size of the learning rate, whatever the gradient. A weight whose gradient is nearly 0
    # may therefore step either way: 4 steps of 1e-3, each way. Nearly all must agree far better. If
    # norms saw half of the rows, or gradients were not averaged, hardly any would.
    differences = torch.cat(
        [
            (one[part][name].double() - other[part][name].double()).abs().flatten()
            for part in ("encoder", "loss", "averaged")
            for name in one[part]
        ]
    )
    assert differences.max() < 8e-3
    assert (differences > 1e-5).double().mean() < 0.05


def test_two_processes_are_one_from_the_start_and_after_a_resume(
    voices_root: Path, tmp_path: Path
) -> None:
    config = tmp_path / "run.toml"
    config.write_text(CONFIG.format(root=voices_root))
    settings = load_config(config)
    fit(settings, tmp_path / "one")
    one = read_checkpoint(tmp_path / "one" / "checkpoint.pt")

    run_two(config, tmp_path / "two")
    assert_alike(one, read_checkpoint(tmp_path / "two" / "checkpoint.pt"))

    banks = [
        read_bank(settings.data, device=torch.device("cpu"), shard=shard, num_shards=2)
        for shard in (0, 1)
    ]
    assert [bank.speakers for bank in banks] == [
        ("voices/s0", "voices/s2"),
        ("voices/s1", "voices/s3"),
    ]
    stopped = Trainer(settings, *banks, noise=torch.zeros(0), rooms=[], trial_sets=[])

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(tmp_path / "stopped", report=stop)
    run_two(config, tmp_path / "stopped", "--resume")
    assert_alike(one, read_checkpoint(tmp_path / "stopped" / "checkpoint.pt"))


def _fit_and_list_threads(rank: int, port: int, config: Path, folder: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    trainer = fit(load_config(config), folder / "run")
    threads = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    (folder / f"threads-{rank}").write_text("".join(threads))
    assert trainer.is_done


def test_no_thread_outlives_a_run(
    voices_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that frees a tensor while the interpreter ends rarely aborts."""
    config = tmp_path / "run.toml"
    config.write_text(CONFIG.format(root=voices_root))
    spawn_two(_fit_and_list_threads, config, tmp_path, monkeypatch=monkeypatch)
    for rank in (0, 1):
        threads = (tmp_path / f"threads-{rank}").read_text()
        assert threads
        assert "gloo_runloop" not in threads


def test_shards_are_dealt_out_evenly() -> None:
    assert list(World().shards(4)) == [0, 1, 2, 3]
    assert [list(World(rank, 2, rank).shards(4)) for rank in (0, 1)] == [[0, 1], [2, 3]]
    with pytest.raises(
        TrainingError, match=r"multiple of 2 processes, got 1; try --set run.shards=2"
    ):
        World(0, 2, 0).shards(1)


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = join_world(use_cuda=False)
    assert (world.is_first, world.size) == (True, 1)
    assert world.gather("it") == ["it"]
    module = nn.Sequential(nn.BatchNorm1d(2))
    share_norms(module, world)
    assert isinstance(module[0], nn.BatchNorm1d)


def _norm_of_half(rank: int, port: int, folder: Path) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    features, norm = _norm_and_features()
    shared = WorldBatchNorm(norm, World(rank, 2, rank))
    part = features[4 * rank : 4 * rank + 4].requires_grad_()
    _weighted_loss(shared(part), rank).backward()
    for parameter in shared.parameters():
        distributed.all_reduce(parameter.grad)
    content = {"input": part.grad, "weight": shared.weight.grad, **dict(shared.named_buffers())}
    torch.save(content, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def _norm_and_features() -> tuple[torch.Tensor, nn.BatchNorm1d]:
    generator = torch.Generator().manual_seed(3)
    norm = nn.BatchNorm1d(5)
    nn.init.normal_(norm.weight, generator=generator)
    return 3 + torch.randn(8, 5, 7, generator=generator), norm


def _weighted_loss(normed: torch.Tensor, rank: int) -> torch.Tensor:
    weights = torch.randn(8, 5, 7, generator=torch.Generator().manual_seed(4))
    return (normed * weights[4 * rank : 4 * rank + len(normed)]).sum()


def test_a_norm_over_two_processes_is_torchs_over_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare values through the gradients that need them: inputs, weights, running statistics."""
    spawn_two(_norm_of_half, tmp_path, monkeypatch=monkeypatch)
    features, norm = _norm_and_features()
    features.requires_grad_()
    _weighted_loss(norm(features), 0).backward()
    halves: list[dict[str, Any]] = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    assert features.grad is not None
    torch.testing.assert_close(
        torch.cat([half["input"] for half in halves]), features.grad, rtol=1e-4, atol=1e-5
    )
    for half in halves:
        torch.testing.assert_close(half["weight"], norm.weight.grad, rtol=1e-4, atol=1e-5)
        for name, buffer in norm.named_buffers():
            torch.testing.assert_close(half[name], buffer, rtol=1e-5, atol=1e-6)
