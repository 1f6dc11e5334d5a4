"""Rendered pedestrians of whom everything is known, in memory and in Market-1501's layout.

A crop is visibility, a texture under daylight, a painted background and a camera's defects; no
Blender. `sample_pedestrians` serves training, `write_pedestrians` writes the stand-in for
Market-1501.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np

from mocap.body import Body
from mocap.skinning import Skinning, skin
from synth.backgrounds import paint_background
from textures.camera import Camera
from textures.shading import linear_to_srgb, radiance
from textures.uv_layout import texel_map
from textures.visibility import VisibilityBuffer, parts, visibility

from .photography import (
    CROP_HEIGHT,
    CROP_WIDTH,
    CameraStyle,
    develop,
    frame_person,
    sample_camera_style,
    sample_daylight,
    sample_occluder,
    shadow,
)
from .poses import sample_poses, turned

SUPERSAMPLING = 3  # odd, so that the middle sample lies on the crop's pixel centre


@dataclass(frozen=True)
class Pedestrians:
    """B rendered crops and the truth about them.

    image (B,128,64,3) uint8 RGB. mask (B,128,64) bool: the person's visible pixels (occluders cut
    out). uv (B,128,64,2) float32, 0 outside the mask. parts (B,128,64) uint8, 0 outside. texture (B,)
    int32 index into the textures given; style (B,) int32 index into the camera styles given, -1 where
    each crop drew its own. pose (B,72), betas (B,10), translation (B,3), joints (B,24,3) float32,
    world metres. intrinsics (B,3,3), rotation (B,3,3), camera_translation (B,3) float64. light
    (B,9), sun (B,3) float32.
    """

    image: np.ndarray
    mask: np.ndarray
    uv: np.ndarray
    parts: np.ndarray
    texture: np.ndarray
    style: np.ndarray
    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    joints: np.ndarray
    intrinsics: np.ndarray
    rotation: np.ndarray
    camera_translation: np.ndarray
    light: np.ndarray
    sun: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def camera(self, index: int) -> Camera:
        """The camera of crop ``index``."""
        return Camera(
            self.intrinsics[index],
            self.rotation[index],
            self.camera_translation[index],
            CROP_WIDTH,
            CROP_HEIGHT,
        )

    def joint_pixels(self) -> np.ndarray:
        """Where the joints are in the crops, (B,24,2) float32."""
        cameras = [self.camera(n) for n in range(len(self))]
        pixels = [camera.project(joints)[0] for camera, joints in zip(cameras, self.joints)]
        return np.stack(pixels).astype(np.float32)


def sample_pedestrians(
    body: Body,
    skinning: Skinning,
    *,
    rng: np.random.Generator,
    count: int,
    textures: Sequence[np.ndarray] | np.ndarray,
    texture: np.ndarray | None = None,
    betas: np.ndarray | None = None,
    styles: Sequence[CameraStyle] = (),
    style: np.ndarray | None = None,
    occluded: float = 0.1,
    misplaced: bool = False,
) -> Pedestrians:
    """``count`` crops of people wearing ``textures`` ((S,S,3) uint8 sRGB each), from ``rng`` alone.

    ``texture`` (count,) chooses which (default: at random), ``betas`` (count,10) their shapes
    (default: N(0,1)), ``styles`` are the cameras (default: a new one a crop) and ``style`` (count,)
    which of them takes each crop. ``occluded`` is the share with something in front. ``misplaced``
    cuts the people badly, as a detector's false boxes do.
    """
    if texture is None:
        texture = rng.integers(len(textures), size=count)
    if betas is None:
        betas = rng.normal(size=(count, 10)).clip(-2.5, 2.5)
    if styles and style is None:
        style = rng.integers(len(styles), size=count)
    pose = turned(sample_poses(rng, count), rng.uniform(-np.pi, np.pi, count))
    translation = np.zeros((count, 3), dtype=np.float32)
    vertices, joints = skin(skinning, pose=pose, betas=betas, translation=translation)
    translation[:, 1] = -vertices[..., 1].min(axis=1)  # stand on the ground
    vertices += translation[:, None]
    joints += translation[:, None]
    backdrop = _Backdrop(rng)
    crops = []
    for n in range(count):
        chosen = styles[style[n]] if styles else sample_camera_style(rng)
        crops.append(
            _crop(
                rng,
                body,
                vertices[n],
                textures[texture[n]],
                chosen,
                backdrop.next(),
                occluded=rng.random() < occluded,
                misplaced=misplaced,
            )
        )
    return Pedestrians(
        **{name: np.stack([crop[name] for crop in crops]) for name in crops[0]},
        texture=np.asarray(texture, dtype=np.int32),
        style=np.asarray(style if styles else np.full(count, -1), dtype=np.int32),
        pose=pose,
        betas=np.asarray(betas, dtype=np.float32),
        translation=translation,
        joints=joints,
    )


class _Backdrop:
    """Backgrounds for crops: windows of a few larger painted ones, renewed one by one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.painted: list[np.ndarray] = []

    def next(self) -> np.ndarray:
        rng = self.rng
        if len(self.painted) < 4 or rng.random() < 0.2:
            self.painted.append(paint_background(rng, width=160, height=192))
            self.painted = self.painted[-16:]
        image = self.painted[rng.integers(len(self.painted))]
        height = int(rng.integers(100, 193))
        width = height // 2
        top = int(rng.integers(0, 192 - height + 1))
        left = int(rng.integers(0, 160 - width + 1))
        window = image[top : top + height, left : left + width]
        if rng.random() < 0.5:
            window = window[:, ::-1]
        return cv2.resize(window, (CROP_WIDTH, CROP_HEIGHT), interpolation=cv2.INTER_AREA)


