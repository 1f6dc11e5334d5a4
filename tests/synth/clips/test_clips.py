"""Clip files: SURREAL's schema, the way back, and the same bytes twice."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.clips.clip import (
    clip_files,
    is_published,
    publish,
    published_row,
    read_clip,
    read_posed_clip,
    read_video,
    write_conventions,
    write_index,
    write_video,
)
from synth.clips.clip_info import info_fields, posed_clip_of, read_info, row_of, write_info
from synth.clips.conventions import ADDED_FIELDS, CONVENTIONS, SCENE_FIELDS, SURREAL_FIELDS
from synth.scene.ground_truth import CHANNELS, ground_truth
from synth.scene.posed_clip import skin_clip
from tests.synth.film_clip import make_clip
from textures.visibility.camera import Camera

T = "T"
# The README of SURREAL's release and the types in its sample file.
SURREAL_INFO = {
    "bg": ((1, T), "object"),
    "camDist": ((1, 1), "float32"),
    "camLoc": ((3, 1), "float32"),
    "clipNo": ((1, 1), "uint8"),
    "cloth": ((1, T), "object"),
    "gender": ((T, 1), "uint8"),
    "joints2D": ((2, 24, T), "float32"),
    "joints3D": ((3, 24, T), "float32"),
    "light": ((9, T), "float32"),
    "pose": ((72, T), "float32"),
    "sequence": ((1,), "str"),
    "shape": ((10, T), "float32"),
    "source": ((1,), "str"),
    "stride": ((1, 1), "uint8"),
    "zrot": ((T, 1), "float32"),
}
OUR_INFO = {
    "trans": ((3, T), "float32"),
    "K": ((3, 3, T), "float64"),
    "R": ((3, 3, T), "float64"),
    "t": ((3, T), "float64"),
    "joints3D_camera": ((3, 24, T), "float32"),
    "joints_visible": ((24, T), "uint8"),
    "joints_inside": ((24, T), "uint8"),
    "pose_ends": ((72, 2), "float32"),
    "trans_ends": ((3, 2), "float32"),
    "K_ends": ((3, 3, 2), "float64"),
    "R_ends": ((3, 3, 2), "float64"),
    "t_ends": ((3, 2), "float64"),
    "flow_ends": ((1, 2), "uint8"),
    "placement": ((1, 2), "float64"),
    "image_size": ((1, 2), "int32"),
    "fps": ((1, 1), "float64"),
    "seed": ((1, 1), "int64"),
    "frame_indices": ((1, T), "int32"),
    "stand_in": ((1, 1), "uint8"),
} | dict.fromkeys(
    (
        *(
            "light_kind",
            "light_fields",
            "lens_fields",
            "category",
            "subject",
            "split",
            "identity",
            "uv_layout",
        ),
        *("plan_row", "versions"),
    ),
    ((1,), "str"),
)
SURREAL_LAYOUT_INFO = {
    "film_mirrored": ((1, 1), "uint8"),
    "proper_pelvis": ((3, "T+2"), "float32"),
    "proper_trans": ((3, "T+2"), "float32"),
    "proper_R": ((3, 3), "float64"),
    "proper_t": ((3, 1), "float64"),
    "check": ((1,), "str"),
}
DENSE = {  # file, variable of every frame, shape, type
    ("depth", "depth"): ((240, 320), "float32"),
    ("segm", "segm"): ((240, 320), "uint8"),
    ("gtflow", "gtflow"): ((240, 320, 2), "float32"),
    ("gtflow_forward", "gtflow_forward"): ((240, 320, 2), "float32"),
    ("normal", "normal"): ((240, 320, 3), "float32"),
    ("uv", "uv"): ((240, 320, 2), "float32"),
    ("uv", "face"): ((240, 320), "int32"),
    ("occlusion", "occlusion_forward"): ((240, 320), "uint8"),
    ("occlusion", "occlusion_backward"): ((240, 320), "uint8"),
}


TURNED = {
    *("depth", "joints2d", "joints3d", "joints_camera", "tracks2d", "tracks3d"),
}


def moved(body, **changes):
    """A clip whose camera moves, which SURREAL's layout cannot say."""
    still = make_clip(body, frames=2).row.view
    view = replace(still, move="orbit", amount=0.4)
    return make_clip(body, view=view, layout="compact", **changes)


@pytest.fixture(scope="module")
def made(body):
    return moved(body, channels=CHANNELS)


@pytest.fixture
def out(made, tmp_path):
    return published(made, tmp_path)


def published(made, folder):
    made.write(folder / "partial")
    publish(folder / "partial", folder / "films", made.row)
    return folder / "films"


