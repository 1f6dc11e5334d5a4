"""Film cameras keep the whole clip in frame, unmirrored, however they move, and vary as SURREAL's do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.bodies.skinning import Skinning, skin
from synth.plans.preset import CameraRanges
from synth.plans.view_sampler import draw_view
from synth.scene.camera import View, flesh_boxes, place_cameras, shake

SIZE = {"width": 320, "height": 240, "fps": 30.0}
MOVES = {
    "still": 0.0,
    "pan": np.radians(8),
    "dolly": 1.5,
    "orbit": np.radians(60),
    "handheld": np.radians(1),
}


def walker(steps: int, metres: float, heading: float = 0.0) -> np.ndarray:
    """Joints (T,24,3) of somebody 1.7 m tall who walks `metres` in a straight line."""
    rng = np.random.default_rng(5)
    person = rng.uniform([-0.3, 0.05, -0.3], [0.3, 1.6, 0.3], (24, 3))
    way = np.linspace(0, metres, steps)[:, None, None]
    return person + way * np.array([np.sin(heading), 0.0, np.cos(heading)])


def view_of(seed: int, **changes) -> View:
    return replace(draw_view(np.random.default_rng(seed), CameraRanges()), **changes)


def stack(cameras):
    return np.stack([c.rotation for c in cameras]), np.stack([c.translation for c in cameras])


@settings(max_examples=40, deadline=None)
@given(
    metres=st.floats(0, 12),
    heading=st.floats(0, 6.3),
    seed=st.integers(0, 2**32 - 1),
    centre=st.tuples(*[st.floats(-5, 5)] * 3),
    move=st.sampled_from(sorted(MOVES)),
    pitch=st.floats(-0.2, 0.9),
)
def test_everything_stays_in_frame_and_the_camera_is_proper(
    metres, heading, seed, centre, move, pitch
):
    joints = walker(14, metres, heading) + np.array(centre)
    view = view_of(seed, move=move, amount=MOVES[move], phase=seed, pitch=pitch)
    placed = place_cameras(joints, view, **SIZE)
    assert len(placed.cameras) == 14
    inner = placed.cameras[1:-1]
    low, high, nearest = flesh_boxes(joints[1:-1], *stack(inner), view, height=240, width=320)
    assert (low >= view.border - 1e-6).all()
    assert (high <= np.array([320, 240]) - view.border + 1e-6).all()
    assert nearest > 1.0
    assert placed.distance >= view.distance
    for camera in placed.cameras:  # Camera itself refuses reflections
        if move != "handheld":  # up is up: no roll
            assert camera.rotation[0] @ [0, 1, 0] == pytest.approx(0.0, abs=1e-9)
        assert camera.rotation[1, 1] < 0
    if move == "still":
        # The camera stands on the side it says and looks down by its pitch.
        forward = [-np.sin(placed.yaw), 0, -np.cos(placed.yaw)]
        expected = np.cos(pitch) * np.array(forward) - [0, np.sin(pitch), 0]
        np.testing.assert_allclose(inner[0].rotation[2], expected, atol=1e-12)
        assert all(np.array_equal(c.rotation, inner[0].rotation) for c in placed.cameras)
        assert all(np.array_equal(c.translation, inner[0].translation) for c in placed.cameras)


def test_a_person_on_the_spot_is_filmed_from_where_surreal_would():
    joints = walker(5, 0.0)
    views = [view_of(seed) for seed in range(400)]
    placed = [place_cameras(joints, view, **SIZE) for view in views]
    distances = np.array([p.distance for p in placed])
    assert distances == pytest.approx([view.distance for view in views])
    assert distances.mean() == pytest.approx(8.0, abs=0.2)
    assert distances.std() == pytest.approx(1.0, abs=0.15)
    sides = np.histogram([p.yaw for p in placed], bins=8, range=(0, 2 * np.pi))[0]
    assert sides.min() > 25  # 50 expected
    assert placed[0].cameras[0].intrinsics.tolist() == [[600, 0, 160], [0, 600, 120], [0, 0, 1]]
    middle = joints.reshape(-1, 3).mean(axis=0)
    pixels = np.array([p.cameras[0].project(middle[None])[0][0] for p in placed])
    assert pixels.std(axis=0).min() > 5  # not always in the centre


def test_surreals_own_policy_lets_people_walk_out():
    joints = walker(40, 12.0, np.pi / 2)
    view = view_of(3, policy="start", sides=(0.0,), distance=8.0)
    camera = place_cameras(joints, view, **SIZE).cameras[1]
    pixels, z = camera.project(joints[1, :1])
    np.testing.assert_allclose(pixels[0], [160, 120], atol=1e-9)
    assert z[0] == pytest.approx(8.0)
    assert camera.project(joints[-2, :1])[0][0, 0] > 320


def test_long_paths_are_filmed_along_rather_than_from_afar():
    path = walker(20, 9.0)
    far = [place_cameras(path, view_of(seed), **SIZE).distance for seed in range(30)]
    assert np.median(far) < 14.5
    views = [view_of(seed) for seed in range(30)]
    one_side = [
        place_cameras(path, replace(view, sides=view.sides[:1]), **SIZE).distance for view in views
    ]
    assert np.mean(far) < np.mean(one_side)


def test_yaw_0_films_the_face_and_a_quarter_turn_its_left_side(body):
    _, joints = skin(
        Skinning(body), pose=np.zeros((3, 72)), betas=np.zeros(10), translation=np.zeros((3, 3))
    )
    front = place_cameras(joints, view_of(0, sides=(0.0,)), **SIZE).cameras[1]
    pixels, z = front.project(joints[0])
    left, right = 16, 17  # shoulders
    assert pixels[left, 0] > pixels[right, 0] + 10  # facing us, their left is on our right
    assert pixels[15, 1] < pixels[0, 1]  # head above pelvis
    side = place_cameras(joints, view_of(0, sides=(np.pi / 2,)), **SIZE).cameras[1]
    _, z = side.project(joints[0])
    assert z[left] < z[right] - 0.2  # the left shoulder is the nearer one


def test_a_camera_from_above_stands_at_its_height_and_looks_down():
    joints = walker(5, 0.0)
    view = view_of(1, height=3.5, offset=(0.0, 0.0))
    placed = place_cameras(joints, view, **SIZE)
    position = placed.cameras[1].position
    assert position[1] == pytest.approx(3.5, abs=0.15)  # but for the slide that centres the box
    assert placed.cameras[1].rotation[2, 1] < -0.1


def test_cameras_move_as_they_say():
    joints = walker(32, 0.0)
    middle = (joints.min(axis=(0, 1)) + joints.max(axis=(0, 1))) / 2

    def path(move, amount):
        view = view_of(2, move=move, amount=amount, phase=7, offset=(0.0, 0.0))
        cameras = place_cameras(joints, view, **SIZE).cameras[1:-1]
        return np.stack([c.position for c in cameras]), np.stack([c.rotation for c in cameras])

    def turned(rotations):
        cosine = (np.trace(rotations[-1] @ rotations[0].T) - 1) / 2
        return np.arccos(np.clip(cosine, -1, 1))

    positions, rotations = path("pan", 0.15)
    assert turned(rotations) == pytest.approx(0.15)
    # To the right: what stood in the middle leaves to the left.
    assert rotations[0][0] @ rotations[-1][2] > 0
    positions, rotations = path("dolly", 1.5)
    assert turned(rotations) < 1e-6
    assert (positions[-1] - positions[0]) @ rotations[0][2] == pytest.approx(-1.5)
    positions, rotations = path("orbit", 1.0)
    assert turned(rotations) == pytest.approx(1.0)
    away = np.linalg.norm((positions - middle)[:, [0, 2]], axis=1)
    assert np.ptp(away) < 0.05
    positions, rotations = path("handheld", 0.02)
    steps = [turned(rotations[k : k + 2]) for k in range(len(rotations) - 1)]
    assert 0 < max(steps) < 0.02 and turned(rotations) < 0.06
    again = path("handheld", 0.02)
    assert np.array_equal(positions, again[0])


def test_a_hand_shakes_smoothly_about_nothing():
    seconds = np.arange(3000) / 30
    waves = shake(5, seconds)
    assert waves.shape == (5, 3000)
    assert np.abs(waves).max() < 1.2 and np.abs(waves.mean(axis=1)).max() < 0.05
    assert np.abs(np.diff(waves, axis=1)).max() < 0.25  # no jump between frames
    assert not np.allclose(waves[0], waves[1])
    assert not np.allclose(shake(6, seconds), waves)


def test_joints_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        place_cameras(np.full((4, 24, 3), np.nan), view_of(0), **SIZE)
