"""Each check passes an honest clip and turns red at the faults it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES
from synth.checks.check import compare_with_limits
from synth.checks.clip_checks import CHECKS, run_checks
from synth.checks.clip_data import ClipData
from synth.checks.flow_figures import inner_pixels
from synth.checks.joint_figures import rotation_figures
from synth.checks.picture_figures import exposure_figures
from tests.synth.filmed_clip import LIGHT, filmed_clip

# Joint and part of the other side; parts are joints + 1.
OTHER_SIDE = np.array(
    [
        JOINT_NAMES.index(name.replace("left", "x").replace("right", "left").replace("x", "right"))
        for name in JOINT_NAMES
    ]
)


@pytest.fixture(scope="module")
def honest(body, tmp_path_factory) -> ClipData:
    return filmed_clip(body, tmp_path_factory.mktemp("film"))


def with_truth(change: Callable) -> Callable[[ClipData], ClipData]:
    """A fault of the ground truth: `change` gives the changed fields."""
    return lambda e: replace(e, truth=replace(e.truth, **change(e.truth)))


def with_cameras(change: Callable) -> Callable[[ClipData], ClipData]:
    def fault(e: ClipData) -> ClipData:
        cameras = tuple(replace(camera, **change(camera)) for camera in e.posed_clip.cameras)
        return replace(e, posed_clip=replace(e.posed_clip, cameras=cameras))

    return fault


def sides_swapped(parts: np.ndarray) -> np.ndarray:
    table = np.concatenate([[0], OTHER_SIDE + 1]).astype(np.uint8)
    return table[parts]


def up(values: np.ndarray) -> np.ndarray:
    """The last axis' y turned round."""
    out = values.copy()
    out[..., 1] *= -1
    return out


def mirrored_people(t) -> dict:
    """Joints as SURREAL's mirrored camera gives them, each under the name of the other side."""
    return {"joints3d": t.joints3d[:, OTHER_SIDE], "joints2d": t.joints2d[:, OTHER_SIDE]}


def distances(t, e_intrinsics) -> np.ndarray:
    """Depth along the ray instead of along the axis."""
    height, width = t.depth.shape[1:]
    rows, columns = np.mgrid[:height, :width] + 0.5
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    rays = pixels @ np.linalg.inv(e_intrinsics[0]).T
    return (t.depth * np.linalg.norm(rays, axis=-1)).astype(np.float32)


def late(values: np.ndarray) -> np.ndarray:
    """Every frame holds the one before."""
    return np.concatenate([values[:1], values[:-1]])


