"""The ground truth of a clip, computed from the mesh through visibility.

Without Blender and without anti-aliasing: one visibility buffer per frame gives depth, parts,
normals, UVs and both flows by plain array arithmetic, so a label is exactly that of the surface point
at the pixel's centre. Labels are the body's, and the background has none, but for one channel of its own,
"bgflow": how what stands still behind the person moves in the picture where the camera moves, from the
surfaces that the background is drawn on. Conventions: `CONVENTIONS` in `synth.clips.conventions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mocap.bodies.body import PARENTS, Body
from mocap.bodies.mesh import Mesh
from synth.scene.places.background_geometry import (
    BackgroundGeometry,
    InfiniteBackground,
    background_flow,
)
from textures.visibility.camera import Camera
from textures.visibility.projected_mesh import (
    OUTSIDE,
    ImagePoints,
    ProjectedMesh,
    VisiblePixels,
    occluding_faces,
    project_mesh,
    projected_points,
    visible_pixels,
    write_depth,
    write_flow,
    write_normals,
    write_values,
)
from textures.visibility.surface_points import SurfacePoints, draw_surface_points

CHANNELS = (
    *("depth", "segm", "normal", "gtflow", "uv", "occlusion", "tracks"),
    *("instances", "bgflow"),
)
TOLERANCE = 0.005  # metres that a surface must be nearer to hide a point


@dataclass(frozen=True, kw_only=True)
class GroundTruth:
    """Labels of T frames of H x W pixels, 24 joints and N tracks; None where not computed or stored.

    Of P people there are 24P joints: those of the first person, then those of the next.

    parts: (T,H,W) uint8, SURREAL's 1..24, 25 an occluder, 0 background; it is the mask; always computed.
    joints2d: (T,24,2) float32 pixels, not rounded. joints3d: (T,24,3) float32 world metres.
    joints_camera: (T,24,3) float32 metres in camera space.
    joints_visible: (T,24) bool; the first surface that the ray through the joint meets belongs to
        the joint's part or to its parent's or a child's, of the same person, and the joint is in the
        image.
    joints_inside: (T,24) bool; the joint is before the camera and in the image, else truncated.
    depth: (T,H,W) float32 planar z in metres, inf background.
    normals: (T,H,W,3) float32 unit vectors in camera space, background 0.
    flow_forward, flow_backward: (T,H,W,2) float32 pixels (dx, dy), y down, background 0.
    background_flow_forward, background_flow_backward: (T,H,W,2) float32, the same of the background
        beside the body, 0 on it and where a point is not before the other camera.
    uv: (T,H,W,2) float32 in [0, 1], (0, 0) at the texture's bottom-left, background 0.
    face: (T,H,W) int32 face of the body, or of all bodies and occluders one after another, -1 background.
    occlusion_forward, occlusion_backward: (T,H,W) bool; the pixel's point is not seen in the next,
        the previous frame: another surface is nearer there by more than TOLERANCE, or it has left
        the image. Background False.
    tracks2d: (T,N,2) float32 pixels. tracks3d: (T,N,3) float32 world metres.
    tracks_visible: (T,N) bool; in the image, and no surface nearer by more than TOLERANCE.
    track_faces: (N,) int32, track_barycentric: (N,3) float32; where on the body the tracks are.
    instances: (T,H,W) uint8; whom a pixel shows: 1 the first person, 2 the next, occluders after the
        people, 0 background.
    """

    parts: np.ndarray | None
    joints2d: np.ndarray
    joints3d: np.ndarray
    joints_camera: np.ndarray | None = None
    joints_visible: np.ndarray | None = None
    joints_inside: np.ndarray | None = None
    depth: np.ndarray | None = None
    normals: np.ndarray | None = None
    flow_forward: np.ndarray | None = None
    flow_backward: np.ndarray | None = None
    background_flow_forward: np.ndarray | None = None
    background_flow_backward: np.ndarray | None = None
    uv: np.ndarray | None = None
    face: np.ndarray | None = None
    occlusion_forward: np.ndarray | None = None
    occlusion_backward: np.ndarray | None = None
    tracks2d: np.ndarray | None = None
    tracks3d: np.ndarray | None = None
    tracks_visible: np.ndarray | None = None
    track_faces: np.ndarray | None = None
    track_barycentric: np.ndarray | None = None
    instances: np.ndarray | None = None

    @property
    def people(self) -> int:
        """How many people have joints."""
        return self.joints2d.shape[1] // len(PARENTS)

    @property
    def mask(self) -> np.ndarray:
        """(T,H,W) bool, True on bodies and occluders. Raises ValueError where there are no parts."""
        return self.require("parts") > 0

    def require(self, name: str) -> np.ndarray:
        """The field of that name. Raises ValueError where it was not computed or stored."""
        field: np.ndarray | None = getattr(self, name)
        if field is None:
            raise ValueError(f"the ground truth has no {name}")
        return field


def ground_truth(
    vertices: np.ndarray,
    joints: np.ndarray,
    body: Body | Mesh,
    cameras: Sequence[Camera],
    *,
    channels: Sequence[str] = CHANNELS,
    tracks: int = 1000,
    seed: int = 0,
    background: BackgroundGeometry | None = None,
) -> GroundTruth:
    """The ground truth of the frames between the first and the last.

    Vertices, joints and cameras hold one more frame at either end, so that every frame has a flow both
    ways; an end frame that repeats its neighbour, body and camera, gives a flow of exactly 0 and no
    occlusion.

    Args:
        vertices: (T+2,V,3) world metres.
        joints: (T+2,24P,3) world metres, of P people.
        body: what moves, for its faces, parts and UVs: a body, or a scene's mesh
            (`synth.scene.scene_mesh`), whose first P instances the people are.
        cameras: T+2.
        channels: of `CHANNELS`, those that are computed.
        tracks: how many points are drawn by area on the body's template.
        background: the surfaces behind the body; None: they are infinitely far away.
        seed: of that draw: a seed names the same points on a body whatever its pose and shape.

    Raises:
        ValueError: an unknown channel, fewer than 3 frames, counts that disagree or cameras of
            different sizes.
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
    surface = body.mesh if isinstance(body, Body) else body
    points = None
    if "tracks" in channels:
        rng = np.random.default_rng(seed)
        points = draw_surface_points(surface.vertices, surface.faces, tracks, rng)
    size = (len(vertices) - 2, cameras[0].height, cameras[0].width)
    out = _empty(size, channels, points, joints.shape[1])
    before, now = (project_mesh(vertices[n], surface.faces, cameras[n]) for n in range(2))
    # A frame's mesh is queried by the frame before it, by itself and by the frame after it, all at once.
    waiting: list[_Query] = []  # to the frame before the present one, so far
    ahead: list[_Query] = []  # to the present one, from the frame before it
    for frame in range(size[0]):
        after = project_mesh(vertices[frame + 2], surface.faces, cameras[frame + 2])
        visible = visible_pixels(now)
        _write_pixels(out, frame, visible, now, surface)
        if "background_flow_forward" in out:
            geometry = background or InfiniteBackground()
            _write_background(out, frame, now, before, after, geometry)
        queries = _write_joints(out, frame, now, joints[frame + 1], surface)
        if points is not None:
            queries += _write_tracks(out, frame, now, points)
        backward = _write_motion(out, "backward", frame, visible, now, before)
        _answer(before, waiting + backward)
        waiting = ahead + queries
        ahead = _write_motion(out, "forward", frame, visible, now, after)
        before, now = now, after
    _answer(before, waiting)
    _answer(now, ahead)
    if points is not None:
        out |= {"track_faces": points.faces, "track_barycentric": points.barycentric}
    return GroundTruth(**out)


