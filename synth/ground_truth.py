"""The ground truth of a clip, computed from the mesh through visibility: no Blender, no
anti-aliasing.

One visibility buffer a frame gives depth, parts, normals, UVs and both flows by plain array
arithmetic, so a label is exactly that of the surface point at the pixel's centre. The background is
a plate at infinity without labels: its flow is 0 and it is never occluded, also where the camera
moves. Conventions: ``CONVENTIONS`` in ``synth.clips``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocap.body import PARENTS, Body
from textures.camera import Camera
from textures.surface_points import draw_surface_points
from textures.visibility import (
    NEAR,
    depth,
    flow,
    flow_occlusion,
    interpolate,
    nearest_surface,
    normals,
    parts,
    visibility,
)

CHANNELS = ("depth", "segm", "normal", "gtflow", "uv", "occlusion", "tracks")
TOLERANCE = 0.005  # metres that a surface must be nearer to hide a point


@dataclass(frozen=True)
class GroundTruth:
    """Of T frames of H x W pixels, 24 joints and N tracks; None where not asked for or not stored.

    parts: (T,H,W) uint8, SURREAL's 1..24, 0 background; always there, it is the mask.
    joints2d: (T,24,2) float32 pixels, not rounded. joints3d: (T,24,3) float32 world metres.
    joints_camera: (T,24,3) float32 metres in camera space.
    joints_visible: (T,24) bool; the first surface that the ray through the joint meets belongs to
        the joint's own part or to its parent's or a child's, and the joint is in the image.
    joints_inside: (T,24) bool; the joint is before the camera and in the image, else truncated.
    depth: (T,H,W) float32 planar z in metres, inf background.
    normals: (T,H,W,3) float32 unit vectors in camera space, background 0.
    flow_forward, flow_backward: (T,H,W,2) float32 pixels (dx, dy), y down, background 0.
    uv: (T,H,W,2) float32 in [0, 1], (0, 0) at the texture's bottom-left, background 0.
    face: (T,H,W) int32 face of the body, -1 background.
    occlusion_forward, occlusion_backward: (T,H,W) bool; the pixel's point is not seen in the next,
        the previous frame: another surface is nearer there by more than TOLERANCE, or it has left
        the image. Background False.
    tracks2d: (T,N,2) float32 pixels. tracks3d: (T,N,3) float32 world metres.
    tracks_visible: (T,N) bool; in the image, and no surface nearer by more than TOLERANCE.
    track_faces: (N,) int32, track_barycentric: (N,3) float32; where on the body the tracks are.
    """

    parts: np.ndarray
    joints2d: np.ndarray
    joints3d: np.ndarray
    joints_camera: np.ndarray | None = None
    joints_visible: np.ndarray | None = None
    joints_inside: np.ndarray | None = None
    depth: np.ndarray | None = None
    normals: np.ndarray | None = None
    flow_forward: np.ndarray | None = None
    flow_backward: np.ndarray | None = None
    uv: np.ndarray | None = None
    face: np.ndarray | None = None
    occlusion_forward: np.ndarray | None = None
    occlusion_backward: np.ndarray | None = None
    tracks2d: np.ndarray | None = None
    tracks3d: np.ndarray | None = None
    tracks_visible: np.ndarray | None = None
    track_faces: np.ndarray | None = None
    track_barycentric: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """(T,H,W) bool, True on the body."""
        return self.parts > 0


def ground_truth(
    vertices: np.ndarray,
    joints: np.ndarray,
    body: Body,
    cameras: Sequence[Camera],
    *,
    channels: Sequence[str] = CHANNELS,
    tracks: int = 1000,
    seed: int = 0,
) -> GroundTruth:
    """The ground truth of the frames between the first and the last.

    ``vertices`` (T+2,V,3), ``joints`` (T+2,24,3), world metres, and the T+2 ``cameras`` hold one
    more frame at either end, so that every frame has a flow both ways; an end frame that repeats
    its neighbour, body and camera, gives a flow of exactly 0 and no occlusion. ``tracks`` points
    are drawn by area on the body's template with ``seed``: a seed names the same points on a body
    whatever its pose and shape. Raises ValueError for an unknown channel, fewer than 3 frames,
    counts that disagree or cameras of different sizes.
    """
    unknown = set(channels) - set(CHANNELS)
    if unknown:
        raise ValueError(
            f"no channel {', '.join(sorted(unknown))}; there are {', '.join(CHANNELS)}"
        )
    if not len(vertices) == len(joints) == len(cameras) >= 3:
        raise ValueError(
            f"{len(vertices)} frames of vertices, {len(joints)} of joints and {len(cameras)} "
            "cameras; expected as many of each, at least 3"
        )
    if len({(camera.width, camera.height) for camera in cameras}) > 1:
        raise ValueError("the cameras' images differ in size, expected one size a clip")
    frames = len(vertices) - 2
    size = (frames, cameras[0].height, cameras[0].width)
    faces = body.faces
    out = {"parts": np.zeros(size, np.uint8)}
    if "depth" in channels:
        out["depth"] = np.full(size, np.inf, np.float32)
    if "normal" in channels:
        out["normals"] = np.zeros((*size, 3), np.float32)
    if "gtflow" in channels:
        out["flow_forward"] = np.zeros((*size, 2), np.float32)
        out["flow_backward"] = np.zeros((*size, 2), np.float32)
    if "uv" in channels:
        out["uv"] = np.zeros((*size, 2), np.float32)
        out["face"] = np.full(size, -1, np.int32)
    if "occlusion" in channels:
        out["occlusion_forward"] = np.zeros(size, bool)
        out["occlusion_backward"] = np.zeros(size, bool)
    for frame in range(frames):
        now, camera = vertices[frame + 1], cameras[frame + 1]
        seen = visibility(now, faces, camera)
        out["parts"][frame] = parts(seen, body.face_parts)
        if "depth" in channels:
            out["depth"][frame] = depth(seen, faces, now, camera)
        if "normal" in channels:
            out["normals"][frame] = normals(seen, faces, now, camera)
        if "uv" in channels:
            out["uv"][frame] = interpolate(seen, body.uv_faces, body.uv)
            out["face"][frame] = seen.face
        for name, other in (("forward", frame + 2), ("backward", frame)):
            if _same(now, camera, vertices[other], cameras[other]):
                continue
            if "gtflow" in channels:
                out[f"flow_{name}"][frame] = flow(seen, faces, vertices[other], cameras[other])
            if "occlusion" in channels:
                out[f"occlusion_{name}"][frame] = flow_occlusion(
                    seen, faces, vertices[other], cameras[other], tolerance=TOLERANCE
                )
    out |= _joint_truth(vertices[1:-1], joints[1:-1], body, cameras[1:-1])
    if "tracks" in channels:
        points = draw_surface_points(body.template, faces, tracks, np.random.default_rng(seed))
        out |= {"track_faces": points.faces, "track_barycentric": points.barycentric}
        world = np.stack([points.at(now, faces) for now in vertices[1:-1]])
        pixels, z, inside = _projected(world, cameras[1:-1])
        nearest = np.stack(
            [
                nearest_surface(now, faces, camera, positions)[1]
                for now, camera, positions in zip(vertices[1:-1], cameras[1:-1], pixels)
            ]
        )
        out["tracks2d"], out["tracks3d"] = pixels.astype(np.float32), world.astype(np.float32)
        out["tracks_visible"] = inside & (z > NEAR) & ~(z > nearest + TOLERANCE)
    return GroundTruth(**out)


def _same(now: np.ndarray, camera: Camera, other: np.ndarray, other_camera: Camera) -> bool:
    return (
        np.array_equal(camera.translation, other_camera.translation)
        and np.array_equal(camera.rotation, other_camera.rotation)
        and np.array_equal(camera.intrinsics, other_camera.intrinsics)
        and np.array_equal(now, other)
    )


def _projected(
    points: np.ndarray, cameras: Sequence[Camera]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (T,N,3) through T cameras: pixels (T,N,2), z (T,N), whether before them and inside."""
    pairs = [camera.project(each) for camera, each in zip(cameras, points)]
    pixels, z = np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
    limits = (cameras[0].width, cameras[0].height)
    inside = (pixels >= 0).all(axis=-1) & (pixels < limits).all(axis=-1) & (z > 0)
    return pixels, z, inside