FAULTS: list[tuple[str, str, Callable[[ClipData], ClipData]]] = [
    ("plan", "another seed", lambda e: replace(e, planned=replace(e.row, seed=1))),
    ("shapes", "a frame short", with_truth(lambda t: {"parts": t.parts[:-1]})),
    ("shapes", "turned", with_truth(lambda t: {"depth": t.depth.transpose(0, 2, 1)})),
    (
        "intrinsics",
        "focal",
        with_cameras(lambda c: {"intrinsics": c.intrinsics * [[1.01], [1.01], [1]]}),
    ),
    (
        "intrinsics",
        "pixel centre",
        with_cameras(lambda c: {"intrinsics": c.intrinsics - [[0, 0, 0.5], [0, 0, 0.5], [0] * 3]}),
    ),
    ("joints2d", "row first", with_truth(lambda t: {"joints2d": t.joints2d[..., ::-1]})),
    ("joints2d", "rounded", with_truth(lambda t: {"joints2d": np.round(t.joints2d)})),
    ("joints2d", "mirrored", with_truth(lambda t: {"joints2d": [320, 0] + t.joints2d * [-1, 1]})),
    ("joints2d", "y up", with_truth(lambda t: {"joints2d": up(t.joints2d) + np.float32([0, 240])})),
    ("joints2d", "half a pixel", with_truth(lambda t: {"joints2d": t.joints2d - 0.5})),
    ("joints2d", "late", with_truth(lambda t: {"joints2d": late(t.joints2d)})),
    ("joints2d", "not a number", with_truth(lambda t: {"joints2d": t.joints2d * np.nan})),
    ("joints3d", "late", with_truth(lambda t: {"joints3d": late(t.joints3d)})),
    ("joints3d", "sides swapped", with_truth(mirrored_people)),
    ("joints3d", "SURREAL's axes", with_truth(lambda t: {"joints3d": t.joints3d * [1, -1, -1]})),
    ("joints_camera", "y up", with_truth(lambda t: {"joints_camera": up(t.joints_camera)})),
    ("joints_camera", "world", with_truth(lambda t: {"joints_camera": t.joints3d})),
    ("joint_flags", "inverted", with_truth(lambda t: {"joints_inside": ~t.joints_inside})),
    (
        "joint_flags",
        "seen outside",
        with_truth(
            lambda t: {"joints_inside": t.joints_inside & False, "joints_visible": t.joints_inside}
        ),
    ),
    (
        "framing",
        "walks out",
        with_truth(lambda t: {"joints_inside": t.joints_inside & (t.joints2d[..., 0] < 150)}),
    ),
    ("framing", "nobody", with_truth(lambda t: {"parts": t.parts * 0})),
    ("joint_parts", "sides swapped", with_truth(lambda t: {"parts": sides_swapped(t.parts)})),
    ("joint_parts", "mirrored", with_truth(lambda t: {"parts": t.parts[:, :, ::-1]})),
    ("joint_parts", "upside down", with_truth(lambda t: {"parts": t.parts[:, ::-1]})),
    ("joint_depth", "behind", with_truth(lambda t: {"depth": t.depth + 0.5})),
    ("joint_depth", "before", with_truth(lambda t: {"depth": t.depth - 0.5})),
    ("joint_depth", "mirrored", with_truth(lambda t: {"depth": t.depth[:, :, ::-1]})),
    ("support", "late depth", with_truth(lambda t: {"depth": late(t.depth)})),
    ("support", "late normals", with_truth(lambda t: {"normals": late(t.normals)})),
    ("support", "late flow", with_truth(lambda t: {"flow_forward": late(t.flow_forward)})),
    ("support", "shifted mask", with_truth(lambda t: {"parts": np.roll(t.parts, 1, axis=2)})),
    ("face_parts", "sides swapped", with_truth(lambda t: {"parts": sides_swapped(t.parts)})),
    ("face_parts", "faces from 1", with_truth(lambda t: {"face": t.face + (t.face >= 0)})),
    ("uv", "V upside down", with_truth(lambda t: {"uv": t.uv * [1, -1] + [0, 1]})),
    ("uv", "swapped", with_truth(lambda t: {"uv": t.uv[..., ::-1]})),
    ("surface", "late", with_truth(lambda t: {n: late(getattr(t, n)) for n in ("uv", "face")})),
    ("surface", "distance", lambda e: replace(
        e, truth=replace(e.truth, depth=distances(e.truth, e.intrinsics))
    )),
    ("surface", "stale depth", with_truth(lambda t: {"depth": late(t.depth)})),
    (
        "surface",
        "mirrored",
        with_truth(lambda t: {"uv": t.uv[:, :, ::-1], "face": t.face[:, :, ::-1]}),
    ),
    ("normals", "away", with_truth(lambda t: {"normals": -t.normals})),
    ("normals", "not unit", with_truth(lambda t: {"normals": t.normals * 0.5})),
    ("normals", "Blender's axes", with_truth(lambda t: {"normals": t.normals * [1, -1, -1]})),
    ("normal_slopes", "y up", with_truth(lambda t: {"normals": up(t.normals)})),
    ("normal_slopes", "mirrored", with_truth(lambda t: {"normals": t.normals * [-1, 1, 1]})),
    ("tracks", "row first", with_truth(lambda t: {"tracks2d": t.tracks2d[..., ::-1]})),
    ("tracks", "late", with_truth(lambda t: {n: late(getattr(t, n)) for n in ("tracks3d",)})),
    (
        "tracks",
        "other points",
        with_truth(lambda t: {"track_faces": np.roll(t.track_faces, 1)}),
    ),
    ("tracks", "seen through", with_truth(lambda t: {"tracks_visible": t.tracks_visible | True})),
    ("flow_ends", "beyond", lambda e: replace(e, posed_clip=replace(e.posed_clip, ends=(False, False)))),
    ("film", "a frame short", lambda e: replace(e, frames=e.frames[:-1])),
    ("film", "half as large", lambda e: replace(e, frames=e.frames[:, ::2, ::2])),
    ("film", "other rate", lambda e: replace(e, rate=25.0)),
    ("film", "mirrored", lambda e: replace(e, frames=e.frames[:, :, ::-1])),
    ("film", "BGR", lambda e: replace(e, frames=e.frames[..., ::-1])),
    ("film", "late", lambda e: replace(e, frames=late(e.frames))),
    ("silhouette", "2 px", lambda e: replace(e, silhouettes=np.roll(e.silhouettes, 2, axis=2))),
    ("silhouette", "mirrored", lambda e: replace(e, silhouettes=e.silhouettes[:, :, ::-1])),
    ("silhouette", "nothing", lambda e: replace(e, silhouettes=e.silhouettes & False)),
    ("plate", "mirrored", lambda e: replace(e, frames=moved_person(e, lambda m: m[:, ::-1]))),
    (
        "plate",
        "shifted",
        lambda e: replace(e, frames=moved_person(e, lambda m: np.roll(m, 5, axis=1))),
    ),
    ("plate", "nobody", lambda e: replace(e, frames=np.stack(e.plates))),
    ("exposure", "no texture", lambda e: replace(e, frames=e.frames * ~e.truth.mask[..., None])),
    ("exposure", "too bright", lambda e: replace(
        e, frames=np.where(e.truth.mask[..., None], np.uint8(255), e.frames)
    )),
    ("exposure", "nobody", lambda e: replace(e, frames=np.stack(e.plates))),
    ("recomputation", "stale depth", with_truth(lambda t: {"depth": late(t.depth)})),
    ("recomputation", "tracks", with_truth(lambda t: {"tracks_visible": ~t.tracks_visible})),
    ("recomputation", "uv", with_truth(lambda t: {"uv": t.uv + np.float32(0.01)})),
]  # fmt: skip

