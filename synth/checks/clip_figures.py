"""Figures of a whole clip: what the pure functions of the neighbours are given of its evidence."""

from __future__ import annotations

import numpy as np

from synth.checks import flow_checks, joint_checks, picture_checks, surface_checks
from synth.checks.clip_data import Evidence
from synth.checks.limits import LIMITS
from synth.clips.mask_rows import mask_rows


def joints2d(e: Evidence) -> dict[str, float]:
    """Joints in the image against those in the world."""
    points = e.in_camera(e.truth.joints3d)
    return joint_checks.projection_figures(
        e.truth.joints2d, points, e.intrinsics, name="joints2d_px"
    )


def flags(e: Evidence) -> dict[str, float]:
    """Flags of joints against where joints are."""
    points = e.in_camera(e.truth.joints3d)
    pixels = joint_checks.projected(points, e.intrinsics)
    return joint_checks.flag_figures(
        pixels, points[..., 2], e.truth.joints_inside, e.truth.joints_visible, size=e.size
    )


def framing(e: Evidence) -> dict[str, float]:
    """Joints and body against the view's policy."""
    policy = e.row.view.policy
    figures = joint_checks.framing_figures(e.truth.joints_inside, policy=policy)
    if policy == "framed" and e.mask is not None:
        figures["frames_without_body"] = float((~e.mask.any(axis=(1, 2))).mean())
    return figures


def shapes(e: Evidence) -> dict[str, float]:
    """Sizes of channels and cameras against the row's."""
    expected = (e.row.frames, e.row.height, e.row.width)
    cameras = {(camera.width, camera.height) for camera in e.posed_clip.cameras}
    shapes = [
        value.shape[:3] if value.ndim >= 3 else None
        for name in ("parts", "depth", "normals", "flow_forward", "flow_backward", "uv", "face")
        if (value := getattr(e.truth, name)) is not None
    ]
    wrong = sum(shape != expected for shape in shapes)
    wrong += (len(e.posed_clip) != e.row.frames) + (cameras != {e.size})
    return {"wrong_shapes": float(wrong)}


def joint_depth(e: Evidence) -> dict[str, float]:
    """Depth before visible joints."""
    z = e.in_camera(e.truth.joints3d)[..., 2]
    return surface_checks.joint_depth_figures(
        e.truth.depth, e.truth.joints2d, z, e.truth.joints_visible, flesh=LIMITS.flesh_m
    )


def support(e: Evidence) -> dict[str, float]:
    """Where channels hold something, against the mask."""
    truth = e.truth
    there = {}
    if truth.depth is not None:
        there["depth"] = np.isfinite(truth.depth)
    if truth.normals is not None:
        there["normals"] = truth.normals
    if truth.face is not None:
        there["face"] = truth.face >= 0
    names = ("flow_forward", "flow_backward", "occlusion_forward", "occlusion_backward")
    beside = {name: values for name in names if (values := getattr(truth, name)) is not None}
    mask = mask_rows(e.mask)
    figures = surface_checks.support_figures(mask, **there)
    return figures | surface_checks.beside_mask_figures(mask, **beside)


def tracks(e: Evidence) -> dict[str, float]:
    """Tracks against the body, their projection and the depth there."""
    truth = e.truth
    points = e.in_camera(truth.tracks3d)
    corners = e.vertices[1:-1][:, e.body.faces[truth.track_faces]].astype(np.float64)
    on_body = np.einsum("nk,tnkd->tnd", truth.track_barycentric, corners)
    figures = joint_checks.projection_figures(
        truth.tracks2d, points, e.intrinsics, name="tracks2d_px"
    )
    figures |= joint_checks.distance_figures(truth.tracks3d, on_body, name="tracks3d_m")
    figures["tracks_visible"] = float(truth.tracks_visible.mean())
    if truth.depth is not None:
        figures |= surface_checks.track_depth_figures(
            truth.tracks2d, points[..., 2], truth.tracks_visible, truth.depth
        )
    return figures


def film(e: Evidence) -> dict[str, float]:
    """The decoded film against the row and the pictures that went into it."""
    shape = (e.row.frames, e.row.height, e.row.width)
    figures = picture_checks.film_figures(e.frames, e.rate, shape=shape, fps=e.row.fps)
    if e.rendered is not None:
        figures |= picture_checks.compression_figures(e.frames, e.rendered)
    return figures


def flow_picture(e: Evidence) -> dict[str, float]:
    """The film against forward flow; nothing where it has other frames than the channels."""
    return flow_checks.warp_figures(e.steps, e.frames, e.mask) if _matches(e) else {}


def plate(e: Evidence) -> dict[str, float]:
    """The film against its backgrounds; nothing where it has other frames than the channels."""
    return picture_checks.plate_figures(e.frames, e.plates, e.mask) if _matches(e) else {}


def _matches(e: Evidence) -> bool:
    """Whether the film has the frames that the channels have; where not, `film` says so."""
    return e.mask is None or e.frames.shape[:3] == e.mask.shape