@pytest.mark.parametrize("frames", [1, 3])
def test_info_has_surreals_fields_shapes_and_types(body, tmp_path, frames):
    made = make_clip(body, frames=frames)
    info = scipy.io.loadmat(f"{published(made, tmp_path) / made.row.stem}_info.mat")
    found = {
        name: (value.shape, "str" if value.dtype.kind == "U" else value.dtype.name)
        for name, value in info.items()
        if not name.startswith("__")
    }
    expected = {
        name: (tuple({T: frames, "T+2": frames + 2}.get(n, n) for n in shape), dtype)
        for name, (shape, dtype) in (SURREAL_INFO | OUR_INFO | SURREAL_LAYOUT_INFO).items()
    }
    assert found == expected
    assert set(SURREAL_FIELDS) == set(SURREAL_INFO) and set(ADDED_FIELDS) == set(OUR_INFO)
    assert info["sequence"][0] == "01_01_c0002" and info["source"][0] == "cmu"
    assert info["clipNo"][0, 0] == 2 and info["stride"][0, 0] == 50
    for name, text in (("cloth", "0001.png"), ("bg", "painted")):
        assert [info[name][0, k][0] for k in range(frames)] == [text] * frames
        assert info[name][0, 0].shape == (1,)
    assert info["frame_indices"][0].tolist() == list(range(50, 50 + frames))
    read = read_info(tmp_path / "films" / made.row.stem)  # back in the axes that the row has
    np.testing.assert_allclose(read["light"][:, -1], np.arange(9), atol=1e-5)


@pytest.mark.parametrize("frames", [1, 3])
def test_dense_channels_have_surreals_variables_and_no_others(body, tmp_path, frames):
    made = make_clip(body, frames=frames, channels=CHANNELS)
    out = published(made, tmp_path)
    for file in {file for file, _ in DENSE}:
        values = scipy.io.loadmat(f"{out / made.row.stem}_{file}.mat")
        found = {name for name in values if not name.startswith("__")}
        names = [name for other, name in DENSE if other == file]
        assert found == {f"{name}_{n}" for name in names for n in range(1, frames + 1)}
        for name in names:
            for number in range(1, frames + 1):  # keys count from 1
                value = values[f"{name}_{number}"]
                assert (value.shape, value.dtype.name) == DENSE[file, name]
    raw = scipy.io.loadmat(f"{out / made.row.stem}_depth.mat")["depth_1"][:, ::-1]  # mirrored
    assert raw[~made.truth.mask[0]].min() == np.float32(1e10)  # finite on disk, as SURREAL's


def test_light_that_is_not_harmonics_is_named_and_its_nine_numbers_are_zero(body, tmp_path):
    sun = {"kind": "sun-sky", "elevation": 0.6, "azimuth": 2.0, "strength": 0.9}
    made = make_clip(body, frames=2, light=sun)
    info = read_info(published(made, tmp_path) / made.row.stem)
    assert (info["light"] == 0).all()
    assert info["light_kind"][0] == "sun-sky" and json.loads(info["light_fields"][0]) == sun


def test_joints_project_with_k_r_t_from_the_file_alone(made, out):
    info = scipy.io.loadmat(f"{out / made.row.stem}_info.mat")
    assert np.ptp(info["t"], axis=1).max() > 0.01  # the camera moves
    for frame in range(made.row.frames):
        points = info["R"][..., frame] @ info["joints3D"][..., frame] + info["t"][:, frame, None]
        np.testing.assert_allclose(points, info["joints3D_camera"][..., frame], atol=1e-4)
        pixels = info["K"][..., frame] @ points
        pixels = pixels[:2] / pixels[2]
        np.testing.assert_allclose(pixels, info["joints2D"][..., frame], atol=1e-3)
        inside = ((pixels >= 0) & (pixels < [[320], [240]])).all(axis=0)
        assert np.array_equal(inside, info["joints_inside"][:, frame] == 1)
    where = -info["R"][..., 0].T @ info["t"][:, 0]
    np.testing.assert_allclose(where, info["camLoc"][:, 0], atol=1e-5)


