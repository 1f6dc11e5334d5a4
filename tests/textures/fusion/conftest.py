"""A person of a known texture, photographed from any side in any light, with a body fit without error."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.fitting import PosedFit
from textures.fusion.surface_view import SurfaceView, surface_view
from textures.harvest.contact_sheet import standing_pose
from textures.visibility.buffer import visibility
from textures.visibility.camera import look_at
from textures.visibility.shading import linear_to_srgb, radiance, srgb_to_linear, to_bytes
from textures.visibility.texel_geometry import TexelGeometry, texel_geometry
from textures.visibility.uv_layout import fill_gutters

SIZE = 128
LEVEL = np.array([1 / 0.886227, 0, 0, 0, 0, 0, 0, 0, 0])  # irradiance 1 from everywhere


@dataclass
class KnownPerson:
    """Renders crops (H,W,3) of a texture, and gives what they show."""

    body: Body
    skinning: Skinning
    geometry: TexelGeometry
    texture: np.ndarray
    height: int = 128
    width: int = 64
    fits: dict = field(default_factory=dict)

    def fit(self, degrees: float) -> PosedFit:
        """The body, turned, at three metres."""
        if degrees not in self.fits:
            pose = standing_pose(np.deg2rad(degrees))[None]
            betas = np.zeros((1, 10), np.float32)
            vertices, _ = skin(self.skinning, pose=pose, betas=betas, translation=np.zeros((1, 3)))
            middle = (vertices[0].max(0) + vertices[0].min(0)) / 2
            focal = 0.9 * 6 / float(np.ptp(vertices[0][:, 1])) * self.height
            camera = look_at(
                middle + np.array((0.0, 0.0, 6.0)),
                middle,
                focal=focal,
                height=self.height,
                width=self.width,
            )
            buffer = visibility(vertices[0], self.body.faces, camera)
            self.fits[degrees] = PosedFit(
                pose=pose.astype(np.float32),
                betas=betas,
                translation=np.zeros((1, 3), np.float32),
                cameras=(camera,),
                person=(buffer.covered.astype(np.float32),),
                agreement=np.ones(1, np.float32),
                presence=np.ones(1, np.float32),
                vertices=vertices,
            )
        return self.fits[degrees]

    def crop(self, degrees: float, gain=(1.0, 1.0, 1.0), light=LEVEL) -> np.ndarray:
        """What a camera shows of the person turned by an angle, under a light times a gain."""
        fit = self.fit(degrees)
        camera = fit.cameras[0].scaled(3)
        buffer = visibility(fit.vertices[0], self.body.faces, camera)
        linear = radiance(
            buffer,
            self.body.mesh,
            fit.vertices[0],
            self.texture,
            position=camera.position,
            coefficients=light,
        )
        background = srgb_to_linear(np.full(3, 0.35))
        linear = np.where(buffer.covered[..., None], linear * np.asarray(gain), background)
        image = to_bytes(linear_to_srgb(linear))
        return cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_AREA)

    def view(self, degrees: float, *, camera="c1", crop=None, gain=(1.0, 1.0, 1.0), **more):
        """What a crop, by default the one of that gain, shows of the surface."""
        crop = self.crop(degrees, gain) if crop is None else crop
        fit = self.fit(degrees)
        return surface_view(crop, fit, 0, self.geometry, self.body.mesh, camera=camera, **more)

    def error(self, surface: SurfaceView, least: float = 0.1) -> float:
        """Mean absolute difference from the truth where the surface is surely seen, sRGB levels."""
        seen_texels = (surface.weight > least) & self.geometry.covered
        return float(np.abs(surface.colours - self.texture)[seen_texels].mean())


@pytest.fixture(scope="session")
def person(body):
    """Patches of colour, different in front and behind, of which a camera sees each as some pixels."""
    rng = np.random.default_rng(4)
    texture = cv2.resize(
        rng.integers(40, 215, (20, 20, 3)).astype(np.uint8),
        (SIZE, SIZE),
        interpolation=cv2.INTER_CUBIC,
    )
    geometry = texel_geometry(body.mesh, SIZE)
    return KnownPerson(
        body,
        Skinning(body),
        geometry,
        fill_gutters(texture, geometry.covered),
        height=256,
        width=128,
    )
