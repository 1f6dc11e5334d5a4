"""Checks of a clip's flow and occlusion.

Where occlusion is not stored, occluded points (good: up to 4 %) count as visible.
"""

from __future__ import annotations

from synth.checks import flow_figures
from synth.checks.check import Check, Figure
from synth.checks.clip_data import ClipData, required


def _flow_picture(data: ClipData) -> dict[str, float]:
    """Pictures against forward flow; nothing where the film has other frames than the channels.

    The pictures before the lens are looked at where there are any: in a film, noise and the camera's
    compression hide what small motions would tell.
    """
    if not data.film_matches:
        return {}
    noise = data.row.lens.noise_levels if data.sharp is None else 0.0
    return flow_figures.warp_figures(
        required(data.steps),
        required(data.frames) if data.sharp is None else data.sharp,
        required(data.mask),
        count=data.mesh.instances,
        telling=flow_figures.TELLING + noise,
    )


def _flow_parts(data: ClipData) -> dict[str, float]:
    """Parts at the ends of flow; a figure of its own where clothes are worn.

    Layers of cloth lie nearer to each other than the tolerance of occlusion, so that a point that another
    layer covers still counts as visible.
    """
    figures = flow_figures.part_figures(required(data.steps), required(data.truth.parts))
    if any(figure.clothes for figure in data.posed_clip.figures):
        return {f"{name}_dressed": value for name, value in figures.items()}
    return figures


FLOW_ENDS = Check(
    name="flow_ends",
    needs=("flow_forward", "flow_backward"),
    measure=lambda data: flow_figures.end_figures(
        required(data.truth.flow_forward),
        required(data.truth.flow_backward),
        ends=data.posed_clip.ends,
    ),
    figures=(
        # good: 0
        Figure("flow_beyond_end_px", "flow to a frame that is not there, of", "px", limit=0.01),
    ),
)

FLOW_CYCLE = Check(
    name="flow_cycle",
    needs=("steps", "flow_backward", "parts"),
    measure=lambda data: flow_figures.cycle_figures(
        required(data.steps), required(data.truth.parts), required(data.truth.flow_backward)
    ),
    figures=(
        # good: 0.021, from 25 m
        Figure("flow_cycle_median_px", "forward and backward flow disagree by", "px", limit=0.1),
        # good: 0.0017
        Figure("flow_cycle_off", "points that backward flow does not lead back", "%", limit=0.1),
    ),
)

FLOW_PARTS = Check(
    name="flow_parts",
    needs=("steps", "parts"),
    measure=_flow_parts,
    figures=(
        # good: 0.044, at 15 frames per second
        Figure(
            "flow_onto_other_part",
            "points that forward flow leads onto another part",
            "%",
            limit=0.1,
        ),
        # good: 0.104, in clothes, of people some 50 pixels tall
        Figure(
            "flow_onto_other_part_dressed",
            "points that forward flow leads onto another part, in clothes",
            "%",
            limit=0.2,
        ),
    ),
)

FLOW_POINTS = Check(
    name="flow_points",
    needs=("steps", "surface"),
    measure=lambda data: flow_figures.point_figures(required(data.steps), required(data.surface)),
    figures=(
        # good: 4.4e-4; a pixel is 13 mm
        Figure(
            "flow_point_median_m",
            "forward flow leads beside the body's point by",
            "m",
            limit=0.005,
        ),
        # good: 5.8e-4
        Figure("flow_point_off", "points that forward flow leads onto others", "%", limit=0.1),
    ),
)

OCCLUSION = Check(
    name="occlusion",
    needs=("steps", "surface", "occlusion_forward"),
    measure=lambda data: flow_figures.occlusion_figures(
        required(data.steps), required(data.surface)
    ),
    figures=(
        # good: 0.039
        Figure("occluded", "points said to be occluded in the next frame", "%", limit=0.5),
        # good: 0.27, pixels on outlines
        Figure("occluded_but_seen", "points said to be occluded that are seen", "%", limit=0.6),
    ),
)

FLOW_PICTURE = Check(
    name="flow_picture",
    needs=("steps", "frames"),
    measure=_flow_picture,
    # Limits are of 42 clips with people of 600 pixels and more: one dancer at 25 m, 40 pixels tall, had a
    # gain of 1.39 from cloth finer than a pixel, and is why smaller people are left out.
    figures=(
        # good: 0.46; flow that makes the next frame less alike: above 1
        Figure(
            "warp_gain", "difference of two frames with forward flow, of that without", limit=1.0
        ),
        # good: 0
        Figure(
            "warp_beaten",
            "flow mirrored, turned or swapped fits the film better by",
            "%",
            limit=0.05,
        ),
        Figure("warp_levels", "difference of two frames with forward flow", "levels"),
        Figure("still_levels", "difference of two frames without flow", "levels"),
        Figure("moving_pixels", "pixels that move", worst="least"),
    ),
)
