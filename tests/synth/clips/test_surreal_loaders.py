"""Our clips in loaders as SURREAL's users write them: they know its README and none of our code.

What they get is compared with the truth by SURREAL's geometry, written out here: the picture is mirrored,
depth is along the ray, flow has y up.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.io

from synth.clips.clip import publish
from tests.synth.film_clip import make_clip


@pytest.fixture(scope="module", params=[1, 5], ids=["one frame", "five frames"])
def clip(request, body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    made = make_clip(body, frames=request.param)
    made.write(folder / "partial")
    publish(folder / "partial", folder, made.row)
    return made, str(folder / made.row.stem)


def frame_of_video(path: str, t: int) -> np.ndarray:
    capture = cv2.VideoCapture(path)
    capture.set(cv2.CAP_PROP_POS_FRAMES, t)
    read, image = capture.read()
    capture.release()
    assert read, path
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def test_a_frame_dataset(clip):
    """One sample a frame: picture, depth, segmentation, flow, 2D and 3D joints (MATLAB's numbers)."""
    made, stem = clip
    info = scipy.io.loadmat(stem + "_info.mat")
    total = info["pose"].shape[1]
    assert total == made.row.frames
    for t in range(total):
        image = frame_of_video(stem + ".mp4", t)
        assert image.shape == (240, 320, 3)
        assert np.abs(image.astype(int) - made.frames[t][:, ::-1]).mean() < 4
        depth = scipy.io.loadmat(stem + "_depth.mat")[f"depth_{t + 1}"]
        segm = scipy.io.loadmat(stem + "_segm.mat")[f"segm_{t + 1}"]
        flow = scipy.io.loadmat(stem + "_gtflow.mat")[f"gtflow_{t + 1}"]
        person = depth < 1e9
        mirrored_parts = made.truth.parts[t][:, ::-1]
        assert np.array_equal(person, segm > 0) and np.array_equal(segm, mirrored_parts)
        y, x = np.nonzero(person)
        rays = np.sqrt(((x + 0.5 - 160) / 600) ** 2 + ((y + 0.5 - 120) / 600) ** 2 + 1)
        planar = made.truth.depth[t][:, ::-1][person]
        np.testing.assert_allclose(depth[person], planar * rays, rtol=1e-6)
        to_the_right, up = flow[..., 0], flow[..., 1]
        truth_flow = made.truth.flow_backward[t][:, ::-1]
        assert np.array_equal(to_the_right, -truth_flow[..., 0])
        assert np.array_equal(up, -truth_flow[..., 1])
        joints2D = info["joints2D"][:, :, t].T
        joints3D = info["joints3D"][:, :, t].T
        assert joints2D.shape == (24, 2) and joints3D.shape == (24, 3)
        np.testing.assert_allclose(joints2D[:, 0], 320 - made.truth.joints2d[t, :, 0], atol=1e-4)
        assert np.array_equal(joints2D[:, 1], made.truth.joints2d[t, :, 1])
        np.testing.assert_allclose(-joints3D[:, 1], made.truth.joints3d[t, :, 1], atol=1e-6)
        assert int(info["gender"][t][0]) == 2 and float(info["zrot"][t, 0]) == info["zrot"][0][0]


def test_a_clip_dataset_that_asks_for_variables_by_name(clip):
    """Whole clips as arrays: loadmat with variable_names, stacked; capture read to its end."""
    made, stem = clip
    capture, frames = cv2.VideoCapture(stem + ".mp4"), []
    while True:
        read, image = capture.read()
        if not read:
            break
        frames.append(image[:, :, ::-1])
    assert len(frames) == made.row.frames == int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30)
    names = [f"segm_{n}" for n in range(1, made.row.frames + 1)]
    values = scipy.io.loadmat(stem + "_segm.mat", variable_names=names)
    stacked = np.stack([values[name] for name in names])
    assert np.array_equal(stacked, made.truth.parts[:, :, ::-1])
    counted = len([name for name in scipy.io.loadmat(stem + "_gtflow.mat") if name[0] != "_"])
    assert counted == made.row.frames  # who counts variables counts frames


def test_a_pose_dataset_that_squeezes(clip):
    """squeeze_me, struct_as_record: T of 1 loses its axis, which such loaders give back."""
    made, stem = clip
    total = made.row.frames
    info = scipy.io.loadmat(stem + "_info.mat", squeeze_me=True, struct_as_record=False)
    pose, shape = info["pose"].reshape(72, -1).T, info["shape"].reshape(10, -1).T
    assert pose.shape == (total, 72) and shape.shape == (total, 10)
    joints = info["joints3D"].reshape(3, 24, -1).transpose(2, 1, 0)
    bones = np.linalg.norm(np.diff(joints, axis=1), axis=2)
    np.testing.assert_allclose(
        bones, np.linalg.norm(np.diff(made.truth.joints3d, axis=1), axis=2), atol=1e-5
    )
    assert str(info["sequence"]) == "01_01_c0002" and str(info["source"]) == "cmu"
    assert np.atleast_1d(info["cloth"])[0] == "0001.png"
    assert np.atleast_1d(info["bg"]).shape == (total,)
    assert float(info["camDist"]) == pytest.approx(made.posed_clip.distance, rel=1e-6)
    assert info["camLoc"].shape == (3,) and np.atleast_1d(info["zrot"]).shape == (total,)
    assert int(info["clipNo"]) == 2 and int(info["stride"]) == 50


def test_crops_around_the_person_from_joints_and_scale(clip):
    """Bounding boxes from joints2D, as pose networks crop: they hold the person's pixels."""
    made, stem = clip
    info = scipy.io.loadmat(stem + "_info.mat")
    for t in range(made.row.frames):
        x, y = info["joints2D"][0, :, t], info["joints2D"][1, :, t]
        segm = scipy.io.loadmat(stem + "_segm.mat")[f"segm_{t + 1}"]
        left, right = int(x.min()) - 12, int(np.ceil(x.max())) + 12
        top, bottom = int(y.min()) - 24, int(np.ceil(y.max())) + 12
        box = segm[max(top, 0) : bottom, max(left, 0) : right]
        assert (box > 0).sum() == (segm > 0).sum() > 200
        head = segm[segm == 16]
        assert len(head) and abs(np.argwhere(segm == 16)[:, 1].mean() - x[15]) < 8