def _crop(
    rng: np.random.Generator,
    body: Body,
    vertices: np.ndarray,
    texture: np.ndarray,
    style: CameraStyle,
    background: np.ndarray,
    *,
    occluded: bool,
    misplaced: bool,
) -> dict[str, np.ndarray]:
    """One crop and its truth, by field of `Pedestrians`."""
    camera = frame_person(rng, vertices, style, misplaced=misplaced)
    light, sun = sample_daylight(rng)
    fine = visibility(vertices, body.faces, camera.scaled(SUPERSAMPLING))
    colour = radiance(
        fine,
        body,
        vertices,
        texture,
        position=camera.position,
        coefficients=light,
        sun=sun,
    )
    size = (CROP_WIDTH, CROP_HEIGHT)
    alpha = cv2.resize(fine.covered.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    feet, _ = camera.project(vertices[vertices[:, 1] < 0.06])
    image = shadow(background, feet, rng)
    encoded = linear_to_srgb(colour / np.maximum(alpha, 1e-6)[..., None])
    image += (encoded.astype(np.float32) - image) * alpha[..., None]
    middle = SUPERSAMPLING // 2
    seen = VisibilityBuffer(
        face=fine.face[middle::SUPERSAMPLING, middle::SUPERSAMPLING].copy(),
        barycentric=fine.barycentric[middle::SUPERSAMPLING, middle::SUPERSAMPLING].copy(),
    )
    if occluded:
        paint, opacity = sample_occluder(rng)
        image += (paint - image) * opacity[..., None]
        seen.face[opacity > 0.5] = -1
    return {
        "image": develop(rng, image, style),
        "mask": seen.covered,
        "uv": texel_map(seen, body),
        "parts": parts(seen, body.face_parts),
        "intrinsics": camera.intrinsics,
        "rotation": camera.rotation,
        "camera_translation": camera.translation,
        "light": light,
        "sun": sun,
    }


def joined(batches: Sequence[Pedestrians]) -> Pedestrians:
    """Several batches as one."""
    return Pedestrians(
        **{
            f.name: np.concatenate([getattr(b, f.name) for b in batches])
            for f in fields(Pedestrians)
        }
    )
