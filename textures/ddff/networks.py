"""The hallucination network complex and the texture network complex (Chang et al. 2022, section 4).

The one generates pictures of the person in other poses, the other a texture, level by level at the same
time: the texture looks at the pictures' features where a flow points to, and the pictures at the
texture's. Four flow generators point: from the source picture to a pose, from the texture to a picture,
and from pictures to the texture, the last with masks of each picture and one of all of them together.

What the paper leaves open is as in the release of its building block (Ren et al. 2020): widths, three
halvings, attention at the two coarsest levels with patches of 3 and 5 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.ddff.attention import LocalAttention, identity_positions, merged, warped
from textures.layers.residual import (
    ResidualBlock,
    ResidualEncoder,
    doubled,
    reflected_convolution,
)

JOINTS = 24
LINKS = ("full", "image-to-texture", "texture-to-image", "independent")
PATCH_SIZES = {0: 5, 1: 5, 2: 5}  # by level; 3 at coarser ones
CONSTANT_CHANNELS = 16  # of the texture generator's input, which is learnt


@dataclass(frozen=True, kw_only=True)
class DdffConfig:
    """The shape of the networks.

    height, width: of pictures. texture_size: texels. hallucinations: how many pictures the texture looks
    at, 1 to 4. links: which of the two domains looks at the other, the paper's "full" and its ablations.
    levels: how often the generators halve; attention_levels: of them, the coarsest, where they look.
    flow_levels: how often the flow generators halve.
    """

    height: int = 256
    width: int = 128
    texture_size: int = 256
    hallucinations: int = 3
    links: str = "full"
    channels: int = 64
    most_channels: int = 512
    levels: int = 3
    attention_levels: int = 2
    flow_channels: int = 32
    flow_levels: int = 4
    critic_channels: int = 64
    critic_layers: int = 4

    def __post_init__(self) -> None:
        if self.links not in LINKS:
            raise BadInput(f"networks.links {self.links}: expected one of {', '.join(LINKS)}")
        if not 1 <= self.hallucinations <= 4:
            raise BadInput(f"networks.hallucinations {self.hallucinations}: expected 1 to 4")
        if not 1 <= self.attention_levels <= self.levels <= self.flow_levels:
            raise BadInput(
                f"networks: {self.attention_levels} attention_levels of {self.levels} levels, "
                f"{self.flow_levels} flow_levels: expected 1 or more, each no more than the next"
            )
        factor = 2 ** (self.flow_levels + 1)
        for name in ("height", "width", "texture_size"):
            if getattr(self, name) % factor:
                raise BadInput(
                    f"networks.{name} {getattr(self, name)}: halved {self.flow_levels} times by the flow "
                    f"generators, so expected a multiple of {factor}"
                )

    @property
    def attended(self) -> tuple[int, ...]:
        """The levels where generators look at features, the coarsest first."""
        return tuple(range(self.levels, self.levels - self.attention_levels, -1))

    @property
    def texture_sees_images(self) -> bool:
        """Whether the texture looks at the hallucinations' features."""
        return self.links in ("full", "image-to-texture")

    @property
    def images_see_texture(self) -> bool:
        """Whether pictures look at the texture's features."""
        return self.links in ("full", "texture-to-image")

    def widths(self, channels: int, levels: int) -> list[int]:
        """Channels of each level, the finest first."""
        return [min(self.most_channels, channels * 2**level) for level in range(levels + 1)]


@dataclass
class PoseMaps:
    """N poses of bodies, in pictures and carried onto the texture.

    heat (N,J,H,W): a heat map for each joint. texture_heat (N,J,S,S): the same at the pixels that texels
    look at. coordinates (N,S,S,2): those pixels, x and y in [-1,1]. visible (N,1,S,S): 1 where the pose
    shows the texel.
    """

    heat: torch.Tensor
    texture_heat: torch.Tensor
    coordinates: torch.Tensor
    visible: torch.Tensor


def pose_maps(heat: torch.Tensor, coordinates: torch.Tensor, visible: torch.Tensor) -> PoseMaps:
    """Heat maps and coordinate annotations with the poses warped to the texture (b = warp(p; c))."""
    return PoseMaps(heat, warped(heat, coordinates) * visible, coordinates, visible)


@dataclass
class LevelFlow:
    """Positions (N,h,w,2) in the other features, and masks (N,1,h,w)."""

    positions: torch.Tensor
    mask: torch.Tensor


