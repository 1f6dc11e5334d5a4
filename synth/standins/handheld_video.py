"""Hand-held videos of one person in one action: place, camera, frames, file.

A near camera that pans, shakes and rolls, a hard sun with a cast shadow, a background out of focus
that moves with the camera, sensor noise and heavy compression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.retargeting.retarget import retarget
from mocap.retargeting.skeleton import Skeleton
from synth.scene.backgrounds import paint_background
from synth.scene.lights.spherical_harmonics import sample_coefficients
from synth.standins.actions import ACTIONS
from synth.standins.keyframes import Manner, action_context, add_unrest
from synth.standins.mannequin import FPS, Proportions, mannequin_skeleton, solve_channels
from textures.visibility.buffer import visibility
from textures.visibility.camera import Camera, look_at
from textures.visibility.shading import composite_srgb, radiance
from textures.wardrobe.body_texels import BodyTexels
from textures.wardrobe.outfit import sample_outfit
from textures.wardrobe.outfit_painting import paint_texture

FRAME_RATE = 25
MOTION_STEP = 5  # every fifth of the mannequin's 120 frames per second: 24, shown at 25
SUPERSAMPLING = 2
BACKGROUND_DISTANCE = 9.0  # metres; how far behind the person the background seems to be


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """Image size in pixels and the range of lengths in frames, both ends included."""

    width: int = 160
    height: int = 120
    frames: tuple[int, int] = (36, 50)


@dataclass(frozen=True, kw_only=True)
class RecordingSetup:
    """A person, a place and a camera, shared by several videos.

    Lengths are in metres, angles in radians, `focal` and `blur` in pixels, `noise` a standard
    deviation of a range of 1, `bit_rate` in bits per second. `shake` is 1 for an unsteady hand.
    `distortion` is the lens's first radial coefficient; 0 bends nothing.
    """

    skeleton: Skeleton
    betas: np.ndarray
    texture: np.ndarray
    background: np.ndarray
    light: np.ndarray
    sun: np.ndarray
    focal: float
    distance: float
    yaw: float
    height: float
    shake: float
    noise: float
    blur: float
    bit_rate: int
    b_frames: int
    distortion: float = 0.0


def sample_recording_setup(
    texels: BodyTexels, size: VideoFormat, rng: np.random.Generator
) -> RecordingSetup:
    """Draw a person in fresh clothes, a place, a light and a camera.

    Args:
        texels: Texels of the body, for the clothes.
        size: Image size.
        rng: Source of everything.

    Returns:
        The setup.
    """
    field_of_view = rng.uniform(np.radians(38), np.radians(66))
    focal = size.width / 2 / np.tan(field_of_view / 2)
    fill = rng.uniform(0.72, 1.0)  # of the frame's height, by a person of 1.75 m
    sun = np.array([rng.normal(), abs(rng.normal()) + 1.1, rng.normal()])
    light = sample_coefficients(rng)
    light[0] = rng.uniform(0.4, 0.75)
    light[1:] *= 0.3
    margin = 1.5  # of the background over the frame
    background = paint_background(
        rng, width=int(size.width * margin), height=int(size.height * margin)
    )
    out_of_focus = rng.uniform(0.015, 0.04) * size.height  # a near camera, a far background
    proportions = Proportions(
        height=float(rng.uniform(1.48, 1.96)),
        legs=float(rng.normal(1.0, 0.035)),
        arms=float(rng.normal(1.0, 0.035)),
        width=float(rng.normal(1.0, 0.05)),
    )
    return RecordingSetup(
        skeleton=mannequin_skeleton(proportions, "actor"),
        betas=rng.normal(0, 1.25, 10).clip(-2.8, 2.8).astype(np.float32),
        texture=paint_texture(texels, sample_outfit(rng)),
        background=cv2.GaussianBlur(background, (0, 0), out_of_focus),
        light=light,
        sun=sun / np.linalg.norm(sun) * rng.uniform(0.5, 1.1),
        focal=float(focal),
        distance=float(focal * 1.75 / (fill * size.height)),
        yaw=float(rng.uniform(-1.1, 1.1)),  # 0 is face to face
        height=float(rng.uniform(0.7, 2.3)),
        shake=float(rng.uniform(0.2, 1.0)),
        noise=float(rng.uniform(0.005, 0.03)),
        blur=float(rng.uniform(0.3, 0.8)),
        bit_rate=int(rng.uniform(90_000, 220_000) * size.width * size.height / (160 * 120)),
        b_frames=int(rng.choice([0, 0, 0, 1])),
    )


def mannequin_motion(
    skeleton: Skeleton, body: Body, *, action: str, size: VideoFormat, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A mannequin's motion at its own tempo, as long as a video may be.

    Args:
        skeleton: Of the mannequin.
        body: That performs the motion.
        action: Category of one of `ACTIONS`.
        size: Its range of lengths.
        rng: Source of tempo, manner and length.

    Returns:
        pose (T,72), radians, and translation (T,3), metres, at `FRAME_RATE`.
    """
    count = int(rng.integers(size.frames[0], size.frames[1] + 1))
    seconds = count * MOTION_STEP / FPS + rng.uniform(0.5, 1.1)
    manner = Manner(
        seconds=float(seconds),
        tempo=float(rng.uniform(0.8, 1.3)),
        size=float(rng.uniform(0.75, 1.2)),
        lead="left" if rng.random() < 0.5 else "right",
        variant=int(rng.integers(3)),
        unrest=float(rng.uniform(0.8, 2.0)),
        phase=float(rng.random()),
    )
    context = action_context(skeleton, manner, rng)
    definition = next(a for a in ACTIONS if a.category == action)
    channels = solve_channels(skeleton, add_unrest(context, definition.animate(context)))[
        ::MOTION_STEP
    ]
    first = int(rng.integers(len(channels) - count + 1))
    pose, translation = retarget(acclaim_capture(skeleton, channels), body, fps=FPS / MOTION_STEP)
    return pose[first : first + count], translation[first : first + count]


