"""Film cameras keep the whole clip in frame, level and unmirrored, and vary as SURREAL's do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.skinning import Skinning, skin
from synth.camera import FilmFormat, flesh_box, place_camera


def walker(steps: int, metres: float, heading: float = 0.0) -> np.ndarray:
    """Joints (T,24,3) of somebody 1.7 m tall who walks ``metres`` in a straight line."""
    rng = np.random.default_rng(5)
    person = rng.uniform([-0.3, 0.05, -0.3], [0.3, 1.6, 0.3], (24, 3))
    way = np.linspace(0, metres, steps)[:, None, None]
    return person + way * np.array([np.sin(heading), 0.0, np.cos(heading)])


@settings(max_examples=40, deadline=None)
@given(
    metres=st.floats(0, 12),
    heading=st.floats(0, 6.3),
    seed=st.integers(0, 2**32 - 1),
    centre=st.tuples(*[st.floats(-5, 5)] * 3),
)
def test_everything_stays_in_frame_and_the_camera_is_level(metres, heading, seed, centre):
    film = FilmFormat()
    joints = walker(12, metres, heading) + np.array(centre)
    placed = place_camera(joints, np.random.default_rng(seed))
    low, high, nearest = flesh_box(joints.reshape(-1, 3), placed.camera, film.flesh)
    assert (low >= film.border - 1e-6).all()
    assert (high <= np.array([film.width, film.height]) - film.border + 1e-6).all()
    assert nearest > 1.0
    rotation = placed.camera.rotation
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation @ [0, 1, 0], [0, -1, 0], atol=1e-12)  # up is up
    # The camera stands on the side it says: its forward axis points back from there.
    np.testing.assert_allclose(
        rotation[2], [-np.sin(placed.yaw), 0, -np.cos(placed.yaw)], atol=1e-12
    )
    assert placed.distance >= placed.distance_drawn


def test_a_person_on_the_spot_is_filmed_from_where_surreal_would():
    joints = walker(5, 0.0)
    cameras = [place_camera(joints, np.random.default_rng(seed)) for seed in range(400)]
    distances = np.array([c.distance for c in cameras])
    assert distances == pytest.approx([c.distance_drawn for c in cameras])
    assert distances.mean() == pytest.approx(8.0, abs=0.2)
    assert distances.std() == pytest.approx(1.0, abs=0.15)
    sides = np.histogram([c.yaw for c in cameras], bins=8, range=(0, 2 * np.pi))[0]
    assert sides.min() > 25  # 50 expected
    assert cameras[0].camera.intrinsics.tolist() == [[600, 0, 160], [0, 600, 120], [0, 0, 1]]
    middle = joints.reshape(-1, 3).mean(axis=0)
    pixels = np.array([c.camera.project(middle[None])[0][0] for c in cameras])
    assert pixels.std(axis=0).min() > 5  # not always in the centre


def test_long_paths_are_filmed_along_rather_than_from_afar():
    far = [
        place_camera(walker(20, 9.0), np.random.default_rng(seed)).distance for seed in range(30)
    ]
    assert np.median(far) < 14.5
    across = FilmFormat(sides=1)
    one_side = [
        place_camera(walker(20, 9.0), np.random.default_rng(seed), across).distance
        for seed in range(30)
    ]
    assert np.mean(far) < np.mean(one_side)


def test_yaw_0_films_the_face_and_a_quarter_turn_its_left_side(body):
    _, joints = skin(
        Skinning(body), pose=np.zeros((1, 72)), betas=np.zeros(10), translation=np.zeros((1, 3))
    )

    class Fixed:
        def __init__(self, yaw):
            self.yaw = yaw

        def normal(self, mean, spread):
            return mean

        def uniform(self, low, high, size=None):
            return self.yaw if size is None else np.zeros(size)

    front = place_camera(joints, Fixed(0.0)).camera
    pixels, z = front.project(joints[0])
    left, right = 16, 17  # shoulders
    assert pixels[left, 0] > pixels[right, 0] + 10  # facing us, their left is on our right
    assert pixels[15, 1] < pixels[0, 1]  # head above pelvis
    side = place_camera(joints, Fixed(np.pi / 2)).camera
    _, z = side.project(joints[0])
    assert z[left] < z[right] - 0.2  # the left shoulder is the nearer one


def test_joints_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        place_camera(np.full((2, 24, 3), np.nan), np.random.default_rng(0))
