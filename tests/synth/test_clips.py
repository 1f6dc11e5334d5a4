"""Clip files: SURREAL's schema, the way back, and the same bytes twice."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import scipy.io

from mocap.errors import BadInput
from synth.clips import (
    CONVENTIONS,
    clip_files,
    is_published,
    publish,
    published_row,
    read_clip,
    read_video,
    write_conventions,
    write_index,
    write_video,
)
from tests.synth.film_clip import make_clip


@pytest.fixture(scope="module")
def made(body):
    return make_clip(body)


@pytest.fixture
def out(made, tmp_path):
    made.write(tmp_path / "partial")
    publish(tmp_path / "partial", tmp_path / "films", made.row)
    return tmp_path / "films"


def test_info_has_surreals_fields_shapes_and_types(made, out):
    info = scipy.io.loadmat(f"{out / made.row.stem}_info.mat")
    frames = made.row.frames
    expected = {  # SURREAL's README and its sample file
        "camDist": ((1, 1), "float32"),
        "camLoc": ((3, 1), "float32"),
        "clipNo": ((1, 1), "float64"),
        "gender": ((frames, 1), "uint8"),
        "joints2D": ((2, 24, frames), "float32"),
        "joints3D": ((3, 24, frames), "float32"),
        "light": ((9, frames), "float32"),
        "pose": ((72, frames), "float32"),
        "shape": ((10, frames), "float32"),
        "stride": ((1, 1), "uint8"),
        "zrot": ((frames, 1), "float32"),
        "bg": ((1, frames), "object"),
        "cloth": ((1, frames), "object"),
        "K": ((3, 3, frames), "float64"),
        "R": ((3, 3, frames), "float64"),
        "t": ((3, frames), "float64"),
    }
    found = {name: (info[name].shape, info[name].dtype.name) for name in expected}
    assert found == expected
    assert info["sequence"][0] == "01_01_c0002" and info["source"][0] == "cmu"
    assert info["cloth"][0, 3][0] == "0001.png"
    assert info["frame_indices"][0].tolist() == list(range(50, 50 + frames))
    for number in range(1, frames + 1):  # keys count from 1, one variable a frame
        for file, name, shape, kind in (
            ("depth", "depth", (240, 320), "float32"),
            ("segm", "segm", (240, 320), "uint8"),
            ("normal", "normal", (240, 320, 3), "float32"),
            ("gtflow", "gtflow", (240, 320, 2), "float32"),
            ("gtflow", "gtflow_forward", (240, 320, 2), "float32"),
        ):
            path = f"{out / made.row.stem}_{file}.mat"
            value = scipy.io.loadmat(path, variable_names=[f"{name}_{number}"])
            assert value[f"{name}_{number}"].shape == shape
            assert value[f"{name}_{number}"].dtype.name == kind
    assert set(CONVENTIONS) > {"depth", "segm", "normal", "gtflow", "joints2D", "K"}


def test_joints_project_with_k_r_t_from_the_file_alone(made, out):
    info = scipy.io.loadmat(f"{out / made.row.stem}_info.mat")
    for frame in range(made.row.frames):
        points = info["R"][..., frame] @ info["joints3D"][..., frame] + info["t"][:, frame, None]
        pixels = info["K"][..., frame] @ points
        np.testing.assert_allclose(pixels[:2] / pixels[2], info["joints2D"][..., frame], atol=1e-3)
        where = -info["R"][..., frame].T @ info["t"][:, frame]
        np.testing.assert_allclose(where, info["camLoc"][:, 0], atol=1e-5)


def test_what_was_written_is_read(made, out):
    clip = read_clip(out / made.row.stem)
    for name in (
        "depth",
        "parts",
        "normals",
        "flow_forward",
        "flow_backward",
        "joints2d",
        "joints3d",
    ):
        assert np.array_equal(getattr(clip.truth, name), getattr(made.truth, name)), name
    raw = scipy.io.loadmat(f"{out / made.row.stem}_depth.mat")["depth_1"]
    assert raw[~made.truth.mask[0]].min() == np.float32(1e10)  # finite on disk, as SURREAL's
    assert clip.frames.shape == made.frames.shape
    assert np.abs(clip.frames.astype(int) - made.frames).mean() < 4
    assert published_row(out, made.row) == made.row


def test_the_same_arrays_give_the_same_bytes_at_another_time(made, tmp_path):
    made.write(tmp_path / "a")
    time.sleep(1.1)  # the MAT header would hold the second
    made.write(tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted("01_01_c0002" + suffix for suffix in clip_files(made.row.channels))
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_only_whole_clips_are_in_the_index(made, out):
    assert write_index(out, [made.row]) == 1
    line = json.loads((out / "clips.jsonl").read_text())
    assert line == {
        "path": "train/run0/01_01/01_01_c0002",
        "sequence": "01_01",
        "category": "walk",
        "split": "train",
        "frames": made.row.frames,
        "fps": 30.0,
        "texture": "0001.png",
        "identity": "0001",
        "stand_in": True,
    }
    (out / f"{made.row.stem}_segm.mat").unlink()
    assert not is_published(out, made.row)
    assert write_index(out, [made.row]) == 0


def test_conventions_name_every_part(tmp_path):
    write_conventions(tmp_path)
    written = json.loads((tmp_path / "conventions.json").read_text())
    assert written["parts"]["2"] == "leftUpLeg" and len(written["parts"]) == 24
    assert written["mirrored"] is False


def test_films_keep_colour_order_and_frame_order(tmp_path):
    frames = np.zeros((12, 64, 96, 3), np.uint8)
    frames[..., 0] = 200  # red
    for k in range(12):
        frames[k, :, 8 * k : 8 * k + 8] = (0, 0, 220)  # a blue bar that moves right
    write_video(tmp_path / "a.mp4", frames, 29.97)
    back = read_video(tmp_path / "a.mp4").astype(int)
    assert back.shape == frames.shape
    for k in range(12):
        red, blue = back[k, 32, (8 * k + 52) % 96], back[k, 32, 8 * k + 4]
        assert red[0] > 150 and red[2] < 60
        assert blue[2] > 150 and blue[0] < 60


def test_damaged_clips_are_refused_with_the_file(made, out, tmp_path):
    with pytest.raises(BadInput, match=r"nothing_info\.mat: no such file"):
        read_clip(tmp_path / "nothing")
    (out / f"{made.row.stem}_depth.mat").write_bytes(b"short")
    with pytest.raises(BadInput, match=r"c0002_depth\.mat: not a MAT file"):
        read_clip(out / made.row.stem)
    (out / f"{made.row.stem}_depth.mat").unlink()
    (out / f"{made.row.stem}.mp4").write_bytes(b"short")
    with pytest.raises(BadInput, match=r"c0002\.mp4: not a film"):
        read_clip(out / made.row.stem)
    (out / f"{made.row.stem}_info.mat").write_bytes(b"short")
    with pytest.raises(BadInput, match=r"c0002_info\.mat"):
        published_row(out, made.row)
