"""The figures of a preview: a body whose sides can be told apart, and a stick figure.

Left is orange and right is blue, and the head has a face, so that a mirrored or turned-round person
is plain at a glance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from mocap.bodies.body import JOINT_NAMES, PARENTS, PART_NAMES, Body
from mocap.motion import Motion
from synth.pictures.preview_scene import darken, fill_mesh, on_floor
from textures.visibility.buffer import interpolate, vertex_normals, visibility
from textures.visibility.camera import Camera
from textures.visibility.shading import render_textured
from textures.visibility.uv_layout import atlas, fill_gutters

LEFT, RIGHT, MIDDLE = (238, 126, 34), (44, 112, 214), (214, 214, 210)  # RGB
INK = (40, 44, 52)
_BACK, _SKIN, _HAIR = (128, 130, 136), (246, 208, 178), (84, 62, 50)
_LIGHT = np.array([0.92, -0.16, 0.14, -0.06, 0.0, 0.0, 0.0, 0.0, 0.0])
_BATCH = 64  # frames skinned at a time
_SHIFT = 4  # fractional bits of drawn positions


def side_texture(body: Body, size: int = 256) -> np.ndarray:
    """RGB uint8 (S, S, 3) that tells a body's sides apart, for any UV layout.

    Left limbs are orange, right limbs blue, the chest is lighter than the back, and the head has skin and
    eyes in front and hair behind.
    """
    texels = atlas(body.mesh, size)
    covered = texels.covered
    outward = vertex_normals(body.template, body.faces)
    ahead = interpolate(texels, body.faces, outward)[..., 2]
    position = interpolate(texels, body.faces, body.template)
    parts = np.where(covered, body.face_parts[texels.face], 0)
    colours = np.array([(0, 0, 0), *(_part_colour(name) for name in PART_NAMES)], np.uint8)
    texture = colours[parts]
    trunk = np.isin(parts, [i for i, name in enumerate(PART_NAMES, 1) if "left" not in name])
    trunk &= np.isin(parts, [i for i, name in enumerate(PART_NAMES, 1) if "right" not in name])
    texture[trunk & (ahead < 0)] = _BACK
    head = parts == PART_NAMES.index("head") + 1
    texture[head] = _HAIR
    if head.any():
        low, high = np.percentile(position[head][:, 1], (1, 99))
        height = (position[..., 1] - low) / (high - low)
        face = head & (ahead > 0.25) & (height < 0.75)
        texture[face] = _SKIN
        breadth = np.abs(position[..., 0]) / np.abs(position[head][:, 0]).max()
        eyes = (np.abs(breadth - 0.42) < 0.2) & (np.abs(height - 0.5) < 0.05)
        texture[face & eyes] = INK
    return fill_gutters(texture, covered)


def _part_colour(name: str) -> tuple[int, int, int]:
    return LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE


class PreviewFigure(Protocol):
    """Somebody in one frame of a preview."""

    def draw_shadow(self, image: np.ndarray, camera: Camera) -> None:
        """Darken the floor of `image` (H, W, 3) RGB uint8, in place."""

    def draw(self, image: np.ndarray, camera: Camera) -> np.ndarray:
        """Draw into `image`, which is returned."""
        ...


@dataclass(frozen=True)
class PosedBody:
    """A frame's body: vertices (V, 3) world metres, texture (S, S, 3) in its layout."""

    body: Body
    texture: np.ndarray
    vertices: np.ndarray

    def draw_shadow(self, image: np.ndarray, camera: Camera) -> None:
        pixels, z = camera.project(on_floor(self.vertices))
        mask = np.zeros((camera.height // 2, camera.width // 2), np.uint8)
        fill_mesh(pixels / 2, z, self.body.faces, mask)
        darken(image, mask)

    def draw(self, image: np.ndarray, camera: Camera) -> np.ndarray:
        pixels, window = _window(camera, self.vertices)
        image[pixels], _ = render_textured(
            visibility(self.vertices, self.body.faces, window),
            self.body.mesh,
            self.vertices,
            self.texture,
            position=camera.position,
            coefficients=_LIGHT,
            background=image[pixels],
        )
        return image


def _window(camera: Camera, vertices: np.ndarray) -> tuple[tuple[slice, slice], Camera]:
    """The part of the image (rows, columns) that holds the vertices, and a camera of only that part."""
    pixels, _ = camera.project(vertices)
    size = (camera.width, camera.height)
    left, top = np.clip(np.floor(pixels.min(axis=0)), 0, np.subtract(size, 1)).astype(int)
    right, bottom = np.clip(np.ceil(pixels.max(axis=0)), (left + 1, top + 1), size).astype(int)
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, 2] -= left, top
    window = Camera(
        intrinsics=intrinsics,
        rotation=camera.rotation,
        translation=camera.translation,
        width=right - left,
        height=bottom - top,
    )
    return (slice(top, bottom), slice(left, right)), window


def bodies(motion: Motion, body: Body, texture: np.ndarray | None) -> Iterator[PreviewFigure]:
    """The mean shape of `body`, frame by frame; in the colours of `side_texture` without another."""
    from mocap.bodies.skinning import (  # torch is for bodies only: sticks need not wait
        Skinning,
        skin,
    )

    texture = side_texture(body) if texture is None else texture
    skinning = Skinning(body)
    for start in range(0, len(motion), _BATCH):
        batch = slice(start, start + _BATCH)
        pose, translation = motion.pose[batch], motion.translation[batch]
        vertices, _ = skin(skinning, pose=pose, betas=np.zeros(10), translation=translation)
        for frame_vertices in vertices:
            yield PosedBody(body, texture, frame_vertices)


@dataclass(frozen=True)
class Stick:
    """Joints (24, 3) and the direction (3,) in which the nose points."""

    joints: np.ndarray
    nose: np.ndarray

    def bones(self) -> list[tuple[np.ndarray, np.ndarray, float, tuple[int, int, int]]]:
        """Lines to draw: (from, to, thickness in metres, colour) of each."""
        out = []
        for joint, parent in enumerate(PARENTS):
            if parent >= 0:
                name = JOINT_NAMES[joint]
                colour = _part_colour(name) if name[0] in "lr" else _BACK
                out.append((self.joints[parent], self.joints[joint], 0.05, colour))
        head = self.joints[JOINT_NAMES.index("head")]
        neck = self.joints[JOINT_NAMES.index("neck")]
        crown = head + (head - neck) / max(np.linalg.norm(head - neck), 1e-9) * 0.1
        out.append((crown, crown, 0.2, _SKIN))
        out.append((crown + 0.08 * self.nose, crown + 0.17 * self.nose, 0.035, INK))
        return out

    def draw_shadow(self, image: np.ndarray, camera: Camera) -> None:
        mask = np.zeros(image.shape[:2], np.uint8)
        for start, end, thick, _ in self.bones():
            draw_line(mask, camera, on_floor(start), on_floor(end), thick, (255,))
        darken(image, mask)

    def draw(self, image: np.ndarray, camera: Camera) -> np.ndarray:
        bones = self.bones()
        away = [float((a + b) @ camera.rotation[2]) for a, b, _, _ in bones]
        for index in np.argsort(away)[::-1]:
            draw_line(image, camera, *bones[index])
        return image


def sticks(joints: np.ndarray, noses: np.ndarray) -> Iterator[PreviewFigure]:
    """Stick figures of joints (T, 24, 3) with noses (T, 3)."""
    return (Stick(points, nose) for points, nose in zip(joints, noses, strict=True))


def draw_line(
    image: np.ndarray,
    camera: Camera,
    start: np.ndarray,
    end: np.ndarray,
    thick: float,
    colour: tuple[int, ...],
) -> None:
    """A line between two world points, `thick` metres wide; not drawn behind the camera."""
    pixels, z = camera.project(np.stack([start, end]))
    if z.min() < 0.1:
        return
    a, b = np.round((pixels - 0.5) * 2**_SHIFT).astype(int)
    width = max(1, round(camera.intrinsics[0, 0] * thick / z.mean()))
    cv2.line(image, tuple(a), tuple(b), colour, width, cv2.LINE_AA, _SHIFT)


def draw_prints(
    image: np.ndarray, camera: Camera, joints: np.ndarray, touching: np.ndarray
) -> None:
    """Lines on the floor from ankle to toes of the feet that touch it: joints (T, 24, 3), (T, 2)."""
    for side, colour in (("left", LEFT), ("right", RIGHT)):
        ends = [JOINT_NAMES.index(f"{side}_{name}") for name in ("ankle", "foot")]
        feet = joints[touching[:, int(side == "right")]][:, ends] * (1, 0, 1)
        if not len(feet):
            continue
        pixels, z = camera.project(feet.reshape(-1, 3))
        width = max(1, round(camera.intrinsics[0, 0] * 0.03 / float(np.median(z))))
        pale = tuple((int(c) + 200) // 2 for c in colour)
        lines = np.round(pixels[..., :2]).astype(int).reshape(-1, 4)
        for line in np.unique(lines[z.reshape(-1, 2).min(axis=1) > 0.1], axis=0).tolist():
            cv2.line(image, (line[0], line[1]), (line[2], line[3]), pale, width, cv2.LINE_AA)
