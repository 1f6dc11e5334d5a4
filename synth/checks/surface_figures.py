"""Figures that tell whether a clip's dense channels belong to one surface, and that to the body.

Every function is pure. T frames of H x W pixels, metres; shares are of pixels on the body unless
something else is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from synth.clips.mask_rows import MaskRows, disagreements
from synth.scene.ground_truth import KIN_PARTS
from synth.scene.occluders import OCCLUDER_PART

_SMOOTH_STEP = 0.03  # metres between neighbouring pixels beyond which a depth gradient is an edge
_SLACK = 0.02  # metres that depth may change between the centres of neighbouring pixels and a point
_UV_MARGIN = 0.02  # of a face's side; float32 and the compact layout's rounding
_SMALLEST_UV = 1e-6  # area of a face in the texture below which its UVs tell no place on it


_njit = numba.njit(cache=True, nogil=True)


def joint_pixels(pixels: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
    """Frame, row, column and number of the `chosen` (T,N) of `pixels` (T,N,2), in the image."""
    frame, number = np.nonzero(chosen)
    column, row = np.floor(pixels[frame, number]).astype(int).T
    return frame, row, column, number


def joint_part_figures(
    parts: np.ndarray, pixels: np.ndarray, visible: np.ndarray
) -> dict[str, float]:
    """Share of visible joints (T,24P) about whose pixel only other limbs are labelled.

    Parts (T,H,W), joints' `pixels` (T,24P,2) of P people. Left taken for right, a mirrored label image
    and one of another frame all show here.
    """
    if not visible.any():
        return {}
    frame, row, column, joint = joint_pixels(pixels, visible)
    kin = KIN_PARTS[joint % len(KIN_PARTS), _neighbours(parts, frame, row, column)]
    return {"joint_on_other_limb": float((~kin.any(axis=0)).mean())}


def joint_depth_figures(
    depth: np.ndarray, pixels: np.ndarray, z: np.ndarray, visible: np.ndarray, *, flesh: float
) -> dict[str, float]:
    """Share of visible joints (T,24) about whose pixel no surface is just before the joint.

    That is none at all, or only one that is more than `flesh` metres before it. Depth (T,H,W), the
    joints' `z` (T,24).
    """
    if not visible.any():
        return {}
    frame, row, column, joint = joint_pixels(pixels, visible)
    before = z[frame, joint] - _neighbours(depth, frame, row, column)
    fits = ((before > -_SLACK) & (before < flesh)).any(axis=0)
    return {"joint_off_surface": float((~fits).mean())}


def support_figures(mask: MaskRows, **channels: np.ndarray) -> dict[str, float]:
    """The largest share of pixels that one of the channels takes for body and the mask does not.

    Or the other way round; in parts of the mask. A channel holds something, True or not 0, on the body:
    (T,H,W) or (T,H,W,C).
    """
    wrong = [sum(disagreements(channel, mask)) / mask.area for channel in channels.values()]
    return {"support_wrong": max(wrong)} if wrong else {}


def beside_mask_figures(mask: MaskRows, **channels: np.ndarray) -> dict[str, float]:
    """As `support_figures` for channels that may be 0 on the body: flow and its occlusion."""
    wrong = [disagreements(channel, mask)[1] / mask.area for channel in channels.values()]
    return {"beside_mask": max(wrong)} if wrong else {}


def face_figures(face: np.ndarray, parts: np.ndarray, face_parts: np.ndarray) -> dict[str, float]:
    """Share of pixels whose part is not that of their face: `face` and `parts` (T,H,W)."""
    valid = (face >= -1) & (face < len(face_parts))
    expected = np.where(face >= 0, face_parts[np.where(valid, face, 0)], 0)
    wrong = (~valid | (expected != parts)).sum()
    return {"part_of_other_face": float(wrong) / max(1, int((parts > 0).sum()))}


def instance_figures(
    instances: np.ndarray,
    parts: np.ndarray | None,
    face: np.ndarray | None,
    *,
    people: int,
    face_instances: np.ndarray | None,
) -> dict[str, float]:
    """Share of pixels whose instance (T,H,W) is not what their part or their face says.

    Args:
        instances: from 1, people before occluders.
        parts: (T,H,W), 25 an occluder; None where not stored.
        face: (T,H,W), -1 on the background; None where not stored.
        people: how many there are.
        face_instances: (F,) of the scene's mesh; None for a mesh of one.
    """
    wrong = np.zeros(instances.shape, bool)
    if parts is not None:
        wrong |= (parts == OCCLUDER_PART) != (instances > people)
    if face is not None:
        expected = np.ones(1, np.uint8) if face_instances is None else face_instances
        inside = np.where((face >= 0) & (face < len(expected)), face, 0)
        wrong |= np.where(face >= 0, expected[inside], 0) != instances
    return {"instance_of_other": float(wrong.sum()) / max(1, int((instances > 0).sum()))}


def joint_instance_figures(
    instances: np.ndarray, pixels: np.ndarray, visible: np.ndarray
) -> dict[str, float]:
    """Share of visible joints (T,24P) about whose pixel only others are.

    `pixels` are the joints' (T,24P,2), `instances` (T,H,W).
    """
    if not visible.any():
        return {}
    frame, row, column, joint = joint_pixels(pixels, visible)
    person = joint // len(KIN_PARTS) + 1
    theirs = (_neighbours(instances, frame, row, column) == person).any(axis=0)
    return {"joint_on_other_person": float((~theirs).mean())}


@dataclass(frozen=True)
class SurfaceSamples:
    """The surface points that UV and face maps name.

    `frame`, `row`, `column`, `face` (N,) and `barycentric` (N,3) in the face. Faces that are too small in
    the texture to tell a point are left out.
    """

    frame: np.ndarray
    row: np.ndarray
    column: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray

    def positions(self, vertices: np.ndarray, faces: np.ndarray, *, step: int = 0) -> np.ndarray:
        """Where the points are `step` frames later, (N,3) float64; `vertices` (T,V,3)."""
        corners = vertices[self.frame[:, None] + step, faces[self.face]]
        return np.einsum("nk,nkd->nd", self.barycentric, corners)


def surface_samples(
    uv: np.ndarray, face: np.ndarray, atlas: np.ndarray, atlas_faces: np.ndarray
) -> SurfaceSamples:
    """Samples of `uv` (T,H,W,2) and `face` (T,H,W), with the body's UVs (M,2) and UV faces (F,3)."""
    frame, row, column = np.nonzero((face >= 0) & (face < len(atlas_faces)))
    number = face[frame, row, column]
    corner = atlas[atlas_faces].astype(np.float64)  # (F,3,2)
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    large = np.abs(area[number]) > 2 * _SMALLEST_UV
    frame, row, column, number = frame[large], row[large], column[large], number[large]
    offset = uv[frame, row, column] - corner[number, 0]
    a, b, double_area = first[number], second[number], area[number]
    beta = (offset[:, 0] * b[:, 1] - offset[:, 1] * b[:, 0]) / double_area
    gamma = (a[:, 0] * offset[:, 1] - a[:, 1] * offset[:, 0]) / double_area
    barycentric = np.stack([1 - beta - gamma, beta, gamma], axis=1)
    return SurfaceSamples(frame, row, column, number, barycentric)


