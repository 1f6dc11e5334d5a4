"""Checks of a clip's plan, sizes and cameras."""

from __future__ import annotations

import numpy as np

from synth.checks import joint_figures
from synth.checks.check import Check, Figure
from synth.checks.clip_data import ClipData

_DENSE = (
    *("parts", "depth", "normals", "flow_forward", "flow_backward", "uv", "face"),
    *("background_flow_forward", "background_flow_backward"),
)


def _shapes(data: ClipData) -> dict[str, float]:
    """Sizes of channels and cameras against the row's."""
    expected = (data.row.frames, data.row.height, data.row.width)
    cameras = {(camera.width, camera.height) for camera in data.posed_clip.cameras}
    shapes = [
        value.shape[:3] if value.ndim >= 3 else None
        for name in _DENSE
        if (value := getattr(data.truth, name)) is not None
    ]
    wrong = sum(shape != expected for shape in shapes)
    wrong += (len(data.posed_clip) != data.row.frames) + (cameras != {data.size})
    return {"wrong_shapes": float(wrong)}


PLAN = Check(
    name="plan",
    needs=("planned",),
    measure=lambda data: {"rows_differ": float(data.planned != data.row)},
    figures=(
        Figure("rows_differ", "the clip was made from another row than the plan's", limit=0.0),
    ),
)

SHAPES = Check(
    name="shapes",
    measure=_shapes,
    figures=(
        Figure(
            "wrong_shapes", "channels or cameras of another length or size than planned", limit=0.0
        ),
    ),
)

ROTATION = Check(
    name="rotation",
    measure=lambda data: joint_figures.rotation_figures(
        np.stack([camera.rotation for camera in data.posed_clip.cameras])
    ),
    figures=(
        # good: 7e-16; a mirrored camera: 2
        Figure("rotation_determinant", "det R differs from +1 by", limit=1e-6),
        # good: 6e-16
        Figure("rotation_orthonormality", "R R^T differs from 1 by", limit=1e-6),
    ),
)

INTRINSICS = Check(
    name="intrinsics",
    measure=lambda data: joint_figures.intrinsics_figures(
        data.intrinsics, size=data.size, focal=data.row.view.focal
    ),
    figures=(
        # good: 0
        Figure("intrinsics_px", "K differs from the planned camera's by", "px", limit=1e-6),
    ),
)