@pytest.mark.parametrize("layout", ["surreal", "compact"])
def test_what_was_written_is_read(body, tmp_path, layout):
    make = moved if layout == "compact" else partial(make_clip, layout=layout)
    made = make(body, channels=CHANNELS)
    out = published(made, tmp_path)
    clip = read_clip(out / made.row.stem)
    real = {"depth", "normals", "flow_forward", "flow_backward", "uv", "tracks2d", "tracks3d"}
    real |= {"background_flow_forward", "background_flow_backward"}
    for name, true in vars(made.truth).items():
        found = getattr(clip.truth, name)
        if layout == "compact" and name in real:
            assert np.allclose(found, true, atol=0.01, rtol=0), name
        elif name in TURNED:  # lies in SURREAL's world, picture or depth: float32's last bits
            assert np.allclose(found, true, atol=2e-6, rtol=3e-7), name
        else:
            assert np.array_equal(found, true), name
        assert found.dtype == true.dtype, name
    assert clip.frames.shape == made.frames.shape
    assert np.abs(clip.frames.astype(int) - made.frames).mean() < 4
    assert published_row(out, made.row) == made.row == row_of(clip.info)
    only = read_clip(out / made.row.stem, ["segm"]).truth
    assert only.depth is None and np.array_equal(only.parts, made.truth.parts)
    names = {path.name for path in (out / made.row.stem).parent.iterdir()}
    assert names == {"01_01_c0002" + suffix for suffix in clip_files(CHANNELS, layout)}


def test_ground_truth_is_computed_again_from_info_alone(made, out, body):
    """The same bytes, without motion files: what a set kept as films and info only rests on."""
    for suffix in clip_files(CHANNELS, "compact"):
        if suffix != "_info.mat":
            (out / f"{made.row.stem}{suffix}").unlink()
    posed_clip = read_posed_clip(out / made.row.stem)
    assert posed_clip.ends == made.posed_clip.ends
    assert (posed_clip.yaw, posed_clip.distance) == (made.posed_clip.yaw, made.posed_clip.distance)
    vertices, joints = skin_clip(posed_clip, Skinning(body))
    again = ground_truth(
        *(vertices, joints, body, posed_clip.cameras),
        channels=CHANNELS,
        tracks=made.row.tracks,
        seed=made.row.seed,
    )
    for name, value in vars(made.truth).items():
        assert np.array_equal(getattr(again, name), value), name