def uv_figures(samples: SurfaceSamples) -> dict[str, float]:
    """Share of samples whose UV lies outside of their face in the texture."""
    if not len(samples.frame):
        return {}
    outside = (samples.barycentric < -_UV_MARGIN).any(axis=1)
    return {"uv_off_face": float(outside.mean())}


def surface_figures(
    samples: SurfaceSamples,
    points: np.ndarray,
    intrinsics: np.ndarray,
    depth: np.ndarray | None,
) -> dict[str, float]:
    """How far the body's own points are from the pixels that show them, and from their depth.

    `points` (N,3) in camera space, `depth` (T,H,W). The 99th percentiles, in pixels and metres.
    """
    if not len(samples.frame):
        return {}
    homogeneous = np.einsum("nij,nj->ni", intrinsics[samples.frame], points)
    pixels = homogeneous[:, :2] / homogeneous[:, 2:]
    error = pixels - np.stack([samples.column + 0.5, samples.row + 0.5], axis=1)
    figures = {"surface_px": float(np.percentile(np.hypot(error[:, 0], error[:, 1]), 99))}
    if depth is not None:
        stored = depth[samples.frame, samples.row, samples.column]
        wrong = np.abs(np.where(np.isfinite(stored), stored, 1e3) - points[:, 2])
        figures["surface_depth_m"] = float(np.percentile(wrong, 99))
    return figures


