"""A plate at infinity: a turning camera sees the same directions where a homography puts them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.errors import BadInput
from synth.scene.backdrop import backdrops
from synth.scene.backgrounds import paint_background
from textures.visibility.camera import Camera, intrinsic_matrix

K = intrinsic_matrix(600.0, (160, 120))


def camera(vector=(0, 0, 0), position=(0, 0, 0)) -> Camera:
    rotation = Rotation.from_rotvec(vector).as_matrix() @ np.diag([1.0, -1.0, -1.0])
    return Camera(
        intrinsics=K,
        rotation=rotation,
        translation=-rotation @ np.array(position, float),
        width=320,
        height=240,
    )


def test_a_camera_that_does_not_turn_sees_one_still_picture():
    cameras = [camera(position=(0, 0, z)) for z in range(3)]
    frames = backdrops({"painted": 5}, cameras, folder=None)
    expected = paint_background(np.random.default_rng(5), width=320, height=240)
    assert all(np.array_equal(frame, expected) for frame in frames)


@pytest.mark.parametrize("turn", [(0, 0.06, 0), (0.03, -0.04, 0.02), (0, 1.0, 0)])
def test_turned_views_agree_with_the_homography_between_them(tmp_path, turn):
    smooth = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (480, 640, 3)).astype(np.float32), (0, 0), 12
    )
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "p.png"), smooth)
    # A small turn after the first keeps both views overlapping, whatever the first view's own turn.
    cameras = [camera(), camera(turn), camera(np.add(turn, (0.01, 0.05, 0.0)))]
    frames = backdrops({"photograph": "p.png"}, cameras, folder=tmp_path)
    one, two = cameras[1], cameras[2]
    homography = K @ two.rotation @ one.rotation.T @ np.linalg.inv(K)
    # Homographies of OpenCV's act on pixel centres at whole numbers.
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    homography = np.linalg.inv(shift) @ homography @ shift
    warped = cv2.warpPerspective(frames[1], homography, (320, 240))
    seen = cv2.warpPerspective(np.full((240, 320), 255, np.uint8), homography, (320, 240)) == 255
    seen = cv2.erode(seen.astype(np.uint8), np.ones((5, 5))) > 0
    assert seen.mean() > 0.5
    error = np.abs(warped[seen].astype(int) - frames[2][seen])
    assert error.max() <= 4 and error.mean() < 1
    assert np.abs(frames[1][seen].astype(int) - frames[2][seen]).mean() > 2  # they do differ


def test_a_pan_to_the_right_moves_things_to_the_left(tmp_path):
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:, 150:170] = 255
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    right = Rotation.from_rotvec(
        (0, -0.05, 0)
    ).as_matrix()  # of the world's x to its right, -z ahead
    ahead = camera()
    assert ahead.rotation[2] @ [0, 0, -1] == pytest.approx(1.0)
    turned = Camera(
        intrinsics=K,
        rotation=ahead.rotation @ right.T,
        translation=np.zeros(3),
        width=320,
        height=240,
    )
    assert turned.rotation[2] @ [1, 0, 0] > 0  # it looks to the right
    first, second = backdrops({"photograph": "p.png"}, [ahead, turned], folder=tmp_path)
    where = [np.flatnonzero(frame[120, :, 0] > 128).mean() for frame in (first, second)]
    assert where[1] < where[0] - 20


def test_photographs_without_a_folder_are_refused():
    with pytest.raises(BadInput, match=r"p\.png: a photograph of the plan.*--backgrounds"):
        backdrops({"photograph": "p.png"}, [camera()], folder=None)