@dataclass(frozen=True)
class _Query:
    """Points to look up in a projected mesh, and what receives their `occluding_faces`."""

    points: ImagePoints
    receive: Callable[[np.ndarray], None]


def _answer(mesh: ProjectedMesh, queries: list[_Query]) -> None:
    faces = occluding_faces(mesh, [query.points for query in queries], tolerance=TOLERANCE)
    for query, occluders in zip(queries, faces):
        query.receive(occluders)


def _empty(
    size: tuple[int, int, int], channels: Sequence[str], points: SurfacePoints | None, count: int
) -> dict[str, np.ndarray]:
    """The arrays of the channels, all background, and of `count` joints."""
    frames = size[0]
    out: dict[str, np.ndarray] = {
        "parts": np.zeros(size, np.uint8),
        "joints2d": np.empty((frames, count, 2), np.float32),
        "joints3d": np.empty((frames, count, 3), np.float32),
        "joints_camera": np.empty((frames, count, 3), np.float32),
        "joints_visible": np.empty((frames, count), bool),
        "joints_inside": np.empty((frames, count), bool),
    }
    if "depth" in channels:
        out["depth"] = np.full(size, np.inf, np.float32)
    if "normal" in channels:
        out["normals"] = np.zeros((*size, 3), np.float32)
    if "gtflow" in channels:
        out["flow_forward"] = np.zeros((*size, 2), np.float32)
        out["flow_backward"] = np.zeros((*size, 2), np.float32)
    if "bgflow" in channels:
        out["background_flow_forward"] = np.zeros((*size, 2), np.float32)
        out["background_flow_backward"] = np.zeros((*size, 2), np.float32)
    if "uv" in channels:
        out["uv"] = np.zeros((*size, 2), np.float32)
        out["face"] = np.full(size, -1, np.int32)
    if "occlusion" in channels:
        out["occlusion_forward"] = np.zeros(size, bool)
        out["occlusion_backward"] = np.zeros(size, bool)
    if "instances" in channels:
        out["instances"] = np.zeros(size, np.uint8)
    if points is not None:
        tracks = len(points.faces)
        out["tracks2d"] = np.empty((frames, tracks, 2), np.float32)
        out["tracks3d"] = np.empty((frames, tracks, 3), np.float32)
        out["tracks_visible"] = np.empty((frames, tracks), bool)
    return out


