"""Training pedestrians: posed, clothed and lit bodies from visibility, thousands per minute.

The shipped networks are trained on them. The wardrobe is that of the stand-ins; poses, cameras and
lights are drawn more widely than the stand-ins' own, so that the networks carry to photographs: any
heading, cameras from eye level to well above, walking, standing, arms busy, and bodies thickened at
random as clothes and hair thicken them.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import cv2
import numpy as np
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning, skin
from synth.scene.backgrounds import paint_background
from synth.scene.lights.spherical_harmonics import sample_coefficients
from synth.standins.photography import sample_daylight
from synth.standins.poses import sample_poses
from synth.standins.wardrobe import BodyTexels, paint_texture, prepare_body_texels, sample_outfit
from textures.body_fit.camera_frame import FACING
from textures.training.pedestrian_bank import PedestrianBank, quantised_uv
from textures.visibility.buffer import parts, vertex_normals, visibility
from textures.visibility.camera import Camera
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.shading import linear_to_srgb, radiance, to_bytes
from textures.visibility.uv_layout import fill_gutters

HEIGHT, WIDTH = 128, 64
SCENES = 300
FOCAL = (300.0, 1400.0)  # pixels on a crop 128 pixels high
_J = {name: index for index, name in enumerate(JOINT_NAMES)}


def sample_pose(rng: np.random.Generator) -> np.ndarray:
    """Draw the pose of somebody walking, standing or busy with their hands.

    Args:
        rng: Source of the pose.

    Returns:
        SMPL pose (24,3), axis-angles; the pelvis faces +z.
    """
    rotations = [Rotation.identity()] * 24
    walking = rng.random() < 0.72
    stride = rng.uniform(0.15, 0.62) if walking else abs(rng.normal(0, 0.08))
    phase = rng.uniform(0, 2 * np.pi)
    for side, sign in (("left", 1), ("right", -1)):
        angle = phase + (0 if sign > 0 else np.pi)
        forward = stride * np.sin(angle) + 0.1 * stride
        bend = max(
            0.0, 0.08 + 1.5 * stride * max(0.0, np.cos(angle + 0.3)) ** 1.5 + rng.normal(0, 0.06)
        )
        spread = sign * rng.normal(0.05, 0.06)
        rotations[_J[f"{side}_hip"]] = _euler(-forward, sign * rng.normal(0.05, 0.15), spread)
        rotations[_J[f"{side}_knee"]] = _euler(bend, 0, 0)
        rotations[_J[f"{side}_ankle"]] = _euler(
            rng.normal(0.05, 0.12) + 0.4 * max(0.0, -np.sin(angle)) * stride, rng.normal(0, 0.1), 0
        )
        swing = -rng.uniform(0.5, 1.0) * stride * np.sin(angle) + rng.normal(0, 0.08)
        rotations[_J[f"{side}_collar"]] = _euler(
            0, rng.normal(0, 0.08), -sign * rng.normal(0.06, 0.08)
        )
        _pose_arm(rng, rotations, side, sign, swing, stride)
    if rng.random() < 0.05:
        _pose_rider(rng, rotations)
    lean, twist = rng.normal(0.04, 0.08), 0.15 * stride * np.sin(phase) + rng.normal(0, 0.06)
    for name in ("spine1", "spine2", "spine3"):
        rotations[_J[name]] = _euler(lean / 2 + rng.normal(0, 0.04), twist, rng.normal(0, 0.03))
    look = rng.normal(0, 0.3)
    rotations[_J["neck"]] = _euler(rng.normal(0.05, 0.12), 0.4 * look, rng.normal(0, 0.06))
    rotations[_J["head"]] = _euler(rng.normal(0.05, 0.18), 0.6 * look, rng.normal(0, 0.08))
    return np.stack([rotation.as_rotvec() for rotation in rotations])


def _pose_arm(
    rng: np.random.Generator,
    rotations: list[Rotation],
    side: str,
    sign: int,
    swing: float,
    stride: float,
) -> None:
    lowering = rng.normal(1.25, 0.12)
    elbow = abs(rng.normal(0.25, 0.18)) + 0.3 * stride * rng.random()
    twist = rng.normal(0, 0.25)
    kind = rng.choice(
        ["swing", "raised", "hip", "back", "out", "phone"], p=[0.66, 0.07, 0.06, 0.06, 0.07, 0.08]
    )
    if kind == "raised":
        swing, elbow, lowering = -rng.uniform(0.1, 0.9), rng.uniform(0.9, 2.0), rng.normal(1.2, 0.2)
    elif kind == "hip":
        swing, elbow, lowering, twist = 0.3, rng.uniform(1.0, 1.7), rng.normal(0.85, 0.15), 0.7
    elif kind == "back":
        swing, elbow, lowering, twist = rng.uniform(0.3, 0.7), rng.uniform(0.5, 1.2), 1.2, 1.1
    elif kind == "out":
        swing, lowering = rng.normal(0, 0.5), rng.uniform(0.2, 1.0)
    elif kind == "phone":
        swing, elbow, twist = -rng.uniform(0.2, 0.7), rng.uniform(1.3, 2.2), rng.normal(-0.4, 0.3)
    upper = Rotation.from_rotvec([swing, 0, 0]) * Rotation.from_rotvec([0, 0, -sign * lowering])
    rotations[_J[f"{side}_shoulder"]] = upper * Rotation.from_rotvec([twist, 0, 0])
    rotations[_J[f"{side}_elbow"]] = Rotation.from_rotvec([0, -sign * elbow, 0])
    rotations[_J[f"{side}_wrist"]] = Rotation.from_rotvec(rng.normal(0, 0.15, 3))


def _pose_rider(rng: np.random.Generator, rotations: list[Rotation]) -> None:
    for side in ("left", "right"):
        lift = rng.uniform(0.5, 1.3)
        rotations[_J[f"{side}_hip"]] = _euler(-lift, 0, 0)
        rotations[_J[f"{side}_knee"]] = _euler(rng.uniform(0.7, 1.4) * lift, 0, 0)


def _euler(x: float, y: float, z: float) -> Rotation:
    return Rotation.from_euler("xyz", [x, y, z])


def thicken_body(
    body: Body, vertices: np.ndarray, rng: np.random.Generator, smooth: np.ndarray
) -> np.ndarray:
    """Move posed vertices out along their normals, as clothes and hair do.

    Args:
        body: Body of the vertices.
        vertices: Vertices (V,3), metres.
        rng: Source of the centimetres per joint.
        smooth: Weights (V,24) of the joints at each vertex.

    Returns:
        Vertices (V,3).
    """
    largest = np.full(24, 0.02)
    for name, value in (("pelvis", 0.03), ("spine1", 0.035), ("spine2", 0.035), ("spine3", 0.03)):
        largest[_J[name]] = value
    for name in ("hip", "knee"):
        largest[[_J[f"left_{name}"], _J[f"right_{name}"]]] = 0.035
    for name in ("ankle", "foot", "wrist", "hand"):
        largest[[_J[f"left_{name}"], _J[f"right_{name}"]]] = 0.006
    amount = largest * rng.uniform(0, 1) * rng.uniform(0.2, 1, 24)
    for name in JOINT_NAMES:
        if name.startswith("left_"):
            amount[_J[name.replace("left", "right")]] = amount[_J[name]]
    return vertices + vertex_normals(vertices, body.faces) * (smooth @ amount)[:, None]


def make_bank(
    body: Body,
    *,
    identities: int,
    images: int,
    seed: int,
    workers: int = 1,
    texture_size: int = 128,
) -> PedestrianBank:
    """Make a bank of training crops, six cameras taking turns.

    Each identity is drawn from (seed, its number), so the bank does not depend on `workers`.

    Args:
        body: Body of the people.
        identities: Number of people.
        images: Crops per person.
        seed: Seed of everything.
        workers: Number of processes.
        texture_size: Texels along the side of the textures that the bank holds.

    Returns:
        The bank.
    """
    jobs = [(number, seed, images, texture_size) for number in range(identities)]
    if workers > 1:
        with ProcessPoolExecutor(
            workers, get_context("spawn"), initializer=_prepare, initargs=(body,)
        ) as pool:
            people = list(_progress(pool.map(_person, jobs, chunksize=4), identities))
    else:
        _prepare(body)
        people = list(_progress(map(_person, jobs), identities))
    columns = {
        key: np.concatenate([p[key] for p in people]) for key in people[0] if key != "texture"
    }
    textures = np.stack([person["texture"] for person in people])
    rng = np.random.default_rng([seed, identities, 1])
    scenes = [paint_background(rng, width=WIDTH * 2, height=HEIGHT * 3 // 2) for _ in range(SCENES)]
    return PedestrianBank(
        textures=textures, photographs=np.array([False]), scenes=np.stack(scenes), **columns
    )


def _progress(
    people: Iterable[dict[str, np.ndarray]], total: int
) -> Iterable[dict[str, np.ndarray]]:
    return tqdm(people, total=total, desc="pedestrians", unit="person", mininterval=2.0)


@dataclass(frozen=True)
class _Worker:
    """What a process prepares once; `smooth` (V,24) are skinning weights averaged over neighbours."""

    body: Body
    skinning: Skinning
    texels: BodyTexels
    smooth: np.ndarray


_worker: _Worker | None = None


def _prepare(body: Body) -> None:
    import torch

    global _worker
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    neighbours = body.weights.copy()
    for _ in range(20):
        total = neighbours.copy()
        count = np.ones(len(total))
        for a, b in ((0, 1), (1, 2), (2, 0)):
            np.add.at(total, body.faces[:, a], neighbours[body.faces[:, b]])
            np.add.at(count, body.faces[:, a], 1)
        neighbours = total / count[:, None]
    _worker = _Worker(body, Skinning(body), prepare_body_texels(body, 256), neighbours)


def _person(job: tuple[int, int, int, int]) -> dict[str, np.ndarray]:
    """One identity: texture, and per crop image, alpha, truth."""
    number, seed, images, texture_size = job
    if _worker is None:
        raise RuntimeError("the process was not prepared")
    body = _worker.body
    rng = np.random.default_rng([seed, number])
    texture = paint_texture(_worker.texels, sample_outfit(rng))
    betas = np.clip(rng.normal(0, 1, 10), -2.5, 2.5).astype(np.float32)
    pose_list = [
        sample_pose(rng) if rng.random() < 0.5 else sample_poses(rng, 1).reshape(24, 3)
        for _ in range(images)
    ]
    poses = np.stack(pose_list)
    poses[:, 0] = [_heading(rng).as_rotvec() for _ in range(images)]
    poses = poses.reshape(images, 72).astype(np.float32)
    vertices, joints = skin(
        _worker.skinning, pose=poses, betas=betas, translation=np.zeros((images, 3))
    )
    rows: dict[str, list] = {}
    for i in range(images):
        thick = thicken_body(body, vertices[i].astype(np.float64), rng, _worker.smooth)
        camera = _detector_camera(rng, thick)
        for key, value in _crop(rng, body, thick, joints[i], texture, camera).items():
            rows.setdefault(key, []).append(value)
    result = {key: np.stack(value) for key, value in rows.items()}
    small = cv2.resize(texture, (texture_size, texture_size), interpolation=cv2.INTER_AREA)
    return result | {
        "texture": small,
        "pose": poses,
        "betas": np.repeat(betas[None], images, 0),
        "identities": np.full(images, number + 1, np.int32),
        "cameras": (np.arange(images) % 6 + 1).astype(np.int32),
        "texture_of": np.full(images, number, np.int32),
    }


def _heading(rng: np.random.Generator) -> Rotation:
    """The pelvis in the camera's upright frame, which may look from 30 degrees above."""
    pitch = np.clip(rng.normal(0.14, 0.12), -0.1, 0.52)
    return (
        Rotation.from_euler("z", rng.normal(0, 0.05))
        * Rotation.from_euler("x", pitch)
        * Rotation.from_euler("y", rng.uniform(-np.pi, np.pi))
        * Rotation.from_euler("xyz", rng.normal(0, 0.06, 3))
    )


