"""Checks of a clip's joints: where they are, and what the channels hold there."""

from __future__ import annotations

from synth.checks import joint_figures, surface_figures
from synth.checks.check import Check, Figure
from synth.checks.clip_data import ClipData, required

_FLESH = 0.35  # metres of flesh before a joint; good: no visible joint has as much


def _joints2d(data: ClipData) -> dict[str, float]:
    """Joints in the image against those in the world."""
    points = data.in_camera(data.truth.joints3d)
    return joint_figures.projection_figures(
        data.truth.joints2d, points, data.intrinsics, name="joints2d_px"
    )


def _flags(data: ClipData) -> dict[str, float]:
    """Flags of joints against where joints are."""
    points = data.in_camera(data.truth.joints3d)
    pixels = joint_figures.projected(points, data.intrinsics)
    inside, visible = required(data.truth.joints_inside), required(data.truth.joints_visible)
    return joint_figures.flag_figures(pixels, points[..., 2], inside, visible, size=data.size)


def _framing(data: ClipData) -> dict[str, float]:
    """Joints and body against the view's policy."""
    policy = data.row.view.policy
    figures = joint_figures.framing_figures(required(data.truth.joints_inside), policy=policy)
    mask = data.people_mask
    # An occluder may be before somebody who lies there, so that a frame shows nobody.
    if policy == "framed" and mask is not None and not data.posed_clip.occluders:
        figures["frames_without_body"] = float((~mask.any(axis=(1, 2))).mean())
    return figures


def _joint_depth(data: ClipData) -> dict[str, float]:
    """Depth before visible joints."""
    z = data.in_camera(data.truth.joints3d)[..., 2]
    depth, visible = required(data.truth.depth), required(data.truth.joints_visible)
    return surface_figures.joint_depth_figures(depth, data.truth.joints2d, z, visible, flesh=_FLESH)


def _joint_parts(data: ClipData) -> dict[str, float]:
    """What is labelled about visible joints."""
    pixels, visible = data.truth.joints2d, required(data.truth.joints_visible)
    figures = surface_figures.joint_part_figures(required(data.truth.parts), pixels, visible)
    if data.truth.instances is not None:
        figures |= surface_figures.joint_instance_figures(data.truth.instances, pixels, visible)
    return figures


JOINTS2D = Check(
    name="joints2d",
    needs=("joints2d", "joints3d"),
    measure=_joints2d,
    figures=(
        # good: 1.7e-5, float32; rounded to pixels: 0.7
        Figure("joints2d_px", "joints2D are off the projected joints3D by", "px", limit=0.01),
    ),
)

JOINTS3D = Check(
    name="joints3d",
    needs=("joints3d",),
    measure=lambda data: joint_figures.distance_figures(
        data.truth.joints3d, data.joints[1:-1], name="joints3d_m"
    ),
    figures=(
        # good: 0, of the same program; float32 elsewhere: 1e-6
        Figure("joints3d_m", "joints3D are off the body's forward pass by", "m", limit=0.001),
    ),
)

JOINTS_CAMERA = Check(
    name="joints_camera",
    needs=("joints_camera",),
    measure=lambda data: joint_figures.distance_figures(
        required(data.truth.joints_camera),
        data.in_camera(data.truth.joints3d),
        name="joints_camera_m",
    ),
    figures=(
        # good: 9.5e-7
        Figure("joints_camera_m", "joints3D_camera are off R joints3D + t by", "m", limit=0.001),
    ),
)

JOINT_FLAGS = Check(
    name="joint_flags",
    needs=("joints_inside", "joints_visible"),
    measure=_flags,
    figures=(
        Figure("inside_wrong", "joints whose inside flag is wrong", "%", limit=0.0),
        Figure("visible_outside", "joints said to be visible outside of the image", "%", limit=0.0),
    ),
)

FRAMING = Check(
    name="framing",
    needs=("joints_inside",),
    measure=_framing,
    figures=(  # both of a framed clip
        Figure("joints_outside", "joints that leave the image", "%", limit=0.0),
        Figure("frames_without_body", "frames that show no body", "%", limit=0.0),
    ),
)

JOINT_PARTS = Check(
    name="joint_parts",
    needs=("parts", "joints_visible"),
    measure=_joint_parts,
    figures=(
        # good: 0.0023, from 25 m
        Figure(
            "joint_on_other_limb",
            "visible joints on whose pixel another limb is",
            "%",
            limit=0.05,
        ),
        # of clips with instances
        Figure(
            "joint_on_other_person",
            "visible joints on whose pixel somebody else is",
            "%",
            limit=0.05,
        ),
    ),
)

JOINT_DEPTH = Check(
    name="joint_depth",
    needs=("depth", "joints_visible"),
    measure=_joint_depth,
    figures=(
        # good: 0.012
        Figure(
            "joint_off_surface",
            "visible joints without a surface just before them",
            "%",
            limit=0.05,
        ),
    ),
)
