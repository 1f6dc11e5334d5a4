"""C2D and I3D residual networks over clips, with non-local blocks (Wang et al. 2018, table 1, 4.1).

C2D works on each frame alone except for pooling; I3D also convolves in time: the stem is 5x7x7 and
the first convolution of every second residual block is inflated to three frames. A clip is
(B,3,T,H,W); the networks are fully convolutional and take any T, H and W.

Names of the parameters are torchvision's (`conv1`, `layer3.2.bn1`, `fc`), so that published 2D
weights can be inflated (`inflate_state`). Non-local blocks live apart, in `nonlocal_blocks`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from action_recog.networks.architectures import (
    DEPTHS,
    Conventions,
    Positions,
    Trunk,
    block_positions,
    check_positions,
    parse_architecture,
)
from action_recog.networks.nonlocal_block import NonLocalBlock, Pairwise
from action_recog.networks.residual_block import ResidualBlock, clip_convolution

# Blocks (counted from 0) whose first convolution spans three frames in I3D: res2..res5.
_INFLATED = (lambda b: True, lambda b: b % 2 == 0, lambda b: b % 2 == 0, lambda b: b % 2 == 1)


class ResNet3D(nn.Module):
    """Clip (B,3,T,H,W), standardised float -> logits (B,classes). Made by `resnet3d`."""

    def __init__(
        self,
        *,
        classes: int,
        trunk: Trunk,
        depth: int,
        channels: int,
        pairwise: Pairwise | None,
        positions: Positions,
        long_clips: bool,
        dropout: float,
        conventions: Conventions,
    ) -> None:
        super().__init__()
        bottleneck, counts, _ = DEPTHS[depth]
        self.depth, self.channels, self.conventions = depth, channels, conventions
        self.bottleneck = bottleneck
        inflated = trunk == "i3d"
        time_stride = conventions.time_stride or (2 if long_clips else 1)
        self.conv1 = clip_convolution(
            3, channels, (5 if inflated else 1, 7, 7), (time_stride, 2, 2)
        )
        self.bn1 = nn.BatchNorm3d(channels)
        spanned = time_stride if conventions.pool1_spans_stride else 1
        padding = int(conventions.pool1_padding)
        self.pool1 = nn.MaxPool3d((spanned, 3, 3), (time_stride, 2, 2), (0, padding, padding))
        self.pool2: nn.MaxPool3d | None = None
        if conventions.pool2:
            self.pool2 = nn.MaxPool3d((2, 1, 1), (2, 1, 1), ceil_mode=conventions.ceil_pools)
        self.nonlocal_blocks = nn.ModuleDict()
        for stage, count in enumerate(counts):
            blocks = [
                ResidualBlock(
                    channels if stage == 0 and index == 0 else self._width(stage, index),
                    channels * 2**stage,
                    stride=2 if stage > 0 and index == 0 else 1,
                    bottleneck=bottleneck,
                    frames=3 if inflated and _INFLATED[stage](index) else 1,
                )
                for index in range(count)
            ]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self._width(3, 1), classes)
        if bottleneck:
            nn.init.normal_(self.fc.weight, std=0.01)
            nn.init.zeros_(self.fc.bias)
        if pairwise:
            self.insert_nonlocal_blocks(positions, pairwise=pairwise)

    def _width(self, stage: int, index: int) -> int:
        """Channels that block `index` of a stage, from 0, takes; those of its stage but for the first."""
        stage -= index == 0
        return self.channels * 2**stage * (4 if self.bottleneck else 1)

    def insert_nonlocal_blocks(self, positions: Positions, *, pairwise: Pairwise) -> None:
        """Put new non-local blocks into the network, which may be trained: its output stays the same.

        Args:
            positions: (Stage, index) of the residual blocks, res2 to res5, that they come after.
            pairwise: Pairwise function of the new blocks.

        Raises:
            ValueError: For a position that the network lacks, or that has a block already.
        """
        check_positions(self.depth, positions)
        for stage, index in positions:
            name = f"layer{stage - 1}_{index}"
            if name in self.nonlocal_blocks:
                raise ValueError(f"there is a non-local block after {stage}.{index} already")
            block = NonLocalBlock(
                self._width(stage - 2, 1),
                pairwise=pairwise,
                scale=self.conventions.scale,
                pool_projections=self.conventions.pool_projections,
                ceil_pool=self.conventions.ceil_pools,
            )
            block.to(device=self.fc.weight.device, dtype=self.fc.weight.dtype)
            self.nonlocal_blocks[name] = block.train(self.training)

    def features(self, x: Tensor) -> Tensor:
        """The map before the global average: (B,C,T',H/32,W/32)."""
        x = self.pool1(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            for index, block in enumerate(getattr(self, f"layer{stage}")):
                x = block(x)
                name = f"layer{stage}_{index}"
                if name in self.nonlocal_blocks:
                    x = self.nonlocal_blocks[name](x)
            if stage == 1 and self.pool2 is not None and x.shape[2] > 1:
                x = self.pool2(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Clip (B,3,T,H,W), standardised float -> logits (B,classes)."""
        return self.fc(self.dropout(self.features(x).mean(dim=(2, 3, 4))))


def resnet3d(
    *,
    classes: int,
    trunk: Trunk = "i3d",
    depth: int = 50,
    channels: int = 64,
    pairwise: Pairwise | None = "embedded",
    positions: Positions | None = None,
    long_clips: bool = False,
    dropout: float = 0.5,
    conventions: Conventions | None = None,
) -> ResNet3D:
    """Make a C2D or I3D ResNet for clips, with or without non-local blocks.

    Args:
        classes: Number of classes.
        trunk: `c2d`, or `i3d` with convolutions in time.
        depth: 10, 18, 34, 50 or 101.
        channels: Channels of the stem and of res2; every stage has twice those of the one before.
        pairwise: Pairwise function of the non-local blocks; None leaves them out.
        positions: (Stage, index) of the residual blocks that they come after, as (3, 1) for res3's
            second; by default the paper's five (`block_positions`).
        long_clips: The stem and the first pooling halve the time each, for 32 frames (stride 2);
            without it they leave the time alone, for 8 frames (stride 8). Either way T is 4 from
            res3 on.
        dropout: Share of the features that is dropped before the classifier in training.
        conventions: In what the network is not the paper's; by default nothing.

    Returns:
        The network: clip (B,3,T,H,W), standardised float -> logits (B,classes).

    Raises:
        ValueError: For another depth or a position that it does not have.
    """
    if depth not in DEPTHS:
        raise ValueError(f"depth is one of {sorted(DEPTHS)}, not {depth}")
    return ResNet3D(
        classes=classes,
        trunk=trunk,
        depth=depth,
        channels=channels,
        pairwise=pairwise,
        positions=block_positions(depth) if positions is None else positions,
        long_clips=long_clips,
        dropout=dropout,
        conventions=conventions or Conventions(),
    )


def network(name: str, *, classes: int, frames: int = 8, dropout: float = 0.5) -> ResNet3D:
    """Make the network of a name such as `c2d-nl-r10`, `i3d-nl=10-r101` or `i3d-r50@pytorchvideo`.

    ResNet-10 has a quarter of the usual channels (16); the others have the published ones.

    Args:
        name: As `parse_architecture` reads it.
        classes: Number of classes.
        frames: Frames of a clip; from 32 on the stem halves the time twice.
        dropout: Share of the features that is dropped before the classifier in training.

    Returns:
        The network, as `resnet3d` makes it.

    Raises:
        ValueError: For another name.
    """
    architecture = parse_architecture(name)
    return resnet3d(
        classes=classes,
        trunk=architecture.trunk,
        depth=architecture.depth,
        channels=DEPTHS[architecture.depth][2],
        pairwise=architecture.pairwise,
        positions=architecture.positions,
        long_clips=frames >= 32,
        dropout=dropout,
        conventions=architecture.conventions,
    )


def new_blocks(weights: Mapping[str, Tensor], target: nn.Module) -> frozenset[str]:
    """The non-local blocks of a network that weights have nothing of: new ones, the identity.

    Args:
        weights: Parameters and buffers by name.
        target: Network that the weights are for.

    Returns:
        Prefixes of their names, such as `nonlocal_blocks.layer2_1.`.
    """
    prefixes = {
        ".".join(name.split(".")[:2]) + "."
        for name in target.state_dict()
        if name.startswith("nonlocal_blocks.")
    }
    return frozenset(p for p in prefixes if not any(name.startswith(p) for name in weights))


def surplus_names(weights: Mapping[str, Tensor], target: nn.Module) -> list[str]:
    """Names of weights that a network has no parameter or buffer for, but for a classifier `fc`."""
    expected = target.state_dict().keys()
    return [
        name
        for name in weights
        if name not in expected
        and not name.startswith("fc.")
        and not name.endswith("num_batches_tracked")
    ]


def inflate_state(
    weights: Mapping[str, Tensor], target: ResNet3D, *, classifier: bool = False
) -> dict[str, Tensor]:
    """Make the state of a network over clips from 2D weights, or from such over clips (section 4.1).

    A 2D kernel is repeated over its time span and divided by it, so that a clip of equal frames
    gives what the frame gave. A non-local block that the weights lack keeps its state, the identity
    when new; one that they have is taken over.

    Args:
        weights: Parameters and buffers under torchvision's names.
        target: Network that the state is for; it is not changed.
        classifier: Take the classifier over as well.

    Returns:
        The whole state of `target`.

    Raises:
        ValueError: Naming the parameter that is missing, does not fit or is not the network's.
    """
    surplus = surplus_names(weights, target)
    if surplus:
        raise ValueError(
            f"the network has no parameter {surplus[0]}, one of {len(surplus)} that the weights "
            "have and it has not; give the architecture that they are of"
        )
    state = {name: value.detach().clone() for name, value in target.state_dict().items()}
    fresh = tuple(new_blocks(weights, target))
    for name, value in state.items():
        if name.startswith(fresh) or name.endswith("num_batches_tracked"):
            continue
        if name.startswith("fc.") and not classifier:
            continue
        if name not in weights:
            raise ValueError(f"the weights have no parameter {name}")
        source = weights[name].to(value.dtype)
        if value.ndim == 5 and source.ndim == 4:
            frames = value.shape[2]
            source = source.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames
        if source.shape != value.shape:
            raise ValueError(
                f"parameter {name} is {tuple(source.shape)}, the network wants {tuple(value.shape)}"
            )
        state[name] = source
    return state