@given(
    seed=st.integers(0, 2**32),
    frames=st.integers(1, 4),
    ends=st.tuples(st.booleans(), st.booleans()),
)
@settings(max_examples=15, deadline=None)
def test_any_take_comes_back_to_the_last_bit(made, tmp_path_factory, seed, frames, ends):
    rng = np.random.default_rng(seed)
    cameras = []
    for _ in range(frames + 2):
        rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        rotation *= np.sign(np.linalg.det(rotation))
        intrinsics = np.array(
            [[rng.uniform(1, 900), rng.normal(), 1 / 3], [0, 600.1, 120], [0, 0, 1]]
        )
        cameras.append(
            Camera(
                intrinsics=intrinsics,
                rotation=rotation,
                translation=rng.standard_normal(3),
                width=64,
                height=48,
            )
        )
    posed_clip = replace(
        made.posed_clip,
        pose=rng.standard_normal((frames + 2, 72)).astype(np.float32),
        translation=rng.standard_normal((frames + 2, 3)).astype(np.float32),
        betas=rng.standard_normal(10).astype(np.float32),
        cameras=tuple(cameras),
        ends=ends,
        yaw=float(rng.normal()),
    )
    truth = replace(
        made.truth,
        joints2d=np.zeros((frames, 24, 2), np.float32),
        joints3d=np.zeros((frames, 24, 3), np.float32),
        joints_camera=np.zeros((frames, 24, 3), np.float32),
        joints_visible=np.zeros((frames, 24), bool),
        joints_inside=np.zeros((frames, 24), bool),
    )
    stem = tmp_path_factory.mktemp("take") / "a"
    write_info(f"{stem}_info.mat", info_fields(made.row, truth, posed_clip, versions={}))
    back = posed_clip_of(read_info(stem))
    for name in ("pose", "translation", "betas"):
        a, b = getattr(back, name), getattr(posed_clip, name)
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), name
    assert (back.ends, back.yaw, back.distance) == (
        posed_clip.ends,
        posed_clip.yaw,
        posed_clip.distance,
    )
    for a, b in zip(back.cameras, posed_clip.cameras):
        assert (a.width, a.height) == (b.width, b.height)
        for name in ("intrinsics", "rotation", "translation"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert len(back.cameras) == frames + 2


@pytest.mark.parametrize("layout", ["surreal", "compact"])
def test_the_same_arrays_give_the_same_bytes_at_another_time(body, tmp_path, layout):
    made = make_clip(body, frames=2, channels=CHANNELS, layout=layout)
    made.write(tmp_path / "a")
    time.sleep(2.1)  # the MAT header would hold the second, a ZIP entry every other one
    made.write(tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted("01_01_c0002" + suffix for suffix in clip_files(CHANNELS, layout))
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.parametrize(("layout", "suffix"), [("surreal", "_segm.mat"), ("compact", "_mask.npz")])
def test_only_whole_clips_are_in_the_index(body, tmp_path, layout, suffix):
    made = make_clip(body, frames=2, layout=layout)
    out = published(made, tmp_path)
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
    (out / f"{made.row.stem}{suffix}").unlink()
    assert not is_published(out, made.row)
    assert write_index(out, [made.row]) == 0


def test_conventions_name_every_part_channel_and_field(tmp_path):
    write_conventions(tmp_path)
    written = json.loads((tmp_path / "conventions.json").read_text())
    assert written["parts"]["2"] == "leftUpLeg" and len(written["parts"]) == 24
    assert written["mirrored"] == {"compact": False, "surreal": True}
    assert set(CHANNELS) | {"K", "joints2D"} <= set(written) | set(written["info"])
    assert set(written["info"]) == set(SURREAL_INFO) | set(OUR_INFO) | set(SCENE_FIELDS)
    assert set(CHANNELS) < set(written["layouts"]["compact"])
    assert set(written["errors"]["compact"]) == {*CHANNELS, "face"}
    named = " ".join(written["in_surreal_layout"]).replace(",", " ").split()
    assert {*SURREAL_LAYOUT_INFO, "pose", "zrot", "camLoc", "depth", "gtflow"} <= set(named)
    assert CONVENTIONS["errors"]["compact"]["depth"]["metres"] < 2e-4


def test_damaged_files_of_surreals_layout_are_refused(body, tmp_path):
    made = make_clip(body, frames=2, channels=("depth", "gtflow"))
    stem = published(made, tmp_path) / made.row.stem
    scipy.io.savemat(f"{stem}_gtflow.mat", {"gtflow_1": np.zeros((4, 5, 3), np.float32)})
    with pytest.raises(
        BadInput, match=r"_gtflow\.mat: gtflow_1 is \(4, 5, 3\), expected \(H, W, 2"
    ):
        read_clip(stem)
    path = stem.with_name(f"{stem.name}_depth.mat")
    path.write_bytes(b"short")
    with pytest.raises(BadInput, match=r"_depth\.mat: not a MAT file.*; render the clip again"):
        read_clip(stem)
    info = {n: v for n, v in scipy.io.loadmat(f"{stem}_info.mat").items() if n[:2] != "__"}
    scipy.io.savemat(f"{stem}_info.mat", info | {"proper_R": -info["proper_R"]})
    with pytest.raises(
        BadInput, match=r"_info\.mat: zrot is 3\.14 from what the clip was rendered"
    ):
        read_posed_clip(stem)
    scipy.io.savemat(f"{stem}_info.mat", info | {"proper_pelvis": info["proper_pelvis"][:, 1:]})
    with pytest.raises(BadInput, match=r"_info\.mat: proper_pelvis is float32 \(3, 3\), expected"):
        read_posed_clip(stem)


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
    (out / f"{made.row.stem}_depth.npz").write_bytes(b"short")
    with pytest.raises(
        BadInput, match=r"c0002_depth\.npz: no NumPy archive.*; render the clip again"
    ):
        read_clip(out / made.row.stem)
    (out / f"{made.row.stem}_depth.npz").unlink()
    (out / f"{made.row.stem}.mp4").write_bytes(b"short")
    with pytest.raises(BadInput, match=r"c0002\.mp4: not a film"):
        read_clip(out / made.row.stem)
    info = out / f"{made.row.stem}_info.mat"
    whole = {n: v for n, v in scipy.io.loadmat(info).items() if not n.startswith("__")}
    scipy.io.savemat(info, {n: v for n, v in whole.items() if n not in ("K", "plan_row")})
    with pytest.raises(BadInput, match=r"c0002_info\.mat: K is none, expected float64"):
        read_clip(out / made.row.stem)
    with pytest.raises(BadInput, match=r"c0002_info\.mat: not the information of a clip of ours"):
        published_row(out, made.row)
    whole["R"] = -whole["R"]
    scipy.io.savemat(info, whole)
    with pytest.raises(BadInput, match=r"c0002_info\.mat: camera rotation has determinant -1"):
        read_posed_clip(out / made.row.stem)
    info.write_bytes(b"short")
    with pytest.raises(BadInput, match=r"c0002_info\.mat"):
        published_row(out, made.row)
    with pytest.raises(BadInput, match=r"c0002_info\.mat: not a MAT file"):
        read_clip(out / made.row.stem)
