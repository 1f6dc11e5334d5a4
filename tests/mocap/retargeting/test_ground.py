"""Bodies of other sizes than the captured one on the ground: steps, hips and floors, by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, skin
from mocap.retargeting.ground import fit_to_ground, floor_offset, soles_of
from mocap.retargeting.legs import place_pelvis

J = {name: i for i, name in enumerate(JOINT_NAMES)}
FRAMES = 12


def standing_height(body) -> float:
    """The translation that puts a T-posed body of mean shape on the floor, metres."""
    return float(-body.template[:, 1].min())


@pytest.mark.parametrize("beta", [-2.0, 0.0, 2.0])
def test_a_body_of_other_legs_takes_steps_in_their_proportion_and_stands_on_the_floor(body, beta):
    betas = np.zeros(10, np.float32)
    betas[0] = beta
    pose = np.zeros((FRAMES, 72), np.float32)
    translation = np.zeros((FRAMES, 3), np.float32)
    translation[:, 1] = standing_height(body)
    translation[:, 0] = np.linspace(0, 2, FRAMES)
    translation[:, 2] = np.linspace(0, -1, FRAMES)
    moved = fit_to_ground(pose, translation, body, betas)
    vertices, joints = skin(Skinning(body), pose=pose, betas=betas, translation=moved)
    _, before = skin(Skinning(body), pose=pose, betas=np.zeros(10), translation=translation)

    def hip_height(shape) -> float:
        """Above the sole; legs are straight in the T-pose."""
        template = body.template + body.shape_directions @ shape
        rest = body.joint_regressor @ template
        return float(rest[[J["left_hip"], J["right_hip"]], 1].mean() - template[:, 1].min())

    ratio = hip_height(betas) / hip_height(np.zeros(10))
    path = joints[-1, 0] - joints[0, 0]
    np.testing.assert_allclose(path, ratio * (before[-1, 0] - before[0, 0]), atol=0.01)
    assert (ratio > 1.01 or ratio < 0.99) == (beta != 0)
    assert np.abs(vertices[..., 1].min(axis=1)).max() < 0.005


def test_without_standing_feet_the_floor_is_under_the_lower_foot():
    """A runner: either foot in turn is the lower one, 3 cm under the floor, the other is up."""
    lowest = np.full((60, 2), 0.4)
    lowest[np.arange(60), np.arange(60) // 10 % 2] = -0.03
    assert floor_offset(lowest, np.zeros((60, 2), bool)) == pytest.approx(0.03)
    lowest[5:9] = -0.5  # fewer than a tenth of the frames tell nothing
    assert floor_offset(lowest, np.zeros((60, 2), bool)) == pytest.approx(0.03)


def test_with_standing_feet_the_floor_is_where_they_are():
    lowest, standing = np.full((40, 2), 0.3), np.zeros((40, 2), bool)
    lowest[:20, 0], standing[:20, 0] = 0.05, True
    lowest[20:] = -0.2  # in a leap into a pit no foot rests
    assert floor_offset(lowest, standing) == pytest.approx(-0.05)


@pytest.mark.parametrize("scale", [0.9, 1.0, 1.2])
def test_ankles_are_as_much_further_apart_as_the_bodys_hips_are(body, scale):
    """Facing +z, so the left of the body is at +x."""
    joints = soles_of(body).joints
    legs = np.array(
        [[J[f"{side}_{n}"] for n in ("hip", "knee", "ankle", "foot")] for side in ("left", "right")]
    )
    quaternions = np.zeros((1, 24, 4))
    quaternions[..., 3] = 1.0
    hips = np.array([[[0.06, 0.9, 0.0], [-0.06, 0.9, 0.0]]])
    ankles = np.array([[[0.1, 0.1, 0.2], [-0.08, 0.1, -0.2]]])
    pelvis, targets = place_pelvis(quaternions, joints, legs, hips, ankles, scale)
    width = joints[J["left_hip"], 0] - joints[J["right_hip"], 0]
    apart = targets[0, 0] - targets[0, 1]
    expected = scale * (ankles[0, 0] - ankles[0, 1])
    expected[0] += width - scale * 0.12
    np.testing.assert_allclose(apart, expected, atol=0.01)  # the hips are not quite level
    np.testing.assert_allclose(targets[0].mean(axis=0), scale * ankles[0].mean(axis=0), atol=1e-9)
    middle = pelvis[0] + (joints[legs[:, 0]] - joints[0]).mean(axis=0)
    np.testing.assert_allclose(middle, scale * hips[0].mean(axis=0), atol=1e-9)
