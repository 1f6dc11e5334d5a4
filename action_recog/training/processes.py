"""Several processes that train or test one network together: who does what, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from action_recog.errors import BadInput

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def process_count() -> int:
    """How many processes work together: 1 where none were launched."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    """The number of this process among them, from 0."""
    return dist.get_rank() if process_count() > 1 else 0


def wait_for_all_processes() -> None:
    """Go on when every process is here."""
    if process_count() > 1:
        dist.barrier()


def check_batch(batch: int, processes: int) -> None:
    """Raise BadInput for a batch that does not divide evenly: its mean would not be the mean of means."""
    if batch % processes:
        raise BadInput(
            f"--batch {batch} on {processes} processes: expected a multiple of {processes}, so that "
            f"each has as many clips; give {max(batch // processes, 1) * processes}"
        )


class _SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; what flows back is summed likewise."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """The sum (of x's shape), equal on every process."""
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        """Every process' slope towards its own sum, summed."""
        total = slope.contiguous().clone()
        dist.all_reduce(total)
        return total


class JointBatchNorm3d(nn.BatchNorm3d):
    """Batch normalisation over the clips of all processes; torch's own has no version for a CPU.

    Mean and variance are computed in float32, the variance around the common mean. A network keeps
    its parameters and their names.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Clips (B,C,T,H,W) of this process, normalised."""
        if not self.training or process_count() == 1:
            return super().forward(x)
        assert self.running_mean is not None and self.running_var is not None
        dims, shape = (0, 2, 3, 4), (1, -1, 1, 1, 1)
        with torch.autocast(x.device.type, enabled=False):
            values = x.float()
            sizes = values.new_full((1,), values.numel() / values.shape[1])
            sums = _SumOverProcesses.apply(torch.cat([values.sum(dims), sizes]))
            number = sums[-1].detach()
            mean = sums[:-1] / number
            centred = values - mean.view(shape)
            variance = _SumOverProcesses.apply(centred.square().sum(dims)) / number
            scale = torch.rsqrt(variance + self.eps) * self.weight
            y = centred * scale.view(shape) + self.bias.view(shape)
        with torch.no_grad():
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            share = self.momentum
            if share is None:  # a cumulative average
                share = 1.0 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean.detach(), share)
            self.running_var.lerp_(variance.detach() * (number / (number - 1)), share)
        return y.to(x.dtype)


def join_batch_norm(network: nn.Module, device: str) -> nn.Module:
    """Make every batch normalisation of a network one over all processes.

    So several processes compute what one does with all their clips. Its parameters stay the same
    objects.

    Args:
        network: Network that is changed in place.
        device: Kind of the device: torch's own normalisation is used on `cuda`.

    Returns:
        The network.
    """
    if device == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if type(layer) is nn.BatchNorm3d:
                joint = JointBatchNorm3d(layer.num_features, layer.eps, layer.momentum)
                for kind in ("_parameters", "_buffers"):
                    getattr(joint, kind).update(getattr(layer, kind))
                setattr(parent, name, joint.train(layer.training))
    return network


def share_of(numbers: range, fabric: Fabric) -> range:
    """The numbers that this process tests: every W-th, so that none is tested twice."""
    return numbers[fabric.global_rank :: fabric.world_size]


def rows_of_all(rows: list[np.ndarray], fabric: Fabric) -> np.ndarray:
    """Put together what every process has computed for its `share_of` the numbers.

    Args:
        rows: This process' rows (n,...), in parts; it may have none.
        fabric: The processes, all of which call this.

    Returns:
        The rows of all numbers, in their order.
    """
    parts: list[list[np.ndarray]] = [rows]
    if fabric.world_size > 1:
        parts = [[] for _ in range(fabric.world_size)]
        dist.all_gather_object(parts, rows)
    whole = [np.concatenate(pieces) for pieces in parts if pieces]
    count = sum(map(len, whole))
    together = np.empty((count, *whole[0].shape[1:]), whole[0].dtype)
    for rank, gathered in enumerate(whole):  # ranks without rows are the last
        together[rank :: fabric.world_size] = gathered
    return together