def _detector_camera(rng: np.random.Generator, vertices: np.ndarray) -> Camera:
    """A camera that frames the body as a detector does.

    The body mostly fills 80 to 100 % of the height; at times it is far off, or so near that the
    feet are lost.
    """
    focal = float(np.exp(rng.uniform(np.log(FOCAL[0]), np.log(FOCAL[1]))))
    centre = (vertices.max(0) + vertices.min(0)) / 2
    tall = float(np.ptp(vertices[:, 1]))
    distance = focal * tall / (rng.uniform(0.8, 1.0) * HEIGHT)
    offset = np.array([rng.normal(0, 0.03), rng.normal(0, 0.02), 0]) * tall
    if rng.random() < 0.35:
        nearer = np.exp(rng.normal(0.1, 0.25))
        distance /= nearer
        offset[1] -= max(0.0, 1 - 1 / nearer) * tall / 2 * rng.uniform(0, 1.1)
        offset[0] += rng.normal(0, 0.05) * tall
    translation = FACING @ (-centre - np.array([0, 0, distance]) + offset)
    intrinsics = np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]])
    return Camera(
        intrinsics=intrinsics, rotation=FACING, translation=translation, width=WIDTH, height=HEIGHT
    )


def _light(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Half daylight as the stand-ins have it, half SURREAL's light, mostly softened."""
    if rng.random() < 0.5:
        return sample_daylight(rng)
    light = sample_coefficients(rng)
    if rng.random() < 0.6:
        light[1:] *= rng.uniform(0.1, 0.6)
    return light * rng.uniform(0.75, 1.15) / max(0.5, light[0]), np.zeros(3, np.float32)


def _crop(
    rng: np.random.Generator,
    body: Body,
    vertices: np.ndarray,
    joints: np.ndarray,
    texture: np.ndarray,
    camera: Camera,
) -> dict[str, np.ndarray]:
    large = camera.scaled(2)
    buffer = visibility(vertices, body.faces, large)
    light, sun = _light(rng)
    colour = radiance(
        buffer,
        body.mesh,
        vertices,
        texture,
        position=large.position,
        coefficients=light,
        sun=sun,
    )
    alpha = buffer.covered.astype(np.float32)
    size = (WIDTH, HEIGHT)
    soft = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    summed = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    visible = soft > 0
    encoded = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    encoded[visible] = linear_to_srgb(summed[visible] / soft[visible][:, None])
    image = to_bytes(encoded)
    exact = visibility(vertices, body.faces, camera)
    uv = texel_map(exact, body.mesh)
    if exact.covered.any():
        image, uv = fill_gutters(image, visible), fill_gutters(uv, exact.covered)
    pixels, _ = camera.project(joints)
    pelvis = camera.to_camera(joints[:1])[0]
    view = [*pixels[0], np.log(camera.intrinsics[0, 0] / pelvis[2])]
    return {
        "images": image,
        "masks": to_bytes(soft),
        "uv": quantised_uv(uv),
        "parts": parts(exact, body.face_parts),
        "joints": (joints - joints[0]).astype(np.float32),
        "joint_pixels": pixels.astype(np.float32),
        "view": np.array(view, np.float32),
    }
