"""C2D and I3D residual networks over clips, with non-local blocks (Wang et al. 2018, table 1, 4.1).

C2D works on each frame alone except for pooling; I3D also convolves in time: the stem is 5x7x7 and
the first convolution of every second residual block is inflated to three frames. A clip is
(B,3,T,H,W); the networks are fully convolutional and take any T, H and W.

Names of the parameters are torchvision's (`conv1`, `layer3.2.bn1`, `fc`), so that published 2D
weights can be inflated (`inflate_state`). Non-local blocks live apart, in `nonlocal_blocks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from action_recog.networks.nonlocal_block import NonLocalBlock, Pairwise

Trunk = Literal["c2d", "i3d"]

# depth -> (bottleneck?, residual blocks in res2..res5)
DEPTHS: dict[int, tuple[bool, tuple[int, int, int, int]]] = {
    10: (False, (1, 1, 1, 1)),
    18: (False, (2, 2, 2, 2)),
    50: (True, (3, 4, 6, 3)),
}
# Blocks (counted from 0) whose first convolution spans three frames in I3D: res2..res5.
_INFLATED = (lambda b: True, lambda b: b % 2 == 0, lambda b: b % 2 == 0, lambda b: b % 2 == 1)


def _convolution(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> nn.Conv3d:
    padding = tuple(k // 2 for k in kernel)
    convolution = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution


class ResidualBlock(nn.Module):
    """A basic (3x3, 3x3) or bottleneck (1x1, 3x3, 1x1) block; `frames` is the first kernel's time
    span.

    The spatial stride sits in the (first) 3x3; the shortcut is projected when the shape changes;
    the last batch normalisation starts with gamma = 0.
    """

    def __init__(
        self, inputs: int, width: int, *, stride: int, bottleneck: bool, frames: int
    ) -> None:
        super().__init__()
        outputs = width * 4 if bottleneck else width
        s, one = (1, stride, stride), (1, 1, 1)
        if bottleneck:
            self.conv1 = _convolution(inputs, width, (frames, 1, 1), one)
            self.conv2 = _convolution(width, width, (1, 3, 3), s)
            self.conv3 = _convolution(width, outputs, one, one)
            self.bn3 = nn.BatchNorm3d(outputs)
        else:
            self.conv1 = _convolution(inputs, width, (frames, 3, 3), s)
            self.conv2 = _convolution(width, outputs, (1, 3, 3), one)
        self.bn1, self.bn2 = nn.BatchNorm3d(width), nn.BatchNorm3d(width)
        self.bottleneck = bottleneck
        if bottleneck:  # the paper's; small trunks have too few steps to wake such blocks up
            nn.init.zeros_(self.bn3.weight)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                _convolution(inputs, outputs, one, s), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(torch.relu(y)))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet3D(nn.Module):
    """Clip (B,3,T,H,W), standardised float -> logits (B,classes). Made by `resnet3d`."""

    def __init__(
        self,
        *,
        classes: int,
        trunk: Trunk,
        depth: int,
        width: int,
        pairwise: Pairwise | None,
        long_clips: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        bottleneck, counts = DEPTHS[depth]
        inflated = trunk == "i3d"
        time_stride = 2 if long_clips else 1
        self.conv1 = _convolution(3, width, (5 if inflated else 1, 7, 7), (time_stride, 2, 2))
        self.bn1 = nn.BatchNorm3d(width)
        self.pool1 = nn.MaxPool3d((time_stride, 3, 3), (time_stride, 2, 2), (0, 1, 1))
        self.pool2 = nn.MaxPool3d((2, 1, 1), (2, 1, 1), ceil_mode=True)
        self.nonlocal_blocks = nn.ModuleDict()
        channels = width
        for stage, count in enumerate(counts):
            blocks = []
            for index in range(count):
                block = ResidualBlock(
                    channels,
                    width * 2**stage,
                    stride=2 if stage > 0 and index == 0 else 1,
                    bottleneck=bottleneck,
                    frames=3 if inflated and _INFLATED[stage](index) else 1,
                )
                channels = width * 2**stage * (4 if bottleneck else 1)
                blocks.append(block)
                # res3 and res4: after every second block, or after the only one.
                if pairwise and stage in (1, 2) and (index % 2 == 1 or count == 1):
                    name = f"layer{stage + 1}_{index}"
                    self.nonlocal_blocks[name] = NonLocalBlock(channels, pairwise=pairwise)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)
        if depth == 50:
            nn.init.normal_(self.fc.weight, std=0.01)
            nn.init.zeros_(self.fc.bias)

    def features(self, x: Tensor) -> Tensor:
        """The map before the global average: (B,C,T',H/32,W/32)."""
        x = self.pool1(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            for index, block in enumerate(getattr(self, f"layer{stage}")):
                x = block(x)
                name = f"layer{stage}_{index}"
                if name in self.nonlocal_blocks:
                    x = self.nonlocal_blocks[name](x)
            if stage == 1 and x.shape[2] > 1:
                x = self.pool2(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(self.features(x).mean(dim=(2, 3, 4))))


def resnet3d(
    *,
    classes: int,
    trunk: Trunk = "i3d",
    depth: int = 50,
    width: int = 64,
    pairwise: Pairwise | None = "embedded",
    long_clips: bool = False,
    dropout: float = 0.5,
) -> ResNet3D:
    """A C2D or I3D ResNet-10/18/50 for clips, with non-local blocks unless `pairwise` is None.

    ResNet-50 carries the paper's five blocks (after res3 blocks 1, 3 and res4 blocks 1, 3, 5). With
    `long_clips` the stem and the first pooling halve the time each, for 32 frames (stride 2);
    without it they leave the time alone, for 8 frames (stride 8). Either way res3 onwards sees T
    = 4.
    """
    if depth not in DEPTHS:
        raise ValueError(f"depth is one of {sorted(DEPTHS)}, not {depth}")
    return ResNet3D(
        classes=classes,
        trunk=trunk,
        depth=depth,
        width=width,
        pairwise=pairwise,
        long_clips=long_clips,
        dropout=dropout,
    )


def network(name: str, *, classes: int, frames: int = 8, dropout: float = 0.5) -> ResNet3D:
    """A network by name: `{c2d|i3d}[-nl|-nl_gaussian|-nl_dot]-r{10|18|50}`, as `c2d-nl-r10`.

    ResNet-10 is a quarter as wide as usual (16), ResNet-18 half (32); ResNet-50 is the
    paper's. `frames` >= 32 chooses the stem that halves the time twice.
    """
    parts = name.lower().split("-")
    kinds: dict[str, Pairwise] = {"nl": "embedded", "nl_gaussian": "gaussian", "nl_dot": "dot"}
    known = len(parts) in (2, 3) and parts[0] in ("c2d", "i3d")
    known = known and parts[-1][:1] == "r" and parts[-1][1:] in map(str, DEPTHS)
    if not known or (len(parts) == 3 and parts[1] not in kinds):
        raise ValueError(
            f"unknown network {name!r}: expected trunk[-nl]-depth, "
            "as c2d-nl-r10, i3d-nl-r50 or c2d-r18"
        )
    depth = int(parts[-1][1:])
    return resnet3d(
        classes=classes,
        trunk=parts[0],  # type: ignore[arg-type]
        depth=depth,
        width={10: 16, 18: 32, 50: 64}[depth],
        pairwise=kinds[parts[1]] if len(parts) == 3 else None,
        long_clips=frames >= 32,
        dropout=dropout,
    )


def inflate_state(
    weights_2d: Mapping[str, Tensor], target: ResNet3D, *, classifier: bool = False
) -> dict[str, Tensor]:
    """2D weights under torchvision's names -> a state for `target` (section 4.1).

    A 2D kernel is repeated over its time span and divided by it, so that a clip of equal frames
    gives what the frame gave. Non-local blocks keep their state (the identity when new). The
    classifier is taken over only when `classifier`. Raises ValueError naming the parameter that
    does not fit.
    """
    state = {name: value.detach().clone() for name, value in target.state_dict().items()}
    for name, value in state.items():
        if name.startswith("nonlocal_blocks.") or name.endswith("num_batches_tracked"):
            continue
        if name.startswith("fc.") and not classifier:
            continue
        if name not in weights_2d:
            raise ValueError(f"the 2D weights have no parameter {name}")
        source = weights_2d[name].to(value.dtype)
        if value.ndim == 5 and source.ndim == 4:
            frames = value.shape[2]
            source = source.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames
        if source.shape != value.shape:
            raise ValueError(
                f"parameter {name} is {tuple(source.shape)}, the network wants {tuple(value.shape)}"
            )
        state[name] = source
    return state
