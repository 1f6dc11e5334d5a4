"""Our own source of evidence: a network that draws landmarks, parts and the heading of a crop's person.

A dense head draws, at a quarter of the crop's size, where each landmark is and which part each pixel
belongs to; a second head tells the directions of the limbs, the heading with its certainty, which
landmarks are inside the crop, and whether the crop shows one whole upright person at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from textures.checkpoints import load_network
from textures.evidence.evidence import Evidence, no_evidence, stacked_evidence
from textures.evidence.landmarks import (
    BONES,
    LANDMARKS,
    MIRRORED,
    MIRRORED_BONES,
    MIRRORED_JOINTS,
    MIRRORED_SIGNS,
)
from textures.reid.resnet import ResNet

PARTS = 26  # background, SURREAL's 24, and what is carried
CARRIED = 25
STRIDE = 4
INVERTED = 0.2  # by which a picture must look more like a person upside down
WIDE = 0.75  # of its height: a crop so wide may show two people side by side
TWO_PEOPLE = 0.6  # probability of each half from which it does
MIRRORED_PARTS = [0, *(1 + joint for joint in MIRRORED_JOINTS), CARRIED]


@dataclass(frozen=True, kw_only=True)
class LandmarkConfig:
    """The shape of a landmark network.

    `channels` are those of the trunk's first convolution; `height` and `width` are pixels of the
    network's input.
    """

    depth: int = 18
    channels: int = 32
    height: int = 128
    width: int = 64
    features: int = 64
    hidden: int = 256


class Drawing(NamedTuple):
    """What the network says, as tensors.

    heat (B,L,H/4,W/4): logits of each landmark's place. parts (B,26,H/4,W/4): logits, 0 is background,
    25 what is carried. directions (B,bones,3): unit vectors. heading (B,2): cosine and sine times the
    certainty, the concentration of a von Mises distribution. inside (B,L): logits of being inside the
    crop. presence (B,): logit of the crop showing one whole upright person.
    """

    heat: torch.Tensor
    parts: torch.Tensor
    directions: torch.Tensor
    heading: torch.Tensor
    inside: torch.Tensor
    presence: torch.Tensor


class LandmarkNetwork(nn.Module):
    """`forward` takes (B,3,H,W) RGB in [-1,1] and gives a Drawing."""

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = ResNet(depth=config.depth, channels=config.channels, last_stride=1)
        c = config.features
        self.lateral = nn.ModuleList(nn.Conv2d(n, c, 1) for n in self.trunk.stage_channels)
        self.smooth = nn.Sequential(*_convolution(c, c, 3), *_convolution(c, c, 3))
        self.draw = nn.Conv2d(c, len(LANDMARKS) + PARTS, 1)
        self.gather = nn.Sequential(*_convolution(self.trunk.stage_channels[-1], c, 1))
        cells = (config.height // 16) * (config.width // 16)
        self.numbers = nn.Sequential(
            nn.Linear(c * cells + 3 * len(LANDMARKS), config.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.1),
            nn.Linear(config.hidden, 3 * len(BONES) + 2 + len(LANDMARKS) + 1),
        )

    def forward(self, images: torch.Tensor) -> Drawing:
        size = (self.config.height, self.config.width)
        stages = self.trunk.stages(images * 2)
        x = self.lateral[3](stages[3])
        for lateral, stage in zip(list(self.lateral)[2::-1], stages[2::-1]):
            if x.shape[-2:] != stage.shape[-2:]:
                x = functional.interpolate(x, size=stage.shape[-2:], mode="bilinear")
            x = x + lateral(stage)
        maps = self.draw(self.smooth(x)).float()
        heat = maps[:, : len(LANDMARKS)]
        chance = heat.flatten(2).softmax(-1).view_as(heat)
        positions = (expected_pixels(chance) / heat.new_tensor([size[1], size[0]]) - 0.5).flatten(1)
        peak = chance.flatten(2).amax(-1)
        features = self.gather(stages[3]).flatten(1).float()
        numbers = self.numbers(torch.cat([features, positions, peak], 1)).float()
        bones, heading, inside, presence = numbers.split([3 * len(BONES), 2, len(LANDMARKS), 1], 1)
        directions = functional.normalize(bones.reshape(-1, len(BONES), 3), dim=-1)
        return Drawing(heat, maps[:, len(LANDMARKS) :], directions, heading, inside, presence[:, 0])


def expected_pixels(chance: torch.Tensor) -> torch.Tensor:
    """Mean position (B,L,2), pixels of the input, of maps (B,L,h,w) that sum to one."""
    height, width = chance.shape[-2:]
    x = (torch.arange(width, device=chance.device) + 0.5) * STRIDE
    y = (torch.arange(height, device=chance.device) + 0.5) * STRIDE
    return torch.stack([(chance.sum(2) * x).sum(-1), (chance.sum(3) * y).sum(-1)], -1)


def peak_pixels(chance: torch.Tensor, *, reach: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Where maps (B,L,h,w) that sum to one are highest, and the probability there.

    Returns:
        Mean position (B,L,2), pixels, of the cells within `reach` of the highest, and their sum (B,L).
    """
    width = chance.shape[-1]
    flat = chance.flatten(2).argmax(-1)
    row, column = flat // width, flat % width
    rows = torch.arange(chance.shape[-2], device=chance.device)
    columns = torch.arange(width, device=chance.device)
    near_rows = (rows - row[..., None]).abs() <= reach
    near_columns = (columns - column[..., None]).abs() <= reach
    near = chance * near_rows[..., None] * near_columns[..., None, :]
    mass = near.sum((2, 3))
    return expected_pixels(near / mass[..., None, None].clamp(min=1e-9)), mass