def _joint_truth(
    vertices: np.ndarray, joints: np.ndarray, body: Body, cameras: Sequence[Camera]
) -> dict[str, np.ndarray]:
    joints = np.asarray(joints, dtype=np.float32)
    pixels, _, inside = _projected(joints, cameras)
    met = np.stack(
        [
            nearest_surface(now, body.faces, camera, positions)[0]
            for now, camera, positions in zip(vertices, cameras, pixels)
        ]
    )
    part = np.where(met >= 0, body.face_parts[met], 0)
    return {
        "joints2d": pixels.astype(np.float32),
        "joints3d": joints,
        "joints_camera": np.stack(
            [camera.to_camera(each) for camera, each in zip(cameras, joints)]
        ).astype(np.float32),
        "joints_inside": inside,
        "joints_visible": inside & _KIN[np.arange(len(PARENTS)), part],
    }


def _kin() -> np.ndarray:
    """(24 joints, 25 parts) bool: the part is the joint's own, its parent's or a child's."""
    kin = np.zeros((len(PARENTS), len(PARENTS) + 1), bool)
    for joint, parent in enumerate(PARENTS):
        kin[joint, joint + 1] = True
        if parent >= 0:
            kin[joint, parent + 1] = kin[parent, joint + 1] = True
    return kin


_KIN = _kin()
