"""Each check passes an honest clip and turns red at the fault it is there for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synth.checks import (
    CheckFailed,
    check_flow,
    check_geometry,
    check_picture,
    check_video,
)
from tests.synth.film_clip import make_clip


@pytest.fixture(scope="module")
def made(body):
    return make_clip(body)


def test_an_honest_clip_passes(made):
    figures = check_geometry(made.row, made.take, made.truth) | check_flow(made.truth)
    figures |= check_picture(made.truth.mask.astype(np.float16), made.truth)
    figures |= check_video(made.frames, made.frames)
    assert figures["joint_error_px"] < 1e-3
    assert figures["flow_cycle_median_px"] < 0.02
    assert figures["silhouette_iou"] == 1.0
    assert figures["touches_edge"] == 0.0


def flipped(values):
    return None if values is None else values[:, :, ::-1].copy()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda t: replace(t, joints2d=t.joints2d[..., ::-1]), "off the projected"),
        (lambda t: replace(t, joints2d=np.round(t.joints2d)), "off the projected"),
        (lambda t: replace(t, joints2d=[319, 0] + t.joints2d * [-1, 1]), "off the projected"),
        (lambda t: replace(t, parts=np.roll(t.parts, 40, axis=2)), "project onto the body"),
        (lambda t: replace(t, parts=0 * t.parts), "shows no body"),
        (lambda t: replace(t, depth=t.depth + 0.5), "before the surface"),
        (lambda t: replace(t, normals=-t.normals), "look away"),
    ],
)
def test_faults_of_geometry(made, fault, message):
    with pytest.raises(CheckFailed, match=message):
        check_geometry(made.row, made.take, fault(made.truth))


def test_somebody_who_leaves_the_image(made):
    cameras = tuple(
        replace(c, translation=c.translation + np.array([1.5, 0, 0])) for c in made.take.cameras
    )
    take = replace(made.take, cameras=cameras)
    pixels = [c.project(j)[0] for c, j in zip(cameras[1:-1], made.truth.joints3d)]
    moved = replace(made.truth, joints2d=np.stack(pixels))
    with pytest.raises(CheckFailed, match="leave the image"):
        check_geometry(made.row, take, moved)
    # SURREAL's own policy lets people walk out; what is still inside is held to the rest.
    policy = replace(made.row, view=replace(made.row.view, policy="start"))
    with pytest.raises(CheckFailed, match="project onto the body"):
        check_geometry(policy, take, moved)


@pytest.mark.parametrize(
    "fault",
    [
        lambda t: replace(t, flow_backward=-t.flow_backward),
        lambda t: replace(t, flow_backward=t.flow_backward[..., ::-1]),
        lambda t: replace(t, flow_forward=t.flow_forward * [1, -1]),
        lambda t: replace(t, flow_forward=0 * t.flow_forward),
    ],
    ids=["sign", "swapped", "y up", "nothing"],
)
def test_faults_of_flow(body, fault):
    made = make_clip(body, frames=3)
    truth = made.truth
    # The walk is small: a drift of whole pixels instead, whose flow is known everywhere.
    truth = replace(
        truth,
        parts=np.stack([np.roll(truth.parts[0], (3 * k, 2 * k), (0, 1)) for k in range(3)]),
        flow_forward=np.broadcast_to(np.float32([2, 3]), (3, 240, 320, 2)),
        flow_backward=np.broadcast_to(np.float32([-2, -3]), (3, 240, 320, 2)),
    )
    assert check_flow(truth)["flow_cycle_within_half_px"] == 1.0
    with pytest.raises(CheckFailed, match="disagree"):
        check_flow(fault(truth))


def test_a_picture_beside_its_labels(made):
    mask = made.truth.mask.astype(np.float16)
    with pytest.raises(CheckFailed, match="overlap"):
        check_picture(np.roll(mask, 2, axis=2), made.truth)
    with pytest.raises(CheckFailed, match="overlap"):
        check_picture(flipped(mask), made.truth)
    with pytest.raises(CheckFailed, match="overlap"):
        check_picture(0 * mask, made.truth)


def test_a_film_of_other_frames(made):
    with pytest.raises(CheckFailed, match=r"decodes to \(5, 240, 320, 3\)"):
        check_video(made.frames[:-1], made.frames)
    with pytest.raises(CheckFailed, match="levels off"):
        check_video(made.frames[:, :, ::-1], made.frames)