class LandmarkSource:
    """The landmark network as a source of evidence; crop and mirrored crop are averaged."""

    def __init__(
        self, network: LandmarkNetwork, *, tag: str, name: str = "network", batch: int = 64
    ) -> None:
        """Keep the network.

        Args:
            network: on the device that is to be used.
            tag: name and digest of its weights.
            name: of the source.
            batch: crops that are looked at together.
        """
        self.name, self.tag = name, tag
        self.network = network.eval()
        self.batch = batch

    def observe(self, names: Sequence[str], images: Sequence[np.ndarray]) -> Evidence:
        """Evidence of crops (h,w,3) uint8 RGB; `names` are not needed."""
        if not len(images):
            return no_evidence(self.name, 0)
        return stacked_evidence(
            [
                self._observe(images[first : first + self.batch])
                for first in range(0, len(images), self.batch)
            ]
        )

    @torch.no_grad()
    def _observe(self, images: Sequence[np.ndarray]) -> Evidence:
        config = self.network.config
        device = next(self.network.parameters()).device
        frames = [input_frame(image.shape[0], image.shape[1], config) for image in images]
        x = torch.cat([framed_crop(image, frame, config) for image, frame in zip(images, frames)])
        drawing = mirrored_mean(self.network, x.to(device))
        chance = drawing.heat.flatten(2).softmax(-1).view_as(drawing.heat)
        pixels, mass = peak_pixels(chance)
        certainty = drawing.heading.norm(dim=1)
        resultant = torch.special.i1e(certainty) / torch.special.i0e(certainty)
        chances = drawing.parts.softmax(1)
        person = functional.interpolate(
            (1 - chances[:, 0] - chances[:, CARRIED])[:, None],
            size=(config.height, config.width),
            mode="bilinear",
        )[:, 0]
        landmarks = np.stack(
            [
                (position - frame.offset) / frame.factor
                for position, frame in zip(pixels.cpu().numpy(), frames)
            ]
        )
        heading = torch.atan2(drawing.heading[:, 1], drawing.heading[:, 0])
        return Evidence(
            source=self.name,
            landmarks=landmarks.astype(np.float32),
            confidence=(mass * drawing.inside.sigmoid()).cpu().numpy(),
            directions=drawing.directions.cpu().numpy(),
            direction_confidence=np.repeat(
                resultant.cpu().numpy()[:, None], len(BONES), axis=1
            ).astype(np.float32),
            heading=heading.cpu().numpy(),
            heading_confidence=resultant.cpu().numpy(),
            person=tuple(
                _unframed(mask, image, frame)
                for mask, image, frame in zip(person.cpu().numpy(), images, frames)
            ),
            presence=self._presence(images, x, drawing.presence),
        )

    def _presence(
        self, images: Sequence[np.ndarray], x: torch.Tensor, logits: torch.Tensor
    ) -> np.ndarray:
        """Probability (N,) that each crop shows one whole upright person.

        A picture that looks more like a person upside down is one of somebody upside down; a wide one
        whose halves both look like a person is one of two.
        """
        device = next(self.network.parameters()).device
        upright = logits.sigmoid().cpu().numpy()
        inverted = self.network(x.flip(-2).to(device)).presence.sigmoid().cpu().numpy()
        presence = np.where(inverted > upright + INVERTED, 0.0, upright)
        for index, image in enumerate(images):
            height, width = image.shape[:2]
            if width > WIDE * height and width >= 2:
                sides = (image[:, : width // 2], image[:, width // 2 :])
                config = self.network.config
                frames = [input_frame(side.shape[0], side.shape[1], config) for side in sides]
                pair = torch.cat(
                    [framed_crop(side, frame, config) for side, frame in zip(sides, frames)]
                )
                people = self.network(pair.to(device)).presence.sigmoid().min()
                presence[index] *= float(people < TWO_PEOPLE)
        return presence.astype(np.float32)


class InputFrame(NamedTuple):
    """How a crop lies on the network's input: input pixel = factor * crop pixel + offset (2,)."""

    factor: float
    offset: np.ndarray


def input_frame(height: int, width: int, config: LandmarkConfig) -> InputFrame:
    """The whole crop, undistorted, in the middle of the input."""
    factor = min(config.height / height, config.width / width)
    room = np.array([config.width - factor * width, config.height - factor * height])
    return InputFrame(factor, room / 2)


def framed_crop(image: np.ndarray, frame: InputFrame, config: LandmarkConfig) -> torch.Tensor:
    """A crop (h,w,3) uint8 RGB as (1,3,H,W) in [-1,1]; its edges are carried outwards."""
    height, width = image.shape[:2]
    size = (max(1, round(width * frame.factor)), max(1, round(height * frame.factor)))
    shrinking = frame.factor < 1
    scaled = image
    if (width, height) != size:
        scaled = cv2.resize(
            image, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        )
    left, top = (max(0, round(float(value))) for value in frame.offset)
    padded = cv2.copyMakeBorder(
        scaled,
        *(top, max(0, config.height - size[1] - top)),
        *(left, max(0, config.width - size[0] - left)),
        cv2.BORDER_REPLICATE,
    )[: config.height, : config.width]
    array = np.ascontiguousarray(padded)
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 127.5 - 1


def mirrored_mean(network: nn.Module, images: torch.Tensor) -> Drawing:
    """The mean of what the network says of images (B,3,H,W) and of their mirror images."""
    straight = network(images)
    turned = mirrored_drawing(network(images.flip(-1)))
    return Drawing(*((a + b) / 2 for a, b in zip(straight, turned)))


def mirrored_drawing(drawing: Drawing) -> Drawing:
    """What is said of an image, from what is said of its mirror image."""
    return Drawing(
        drawing.heat.flip(-1)[:, MIRRORED],
        drawing.parts.flip(-1)[:, MIRRORED_PARTS],
        drawing.directions[:, MIRRORED_BONES] * drawing.directions.new_tensor(MIRRORED_SIGNS),
        drawing.heading * drawing.heading.new_tensor([1.0, -1.0]),
        drawing.inside[:, MIRRORED],
        drawing.presence,
    )


def load_landmark_network(
    path: Path | None = None, *, device: str = "cpu"
) -> tuple[LandmarkNetwork, dict[str, Any]]:
    """A trained landmark network and its card; the shipped one when no path is given."""
    return load_network(
        path, "body-fit", lambda **fields: LandmarkConfig(**fields), LandmarkNetwork, device=device
    )


def _convolution(inputs: int, outputs: int, size: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _unframed(mask: np.ndarray, image: np.ndarray, frame: InputFrame) -> np.ndarray:
    """A mask (H,W) of the input on the crop (h,w)."""
    height, width = image.shape[:2]
    left, top = (max(0, round(float(value))) for value in frame.offset)
    inner = mask[top : top + max(1, round(height * frame.factor)), left:]
    inner = inner[:, : max(1, round(width * frame.factor))]
    return cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)
