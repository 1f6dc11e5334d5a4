"""The checks of a clip against itself: which there are, and what they let pass.

Nearly every generator of such data has shipped with a convention turned round. Each check gives figures
(pure functions of arrays, in ``joint_checks`` and its neighbours) and each figure has its limit in
``Limits``; one beyond it is a finding. Every check has a test with the fault that turns it red.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from synth.checks import clip_figures, flow_checks, joint_checks, picture_checks, surface_checks
from synth.checks.clip_data import Evidence
from synth.checks.limits import LIMITS, Limits
from synth.checks.recomputation_checks import recomputation_figures


class CheckFailed(RuntimeError):
    """A clip contradicts itself; the message says in what and by how much."""


@dataclass(frozen=True)
class Figure:
    """What a figure means. It is limited where ``Limits`` has a field of its ``name``; ``worst`` says
    whether the greatest or the least of many is the worst."""

    name: str
    meaning: str
    unit: str = ""
    worst: str = "greatest"


@dataclass(frozen=True)
class Check:
    """A check: what it ``needs`` of the evidence, its ``figures``, and how they are measured."""

    name: str
    needs: tuple[str, ...]
    measure: Callable[[Evidence], dict[str, float]]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of one check: its figures and findings (none: it is passed), or why it was not run."""

    figures: dict[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    not_run: str = ""


def judge(figures: dict[str, float], check: Check, limits: Limits = LIMITS) -> Outcome:
    """The findings of figures that a check has measured."""
    findings = []
    for figure in check.figures:
        limit = getattr(limits, figure.name, None)
        value = figures.get(figure.name)
        if limit is None or value is None:
            continue
        least = figure.worst == "least"
        if math.isfinite(value) and (value >= limit if least else value <= limit):
            continue
        bound = "at least" if least else "at most"
        findings.append(
            f"{figure.meaning}: {_said(value, figure.unit)}, expected {bound} "
            f"{_said(limit, figure.unit)}"
        )
    return Outcome(figures, tuple(findings))


def run_checks(
    evidence: Evidence,
    limits: Limits = LIMITS,
    *,
    known: Mapping[str, Outcome] = MappingProxyType({}),
) -> dict[str, Outcome]:
    """The outcome of every check by its name, in the order of ``CHECKS``. ``known`` are outcomes of the
    same evidence when there was less of it: what was run then is not run again.
    """
    outcomes = {}
    for check in CHECKS:
        missing = [name for name in check.needs if not evidence.has(name)]
        if check.name in known and not known[check.name].not_run:
            outcomes[check.name] = known[check.name]
        elif missing:
            outcomes[check.name] = Outcome(not_run=_lacking(missing))
        else:
            outcomes[check.name] = judge(check.measure(evidence), check, limits)
    return outcomes


_WORDS = {
    "planned": "row in plan.jsonl",
    "mask": "channel that tells the body",
    "samples": "uv",
    "surface": "uv",
    "steps": "flow of two frames",
    "rate": "film",
    "frames": "film",
    "drawn": "outline by the renderer, known while rendering only",
    "plates": "background to compare with",
    "recomputed": "ground truth computed again",
}


def _lacking(names: list[str]) -> str:
    words = dict.fromkeys(_WORDS.get(name, name.replace("_", " ")) for name in names)
    return f"no {', no '.join(words)}"


def _said(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.3g} %"
    return f"{value:.4g} {unit}".rstrip()


CHECKS: tuple[Check, ...] = (
    Check(
        "plan",
        ("planned",),
        lambda e: {"rows_differ": float(e.planned != e.row)},
        (Figure("rows_differ", "the clip was made from another row than the plan's"),),
    ),
    Check(
        "shapes",
        (),
        clip_figures.shapes,
        (Figure("wrong_shapes", "channels or cameras of another length or size than planned"),),
    ),
    Check(
        "rotation",
        (),
        lambda e: joint_checks.rotation_figures(np.stack([c.rotation for c in e.posed_clip.cameras])),
        (
            Figure("rotation_determinant", "det R differs from +1 by"),
            Figure("rotation_orthonormality", "R R^T differs from 1 by"),
        ),
    ),
    Check(
        "intrinsics",
        (),
        lambda e: joint_checks.intrinsics_figures(
            e.intrinsics, size=e.size, focal=e.row.view.focal
        ),
        (Figure("intrinsics_px", "K differs from the planned camera's by", "px"),),
    ),
    Check(
        "joints2d",
        ("joints2d", "joints3d"),
        clip_figures.joints2d,
        (Figure("joints2d_px", "joints2D are off the projected joints3D by", "px"),),
    ),
    Check(
        "joints3d",
        ("joints3d",),
        lambda e: joint_checks.distance_figures(
            e.truth.joints3d, e.joints[1:-1], name="joints3d_m"
        ),
        (Figure("joints3d_m", "joints3D are off the body's forward pass by", "m"),),
    ),
    Check(
        "joints_camera",
        ("joints_camera",),
        lambda e: joint_checks.distance_figures(
            e.truth.joints_camera, e.in_camera(e.truth.joints3d), name="joints_camera_m"
        ),
        (Figure("joints_camera_m", "joints3D_camera are off R joints3D + t by", "m"),),
    ),
    Check(
        "joint_flags",
        ("joints_inside", "joints_visible"),
        clip_figures.flags,
        (
            Figure("inside_wrong", "joints whose inside flag is wrong", "%"),
            Figure("visible_outside", "joints said to be visible outside of the image", "%"),
        ),
    ),
    Check(
        "framing",
        ("joints_inside",),
        clip_figures.framing,
        (
            Figure("joints_outside", "joints that leave the image", "%"),
            Figure("frames_without_body", "frames that show no body", "%"),
        ),
    ),
    Check(
        "joint_parts",
        ("parts", "joints_visible"),
        lambda e: surface_checks.joint_part_figures(
            e.truth.parts, e.truth.joints2d, e.truth.joints_visible
        ),
        (Figure("joint_on_other_limb", "visible joints on whose pixel another limb is", "%"),),
    ),
    Check(
        "joint_depth",
        ("depth", "joints_visible"),
        clip_figures.joint_depth,
        (Figure("joint_off_surface", "visible joints without a surface just before them", "%"),),
    ),
    Check(
        "support",
        ("mask",),
        clip_figures.support,
        (
            Figure("support_wrong", "pixels that are body in one channel and not in another", "%"),
            Figure("beside_mask", "pixels with flow or occlusion beside the body", "%"),
        ),
    ),
    Check(
        "face_parts",
        ("face", "parts"),
        lambda e: surface_checks.face_figures(e.truth.face, e.truth.parts, e.body.face_parts),
        (Figure("part_of_other_face", "pixels whose part is not their face's", "%"),),
    ),
    Check(
        "uv",
        ("samples",),
        lambda e: surface_checks.uv_figures(e.samples),
        (Figure("uv_off_face", "pixels whose UV lies outside of their face", "%"),),
    ),
    Check(
        "surface",
        ("samples",),
        lambda e: surface_checks.surface_figures(
            e.samples, e.sample_points, e.intrinsics, e.truth.depth
        ),
        (
            Figure("surface_px", "the body's points are off the pixels that show them by", "px"),
            Figure("surface_depth_m", "depth is off the body's surface by", "m"),
        ),
    ),
    Check(
        "normals",
        ("normals",),
        lambda e: surface_checks.normal_figures(e.truth.normals, e.intrinsics),
        (
            Figure("normals_away", "normals that look away from the camera", "%"),
            Figure("normals_length", "the length of a normal differs from 1 by"),
        ),
    ),
    Check(
        "normal_slopes",
        ("normals", "depth"),
        lambda e: surface_checks.normal_slope_figures(e.truth.normals, e.truth.depth, e.intrinsics),
        (Figure("normals_slope_degrees", "normals are off the depth's slope by", "degrees"),),
    ),
    Check(
        "tracks",
        ("tracks2d",),
        clip_figures.tracks,
        (
            Figure("tracks2d_px", "tracks2D are off the projected tracks3D by", "px"),
            Figure("tracks3d_m", "tracks3D are off their place on the body by", "m"),
            Figure("tracks_off_surface", "visible tracks that are not at the depth there", "%"),
            Figure("tracks_visible", "tracks that are visible", "%", worst="least"),
        ),
    ),
    Check(
        "flow_ends",
        ("flow_forward", "flow_backward"),
        lambda e: flow_checks.end_figures(
            e.truth.flow_forward, e.truth.flow_backward, ends=e.posed_clip.ends
        ),
        (Figure("flow_beyond_end_px", "flow to a frame that is not there, of", "px"),),
    ),
    Check(
        "flow_cycle",
        ("steps", "flow_backward", "parts"),
        lambda e: flow_checks.cycle_figures(e.steps, e.truth.parts, e.truth.flow_backward),
        (
            Figure("flow_cycle_median_px", "forward and backward flow disagree by", "px"),
            Figure("flow_cycle_off", "points that backward flow does not lead back", "%"),
        ),
    ),
    Check(
        "flow_parts",
        ("steps", "parts"),
        lambda e: flow_checks.part_figures(e.steps, e.truth.parts),
        (Figure("flow_onto_other_part", "points that forward flow leads onto another part", "%"),),
    ),
    Check(
        "flow_points",
        ("steps", "surface"),
        lambda e: flow_checks.point_figures(e.steps, e.surface),
        (
            Figure("flow_point_median_m", "forward flow leads beside the body's point by", "m"),
            Figure("flow_point_off", "points that forward flow leads onto others", "%"),
        ),
    ),
    Check(
        "occlusion",
        ("steps", "surface", "occlusion_forward"),
        lambda e: flow_checks.occlusion_figures(e.steps, e.surface),
        (
            Figure("occluded", "points said to be occluded in the next frame", "%"),
            Figure("occluded_but_seen", "points said to be occluded that are seen", "%"),
        ),
    ),
    Check(
        "flow_picture",
        ("steps", "frames"),
        clip_figures.flow_picture,
        (
            Figure("warp_gain", "difference of two frames with forward flow, of that without"),
            Figure("warp_beaten", "flow mirrored, turned or swapped fits the film better by", "%"),
            Figure("warp_levels", "difference of two frames with forward flow", "levels"),
            Figure("still_levels", "difference of two frames without flow", "levels"),
            Figure("moving_pixels", "pixels that move", worst="least"),
        ),
    ),
    Check(
        "film",
        ("frames", "rate"),
        clip_figures.film,
        (
            Figure("film_frames_off", "frames that the film has too few or too many"),
            Figure("film_size_off", "the film's size differs from the planned one by", "px"),
            Figure("film_fps_off", "the film's frames a second differ from the planned by"),
            Figure("film_levels", "the film is off the pictures that went in by", "levels"),
            Figure(
                "film_fits_otherwise",
                "the film fits the pictures better with red for blue, mirrored or a frame off, by",
                "levels",
            ),
        ),
    ),
    Check(
        "silhouette",
        ("drawn", "mask"),
        lambda e: picture_checks.silhouette_figures(e.drawn, e.mask),
        (
            Figure("silhouette_iou", "overlap of picture and mask", "%", worst="least"),
            Figure(
                "silhouette_off", "picture and mask differ, for each pixel of outline, by", "px"
            ),
            Figure("silhouette_worst_off", "the same in the worst frame", "px"),
        ),
    ),
    Check(
        "plate",
        ("frames", "plates", "mask"),
        clip_figures.plate,
        (
            Figure("plate_fits_elsewhere", "the person fits the mask elsewhere better by", "%"),
            Figure("plate_contrast", "difference from the background, mask to rest", worst="least"),
        ),
    ),
    Check(
        "recomputation",
        ("recomputed",),
        lambda e: recomputation_figures(e.truth, e.recomputed),
        (Figure("other_values", "values that are others when computed again", "%"),),
    ),
)
"""Every check, in the order in which they are run and shown."""
