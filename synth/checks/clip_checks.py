"""The checks of a clip against itself: which there are, and how they are run.

Nearly every generator of such data has shipped with a convention turned round. Each check gives figures
(pure functions of arrays, in `joint_figures` and its neighbours) and each figure has its limit; one
beyond it is a finding. Every check has a test with the fault that turns it red.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from synth.checks import (
    camera_checks,
    flow_checks,
    joint_checks,
    picture_checks,
    recomputation_checks,
    surface_checks,
)
from synth.checks.check import Check, CheckResult, compare_with_limits
from synth.checks.clip_data import ClipData, missing_data

CHECKS: tuple[Check, ...] = (
    camera_checks.PLAN,
    camera_checks.SHAPES,
    camera_checks.ROTATION,
    camera_checks.INTRINSICS,
    joint_checks.JOINTS2D,
    joint_checks.JOINTS3D,
    joint_checks.JOINTS_CAMERA,
    joint_checks.JOINT_FLAGS,
    joint_checks.FRAMING,
    joint_checks.JOINT_PARTS,
    joint_checks.JOINT_DEPTH,
    surface_checks.SUPPORT,
    surface_checks.FACE_PARTS,
    surface_checks.UV,
    surface_checks.SURFACE,
    surface_checks.NORMALS,
    surface_checks.NORMAL_SLOPES,
    surface_checks.TRACKS,
    flow_checks.FLOW_ENDS,
    flow_checks.FLOW_CYCLE,
    flow_checks.FLOW_PARTS,
    flow_checks.FLOW_POINTS,
    flow_checks.OCCLUSION,
    flow_checks.FLOW_PICTURE,
    picture_checks.FILM,
    picture_checks.SILHOUETTE,
    picture_checks.PLATE,
    picture_checks.EXPOSURE,
    recomputation_checks.RECOMPUTATION,
)
"""Every check, in the order in which they are run and shown."""


def run_checks(
    data: ClipData, *, earlier: Mapping[str, CheckResult] = MappingProxyType({})
) -> dict[str, CheckResult]:
    """Run every check on a clip.

    Args:
        data: the clip.
        earlier: results by check of the same data when there was less of it: what was run then is not
            run again.

    Returns:
        The result of every check by its name, in the order of `CHECKS`.
    """
    results = {}
    for check in CHECKS:
        missing = [name for name in check.needs if not data.provides(name)]
        if check.name in earlier and not earlier[check.name].not_run:
            results[check.name] = earlier[check.name]
        elif missing:
            results[check.name] = CheckResult(not_run=missing_data(missing))
        else:
            results[check.name] = compare_with_limits(check.measure(data), check)
    return results