def _write_pixels(
    out: dict[str, np.ndarray],
    frame: int,
    visible: VisiblePixels,
    mesh: ProjectedMesh,
    surface: Mesh,
) -> None:
    """Depth, parts, instances, normals and UVs of a frame."""
    out["parts"][frame, visible.row, visible.column] = surface.face_parts[visible.face]
    if "instances" in out:
        instances = _instances_of(surface, visible.face)
        out["instances"][frame, visible.row, visible.column] = instances
    if "depth" in out:
        write_depth(visible, mesh, out["depth"][frame])
    if "normals" in out:
        write_normals(visible, mesh, out["normals"][frame])
    if "uv" in out:
        write_values(visible, surface.uv_faces, surface.uv, out["uv"][frame])
        out["face"][frame, visible.row, visible.column] = visible.face


def _write_background(
    out: dict[str, np.ndarray],
    frame: int,
    mesh: ProjectedMesh,
    before: ProjectedMesh,
    after: ProjectedMesh,
    geometry: BackgroundGeometry,
) -> None:
    """How the background moves to the neighbouring frames; nothing where the camera stands still."""
    points: np.ndarray | None = None
    for way, other in (("forward", after), ("backward", before)):
        if mesh.camera.same_view(other.camera):
            continue
        if points is None:
            points = geometry.points(mesh.camera)
        flow = np.nan_to_num(background_flow(points, other.camera), posinf=0.0, neginf=0.0)
        flow[out["parts"][frame] > 0] = 0.0
        out[f"background_flow_{way}"][frame] = flow


def _write_motion(
    out: dict[str, np.ndarray],
    way: str,
    frame: int,
    visible: VisiblePixels,
    mesh: ProjectedMesh,
    other: ProjectedMesh,
) -> list[_Query]:
    """The flow to a neighbouring frame, and the query to it about occlusion."""
    flow, occlusion = out.get(f"flow_{way}"), out.get(f"occlusion_{way}")
    if (flow is None and occlusion is None) or mesh.is_identical(other):
        return []  # a repeated frame has a flow of 0, not of rounding
    points = projected_points(visible, other)
    if flow is not None:
        write_flow(visible, points, flow[frame])
    if occlusion is None:
        return []

    def receive(occluders: np.ndarray) -> None:
        occlusion[frame, visible.row, visible.column] = occluders != -1

    return [_Query(points, receive)]


def _write_joints(
    out: dict[str, np.ndarray], frame: int, mesh: ProjectedMesh, joints: np.ndarray, surface: Mesh
) -> list[_Query]:
    """The joints, and the query to their frame about visibility."""
    camera = mesh.camera
    joints = np.asarray(joints, dtype=np.float32)
    pixels, z = camera.project(joints)
    out["joints2d"][frame], out["joints3d"][frame] = pixels, joints
    out["joints_camera"][frame] = camera.to_camera(joints)

    def receive(faces: np.ndarray) -> None:
        inside = (faces != OUTSIDE) & (z > 0)
        label = np.where(faces >= 0, surface.face_parts[faces], 0)
        person, joint = np.divmod(np.arange(len(faces)), len(PARENTS))
        theirs = _instances_of(surface, faces) == person + 1
        out["joints_inside"][frame] = inside
        out["joints_visible"][frame] = inside & theirs & KIN_PARTS[joint, label]

    # At depth inf: the first surface on the ray, also where it lies behind the joint.
    return [_Query(ImagePoints(pixels, np.full(len(z), np.inf)), receive)]


def _write_tracks(
    out: dict[str, np.ndarray], frame: int, mesh: ProjectedMesh, points: SurfacePoints
) -> list[_Query]:
    """The tracks, and the query to their frame about visibility."""
    world = points.positions(mesh.vertices, mesh.faces)
    image = ImagePoints(*mesh.camera.project(world))
    out["tracks2d"][frame], out["tracks3d"][frame] = image.pixels, world

    def receive(occluders: np.ndarray) -> None:
        out["tracks_visible"][frame] = occluders == -1

    return [_Query(image, receive)]


def _instances_of(surface: Mesh, faces: np.ndarray) -> np.ndarray:
    """The instances (N,) of `faces` (N,), from 1."""
    if surface.face_instances is None:
        return np.ones(len(faces), np.uint8)
    return surface.face_instances[faces]


def _kin() -> np.ndarray:
    """(24 joints, 256 labels) bool: the part is the joint's, its parent's or a child's."""
    kin = np.zeros((len(PARENTS), 256), bool)
    for joint, parent in enumerate(PARENTS):
        kin[joint, joint + 1] = True
        if parent >= 0:
            kin[joint, parent + 1] = kin[parent, joint + 1] = True
    return kin


KIN_PARTS = _kin()
"""(24 joints, 256 labels) bool: the part with that label is the joint's, its parent's or a child's."""
