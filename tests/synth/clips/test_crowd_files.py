"""Clips of several people on disk: a last axis of people, occluders, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from mocap.bodies.loading import BodySource
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.checks.inspection import InspectionSettings, InspectionTask, inspect_clip
from synth.checks.recomputation import RecomputationSettings, recompute_clip
from synth.clips.clip import publish, read_clip
from synth.clips.clip_bodies import FilmBodies
from synth.clips.clip_info import info_fields, posed_clip_of, read_info, row_of
from synth.scene.ground_truth import CHANNELS, ground_truth
from synth.scene.scene_mesh import scene_geometry
from tests.synth.crowd_clip import make_crowd


@pytest.fixture(scope="module")
def crowd(body):
    return make_crowd(body)[0]


@pytest.fixture
def stem(crowd, tmp_path) -> Path:
    crowd.write(tmp_path / "partial")
    publish(tmp_path / "partial", tmp_path / "films", crowd.row)
    return tmp_path / "films" / crowd.row.stem


def test_people_are_the_last_axis_as_matlab_reads_it(crowd, stem):
    info = loadmat(f"{stem}_info.mat")
    shapes = {
        name: info[name].shape for name in ("joints2D", "pose", "trans", "shape", "pose_ends")
    }
    assert shapes == {
        "joints2D": (2, 24, 4, 3),
        "pose": (72, 4, 3),
        "trans": (3, 4, 3),
        "shape": (10, 4, 3),
        "pose_ends": (72, 2, 3),
    }
    assert info["joints_visible"].shape == info["joints_inside"].shape == (24, 4, 3)
    assert info["people"].item() == 3 and info["gender"].shape == (4, 3)
    assert [str(cell[0]) for cell in info["cloth"][:, 0]] == list(crowd.row.textures)
    second = info["joints2D"][..., 1].transpose(2, 1, 0)
    np.testing.assert_array_equal(second, crowd.truth.joints2d[:, 24:48])
    visible = info["joints_visible"][..., 2].T > 0
    np.testing.assert_array_equal(visible, crowd.truth.joints_visible[:, 48:])


def test_a_clip_comes_back_and_its_ground_truth_from_it(crowd, stem, body):
    clip = read_clip(stem)
    assert row_of(clip.info) == crowd.row and clip.truth.people == 3
    for name in ("parts", "instances", "face", "joints_visible", "joints_inside"):
        np.testing.assert_array_equal(getattr(clip.truth, name), getattr(crowd.truth, name), name)
    for name in ("joints2d", "joints3d", "joints_camera"):
        np.testing.assert_array_equal(getattr(clip.truth, name), getattr(crowd.truth, name), name)
    back = posed_clip_of(read_info(stem))
    for ours, theirs in zip(crowd.posed_clip.figures, back.figures, strict=True):
        for name in ("pose", "translation", "betas"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)
    assert back.occluders == crowd.posed_clip.occluders and len(back.occluders) == 2
    scene = scene_geometry(back, [(body, Skinning(body))] * 3)
    again = ground_truth(
        *(scene.vertices, scene.joints, scene.mesh, back.cameras),
        channels=CHANNELS,
        tracks=crowd.row.tracks,
        seed=crowd.row.seed,
    )
    for name in ("depth", "instances", "flow_forward", "tracks2d", "occlusion_backward"):
        np.testing.assert_array_equal(getattr(again, name), getattr(crowd.truth, name), name)


def test_check_passes_it_and_ground_truth_computes_it_again(crowd, stem, tmp_path):
    bodies = FilmBodies(BodySource())
    folder = tmp_path / "films"
    settings = InspectionSettings(
        folder=folder, bodies=BodySource(), backgrounds=None, planned=False
    )
    found = inspect_clip(InspectionTask(crowd.row.stem, crowd.row), settings, bodies)
    grey = ("film", "flow_picture", "plate", "exposure")  # the helper's film is no picture of it
    results = found.results.results
    assert not [line for n, r in results.items() if n not in grey for line in r.findings]
    assert results["recomputation"].figures["other_instances"] == 0
    recomputation = RecomputationSettings(
        folder=folder,
        out=tmp_path / "again",
        partial=tmp_path / "partial",
        channels=("segm", "instances", "tracks"),
        layout=None,
        bodies=BodySource(),
        overwrite=False,
    )
    assert recompute_clip(crowd.row.stem, recomputation, bodies)
    for suffix in ("_segm.npz", "_instances.npz", "_tracks.npz", "_mask.npz"):
        again = Path(f"{tmp_path / 'again' / crowd.row.stem}{suffix}")
        assert again.read_bytes() == Path(f"{stem}{suffix}").read_bytes()
    with pytest.raises(BadInput, match=r"3 people and 2 occluders.*choose --layout compact"):
        recompute_clip(crowd.row.stem, replace(recomputation, layout="surreal"), bodies)


def test_surreals_layout_keeps_one_person(crowd):
    row = replace(crowd.row, layout="surreal")
    with pytest.raises(BadInput, match=r"3 people and 2 occluders in the layout surreal.*compact"):
        info_fields(row, crowd.truth, crowd.posed_clip, versions={})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("people", np.array([[7]], np.uint8), "people is uint8 .1, 1. .7., expected .* 1 to 5"),
        ("people", np.array([[2]], np.uint8), "joints2D is .*3., expected"),
        ("people", None, "joints2D is .*3., expected"),
        ("people", np.array([[3.0]]), "people is float64"),
        ("trans", np.zeros((3, 4, 2), np.float32), "trans is .*2., expected"),
        ("occluders", "[{}]", "occluders.*expected a list of occluders"),
        ("occluders", "nothing", "expected a list of occluders"),
        ("occluders", '[{"kind": "car"}]', "expected a list of occluders"),
    ],
)
def test_damaged_information_is_refused_with_its_file(stem, name, value, words):
    info = {k: v for k, v in loadmat(f"{stem}_info.mat").items() if not k.startswith("__")}
    if value is None:
        del info[name]
    else:
        info[name] = value
    savemat(f"{stem}_info.mat", info)
    with pytest.raises(BadInput, match=rf"_info\.mat: .*{words}"):
        read_info(stem)


def test_people_whom_the_row_does_not_know_are_found(crowd, stem, tmp_path):
    info = {k: v for k, v in loadmat(f"{stem}_info.mat").items() if not k.startswith("__")}
    info["plan_row"] = replace(crowd.row, figures=crowd.row.figures[:1]).to_json()
    savemat(f"{stem}_info.mat", info)
    settings = InspectionSettings(
        folder=tmp_path / "films", bodies=BodySource(), backgrounds=None, planned=False
    )
    found = inspect_clip(InspectionTask(crowd.row.stem, None), settings, FilmBodies(BodySource()))
    assert "people is not the 2 of its plan_row" in found.wrong[0]
