"""People in canonical poses by textured bodies: ours in the place of PN-GAN's generator.

A crop's body is fitted and textured by a texture method; one body for each canonical pose, fitted to its
joints, wears that texture before the same camera, on grey. The light is the one that the texture holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from mocap.bodies.body import Body
from textures.body_fit.fitting import BodyFit, BodyFitter, fit_evidence, pose_fit
from textures.evidence.evidence import no_evidence
from textures.evidence.landmarks import INDEX
from textures.pn_gan.pose_maps import COCO_INDEX, LANDMARK_SOURCES
from textures.texture_method import TextureMethod
from textures.visibility.buffer import visibility
from textures.visibility.rendering_tensor import composite, render, texel_map

SIZE = (128, 64)
MOST_TEXTURES = 16_384  # that are remembered: 48 KB each at 128 texels a side
GREY = 0.0


class RenderedNormaliser:
    """Bodies of a texture method in canonical poses."""

    def __init__(
        self, method: TextureMethod, fitter: BodyFitter, body: Body, poses: np.ndarray
    ) -> None:
        """Fit a body to each canonical pose.

        Args:
            method: trained, whose textures the bodies wear.
            fitter: of bodies to crops.
            body: of both.
            poses: (K,18,3) in shares.
        """
        self.name, self.count = f"bodies of {method.name}", len(poses)
        self.method, self.fitter = method, fitter
        self.fits = fitted_to_poses(fitter, poses)
        posed = pose_fit(self.fits, fitter.skinning)
        maps, masks = [], []
        for vertices, camera in zip(posed.vertices, posed.cameras):
            buffer = visibility(vertices, body.faces, camera)
            maps.append(texel_map(buffer, body.mesh))
            masks.append(buffer.covered)
        self.maps = torch.from_numpy(np.stack(maps))
        self.masks = torch.from_numpy(np.stack(masks)).float()[:, None]
        self._textures: dict[bytes, np.ndarray] = {}

    @torch.no_grad()
    def pictures(self, images: torch.Tensor, chosen: np.ndarray) -> torch.Tensor:
        """Rendered pictures (B,3,128,64), each person's texture made once and remembered."""
        rows = ((images.cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
        crops = [np.ascontiguousarray(row) for row in rows.numpy()]
        textures = torch.from_numpy(self._textured(crops)).float() / 127.5 - 1
        index = torch.from_numpy(np.asarray(chosen))
        bodies = render(textures, self.maps[index])
        return composite(bodies, self.masks[index], torch.full_like(bodies, GREY))

    def _textured(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Textures (B,3,S,S) uint8 of crops."""
        keys = [crop.tobytes() for crop in crops]
        lacking = {key: crop for key, crop in zip(keys, crops) if key not in self._textures}
        if lacking:
            if len(self._textures) + len(lacking) > MOST_TEXTURES:
                shared = {key: self._textures[key] for key in keys if key in self._textures}
                self._textures = shared
            pictures = list(lacking.values())
            with torch.enable_grad():  # the fit descends, whoever asks
                fitted = self.fitter.fit([""] * len(pictures), pictures)
            fits = pose_fit(fitted, self.fitter.skinning)
            textures = self.method.textures(pictures, fits)
            texels = ((textures.cpu() + 1) * 127.5).round().clamp(0, 255).byte().numpy()
            self._textures |= dict(zip(lacking, texels))
        return np.stack([self._textures[key] for key in keys])


def fitted_to_poses(fitter: BodyFitter, poses: np.ndarray) -> BodyFit:
    """Bodies (K) fitted to canonical poses, on crops of 128x64 pixels.

    Args:
        fitter: of the body.
        poses: (K,18,3) in shares, shoulders and hips where Market-1501's labels have them.
    """
    evidence = no_evidence("canonical poses", len(poses))
    landmarks, confidence = evidence.landmarks.copy(), evidence.confidence.copy()
    for joint, (landmark, *_) in LANDMARK_SOURCES.items():
        column = poses[:, COCO_INDEX[joint]]
        landmarks[:, INDEX[landmark]] = column[:, :2] * SIZE[::-1]
        confidence[:, INDEX[landmark]] = column[:, 2]
    evidence = dataclasses.replace(evidence, landmarks=landmarks, confidence=confidence)
    return fit_evidence(fitter, [evidence], [SIZE] * len(poses))
