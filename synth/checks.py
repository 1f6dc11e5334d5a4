"""Checks of a clip against itself, before it is published.

Nearly every generator of such data has shipped with a convention turned round. Each of these turns
red when an axis is flipped, a frame is off by one, left and right are swapped or the picture and
its labels part ways.
"""

from __future__ import annotations

import numpy as np

from synth.ground_truth import GroundTruth
from synth.plan_row import PlanRow
from synth.take import Take


class CheckFailed(RuntimeError):
    """A clip contradicts itself; the message says in what and by how much."""


def check_geometry(row: PlanRow, take: Take, truth: GroundTruth) -> dict[str, float]:
    """The cameras are proper, joints project to where they are said to be, stay in the image where the
    view's policy says so, and lie behind the surface. Returns the figures; raises CheckFailed."""
    projected, depths = [], []
    for camera, joints in zip(take.cameras[1:-1], truth.joints3d):
        if not np.isclose(np.linalg.det(camera.rotation), 1.0, atol=1e-6):
            raise CheckFailed(f"det R is {np.linalg.det(camera.rotation):.6f}, expected +1")
        pixels, z = camera.project(joints.astype(np.float64))
        projected.append(pixels)
        depths.append(z)
    pixels, z = np.concatenate(projected), np.concatenate(depths)
    error = float(np.abs(pixels - truth.joints2d.reshape(-1, 2)).max())
    if not error < 0.01:
        raise CheckFailed(f"joints2D are {error:.3f} px off the projected joints3D")
    inside = (pixels >= 0).all(1) & (pixels < (row.width, row.height)).all(1) & (z > 0)
    if row.view.policy == "framed" and not inside.all():
        raise CheckFailed(f"{(~inside).mean():.1%} of the joints leave the image")
    if not inside.any():
        return {"joint_error_px": error, "joints_on_body": 0.0}
    mask = truth.mask
    if row.view.policy == "framed" and not mask.any(axis=(1, 2)).all():
        raise CheckFailed("a frame shows no body")
    edges = mask[:, [0, -1], :].any() or mask[:, :, [0, -1]].any()
    frame = np.repeat(np.arange(row.frames), truth.joints2d.shape[1])[inside]
    pixels, z = pixels[inside], z[inside]
    at = (frame, pixels[:, 1].astype(int), pixels[:, 0].astype(int))
    on_body = mask[at]
    figures = {
        "joint_error_px": error,
        "joints_on_body": float(on_body.mean()),
        "touches_edge": float(edges),
    }
    if not on_body.mean() > 0.9:
        raise CheckFailed(f"only {on_body.mean():.1%} of the joints project onto the body")
    if truth.depth is not None:
        before = truth.depth[at][on_body] < z[on_body] + 0.05
        figures["joints_behind_surface"] = float(before.mean())
        if not before.mean() > 0.95:
            raise CheckFailed(f"{(~before).mean():.1%} of the joints lie before the surface")
    if truth.normals is not None:
        facing = float((truth.normals[mask][:, 2] < 0.05).mean())
        figures["normals_facing"] = facing
        if not facing > 0.98:
            raise CheckFailed(f"{1 - facing:.1%} of the normals look away from the camera")
    return figures


def check_flow(truth: GroundTruth) -> dict[str, float]:
    """Forward flow to the next frame and its backward flow lead back. Returns the figures; raises
    CheckFailed."""
    if truth.flow_forward is None or len(truth.flow_forward) < 2:
        return {}
    errors = []
    height, width = truth.parts.shape[1:]
    for frame in range(len(truth.parts) - 1):
        rows, columns = np.nonzero(truth.parts[frame])
        ahead = truth.flow_forward[frame, rows, columns]
        x, y = columns + ahead[:, 0], rows + ahead[:, 1]  # in pixel-centre coordinates
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        inside = (left >= 0) & (top >= 0) & (left < width - 1) & (top < height - 1)
        rows, columns, ahead = rows[inside], columns[inside], ahead[inside]
        x, y, left, top = x[inside], y[inside], left[inside], top[inside]
        corners = [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]
        part = truth.parts[frame, rows, columns]
        whole = np.all([truth.parts[frame + 1][c] == part for c in corners], axis=0)
        fx, fy = (x - left)[:, None], (y - top)[:, None]
        shares = [(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy]
        back = sum(s * truth.flow_backward[frame + 1][c] for s, c in zip(shares, corners))
        errors.append(np.linalg.norm(ahead + back, axis=1)[whole])
    error = np.concatenate(errors)
    if not len(error):
        return {}
    figures = {
        "flow_cycle_median_px": float(np.median(error)),
        "flow_cycle_within_half_px": float((error < 0.5).mean()),
    }
    if not (figures["flow_cycle_median_px"] < 0.1 and figures["flow_cycle_within_half_px"] > 0.9):
        raise CheckFailed(
            f"forward and backward flow disagree: median {figures['flow_cycle_median_px']:.2f} px, "
            f"{figures['flow_cycle_within_half_px']:.1%} within half a pixel"
        )
    return figures


def check_picture(alpha: np.ndarray, truth: GroundTruth) -> dict[str, float]:
    """What Blender drew covers the pixels that are labelled: alpha (T,H,W) in [0, 1]. Raises
    CheckFailed."""
    drawn, mask = alpha > 0.5, truth.mask
    agreement = float((drawn & mask).sum() / max(1, (drawn | mask).sum()))
    if not agreement > 0.95:
        raise CheckFailed(f"picture and labels overlap by {agreement:.1%} only")
    return {"silhouette_iou": agreement}


def check_video(decoded: np.ndarray, frames: np.ndarray) -> dict[str, float]:
    """The film decodes to the frames that went in, but for compression: both (T,H,W,3) uint8.
    Raises CheckFailed.
    """
    if decoded.shape != frames.shape:
        raise CheckFailed(f"the film decodes to {decoded.shape}, expected {frames.shape}")
    error = float(np.abs(decoded.astype(np.int16) - frames).mean())
    if not error < 12:
        raise CheckFailed(f"the film's pixels are {error:.1f} levels off on average")
    return {"video_error_levels": error}
