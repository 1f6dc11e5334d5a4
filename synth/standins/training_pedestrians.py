"""Training pedestrians: posed, dressed and lit bodies from visibility, thousands per minute.

The shipped networks are trained on them. The wardrobe is that of the stand-ins, worn as garments that
stand off the body, with hair, shoes and bags; poses, cameras and lights are drawn more widely than the
stand-ins' own, so that the networks carry to photographs: any heading, cameras from eye level to well
above, walking, standing, riding, arms busy.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import cv2
import numpy as np
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from synth.garments.dressing import make_garments
from synth.garments.garment import DressedBody, dressed_body, joint_frames
from synth.garments.wardrobe_forms import WardrobeForms, prepare_forms
from synth.scene.backgrounds import paint_background
from synth.scene.lights.spherical_harmonics import sample_coefficients
from synth.standins.photography import crevice_shade, sample_daylight
from synth.standins.poses import sample_poses
from synth.standins.street_poses import BUSY, sample_street_pose
from synth.standins.tailoring import attire_of_outfit, with_bicycle
from textures.body_fit.camera_frame import FACING
from textures.training.pedestrian_bank import PedestrianBank, quantised_uv
from textures.visibility.buffer import depth, parts, visibility
from textures.visibility.camera import Camera
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.shading import linear_to_srgb, radiance, to_bytes
from textures.visibility.uv_layout import fill_gutters
from textures.wardrobe.body_texels import BodyTexels, prepare_body_texels
from textures.wardrobe.outfit import sample_outfit
from textures.wardrobe.outfit_painting import painted_outfit

HEIGHT, WIDTH = 128, 64
SCENES = 300
FOCAL = (300.0, 1400.0)  # pixels on a crop 128 pixels high


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
        key: np.concatenate([p[key] for p in people])
        for key in people[0]
        if key not in ("texture", "label_map")
    }
    textures = np.stack([person["texture"] for person in people])
    label_maps = np.stack([person["label_map"] for person in people])
    rng = np.random.default_rng([seed, identities, 1])
    scenes = [paint_background(rng, width=WIDTH * 2, height=HEIGHT * 3 // 2) for _ in range(SCENES)]
    return PedestrianBank(
        textures=textures,
        label_maps=label_maps,
        photographs=np.array([False]),
        scenes=np.stack(scenes),
        **columns,
    )


def _progress(
    people: Iterable[dict[str, np.ndarray]], total: int
) -> Iterable[dict[str, np.ndarray]]:
    return tqdm(people, total=total, desc="pedestrians", unit="person", mininterval=2.0)


@dataclass(frozen=True)
class _Worker:
    """What a process prepares once."""

    body: Body
    skinning: Skinning
    texels: BodyTexels
    forms: WardrobeForms


_worker: _Worker | None = None


def _prepare(body: Body) -> None:
    import torch

    global _worker
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _worker = _Worker(body, Skinning(body), prepare_body_texels(body, 256), prepare_forms(body))


def _person(job: tuple[int, int, int, int]) -> dict[str, np.ndarray]:
    """One identity: texture, and per crop image, alpha, truth."""
    number, seed, images, texture_size = job
    if _worker is None:
        raise RuntimeError("the process was not prepared")
    body = _worker.body
    rng = np.random.default_rng([seed, number])
    outfit = sample_outfit(rng)
    painting = painted_outfit(_worker.texels, replace(outfit, bag="none"))
    texture, label_map = painting.texture(), painting.label_map()
    betas = np.clip(rng.normal(0, 1, 10), -2.5, 2.5).astype(np.float32)
    shaped, _ = skin(
        _worker.skinning, pose=np.zeros((1, 72)), betas=betas, translation=np.zeros((1, 3))
    )
    attire = with_bicycle(rng, attire_of_outfit(outfit))
    busy = bool(BUSY & {thing.kind for thing in attire.luggage})
    garments = make_garments(_worker.forms, shaped[0].astype(np.float64), attire)
    dressed = dressed_body(body, garments, len(texture))
    shown = dressed.texture_with_swatches(texture)
    pose_list = [
        sample_street_pose(rng, attire.luggage)
        if busy or rng.random() < 0.6
        else sample_poses(rng, 1).reshape(24, 3)
        for _ in range(images)
    ]
    poses = np.stack(pose_list)
    headings = [_heading(rng) for _ in range(images)]
    sway = [Rotation.from_euler("xyz", rng.normal(0, 0.04, 3)) for _ in range(images)]
    poses[:, 0] = [(h * s).as_rotvec() for h, s in zip(headings, sway)]
    poses = poses.reshape(images, 72).astype(np.float32)
    origin = np.zeros((images, 3))
    vertices, joints = skin(_worker.skinning, pose=poses, betas=betas, translation=origin)
    frames = joint_frames(_worker.skinning, pose=poses, betas=betas, translation=origin)
    rows: dict[str, list] = {}
    for i in range(images):
        placed = dressed.posed(vertices[i], frames[i], headings[i].as_matrix())
        camera = _detector_camera(rng, placed[dressed.of_person])
        for key, value in _crop(rng, dressed, placed, joints[i], shown, camera).items():
            rows.setdefault(key, []).append(value)
    result = {key: np.stack(value) for key, value in rows.items()}
    small = cv2.resize(texture, (texture_size, texture_size), interpolation=cv2.INTER_AREA)
    labels = cv2.resize(label_map, (texture_size, texture_size), interpolation=cv2.INTER_NEAREST)
    return result | {
        "texture": small,
        "label_map": labels,
        "pose": poses,
        "betas": np.repeat(betas[None], images, 0),
        "identities": np.full(images, number + 1, np.int32),
        "cameras": (np.arange(images) % 6 + 1).astype(np.int32),
        "texture_of": np.full(images, number, np.int32),
    }


def _heading(rng: np.random.Generator) -> Rotation:
    """The heading in the camera's frame, which may look from 35 degrees above."""
    pitch = np.clip(rng.normal(0.16, 0.14), -0.03, 0.61)
    return (
        Rotation.from_euler("z", rng.normal(0, 0.03))
        * Rotation.from_euler("x", pitch)
        * Rotation.from_euler("y", rng.uniform(-np.pi, np.pi))
    )


