"""OpenPose's joints of labelled crops, their pictures, and the canonical poses of a set."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from textures.evidence.joint_files import OPENPOSE_ORDERS
from textures.evidence.landmarks import INDEX, LANDMARKS
from textures.pn_gan.canonical_poses import CanonicalPoses, cluster_poses
from textures.pn_gan.pose_maps import (
    COCO_INDEX,
    COCO_JOINTS,
    COLOURS,
    LIMBS,
    coco_joints,
    pose_image,
    unit_poses,
    usable_poses,
)

# A person seen from the front on a crop of 64x128, as Market-1501's labels have it.
FRONT = {
    **{"head_top": (32, 8), "left_acromion": (44, 28), "right_acromion": (20, 28)},
    **{"left_elbow": (48, 45), "right_elbow": (16, 45), "left_wrist": (49, 60)},
    **{"right_wrist": (15, 60), "left_iliac_crest": (40, 62), "right_iliac_crest": (24, 62)},
    **{"left_knee": (40, 88), "right_knee": (24, 88), "left_ankle": (40, 112)},
    "right_ankle": (24, 112),
}


def labelled(points):
    landmarks = np.zeros((1, len(LANDMARKS), 2), np.float32)
    confidence = np.zeros((1, len(LANDMARKS)), np.float32)
    for name, point in points.items():
        landmarks[0, INDEX[name]], confidence[0, INDEX[name]] = point, 1
    return landmarks, confidence


def joints_of(points):
    return coco_joints(*labelled(points), np.array([128]))[0]


def exchanged(points):
    """The same places, left and right exchanged: the person turned round."""
    swap = {"left": "right", "right": "left"}
    return {
        "_".join([swap.get(name.split("_")[0], name.split("_")[0]), *name.split("_")[1:]]): point
        for name, point in points.items()
    }


def test_the_order_is_openpose_s():
    """The toolkit's own reader of OpenPose's files has the same order, but for eyes."""
    for index, name in enumerate(OPENPOSE_ORDERS[18]):
        assert name in ("", COCO_JOINTS[index])
    assert len(COCO_JOINTS) == len(COLOURS) == 18 and len(LIMBS) == 17
    assert {joint for limb in LIMBS for joint in limb} == set(range(18))


def test_labels_become_joints_and_the_head_is_put_where_nobody_labelled_it():
    joints = joints_of(FRONT)
    assert (joints[:, 2] == 1).all()
    for name, label in (("left_shoulder", "left_acromion"), ("right_hip", "right_iliac_crest")):
        assert tuple(joints[COCO_INDEX[name], :2]) == FRONT[label]
    neck, nose = joints[COCO_INDEX["neck"]], joints[COCO_INDEX["nose"]]
    assert tuple(neck[:2]) == (32, 28)
    assert nose[0] == 32 and 8 < nose[1] < 28
    left, right = joints[COCO_INDEX["left_ear"]], joints[COCO_INDEX["right_ear"]]
    assert left[0] > 32 > right[0] and left[0] - 32 == pytest.approx(32 - right[0])
    eye = joints[COCO_INDEX["left_eye"]]
    assert nose[0] < eye[0] < left[0] and eye[1] < nose[1]


def test_a_back_has_neither_nose_nor_eyes_and_its_ears_change_sides():
    joints = joints_of(exchanged(FRONT))
    for name in ("nose", "left_eye", "right_eye"):
        assert not joints[COCO_INDEX[name]].any()
    assert joints[COCO_INDEX["left_ear"], 0] < 32 < joints[COCO_INDEX["right_ear"], 0]


def test_what_a_source_sees_of_the_head_is_taken():
    joints = joints_of(FRONT | {"nose": (30, 18), "left_ear": (38, 16), "neck": (31, 26)})
    assert tuple(joints[COCO_INDEX["nose"], :2]) == (30, 18)
    assert tuple(joints[COCO_INDEX["left_ear"], :2]) == (38, 16)
    assert tuple(joints[COCO_INDEX["neck"], :2]) == (31, 26)


def test_joints_that_nobody_knows_are_zeros_and_poses_without_hips_are_not_used():
    points = {k: v for k, v in FRONT.items() if k not in ("head_top", "left_iliac_crest")}
    joints = joints_of(points)
    for name in ("nose", "left_ear", "right_eye", "left_hip"):
        assert not joints[COCO_INDEX[name]].any()
    assert not usable_poses(joints[None])[0] and usable_poses(joints_of(FRONT)[None])[0]


def test_a_pose_s_picture_has_each_limb_in_its_colour():
    pose = unit_poses(joints_of(FRONT)[None], np.array([[128, 64]]))[0]
    image = pose_image(pose, 256, 128)
    start, end = LIMBS[4]  # the left upper arm
    middle = (pose[start, :2] + pose[end, :2]) / 2 * (128, 256)
    assert (image[round(middle[1]), round(middle[0])] == COLOURS[4]).all()
    assert not image[:10].any() and not image[:, :20].any()
    less = pose.copy()
    less[COCO_INDEX["left_elbow"], 2] = 0
    assert not pose_image(less, 256, 128)[round(middle[1]), round(middle[0])].any()
    assert not pose_image(np.zeros((18, 3)), 64, 32).any()


def test_clusters_are_found_again_largest_first():
    front = unit_poses(joints_of(FRONT)[None], np.array([[128, 64]]))[0]
    back = unit_poses(joints_of(exchanged(FRONT))[None], np.array([[128, 64]]))[0]
    step = unit_poses(
        joints_of(FRONT | {"left_ankle": (56, 108), "right_ankle": (8, 108)})[None],
        np.array([[128, 64]]),
    )[0]
    rng = np.random.default_rng(0)
    sizes = (40, 25, 10)
    poses = []
    for pose, size in zip((back, front, step), sizes):
        noise = rng.normal(0, 0.004, (size, 18, 2)) * (pose[:, 2:] > 0)
        poses.append(np.concatenate([pose[:, :2] + noise, np.tile(pose[:, 2:], (size, 1, 1))], 2))
    poses = rng.permutation(np.concatenate([*poses, np.zeros((7, 18, 3))])).astype(np.float32)
    found = cluster_poses(poses, count=3, seed=4)
    for pose, expected in zip(found, (back, front, step)):
        np.testing.assert_array_equal(pose[:, 2], expected[:, 2])
        np.testing.assert_allclose(pose[:, :2], expected[:, :2], atol=0.01)
    np.testing.assert_array_equal(found, cluster_poses(poses, count=3, seed=4))
    np.testing.assert_array_equal(CanonicalPoses(found).arrays(), found)
    with pytest.raises(BadInput, match="too few different ones for 8"):
        cluster_poses(poses[:5])