FLOW_CHECKS = ("flow_cycle", "flow_parts", "flow_points", "flow_picture")
FLOW_FAULTS = {
    "sign": lambda t: {"flow_forward": -t.flow_forward},
    "y up": lambda t: {"flow_forward": up(t.flow_forward)},
    "row first": lambda t: {"flow_forward": t.flow_forward[..., ::-1]},
    "backward": lambda t: {"flow_forward": t.flow_backward},
    "mirrored": lambda t: {"flow_forward": t.flow_forward * [-1, 1]},
    "twice": lambda t: {"flow_forward": t.flow_forward * 2},
}


def moved_person(e: ClipData, move: Callable) -> np.ndarray:
    """The film with the person elsewhere before the same plates."""
    out = np.stack(e.plates)
    for frame in range(len(out)):
        there = move(e.truth.mask[frame])
        out[frame][there] = move(e.frames[frame])[there]
    return out


def test_an_honest_clip_passes_every_check(honest):
    outcomes = run_checks(honest)
    assert [name for name, outcome in outcomes.items() if outcome.findings] == []
    assert [name for name, outcome in outcomes.items() if outcome.not_run] == []
    figures = {k: v for outcome in outcomes.values() for k, v in outcome.figures.items()}
    assert figures["joints2d_px"] < 1e-3
    assert figures["surface_px"] < 1e-3
    assert figures["flow_cycle_median_px"] < 0.02
    assert figures["warp_gain"] < 0.7
    assert figures["moving_pixels"] > 1000


@pytest.mark.parametrize(
    ("name", "fault"),
    [(name, fault) for name, _, fault in FAULTS],
    ids=[f"{name}: {what}" for name, what, _ in FAULTS],
)
def test_a_fault_turns_its_check_red(honest, name, fault):
    check = next(check for check in CHECKS if check.name == name)
    faulty = fault(honest)
    assert all(faulty.provides(need) for need in check.needs)
    assert compare_with_limits(check.measure(faulty), check).findings


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (name, fault)
        for name in FLOW_CHECKS
        for fault in FLOW_FAULTS
        # A motion further is mostly the same limb still, and noise is as unlike there as anywhere.
        if fault != "twice" or name in ("flow_cycle", "flow_points")
    ],
)
def test_wrong_flow_turns_its_checks_red(honest, name, fault):
    check = next(check for check in CHECKS if check.name == name)
    faulty = with_truth(FLOW_FAULTS[fault])(honest)
    assert compare_with_limits(check.measure(faulty), check).findings


def test_no_flow_at_all_is_told_by_cycle_and_points(honest):
    faulty = with_truth(lambda t: {"flow_forward": 0 * t.flow_forward})(honest)
    outcomes = run_checks(faulty)
    assert outcomes["flow_points"].findings and outcomes["flow_cycle"].findings


def test_wrong_occlusion(body, tmp_path):
    # A clip with arms that pass before the trunk has something to occlude.
    e = filmed_clip(body, tmp_path, step=(0.12, 0.0, 0.0))
    check = next(check for check in CHECKS if check.name == "occlusion")
    assert not compare_with_limits(check.measure(e), check).findings
    inverted = with_truth(lambda t: {"occlusion_forward": t.mask & ~t.occlusion_forward})(e)
    findings = compare_with_limits(check.measure(inverted), check).findings
    assert len(findings) == 2  # too much of it, and seen all the same


def test_a_reflection_is_no_rotation():
    check = next(check for check in CHECKS if check.name == "rotation")
    good = np.stack([np.eye(3)] * 3)
    assert not compare_with_limits(rotation_figures(good), check).findings
    surreal = good * [[-1], [1], [1]]  # SURREAL's camera: det -1
    (finding,) = compare_with_limits(rotation_figures(surreal), check).findings
    assert "det R differs from +1 by: 2" in finding
    assert compare_with_limits(rotation_figures(good * 1.001), check).findings
    assert compare_with_limits(rotation_figures(good + [[0, 1e-3, 0]] * 3), check).findings


