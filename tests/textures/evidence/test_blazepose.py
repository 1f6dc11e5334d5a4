"""BlazePose's geometry, with a network that only finds a dot; the real one where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from textures.evidence.blazepose import INPUT, BlazePose, _at_joints, installed_blazepose
from textures.evidence.landmarks import INDEX, LANDMARKS


class DotFinder:
    """A network whose every landmark is the centroid of what is bright, in pixels of its input."""

    def set_tensor(self, index, value):
        weight = value[0].sum(-1).astype(np.float64)
        rows, columns = np.mgrid[:INPUT, :INPUT] + 0.5
        self.dot = (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()

    def invoke(self):
        pass

    def get_tensor(self, index):
        rows = np.zeros((39, 5), np.float32)
        rows[:, :2] = self.dot
        shapes = {0: rows.reshape(1, 195), 1: np.ones((1, 1)), 2: np.zeros((1, INPUT, INPUT, 1))}
        return shapes.get(index, np.zeros((1, 117), np.float32))


@pytest.fixture
def dot_finder():
    source = BlazePose.__new__(BlazePose)
    source.name, source._interpreter, source._input = "dot", DotFinder(), 0
    source._outputs = {(1, 195): 0, (1, 1): 1, (1, INPUT, INPUT, 1): 2, (1, 117): 3}
    return source


@pytest.mark.parametrize("turn", [0.0, 0.4, -1.2, 3.0])
@pytest.mark.parametrize("size", [60.0, 128.0, 220.0])
def test_a_dot_is_found_where_it_is_however_the_region_lies(dot_finder, turn, size):
    image = np.zeros((128, 64, 3), np.uint8)
    image[70:74, 30:34] = 255  # its middle is at (32, 72)
    answer = dot_finder._look(image, (36.0, 66.0), size, turn)
    assert np.abs(answer.pixels - (32, 72)).max() < 0.15


@pytest.mark.parametrize("turn", [0.0, 0.9, 2.5])
def test_its_trunk_is_moved_to_the_joints_however_the_person_leans(turn):
    upright = np.zeros((len(LANDMARKS), 2))
    for side, x in (("left", 40.0), ("right", 20.0)):
        upright[INDEX[f"{side}_shoulder"]], upright[INDEX[f"{side}_hip"]] = (x, 20), (x, 70)
    turning = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = _at_joints(upright @ turning.T) @ turning
    for side, x in (("left", 40.0), ("right", 20.0)):
        np.testing.assert_allclose(moved[INDEX[f"{side}_shoulder"]], (x, 22))  # down by 4 % of 50
        np.testing.assert_allclose(moved[INDEX[f"{side}_hip"]], (x, 64.5))  # up by 11 %
    assert (moved[INDEX["left_knee"]] == 0).all()


def test_a_file_that_is_no_network_is_refused(tmp_path):
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "pose_landmark_full.tflite"
    with pytest.raises(BadInput, match="no such file"):
        BlazePose(path)
    path.write_bytes(b"TFL3" * 100)
    with pytest.raises(BadInput, match="fetch it again"):
        BlazePose(path)


@pytest.fixture(scope="module")
def real_crops(shared_data):
    import cv2

    folder = shared_data / "market1501_sample"
    paths = sorted(folder.rglob("*.jpg"))[:4]
    return [cv2.imread(str(path))[..., ::-1].copy() for path in paths]


def test_the_installed_network_sees_the_mirror_image_mirrored(real_crops):
    path = installed_blazepose()
    if path is None:
        pytest.skip("BlazePose is not installed")
    source = BlazePose(path)
    here = source.observe([""] * len(real_crops), real_crops)
    there = source.observe([""] * len(real_crops), [image[:, ::-1] for image in real_crops])
    assert here.presence.min() > 0.3
    ankle, mirrored = (
        here.landmarks[:, INDEX["left_ankle"]],
        there.landmarks[:, INDEX["right_ankle"]],
    )
    width = np.array([image.shape[1] for image in real_crops])
    error = np.abs(width - mirrored[:, 0] - ankle[:, 0]) / width
    assert np.median(error) < 0.15
    assert all((mask > 0.5).mean() > 0.15 for mask in here.person if mask is not None)