@_njit
def _normal_figures(normals, unproject):
    """Pixels that hold a normal, those that look away, and the largest error of a length."""
    count, away, worst = 0, 0, 0.0
    for t in range(normals.shape[0]):
        k = unproject[t]
        for row in range(normals.shape[1]):
            for column in range(normals.shape[2]):
                x = np.float64(normals[t, row, column, 0])
                y = np.float64(normals[t, row, column, 1])
                z = np.float64(normals[t, row, column, 2])
                if x == 0 and y == 0 and z == 0:
                    continue
                u, v = column + 0.5, row + 0.5
                ray_x = k[0, 0] * u + k[0, 1] * v + k[0, 2]
                ray_y = k[1, 0] * u + k[1, 1] * v + k[1, 2]
                ray_z = k[2, 0] * u + k[2, 1] * v + k[2, 2]
                alignment = x * ray_x + y * ray_y + z * ray_z
                count += 1
                away += alignment > 0.1 * np.sqrt(ray_x * ray_x + ray_y * ray_y + ray_z * ray_z)
                error = abs(np.sqrt(x * x + y * y + z * z) - 1.0)
                if not error <= worst:  # NaN is the worst
                    worst = error
    return count, away, worst


def normal_figures(normals: np.ndarray, intrinsics: np.ndarray) -> dict[str, float]:
    """Share of normals (T,H,W,3) that look away from the camera by more than 6 degrees.

    And by how much the length of one differs from 1 at most.
    """
    unproject = np.linalg.inv(intrinsics)
    count, away, worst = _normal_figures(np.ascontiguousarray(normals), unproject)
    if not count:
        return {}
    return {"normals_away": away / count, "normals_length": float(worst)}


@_njit
def _slope_cosines(normals, depth, unproject, step):
    """Cosine between the normal and the depth map's where neighbours on all sides are within `step`."""
    frames, height, width = depth.shape
    out = np.empty(depth.size, np.float64)
    horizontal, vertical = np.empty(3), np.empty(3)
    count = 0
    for t in range(frames):
        k = unproject[t]
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                before = np.float64(depth[t, row, column - 1])
                after = np.float64(depth[t, row, column + 1])
                if not abs(after - before) < step:  # inf - inf, too: the background
                    continue
                upper = np.float64(depth[t, row - 1, column])
                lower = np.float64(depth[t, row + 1, column])
                if not abs(lower - upper) < step:
                    continue
                u, v = column + 0.5, row + 0.5
                for d in range(3):
                    ray = k[d, 0] * u + k[d, 1] * v + k[d, 2]
                    horizontal[d] = (ray + k[d, 0]) * after - (ray - k[d, 0]) * before
                    vertical[d] = (ray + k[d, 1]) * lower - (ray - k[d, 1]) * upper
                x = (
                    vertical[1] * horizontal[2] - vertical[2] * horizontal[1]
                )  # alignments the camera
                y = vertical[2] * horizontal[0] - vertical[0] * horizontal[2]
                z = vertical[0] * horizontal[1] - vertical[1] * horizontal[0]
                length = np.sqrt(x * x + y * y + z * z)
                n = normals[t, row, column]
                out[count] = (x * n[0] + y * n[1] + z * n[2]) / length
                count += 1
    return out[:count]


def normal_slope_figures(
    normals: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray
) -> dict[str, float]:
    """Median angle in degrees between the normals and those of the depth map, where that is smooth.

    `normals` (T,H,W,3), `depth` (T,H,W).
    """
    unproject = np.linalg.inv(intrinsics)
    channels = np.ascontiguousarray(normals), np.ascontiguousarray(depth)
    cosine = _slope_cosines(*channels, unproject, _SMOOTH_STEP)
    if not len(cosine):
        return {}
    return {
        "normals_slope_degrees": float(np.degrees(np.arccos(np.clip(np.median(cosine), -1, 1))))
    }


def track_depth_figures(
    pixels: np.ndarray, z: np.ndarray, visible: np.ndarray, depth: np.ndarray
) -> dict[str, float]:
    """Share of visible tracks (T,N) whose `z` is not among the depths (T,H,W) about their pixel."""
    if not visible.any():
        return {}
    frame, row, column, number = joint_pixels(pixels, visible)
    neighbourhood = _neighbours(depth, frame, row, column)
    nearest = neighbourhood.min(axis=0)
    farthest = np.where(np.isfinite(neighbourhood), neighbourhood, -np.inf).max(axis=0)
    point_depth = z[frame, number]
    fits = (point_depth > nearest - _SLACK) & (point_depth < farthest + _SLACK)
    return {"tracks_off_surface": float((~fits).mean())}


def _neighbours(
    values: np.ndarray, frame: np.ndarray, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """`values` (T,H,W) of the nine pixels around and at each pixel: (9,N)."""
    height, width = values.shape[1:3]
    steps = [(vertical, horizontal) for vertical in (-1, 0, 1) for horizontal in (-1, 0, 1)]
    return np.stack(
        [
            values[
                frame,
                np.clip(row + vertical, 0, height - 1),
                np.clip(column + horizontal, 0, width - 1),
            ]
            for vertical, horizontal in steps
        ]
    )