def _detector_camera(rng: np.random.Generator, vertices: np.ndarray) -> Camera:
    """A camera that frames the person as a detector does.

    The person mostly fills 92 to 99 % of the height; at times it is far off, or so near that the
    feet are lost.
    """
    focal = float(np.exp(rng.uniform(np.log(FOCAL[0]), np.log(FOCAL[1]))))
    centre = (vertices.max(0) + vertices.min(0)) / 2
    tall = float(np.ptp(vertices[:, 1]))
    fill = float(np.clip(rng.normal(0.955, 0.028), 0.84, 1.03))
    offset = np.array([rng.normal(0, 0.025), rng.normal(0, 0.012), 0]) * tall
    if rng.random() < 0.1:
        fill *= np.exp(rng.normal(0.08, 0.24))
        offset[1] -= max(0.0, 1 - 0.95 / fill) * tall / 2 * rng.uniform(0, 1.1)
        offset[0] += rng.normal(0, 0.05) * tall
    distance = focal * tall / (fill * HEIGHT)
    translation = FACING @ (-centre - np.array([0, 0, distance]) + offset)

    def camera(focal: float) -> Camera:
        intrinsics = np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]])
        return Camera(
            intrinsics=intrinsics,
            rotation=FACING,
            translation=translation,
            width=WIDTH,
            height=HEIGHT,
        )

    # What is near is larger: the zoom is set by what the picture shows.
    shown = float(np.ptp(camera(focal).project(vertices[::4])[0][:, 1]))
    return camera(focal * fill * HEIGHT / shown)


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
    dressed: DressedBody,
    vertices: np.ndarray,
    joints: np.ndarray,
    texture: np.ndarray,
    camera: Camera,
) -> dict[str, np.ndarray]:
    large = camera.scaled(2)
    buffer = visibility(vertices, dressed.mesh.faces, large)
    light, sun = _light(rng)
    colour = radiance(
        buffer,
        dressed.shaded_mesh,
        vertices,
        texture,
        position=large.position,
        coefficients=light,
        sun=sun,
    )
    colour *= crevice_shade(depth(buffer, dressed.mesh.faces, vertices, large))[..., None]
    covered = buffer.covered
    dressed_pixels = covered & ~dressed.carried[buffer.face]
    size = (WIDTH, HEIGHT)
    soft, person = (
        cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for mask in (covered, dressed_pixels)
    )
    summed = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    visible = soft > 0
    encoded = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    encoded[visible] = linear_to_srgb(summed[visible] / soft[visible][:, None])
    image = to_bytes(encoded)
    exact = visibility(vertices, dressed.mesh.faces, camera)
    exact.face[exact.covered & dressed.carried[exact.face]] = -1
    uv = texel_map(exact, dressed.mesh)
    if visible.any():
        image = fill_gutters(image, visible)
    if exact.covered.any():
        uv = fill_gutters(uv, exact.covered)
    pixels, _ = camera.project(joints)
    pelvis = camera.to_camera(joints[:1])[0]
    view = [*pixels[0], np.log(camera.intrinsics[0, 0] / pelvis[2])]
    masks = to_bytes(person)
    return {
        "images": image,
        "masks": masks,
        "carried": to_bytes(soft) - masks,
        "uv": quantised_uv(uv),
        "parts": parts(exact, dressed.mesh.face_parts),
        "joints": (joints - joints[0]).astype(np.float32),
        "joint_pixels": pixels.astype(np.float32),
        "view": np.array(view, np.float32),
    }
