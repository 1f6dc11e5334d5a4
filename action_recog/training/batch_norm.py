"""Batch normalisation, re-estimated with a network's final weights."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from action_recog.training.checkpoints import require_finite
from action_recog.training.clip_batches import ClipBatches
from action_recog.training.options import TrainingOptions
from action_recog.videos.views import standardise

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@torch.no_grad()
def precise_batch_norm(network: nn.Module, batches: list[Tensor], fabric: Fabric) -> None:
    """Re-estimate the running mean and variance of every batch normalisation.

    They become the plain average over the batches, all with the network's final weights.

    Args:
        network: Network that is changed in place; its mode is restored afterwards.
        batches: Clips (B,3,T,H,W) uint8.
        fabric: Device and precision.

    Raises:
        BadInput: For a mean or variance that is not finite.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average
    training = network.training
    network.train()
    with fabric.autocast():
        for clips in batches:
            network(standardise(clips.to(fabric.device)))
    network.train(training)
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    require_finite(dict(network.named_buffers()), "batch statistics of the trained network")


def precise_batch_norm_after(
    batches: ClipBatches,
    epochs: int,
    network: nn.Module,
    options: TrainingOptions,
    fabric: Fabric,
) -> None:
    """Re-estimate batch normalisation on clips of the epoch after the last."""
    later = itertools.islice(batches.of_epoch(epochs), options.precise_bn)
    precise_batch_norm(network, [clips for clips, _ in later], fabric)