@dataclass
class HallucinationPass:
    """Pictures (N,3,H,W) of the hallucination complex, and its flows by level."""

    images: torch.Tensor
    source_flows: dict[int, LevelFlow] = field(default_factory=dict)
    texture_flows: dict[int, LevelFlow] = field(default_factory=dict)


@dataclass
class DualOutputs:
    """What both complexes make of a batch.

    texture (B,3,S,S). hallucinations: of B*n poses, a person's together. image_flows: from the source
    picture to the texture, by level. targets: of the poses that there are pictures of; None without them.
    """

    texture: torch.Tensor
    hallucinations: HallucinationPass
    image_flows: dict[int, LevelFlow]
    targets: HallucinationPass | None = None


class FlowDecoder(nn.Module):
    """From a flow generator's encoded input to raw flows and masks, at the levels that are attended."""

    def __init__(self, widths: list[int], attended: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.coarsest = len(widths) - 1
        finest = min(attended)
        self.up = nn.ModuleDict(
            {
                str(level): ResidualBlock(widths[level + 1] + widths[level], widths[level])
                for level in range(finest, self.coarsest)
            }
        )
        self.heads = nn.ModuleDict()
        for level in attended:
            head = nn.Conv2d(widths[level], outputs, 3, padding=1)
            nn.init.normal_(head.weight, 0, 1e-3)
            if head.bias is not None:
                nn.init.zeros_(head.bias)
            self.heads[str(level)] = head

    def begin(self, encoded: list[torch.Tensor], level: int) -> torch.Tensor:
        """The features of the first attended level."""
        x = encoded[-1]
        for finer in range(self.coarsest - 1, level - 1, -1):
            x = self.finer(x, encoded, finer)
        return x

    def finer(self, x: torch.Tensor, encoded: list[torch.Tensor], level: int) -> torch.Tensor:
        """The features of a level from those of the coarser one."""
        block = self.up[str(level)]
        return functional.relu(block(torch.cat([doubled(x), encoded[level]], 1)))

    def raw(self, x: torch.Tensor, level: int) -> torch.Tensor:
        """What a level's head says, in single precision."""
        head = self.heads[str(level)]
        with torch.autocast(x.device.type, enabled=False):
            return head(x.to(next(head.parameters()).dtype))


class DualDomainNetwork(nn.Module):
    """Both complexes with their flow generators."""

    def __init__(self, config: DdffConfig) -> None:
        super().__init__()
        self.config = config
        attended = config.attended
        widths = config.widths(config.channels, config.levels)
        flow_widths = config.widths(config.flow_channels, config.flow_levels)

        def attention() -> nn.ModuleDict:
            return nn.ModuleDict(
                {str(k): LocalAttention(widths[k], PATCH_SIZES.get(k, 3)) for k in attended}
            )

        def decoder() -> nn.ModuleList:
            return nn.ModuleList(
                ResidualBlock(widths[k + 1], widths[k]) for k in range(config.levels)
            )

        # the hallucination complex
        self.source_encoder = ResidualEncoder(3, widths)
        self.pose_encoder = ResidualEncoder(JOINTS, widths)
        self.source_flow_encoder = ResidualEncoder(3 + 2 * JOINTS, flow_widths)
        self.source_flow_decoder = FlowDecoder(flow_widths, attended, 3)
        self.source_attention = attention()
        self.image_decoder = decoder()
        self.image_leave = reflected_convolution(widths[0], 3, 7)
        if config.images_see_texture:
            self.texture_flow_encoder = ResidualEncoder(JOINTS, flow_widths)
            self.texture_flow_decoder = FlowDecoder(flow_widths, attended, 3)
            self.texture_attention = attention()
            self.inject = nn.ModuleDict(
                {str(k): nn.Conv2d(widths[k], flow_widths[k], 1) for k in attended[:-1]}
            )
        # the texture complex; unlinked it looks at the source picture alone, at the lowest level
        looked = attended if config.texture_sees_images else attended[:1]
        self.looked = looked
        views = config.hallucinations if config.texture_sees_images else 1
        size = config.texture_size
        self.constant = nn.Parameter(torch.randn(1, CONSTANT_CHANNELS, size, size))
        self.texture_encoder = ResidualEncoder(CONSTANT_CHANNELS, widths)
        self.texture_decoder = decoder()
        self.texture_leave = reflected_convolution(widths[0], 3, 7)
        self.image_flow_encoder = ResidualEncoder(JOINTS + 3, flow_widths)
        self.image_pose_encoder = ResidualEncoder(JOINTS, flow_widths)
        self.image_flow_decoder = FlowDecoder(flow_widths, looked, 4)
        self.image_attention = nn.ModuleDict(
            {str(k): LocalAttention(widths[k], PATCH_SIZES.get(k, 3)) for k in looked}
        )
        self.merge = nn.ModuleDict(
            {str(k): nn.Conv2d(views * widths[k], widths[k], 3, padding=1) for k in looked}
        )

    def forward(
        self,
        source: torch.Tensor,
        source_pose: PoseMaps,
        hallucinated: PoseMaps,
        target_heat: torch.Tensor | None = None,
    ) -> DualOutputs:
        """Both steps of the generation (section 4.3).

        Args:
            source: (B,3,H,W) in [-1,1].
            source_pose: of B pictures.
            hallucinated: B*n poses, a person's together, the source's own first.
            target_heat: (B*m,J,H,W), a person's together: poses of pictures that are there.
        """
        key = self.source_encoder(source)
        flows = self._image_flows(hallucinated if self.config.texture_sees_images else source_pose)
        texture_features: dict[int, torch.Tensor] = {}
        texture, hallucinations = self._first_step(
            source, source_pose, key, hallucinated.heat, flows, texture_features
        )
        views = self.config.hallucinations if self.config.texture_sees_images else 1
        firsts = {
            level: LevelFlow(flow.positions[::views], flow.mask[::views])
            for level, (flow, _) in flows.items()
        }
        targets = None
        if target_heat is not None:
            targets = self._second_step(source, source_pose, key, target_heat, texture_features)
        return DualOutputs(texture, hallucinations, firsts, targets)

    def _image_flows(self, poses: PoseMaps) -> dict[int, tuple[LevelFlow, torch.Tensor]]:
        """From pictures in these poses to the texture: flows, masks, and the aggregation's logits."""
        coordinates = (poses.coordinates * poses.visible[:, 0, ..., None]).permute(0, 3, 1, 2)
        encoded = self.image_flow_encoder(
            torch.cat([poses.texture_heat, coordinates, poses.visible], 1)
        )
        pooled = self.image_pose_encoder(poses.heat)[-1].mean((2, 3), keepdim=True)
        encoded = [*encoded[:-1], encoded[-1] + pooled]
        decoder, flows = self.image_flow_decoder, {}
        x = decoder.begin(encoded, self.looked[0])
        for number, level in enumerate(self.looked):
            if number:
                x = decoder.finer(x, encoded, level)
            raw = decoder.raw(x, level)
            flow = LevelFlow(raw[:, :2].permute(0, 2, 3, 1), torch.sigmoid(raw[:, 2:3]))
            flows[level] = (flow, raw[:, 3:])
        return flows

    def _first_step(
        self,
        source: torch.Tensor,
        source_pose: PoseMaps,
        key: list[torch.Tensor],
        heat: torch.Tensor,
        flows: dict[int, tuple[LevelFlow, torch.Tensor]],
        texture_features: dict[int, torch.Tensor],
    ) -> tuple[torch.Tensor, HallucinationPass]:
        """The first step: texture and hallucinations at once; the texture's features are noted."""
        views = len(heat) // len(source)
        t = self.texture_encoder(self.constant)[-1].expand(len(source), -1, -1, -1)
        steps = _ImageSteps(self, source, source_pose, key, heat)
        for level in range(self.config.levels, -1, -1):
            if level < self.config.levels:
                t = functional.relu(self.texture_decoder[level](doubled(t)))
            steps.decode(level)
            if level in self.config.attended:
                steps.look_at_source(level)
                if level in flows:
                    images = steps.x if self.config.texture_sees_images else key[level]
                    t = self._looked_at_images(level, t, images, flows[level])
                texture_features[level] = t
                steps.look_at_texture(level, t.repeat_interleave(views, 0))
        return torch.tanh(self.texture_leave(t).float()), steps.finished()

    def _looked_at_images(
        self,
        level: int,
        t: torch.Tensor,
        images: torch.Tensor,
        flows: tuple[LevelFlow, torch.Tensor],
    ) -> torch.Tensor:
        """The texture's features after a look at all pictures (equations 9 and 10)."""
        flow, logits = flows
        views = len(images) // len(t)
        query = t.repeat_interleave(views, 0)
        looked = self.image_attention[str(level)](query, images, flow.positions) * flow.mask
        together = looked.reshape(len(t), -1, *looked.shape[2:])
        aggregation = torch.sigmoid(logits.view(len(t), views, *logits.shape[2:]).mean(1, True))
        return merged(t, self.merge[str(level)](together), aggregation)

    def _second_step(
        self,
        source: torch.Tensor,
        source_pose: PoseMaps,
        key: list[torch.Tensor],
        heat: torch.Tensor,
        texture_features: Mapping[int, torch.Tensor],
    ) -> HallucinationPass:
        """The second step: pictures alone, with the texture's features of the first."""
        views = len(heat) // len(source)
        steps = _ImageSteps(self, source, source_pose, key, heat)
        for level in range(self.config.levels, -1, -1):
            steps.decode(level)
            if level in self.config.attended:
                steps.look_at_source(level)
                steps.look_at_texture(level, texture_features[level].repeat_interleave(views, 0))
        return steps.finished()


class _ImageSteps:
    """The image generator on its way from the coarsest level to the finest, for B*n poses."""

    def __init__(
        self,
        network: DualDomainNetwork,
        source: torch.Tensor,
        source_pose: PoseMaps,
        key: list[torch.Tensor],
        heat: torch.Tensor,
    ) -> None:
        self.network, self.key = network, key
        self.views = len(heat) // len(source)
        first = network.config.attended[0]
        self.x = network.pose_encoder(heat)[-1]
        pictures = source.repeat_interleave(self.views, 0)
        poses = source_pose.heat.repeat_interleave(self.views, 0)
        self.source_encoded = network.source_flow_encoder(torch.cat([pictures, poses, heat], 1))
        self.source_state = network.source_flow_decoder.begin(self.source_encoded, first)
        if network.config.images_see_texture:
            self.texture_encoded = network.texture_flow_encoder(heat)
            self.texture_state = network.texture_flow_decoder.begin(self.texture_encoded, first)
        self.output = HallucinationPass(source)

    def decode(self, level: int) -> None:
        """Go to a level."""
        config = self.network.config
        if level == config.levels:
            return
        self.x = functional.relu(self.network.image_decoder[level](doubled(self.x)))
        if level in config.attended:
            decoder = self.network.source_flow_decoder
            self.source_state = decoder.finer(self.source_state, self.source_encoded, level)

    def look_at_source(self, level: int) -> None:
        """Attend to the source picture's features where the source's flow points to."""
        raw = self.network.source_flow_decoder.raw(self.source_state, level)
        identity = identity_positions(raw.shape[2], raw.shape[3], raw.device)
        flow = LevelFlow(
            identity.to(raw.dtype) + raw[:, :2].permute(0, 2, 3, 1), torch.sigmoid(raw[:, 2:])
        )
        self.output.source_flows[level] = flow
        key = self.key[level].repeat_interleave(self.views, 0)
        looked = self.network.source_attention[str(level)](self.x, key, flow.positions)
        self.x = merged(self.x, looked, flow.mask)

    def look_at_texture(self, level: int, t: torch.Tensor) -> None:
        """Attend to the texture's features, where the variant does, and tell its flow generator."""
        network = self.network
        if not network.config.images_see_texture:
            return
        decoder = network.texture_flow_decoder
        if level != network.config.attended[0]:
            self.texture_state = decoder.finer(self.texture_state, self.texture_encoded, level)
        raw = decoder.raw(self.texture_state, level)
        flow = LevelFlow(raw[:, :2].permute(0, 2, 3, 1), torch.sigmoid(raw[:, 2:]))
        self.output.texture_flows[level] = flow
        looked = network.texture_attention[str(level)](self.x, t, flow.positions)
        self.x = merged(self.x, looked, flow.mask)
        if str(level) in network.inject:
            self.texture_state = self.texture_state + network.inject[str(level)](
                warped(t, flow.positions).to(self.texture_state.dtype)
            )

    def finished(self) -> HallucinationPass:
        """The pictures and the flows that they were made with."""
        self.output.images = torch.tanh(self.network.image_leave(self.x).float())
        return self.output