def test_a_person_who_may_walk_out_is_not_held_to_framing(honest):
    walks_out = with_truth(lambda t: {"joints_inside": t.joints_inside & False})(honest)
    row = replace(honest.row, view=replace(honest.row.view, policy="start"))
    assert not run_checks(replace(walks_out, row=row))["framing"].findings


def test_a_body_that_its_light_leaves_in_the_dark_is_reported_and_not_held(body, tmp_path):
    """SURREAL's law of light makes silhouettes; the figure says so, the clip stays good."""
    dark = {"kind": "sh", "coefficients": [0.0] * 9}
    silhouette = filmed_clip(body, tmp_path, light=dark)
    result = run_checks(silhouette)["exposure"]
    assert result.figures["body_black"] > 0.97 and not result.findings
    row = replace(silhouette.row, light=LIGHT)
    (finding,) = run_checks(replace(silhouette, row=row))["exposure"].findings
    assert "black in a light that reaches at least half of it: " in finding


def test_exposure_counts_black_white_and_blended_pixels():
    plate = np.full((10, 10, 3), 120, np.uint8)
    mask = np.zeros((2, 10, 10), bool)
    mask[:, 1:7, :10] = True
    body = inner_pixels(mask)  # its outline is mixed with the background
    assert body.sum() == 2 * 4 * 8
    frames = np.stack([plate, plate])
    frames[:, :, :5] = [200, 30, 30]
    frames[:, 2, :5] = 5
    frames[:, 3, :5] = 255
    figures = exposure_figures(frames, mask, [plate, plate])
    assert figures == {"body_black": 0.125, "body_white": 0.125, "body_blended": 0.5}
    assert set(exposure_figures(frames, mask)) == {"body_black", "body_white"}
    assert exposure_figures(frames, mask & False) == {}


def test_checks_run_with_whatever_channels_are_stored(honest):
    bare = {
        field.name: None for field in fields(honest.truth) if not field.name.startswith("joints")
    }
    truth = replace(honest.truth, **bare)
    outcomes = run_checks(replace(honest, truth=truth, silhouettes=None, rendered=None))
    assert not any(outcome.findings for outcome in outcomes.values())
    assert outcomes["flow_cycle"].not_run == "no flow of two frames, no flow backward, no parts"
    # The mask computed again takes the place of the stored one.
    assert outcomes["plate"].figures["plate_contrast"] > 1.5


def test_every_figure_of_a_check_is_measured_and_every_limit_is_a_figure(honest):
    outcomes = run_checks(honest)
    named = {figure.name for check in CHECKS for figure in check.figures}
    for check in CHECKS:
        missing = {figure.name for figure in check.figures} - set(outcomes[check.name].figures)
        # Too few pixels in a short clip, and nobody in clothes.
        assert missing <= {"occluded_but_seen", "flow_onto_other_part_dressed"}, check.name
    unlimited = {f.name for check in CHECKS for f in check.figures if f.limit is None}
    assert len(named) == sum(len(check.figures) for check in CHECKS)
    assert unlimited == {
        *("tracks_visible", "warp_levels", "still_levels", "moving_pixels", "silhouette_iou"),
        "body_black",
    }


def test_findings_say_what_was_found_and_what_was_expected(honest):
    faulty = with_truth(lambda t: {"joints2d": t.joints2d + np.float32([3, 4])})(honest)
    (finding,) = run_checks(faulty)["joints2d"].findings
    assert finding == "joints2D are off the projected joints3D by: 5 px, expected at most 0.01 px"


def test_a_figure_that_is_no_number_is_a_finding():
    check = next(check for check in CHECKS if check.name == "plate")
    assert compare_with_limits({"plate_contrast": float("nan")}, check).findings
    assert compare_with_limits({"plate_contrast": 1.4}, check).findings
    assert not compare_with_limits({"plate_contrast": 1.6}, check).findings


def test_inner_pixels_are_those_with_eight_neighbours_in_the_mask():
    rng = np.random.default_rng(7)
    for shape in ((3, 24, 31), (2, 1, 9), (1, 2, 2), (1, 3, 3), (0, 4, 4)):
        mask = rng.random(shape) < 0.9
        padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        assert np.array_equal(inner_pixels(mask), windows.all(axis=(-2, -1)))
        mirrored = mask[:, :, ::-1]  # not contiguous
        assert np.array_equal(inner_pixels(mirrored), inner_pixels(mask)[:, :, ::-1])
