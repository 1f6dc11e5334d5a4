"""Joints in files: Market-1501's CSV, any landmarks, OpenPose's JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mocap.errors import BadInput
from textures.evidence.joint_files import OPENPOSE_ORDERS, read_joints_csv, read_openpose_folder
from textures.evidence.landmarks import INDEX


def written(path, text):
    path.write_text(text)
    return path


def test_labels_of_market1501_become_points_of_the_surface(tmp_path):
    header = "image,right_shoulder_x,right_shoulder_y,neck_left_x,neck_left_y,left_hip_x,left_hip_y"
    table = read_joints_csv(
        written(tmp_path / "joints.csv", f"{header}\n0002_c1s1_000451_03.jpg,19,21,1,1,11,61\n")
    )
    evidence = table.observe(["train/0002_c1s1_000451_03.jpg", "else.jpg"], [])
    assert evidence.landmarks[0, INDEX["right_acromion"]].tolist() == [19, 21]
    assert evidence.landmarks[0, INDEX["left_iliac_crest"]].tolist() == [11, 61]
    assert evidence.confidence[0].sum() == 2 and evidence.confidence[1].sum() == 0


def test_an_empty_cell_is_no_evidence_and_a_byte_order_mark_no_matter(tmp_path):
    text = "\ufeffimage,nose_x,nose_y,left_toe_x,left_toe_y\na.png,,,3.5,4\n"
    table = read_joints_csv(written(tmp_path / "a.csv", text))
    confidence = table.observe(["a.png"], []).confidence[0]
    assert confidence[INDEX["left_toe"]] == 1 and confidence[INDEX["nose"]] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header"),
        ("image,left_tail_x,left_tail_y\n", "unknown joint 'left_tail'"),
        ("image,nose_x,nose_y\n", "no line of joints"),
        ("image,nose_x,nose_y\na.png,nan,3\n", "line 2: nose is"),
        ("image,nose_x,nose_y\na.png,3\n", "line 2: nose is"),
        ("image,nose_x,nose_y\n,3,4\n", "line 2: no file name"),
        ("nose_x,nose_y\n3,4\n", "expected a header"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(BadInput, match=message):
        read_joints_csv(written(tmp_path / "bad.csv", text))
    with pytest.raises(BadInput, match="cannot be opened"):
        read_joints_csv(tmp_path / "none.csv")


@pytest.mark.parametrize("count", [18, 25])
def test_openpose_keypoints_by_their_published_order(tmp_path, count):
    """COCO has the right hip at 8 and the left ankle at 13; BODY_25 at 9 and 14, the left toe at 19."""
    hip, ankle = (8, 13) if count == 18 else (9, 14)
    keypoints = np.zeros((count, 3))
    keypoints[:, 0], keypoints[:, 2] = np.arange(count), 0.5
    keypoints[4, 2] = 0  # the right wrist was not found
    weak = keypoints * (1, 1, 0.1)
    people = [{"pose_keypoints_2d": k.ravel().tolist()} for k in (weak, keypoints)]
    written(tmp_path / "crop_keypoints.json", json.dumps({"version": 1.3, "people": people}))
    evidence = read_openpose_folder(tmp_path).observe(["x/crop.jpg"], [])
    assert evidence.landmarks[0, INDEX["right_hip"], 0] == hip
    assert evidence.landmarks[0, INDEX["left_ankle"], 0] == ankle
    assert evidence.confidence[0, INDEX["left_ankle"]] == 0.5
    assert evidence.confidence[0, INDEX["right_wrist"]] == 0
    if count == 25:
        assert evidence.landmarks[0, INDEX["left_toe"], 0] == 19
    assert all(name == "" or name in INDEX for name in OPENPOSE_ORDERS[count])


def test_bad_openpose_files_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"keypoints\.json found"):
        read_openpose_folder(tmp_path)
    written(tmp_path / "a_keypoints.json", '{"people": [{"pose_keypoints_2d": [1, 2]}]}')
    with pytest.raises(BadInput, match="2 numbers, expected 75"):
        read_openpose_folder(tmp_path)
    written(tmp_path / "a_keypoints.json", '{"people": [{"pose_keypoints_2d": [1, null]}]}')
    with pytest.raises(BadInput, match="a_keypoints"):
        read_openpose_folder(tmp_path)
