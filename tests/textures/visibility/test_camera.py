"""The camera's conventions: corner origin, det +1, x right, y down, z forward."""

import numpy as np
import pytest

from textures.visibility.camera import Camera, intrinsic_matrix, look_at


def test_point_on_the_axis_lands_on_the_principal_point():
    camera = look_at((1.0, 2.0, 8.0), (0.0, 1.0, 0.0), focal=600, width=320, height=240)
    pixels, z = camera.project(np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(pixels[0], (160.0, 120.0), atol=1e-9)
    np.testing.assert_allclose(z[0], np.sqrt(1 + 1 + 64))
    np.testing.assert_allclose(camera.position, (1.0, 2.0, 8.0), atol=1e-12)


def test_image_axes_are_right_and_down():
    # The camera stands on +z and looks at someone facing it: the person's left hand (+x) is on the
    # right.
    camera = look_at((0.0, 1.0, 7.0), (0.0, 1.0, 0.0), focal=600, width=320, height=240)
    pixels, _ = camera.project(np.array([[0.7, 1.0, 0.0], [0.0, 1.7, 0.0]]))
    np.testing.assert_allclose(pixels, [[220.0, 120.0], [160.0, 60.0]], atol=1e-9)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)


def test_roll_turns_the_camera_clockwise():
    camera = look_at((0, 0, 5), (0, 0, 0), focal=100, width=100, height=100, roll=np.pi / 2)
    # The camera's right now points to the old down, so what was above is seen on the left.
    pixels, _ = camera.project(np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(pixels, [[30.0, 50.0]], atol=1e-9)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)


def test_scaled_camera_sees_the_same_view():
    camera = look_at((1, 2, 5), (0, 1, 0), focal=200, width=64, height=128, principal=(30.2, 70.1))
    points = np.random.default_rng(0).normal(size=(20, 3))
    pixels, z = camera.project(points)
    double, z_double = camera.scaled(2).project(points)
    np.testing.assert_allclose(double, 2 * pixels)
    np.testing.assert_allclose(z_double, z)


def test_a_reflection_is_refused():
    with pytest.raises(ValueError, match="reflection"):
        Camera(
            intrinsics=intrinsic_matrix(600, (160, 120)),
            rotation=np.diag([-1.0, 1, 1]),
            translation=np.zeros(3),
            width=320,
            height=240,
        )
    with pytest.raises(ValueError, match="orthonormal"):
        Camera(
            intrinsics=intrinsic_matrix(600, (160, 120)),
            rotation=2 * np.eye(3),
            translation=np.zeros(3),
            width=320,
            height=240,
        )
    with pytest.raises(ValueError, match="along the up direction"):
        look_at((0, 5, 0), (0, 0, 0), focal=1, width=2, height=2)
