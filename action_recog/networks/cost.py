"""What a network costs: its parameters, and the multiply-adds of one clip.

A multiplication with the addition that follows it counts as one, as in the tables of the non-local and
SlowFast papers and of the model zoos, whose "FLOPs" these are; torch's flop counter calls it two. Counted
are convolutions, the classifier and the two products of a non-local block's attention with its weights
written out; normalisation, ReLU and pooling are below 1 % and left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from action_recog.networks.nonlocal_block import NonLocalBlock
from action_recog.networks.resnet3d import ResNet3D


@dataclass(frozen=True)
class NetworkCost:
    """Number of trainable parameters, and of multiply-adds for one clip."""

    parameters: int
    multiply_adds: int


@torch.no_grad()
def network_cost(net: ResNet3D, *, frames: int, size: int) -> NetworkCost:
    """Count the parameters of a network and the multiply-adds of one clip.

    Nothing is computed where the network lies on torch's meta device.

    Args:
        net: Network over clips; its mode is restored afterwards.
        frames: Frames of the clip.
        size: Height and width of the clip in pixels.

    Returns:
        The counts.
    """
    counted = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        if isinstance(layer, nn.Conv3d):
            counted += output.numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            counted += output.numel() * layer.in_features
        elif isinstance(layer, NonLocalBlock):
            _, _, *shape = inputs[0].shape
            counted += layer.multiply_adds((shape[0], shape[1], shape[2]))

    handles = [layer.register_forward_hook(count) for layer in net.modules()]
    training = net.training
    try:
        net.eval()
        net(torch.empty(1, 3, frames, size, size, device=net.fc.weight.device))
    finally:
        net.train(training)
        for handle in handles:
            handle.remove()
    return NetworkCost(sum(p.numel() for p in net.parameters()), counted)
