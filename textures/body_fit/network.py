"""The network of the body fit: from a pedestrian crop to SMPL pose, shape and camera.

A dense head draws, at a quarter of the crop's size, where each joint is and which part each pixel
belongs to; a second head regresses 24 rotations (6-D, Zhou et al. 2019), 10 betas and a camera from
the last features and those joints.

Frame. The crop's camera stands at the world's origin and looks along -z with y up (R =
diag(1,-1,-1), t = 0), so a body with zero pose, put in front of it, stands upright and faces it.
The camera is a pinhole with a focal length of `focal` pixels on the network's input, as
pedestrian crops carry no camera: scale s (pixels a metre at the pelvis) and the pelvis' pixel (u,
v) fix where the body stands, z = focal / s. On a crop of another size or aspect the two focal
lengths follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mocap.bodies.skinning import Skinning
from textures.checkpoints import load_network
from textures.reid.resnet import ResNet
from textures.visibility.camera import Camera

JOINTS = 24
PARTS = 25
FACING = np.diag([1.0, -1.0, -1.0])
MEAN_SCALE = 62.0  # pixels a metre on a crop 128 pixels high: a person of 1.7 m is 105 pixels tall


@dataclass(frozen=True, kw_only=True)
class BodyFitConfig:
    """The shape of a body-fit network.

    `channels` are those of the trunk's first convolution; `height`, `width` and `focal` are pixels of
    the network's input.
    """

    depth: int = 18
    channels: int = 32
    height: int = 128
    width: int = 64
    focal: float = 500.0
    features: int = 64
    hidden: int = 512


class Estimate(NamedTuple):
    """What the network says, as tensors.

    rotations (B,24,3,3) relative to the parent (the pelvis': relative to the world); betas (B,10);
    camera (B,3): pelvis pixel u, v on the network's input and log of the scale in pixels a metre;
    joint_pixels (B,24,2) drawn by the dense head; joint_confidence (B,24) in 0..1: inside the
    crop; joint_logits (B,24,H/4,W/4): the dense head's heat maps, whose means are joint_pixels;
    part_logits (B,25,H/4,W/4), 0 is background.
    """

    rotations: torch.Tensor
    betas: torch.Tensor
    camera: torch.Tensor
    joint_pixels: torch.Tensor
    joint_confidence: torch.Tensor
    joint_logits: torch.Tensor
    part_logits: torch.Tensor


class BodyFitNetwork(nn.Module):
    """`forward` takes (B,3,H,W) RGB in [-1,1] and gives an Estimate."""

    def __init__(self, config: BodyFitConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = ResNet(depth=config.depth, channels=config.channels, last_stride=1)
        c = config.features
        self.lateral = nn.ModuleList(
            nn.Conv2d(channels, c, 1) for channels in self.trunk.stage_channels
        )
        self.smooth = nn.Sequential(
            nn.Conv2d(c, c, 3, padding=1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 3, padding=1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
        )
        self.draw = nn.Conv2d(c, JOINTS + PARTS, 1)
        self.gather = nn.Sequential(
            nn.Conv2d(self.trunk.stage_channels[-1], c, 1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
        )
        cells = (config.height // 16) * (config.width // 16)
        layers = [
            nn.Linear(c * cells + 3 * JOINTS, config.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.1),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(inplace=True),
        ]
        numbers = nn.Linear(config.hidden, JOINTS * 6 + 10 + 3)
        self.regress = nn.Sequential(*layers, numbers)
        # Whether each joint is inside the crop; "seen" is its name in shipped weights.
        self.add_module("seen", nn.Linear(config.hidden, JOINTS))
        nn.init.normal_(numbers.weight, std=0.002)
        with torch.no_grad():
            upright = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]).repeat(JOINTS)
            numbers.bias.copy_(torch.cat([upright, torch.zeros(13)]))

    def forward(self, images: torch.Tensor) -> Estimate:
        size = (self.config.height, self.config.width)
        if images.shape[-2:] != size:
            images = functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        stages = self.trunk(images * 2)
        x = self.lateral[3](stages[3])
        for lateral, stage in zip(list(self.lateral)[2::-1], stages[2::-1]):
            if x.shape[-2:] != stage.shape[-2:]:
                x = functional.interpolate(
                    x, size=stage.shape[-2:], mode="bilinear", align_corners=False
                )
            x = x + lateral(stage)
        maps = self.draw(self.smooth(x)).float()
        heat = maps[:, :JOINTS].flatten(2).softmax(-1).view_as(maps[:, :JOINTS])
        pixels = _expected_pixels(heat, stride=4)
        peak = heat.flatten(2).amax(-1)
        features = self.gather(stages[3]).flatten(1).float()
        joints = (pixels / pixels.new_tensor([size[1], size[0]]) - 0.5).flatten(1)
        hidden = self.regress[:5](torch.cat([features, joints, peak], dim=1))
        numbers = self.regress[5](hidden).float()
        offset = numbers[:, JOINTS * 6 + 10 :]
        scale = float(np.log(MEAN_SCALE * size[0] / 128))
        camera = torch.stack(
            [
                (0.5 + offset[:, 0]) * size[1],
                (0.5 + offset[:, 1]) * size[0],
                scale + offset[:, 2],
            ],
            dim=1,
        )
        return Estimate(
            rotations_from_6d(numbers[:, : JOINTS * 6].reshape(-1, JOINTS, 6)),
            numbers[:, JOINTS * 6 : JOINTS * 6 + 10],
            camera,
            pixels,
            self.get_submodule("seen")(hidden).float().sigmoid(),
            maps[:, :JOINTS],
            maps[:, JOINTS:],
        )


def rotations_from_6d(numbers: torch.Tensor) -> torch.Tensor:
    """(...,6), the first two columns before Gram-Schmidt, to (...,3,3)."""
    a, b = numbers[..., :3], numbers[..., 3:]
    x = functional.normalize(a, dim=-1)
    y = functional.normalize(b - (x * b).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def pelvis_position(camera: torch.Tensor, config: BodyFitConfig) -> torch.Tensor:
    """(B,3) pelvis in camera coordinates, metres, from (u, v, log scale) on the network's input."""
    z = config.focal * torch.exp(-camera[:, 2])
    centre = camera.new_tensor([config.width / 2, config.height / 2])
    xy = (camera[:, :2] - centre) * (z / config.focal)[:, None]
    return torch.cat([xy, z[:, None]], dim=1)


def fitted_joints(
    skinning: Skinning,
    rotations: torch.Tensor,
    betas: torch.Tensor,
    camera: torch.Tensor,
    config: BodyFitConfig,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Joints of estimated bodies.

    Returns:
        (B,24,3) metres, relative to the pelvis in the world's axes; and (B,24,2) pixels of the
        network's input.
    """
    rest_joints = skinning.rest_joints + torch.einsum(
        "jkb,nb->njk", skinning.joint_directions, betas
    )
    _, joints = skinning.joint_transforms(rotations, rest_joints)
    relative = joints - joints[:, :1]
    return relative, project(relative, camera, config)


def project(relative: torch.Tensor, camera: torch.Tensor, config: BodyFitConfig) -> torch.Tensor:
    """Points (B,P,3) relative to the pelvis, world's axes, as pixels (B,P,2) of the input."""
    facing = relative.new_tensor([1.0, -1.0, -1.0])
    points = relative * facing + pelvis_position(camera, config)[:, None]
    centre = camera.new_tensor([config.width / 2, config.height / 2])
    return points[..., :2] / points[..., 2:].clamp(min=0.1) * config.focal + centre


def crop_camera(config: BodyFitConfig, height: int, width: int) -> Camera:
    """The camera of the module's docstring on a crop of this size."""
    x, y = width / config.width, height / config.height
    intrinsics = np.array(
        [[config.focal * x, 0, width / 2], [0, config.focal * y, height / 2], [0, 0, 1]]
    )
    return Camera(
        intrinsics=intrinsics, rotation=FACING, translation=np.zeros(3), width=width, height=height
    )


def crop_tensor(image: np.ndarray, height: int, width: int) -> torch.Tensor:
    """A crop (h,w,3) uint8 RGB as (1,3,height,width) in [-1,1]; a larger one is averaged."""
    x = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
    if x.shape[-2:] == (height, width):
        return x
    return functional.interpolate(
        x, size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )


def axis_angle(rotations: np.ndarray) -> np.ndarray:
    """(...,3,3) rotation matrices to (...,3) axis-angle, radians, float64."""
    from scipy.spatial.transform import Rotation

    flat = np.asarray(rotations, dtype=np.float64).reshape(-1, 3, 3)
    return Rotation.from_matrix(flat).as_rotvec().reshape(*rotations.shape[:-2], 3)


def _expected_pixels(heat: torch.Tensor, *, stride: int) -> torch.Tensor:
    """Mean position (B,J,2) in pixels of heat maps (B,J,h,w) that sum to one.

    Cell centres are at (i + 0.5) * stride.
    """
    height, width = heat.shape[-2:]
    x = (torch.arange(width, device=heat.device) + 0.5) * stride
    y = (torch.arange(height, device=heat.device) + 0.5) * stride
    return torch.stack([(heat.sum(2) * x).sum(-1), (heat.sum(3) * y).sum(-1)], dim=-1)


def load_body_fit(
    path: Path | None = None, *, device: str = "cpu"
) -> tuple[BodyFitNetwork, dict[str, Any]]:
    """A trained body-fit network and its card; the shipped one when no path is given."""
    return load_network(
        path, "body-fit", lambda **fields: BodyFitConfig(**fields), BodyFitNetwork, device=device
    )
