"""The losses of DDFF (Chang et al. 2022, section 4.3), and of its flows (Ren et al. 2020)."""

from __future__ import annotations

import torch
from torch.nn import functional

from textures.ddff.attention import identity_positions, local_patches, warped


def hinge_critic_loss(true: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """The hinge loss of the discriminator's logits."""
    return functional.relu(1 - true).mean() + functional.relu(1 + generated).mean()


def hinge_generator_loss(generated: torch.Tensor) -> torch.Tensor:
    """What the generators want of the discriminator's logits."""
    return -generated.mean()


def correctness_loss(
    source: torch.Tensor, target: torch.Tensor, positions: torch.Tensor
) -> torch.Tensor:
    """Sampling correctness (equation 13): features of the source where the flow points, by the target's.

    Args:
        source: (B,C,h,w) features of the source picture.
        target: (B,C,H,W) of the target.
        positions: (B,H,W,2) in the source, for each position of the target.
    """
    sampled = functional.normalize(warped(source, positions), dim=1)
    target = functional.normalize(target, dim=1).to(sampled.dtype)
    source = functional.normalize(source, dim=1).to(sampled.dtype)
    similar = (sampled * target).sum(1).flatten(1)
    best = torch.einsum("bck,bcl->bkl", source.flatten(2), target.flatten(2)).amax(1)
    return torch.exp(-similar / best.clamp(min=1e-6)).mean()


def coordinate_loss(
    positions: torch.Tensor, coordinates: torch.Tensor, visible: torch.Tensor
) -> torch.Tensor:
    """Image-to-texture flow against the coordinate annotation (equation 14).

    Args:
        positions: (B,h,w,2), where each texel of a level looks in the picture.
        coordinates: (B,S,S,2), where it is in truth, of the whole texture.
        visible: (B,1,S,S), 1 where the picture shows the texel.

    Returns:
        The mean distance over visible texels, in halves of the picture's sides.
    """
    size = (positions.shape[1], positions.shape[2])
    shown = functional.adaptive_avg_pool2d(visible, size)
    summed = functional.adaptive_avg_pool2d(coordinates.permute(0, 3, 1, 2) * visible, size)
    expected = (summed / shown.clamp(min=1e-6)).permute(0, 2, 3, 1)
    mask = (shown[:, 0] > 0.5).to(positions.dtype)
    return _masked_distance(positions, expected, mask)


def consistency_loss(
    direct: torch.Tensor,
    to_texture: torch.Tensor,
    to_source: torch.Tensor,
    mask: torch.Tensor,
) -> torch.Tensor:
    """Both paths from the target to the source lead to one place (equation 15).

    Args:
        direct: (B,h,w,2), where each pixel of the target looks in the source picture.
        to_texture: (B,h,w,2), where it looks in the texture.
        to_source: (B,s,s,2), where each texel looks in the source picture.
        mask: (B,1,H,W), 1 on the person in the target.
    """
    path = warped(to_source.permute(0, 3, 1, 2), to_texture).permute(0, 2, 3, 1)
    shown = functional.adaptive_avg_pool2d(mask, (direct.shape[1], direct.shape[2]))[:, 0]
    return _masked_distance(direct, path, (shown > 0.5).to(direct.dtype))


def flow_regularisation(positions: torch.Tensor, size: int = 3) -> torch.Tensor:
    """How far a flow is from affine in each patch: the mean square of what is left (Ren et al. 2020).

    Args:
        positions: (B,H,W,2).
        size: of the patches, in pixels.
    """
    inside = local_patches(
        positions.permute(0, 3, 1, 2), _pixel_middles(positions), size
    )  # (B,2,n*n,H,W)
    line = torch.arange(size, dtype=positions.dtype, device=positions.device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    basis = torch.stack([x.flatten(), y.flatten(), torch.ones_like(x).flatten()], 1)
    residual = torch.eye(size * size, dtype=basis.dtype, device=basis.device) - (
        basis @ torch.linalg.pinv(basis)
    )
    left = torch.einsum("kl,bclhw->bckhw", residual, inside)
    edge = size // 2  # patches over the border repeat its pixels, which no flow made
    return left[..., edge:-edge, edge:-edge].square().mean()


def _pixel_middles(positions: torch.Tensor) -> torch.Tensor:
    height, width = positions.shape[1:3]
    middles = identity_positions(height, width, positions.device).to(positions.dtype)
    return middles.expand(len(positions), -1, -1, -1)


def _masked_distance(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean Euclidean distance of (B,h,w,2) positions over a mask (B,h,w); 0 where it is empty."""
    distance = ((a - b).square().sum(-1) + 1e-12).sqrt()
    return (distance * mask).sum() / mask.sum().clamp(min=1)
