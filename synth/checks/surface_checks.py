"""Checks of a clip's dense channels and tracks against the body's surface."""

from __future__ import annotations

import numpy as np

from synth.checks import joint_figures, surface_figures
from synth.checks.check import Check, Figure
from synth.checks.clip_data import ClipData, required
from synth.clips.mask_rows import mask_rows


def _support(data: ClipData) -> dict[str, float]:
    """Where channels hold something, against the mask."""
    truth = data.truth
    on_body = {}
    if truth.depth is not None:
        on_body["depth"] = np.isfinite(truth.depth)
    if truth.normals is not None:
        on_body["normals"] = truth.normals
    if truth.face is not None:
        on_body["face"] = truth.face >= 0
    if truth.instances is not None:
        on_body["instances"] = truth.instances
    names = ("flow_forward", "flow_backward", "occlusion_forward", "occlusion_backward")
    may_be_0 = {name: values for name in names if (values := getattr(truth, name)) is not None}
    mask = mask_rows(required(data.mask))
    figures = surface_figures.support_figures(mask, **on_body)
    if truth.instances is not None:
        figures |= surface_figures.instance_figures(
            truth.instances,
            truth.parts,
            truth.face,
            people=truth.people,
            face_instances=data.mesh.face_instances,
        )
    return figures | surface_figures.beside_mask_figures(mask, **may_be_0)


def _tracks(data: ClipData) -> dict[str, float]:
    """Tracks against the body, their projection and the depth there."""
    truth = data.truth
    tracks2d, tracks3d = required(truth.tracks2d), required(truth.tracks3d)
    visible = required(truth.tracks_visible)
    points = data.in_camera(tracks3d)
    corners = data.vertices[1:-1][:, data.mesh.faces[truth.track_faces]].astype(np.float64)
    barycentric = required(truth.track_barycentric)
    on_body = np.einsum("nk,tnkd->tnd", barycentric, corners)
    figures = joint_figures.projection_figures(
        tracks2d, points, data.intrinsics, name="tracks2d_px"
    )
    figures |= joint_figures.distance_figures(tracks3d, on_body, name="tracks3d_m")
    figures["tracks_visible"] = float(visible.mean())
    if truth.depth is not None:
        figures |= surface_figures.track_depth_figures(
            tracks2d, points[..., 2], visible, truth.depth
        )
    return figures


SUPPORT = Check(
    name="support",
    needs=("mask",),
    measure=_support,
    figures=(
        Figure(
            "support_wrong",
            "pixels that are body in one channel and not in another",
            "%",
            limit=0.0,
        ),
        Figure("beside_mask", "pixels with flow or occlusion beside the body", "%", limit=0.0),
        # of clips with instances
        Figure(
            "instance_of_other",
            "pixels whose instance is not that of their part or face",
            "%",
            limit=0.0,
        ),
    ),
)

FACE_PARTS = Check(
    name="face_parts",
    needs=("face", "parts"),
    measure=lambda data: surface_figures.face_figures(
        required(data.truth.face), required(data.truth.parts), data.mesh.face_parts
    ),
    figures=(
        Figure("part_of_other_face", "pixels whose part is not their face's", "%", limit=0.0),
    ),
)

UV = Check(
    name="uv",
    needs=("samples",),
    measure=lambda data: surface_figures.uv_figures(required(data.samples)),
    figures=(
        # good: 6e-5, compact; texture upside down: 0.9
        Figure("uv_off_face", "pixels whose UV lies outside of their face", "%", limit=0.01),
    ),
)

SURFACE = Check(
    name="surface",
    needs=("samples",),
    measure=lambda data: surface_figures.surface_figures(
        required(data.samples), required(data.sample_points), data.intrinsics, data.truth.depth
    ),
    figures=(
        # good: 2e-5, compact 0.0095
        Figure(
            "surface_px", "the body's points are off the pixels that show them by", "px", limit=0.1
        ),
        # good: 7e-7, compact 1.7e-4
        Figure("surface_depth_m", "depth is off the body's surface by", "m", limit=0.002),
    ),
)

NORMALS = Check(
    name="normals",
    needs=("normals",),
    measure=lambda data: surface_figures.normal_figures(
        required(data.truth.normals), data.intrinsics
    ),
    figures=(
        # good: 0.0014, smooth normals that lean past an outline
        Figure("normals_away", "normals that look away from the camera", "%", limit=0.02),
        # good: 5e-8
        Figure("normals_length", "the length of a normal differs from 1 by", limit=0.001),
    ),
)

NORMAL_SLOPES = Check(
    name="normal_slopes",
    needs=("normals", "depth"),
    measure=lambda data: surface_figures.normal_slope_figures(
        required(data.truth.normals), required(data.truth.depth), data.intrinsics
    ),
    figures=(
        # good: 4.3, from 25 m; from 8 m 1.9
        Figure(
            "normals_slope_degrees", "normals are off the depth's slope by", "degrees", limit=8.0
        ),
    ),
)

TRACKS = Check(
    name="tracks",
    needs=("tracks2d",),
    measure=_tracks,
    figures=(
        # good: 2e-5, compact 0.013
        Figure("tracks2d_px", "tracks2D are off the projected tracks3D by", "px", limit=0.05),
        # good: 9e-8, compact 1.1e-4
        Figure("tracks3d_m", "tracks3D are off their place on the body by", "m", limit=0.001),
        # good: 0.063, limbs narrower than a pixel's neighbourhood
        Figure(
            "tracks_off_surface",
            "visible tracks that are not at the depth there",
            "%",
            limit=0.15,
        ),
        Figure("tracks_visible", "tracks that are visible", "%", worst="least"),
    ),
)