def _wander(rng: np.random.Generator, count: int, columns: int, sigma: float) -> np.ndarray:
    """Smooth noise of unit size, (count, columns)."""
    noise = gaussian_filter1d(rng.normal(size=(count + 60, columns)), sigma, axis=0)[30:-30]
    return noise / max(float(noise.std()), 1e-9)


def render_handheld_video(
    body: Body,
    skinning: Skinning,
    setup: RecordingSetup,
    pose: np.ndarray,
    translation: np.ndarray,
    *,
    size: VideoFormat,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Render one video of a motion.

    Args:
        body: Body of the person.
        skinning: Skinning of the same body.
        setup: Person, place and camera.
        pose: (T,72) radians, at `FRAME_RATE`.
        translation: (T,3) metres.
        size: Image size.
        rng: Source of the camera's shake and the noise.

    Returns:
        Frames (height,width,3) uint8 RGB.
    """
    vertices, joints = skin(skinning, pose=pose, betas=setup.betas, translation=translation)
    floor = float(vertices[..., 1].min())
    vertices[..., 1] -= floor
    joints[..., 1] -= floor
    cameras, shifts = _hand_held(setup, joints[:, 0].astype(float), size, rng)
    frames = []
    for corners, camera, (shift_x, shift_y, roll) in zip(vertices, cameras, shifts):
        background = _background(setup.background, size, shift_x, shift_y, roll)
        background = _cast_shadow(background, corners, body, camera, setup.sun)
        fine = visibility(corners, body.faces, camera.scaled(SUPERSAMPLING))
        colour = radiance(
            fine,
            body.mesh,
            corners,
            setup.texture,
            position=camera.position,
            coefficients=setup.light,
            sun=setup.sun,
        )
        covered = fine.covered.astype(np.float32)
        alpha = cv2.resize(covered, (size.width, size.height), interpolation=cv2.INTER_AREA)
        colour = cv2.resize(colour, (size.width, size.height), interpolation=cv2.INTER_AREA)
        sharp = composite_srgb(colour, alpha, background)
        if setup.distortion:
            sharp = distorted(sharp, focal=setup.focal, distortion=setup.distortion)
        image: np.ndarray = cv2.GaussianBlur(sharp, (0, 0), setup.blur).astype(np.float32)
        image += 255 * setup.noise * rng.normal(size=(*image.shape[:2], 1)).astype(np.float32)
        frames.append(np.clip(image + 0.5, 0, 255).astype(np.uint8))
    return frames


def _hand_held(
    setup: RecordingSetup, pelvis: np.ndarray, size: VideoFormat, rng: np.random.Generator
) -> tuple[list[Camera], np.ndarray]:
    """One camera per frame, held by someone who keeps up with the pelvis.

    `pelvis` (T,3) is in metres. The second result is how far the background moves with the camera:
    pixels to the right and down, and roll in radians, (T,3).
    """
    count = len(pelvis)
    followed = gaussian_filter1d(pelvis, 6.0, axis=0, mode="nearest")
    followed[:, 1] = gaussian_filter1d(pelvis[:, 1], 30.0, mode="nearest")
    yaw = setup.yaw + rng.normal(0, 0.25)
    away = np.array([np.sin(yaw), 0.0, np.cos(yaw)]) * setup.distance
    walked = 0.85 * (followed - followed[0]) * (1.0, 0.0, 1.0)
    base = followed[0] * (1.0, 0.0, 1.0) + away + (0.0, setup.height, 0.0)
    positions = base + walked + 0.025 * setup.shake * _wander(rng, count, 3, 5.0)
    metres = setup.distance / setup.focal  # a pixel at the person
    aims = followed + rng.normal(0, 5 * metres, 3)
    aims = aims + 2.2 * metres * setup.shake * _wander(rng, count, 3, 4.0)
    rolls = rng.normal(0, 0.035) + 0.018 * setup.shake * _wander(rng, count, 1, 6.0)[:, 0]
    cameras = [
        look_at(p, a, focal=setup.focal, width=size.width, height=size.height, roll=float(r))
        for p, a, r in zip(positions, aims, rolls)
    ]
    # A point far behind the person stays in the world: where the first camera's axis meets it.
    far = positions[0] + (aims[0] - positions[0]) * (1 + BACKGROUND_DISTANCE / setup.distance)
    shifts = np.empty((count, 3))
    for n, camera in enumerate(cameras):
        pixel, _ = camera.project(far[None])
        shifts[n, :2] = pixel[0] - (size.width / 2, size.height / 2)
        shifts[n, 2] = rolls[n]
    return cameras, shifts


def _background(
    picture: np.ndarray, size: VideoFormat, shift_x: float, shift_y: float, roll: float
) -> np.ndarray:
    """The crop of the painted background in view, turned against the camera's roll."""
    height, width = picture.shape[:2]
    centre = (width / 2, height / 2)
    rotation = np.asarray(cv2.getRotationMatrix2D(centre, float(np.degrees(roll)), 1.0), float)
    rotation[:, 2] += (size.width / 2 - width / 2 + shift_x, size.height / 2 - height / 2 + shift_y)
    return cv2.warpAffine(
        picture, rotation, (size.width, size.height), borderMode=cv2.BORDER_REFLECT_101
    )


def distorted(image: np.ndarray, *, focal: float, distortion: float) -> np.ndarray:
    """A pinhole's picture as a lens with radial distortion shows it.

    Args:
        image: (H,W,C).
        focal: Pixels.
        distortion: First radial coefficient, of OpenCV's model; negative for a barrel.

    Returns:
        (H,W,C), the same middle; what lies outside the pinhole's picture is its border.
    """
    height, width = image.shape[:2]
    matrix = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    bent = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2)
    ideal = cv2.undistortPoints(bent, matrix, np.array([distortion, 0.0, 0.0, 0.0]), P=matrix)
    grid = ideal.reshape(height, width, 2).astype(np.float32)
    return cv2.remap(
        image, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _cast_shadow(
    background: np.ndarray, vertices: np.ndarray, body: Body, camera: Camera, sun: np.ndarray
) -> np.ndarray:
    """Darken the ground (y = 0) where the body stands between it and the sun."""
    flat = vertices - vertices[:, 1:2] / sun[1] * sun
    flat[:, 1] = 0.0
    if (camera.to_camera(flat)[:, 2] < 0.2).any():
        return background
    mask = visibility(flat, body.faces, camera).covered.astype(np.float32)
    shade = 1 - 0.55 * cv2.GaussianBlur(mask, (0, 0), 0.8)
    return (background * shade[..., None]).astype(np.uint8)


def write_avi(path: Path, frames: Sequence[np.ndarray], *, bit_rate: int, b_frames: int) -> None:
    """Write MPEG-4 in AVI under the tag XVID, as UCF101's; the same frames give the same bytes.

    Args:
        path: File to write.
        frames: Frames (H,W,3) uint8 RGB.
        bit_rate: Bits per second.
        b_frames: B-frames in a row, at most.
    """
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FRAME_RATE, options={"flags": "+bitexact"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.bit_rate, context.gop_size = bit_rate, 12
        context.max_b_frames, context.thread_count = b_frames, 1
        context.codec_tag = "XVID"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
