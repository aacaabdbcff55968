"""The processes of a run: a single one, or those of torchrun, joined by torch.distributed."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn

from speakersdk_training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class World:
    """The place of this process among all processes of a run.

    Attributes:
        rank: number of this process; 0 evaluates, reports and saves.
        size: number of processes of the run.
        local_rank: number of this process on its machine, which is also the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process reports and saves."""
        return self.rank == 0

    def shards(self, num_shards: int) -> range:
        """The shards that this process draws.

        Raises:
            TrainingError: the shards cannot be distributed evenly.
        """
        if num_shards % self.size:
            raise TrainingError(
                f"expected run.shards to be a multiple of {self.size} processes, got {num_shards}; "
                f"try --set run.shards={self.size}"
            )
        num_own = num_shards // self.size
        return range(self.rank * num_own, (self.rank + 1) * num_own)

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in order of rank, to every process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Wait for all processes, because none may end while another one reads from it."""
        if self.size > 1:
            distributed.barrier()


def join_world(*, use_cuda: bool) -> World:
    """Join the processes of torchrun; without torchrun the world is only this process."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    world = World(int(os.environ["RANK"]), size, int(os.environ["LOCAL_RANK"]))
    if use_cuda:
        torch.cuda.set_device(world.local_rank)
    if not distributed.is_initialized():
        # DistributedDataParallel imports it, and its functions have the group of that time as a
        # default argument: imported later, it would keep the group's threads forever.
        importlib.import_module("torch.distributed.nn")
        distributed.init_process_group("nccl" if use_cuda else "gloo")
    return world


def leave_world(world: World) -> None:
    """End the process group of `join_world` and its threads.

    Objects that hold the group, such as DistributedDataParallel, must be released before. A thread
    that outlives the group may abort the process: it releases its tensors later, when the
    interpreter may already be shutting down.
    """
    if world.size > 1 and distributed.is_initialized():
        distributed.destroy_process_group()


class _SumOverWorld(torch.autograd.Function):
    """Sum of a tensor over all processes, whose gradient is summed as well."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Any) -> Any:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


def sum_over_world(values: Tensor) -> Tensor:
    """Sum a tensor over all processes, differentiably."""
    return cast("Tensor", _SumOverWorld.apply(values))  # type: ignore[no-untyped-call]


class WorldBatchNorm(nn.Module):
    """Batch normalization with the statistics of all processes' rows, on any backend.

    torch's SyncBatchNorm supports CUDA only. Each process must hold the same number of rows.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, world: World) -> None:
        super().__init__()
        self.eps, self.world_size = norm.eps, world.size
        self.momentum = 0.1 if norm.momentum is None else norm.momentum
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, features: Tensor) -> Tensor:
        """Normalize (B, C, ...) over all axes but the channels."""
        if not self.training:
            return nn.functional.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        values = features.float()
        axes = [axis for axis in range(values.dim()) if axis != 1]
        count = values.numel() // values.shape[1] * self.world_size
        shape = [1, -1] + [1] * (values.dim() - 2)
        mean = sum_over_world(values.sum(axes)) / count
        centered = values - mean.reshape(shape)
        variance = sum_over_world(centered.square().sum(axes)) / count
        with torch.no_grad():
            unbiased = variance * (count / max(count - 1, 1))
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normed = centered * scale.reshape(shape) + self.bias.reshape(shape)
        return normed.to(features.dtype)


def share_norms(module: nn.Module, world: World) -> None:
    """Make the norms of a module use the rows of all processes, if there are several."""
    if world.size == 1:
        return
    for child_name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            setattr(module, child_name, WorldBatchNorm(child, world))
        else:
            share_norms(child, world)
