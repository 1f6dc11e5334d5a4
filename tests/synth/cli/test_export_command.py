"""`synth export`: the files that it writes, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.bodies.skinning import Skinning, skin
from mocap.library.motion_library import load_motion
from synth.pictures.preview import find_motion
from tests.synth.cli.running import refusal, succeed
from tests.synth.exports.glb_reader import Glb

ROOT = Path(__file__).resolve().parents[3]


def wavefront(path: Path) -> dict[str, np.ndarray]:
    """Vertices, UVs and faces (F, 3, 3) of an .obj, counted from 0, and its material's name."""
    rows: dict[str, list] = {"v": [], "vt": [], "vn": [], "f": [], "mtllib": []}
    for line in path.read_text().splitlines():
        kind, *words = line.split()
        if kind == "f":
            rows["f"].append([[int(n) - 1 for n in word.split("/")] for word in words])
        elif kind == "mtllib":
            rows["mtllib"] += words
        elif kind in rows:
            rows[kind].append([float(word) for word in words])
    return {kind: np.array(values) for kind, values in rows.items()}


def test_a_texture_and_a_motion_become_a_glb(inputs, body, tmp_path):
    out, motions = tmp_path / "a.glb", inputs / "motions"
    words = ["export", inputs / "textures" / "0.png", "--motion", motions]
    assert "expected the name of one of" in refusal(*words, "--out", out)
    result = succeed(*words, "--name", "01_01", "--out", out)
    assert "36 frames at 60 a second" in result.output and "mm at most" in result.output
    glb = Glb(out.read_bytes())
    motion = load_motion(find_motion(motions, "01_01"), body, None)
    inputs_of_skin = {"betas": np.zeros(10), "translation": motion.translation}
    _, joints = skin(Skinning(body), pose=motion.pose, **inputs_of_skin)
    theirs = [glb.node_matrices(frame)[:24, :3, 3] for frame in range(len(motion))]
    assert np.abs(np.stack(theirs) - joints).max() < 1e-3
    succeed(*words, "--name", "01_01", "--fps", 20, "--out", out)
    animation = Glb(out.read_bytes()).document["animations"][0]
    assert Glb(out.read_bytes()).document["accessors"][animation["samplers"][0]["input"]][
        "max"
    ] == [pytest.approx(11 / 20)]


def test_an_obj_is_one_pose_with_its_picture(inputs, body, tmp_path):
    out = tmp_path / "pose.obj"
    words = ["export", inputs / "textures" / "0.png", "--out", out]
    succeed(*words)
    read = wavefront(out)
    np.testing.assert_allclose(read["v"], body.template, atol=1e-6)
    np.testing.assert_allclose(read["vt"], body.uv, atol=1e-6)
    np.testing.assert_array_equal(read["f"][..., 0], body.faces)
    np.testing.assert_array_equal(read["f"][..., 1], body.uv_faces)
    material = (tmp_path / read["mtllib"][0]).read_text()
    picture = cv2.imread(str(tmp_path / material.split("map_Kd")[1].strip()))
    np.testing.assert_array_equal(picture, cv2.imread(str(inputs / "textures" / "0.png")))
    moving = [*words, "--motion", inputs / "motions" / "01" / "01_01.amc"]
    succeed(*moving, "--frame", 30)
    motion = load_motion(find_motion(inputs / "motions", "01_01"), body, None)
    pose, path = motion.pose[[30]], motion.translation[[30]]
    vertices, _ = skin(Skinning(body), pose=pose, betas=np.zeros(10), translation=path)
    np.testing.assert_allclose(wavefront(out)["v"], vertices[0], atol=1e-5)
    assert "has frames 0 to 35" in refusal(*moving, "--frame", 36)


def test_a_texture_beside_its_obj_stays_as_it_is(inputs, tmp_path):
    picture = tmp_path / "0.png"
    picture.write_bytes((inputs / "textures" / "0.png").read_bytes() + b"end")
    before = picture.read_bytes()
    succeed("export", picture, "--out", tmp_path / "0.obj")
    assert picture.read_bytes() == before


def test_rates_that_no_index_knows_and_bodies(inputs, model, tmp_path):
    out, texture = tmp_path / "a.glb", inputs / "textures" / "0.png"
    lone = tmp_path / "900" / "900_01.amc"
    lone.parent.mkdir()
    folder = inputs / "motions" / "01"
    lone.write_bytes((folder / "01_01.amc").read_bytes())
    (lone.parent / "900.asf").write_bytes((folder / "01.asf").read_bytes())
    words = ["export", texture, "--out", out]
    assert "--source-fps" in refusal(*words, "--motion", lone)
    assert "36 frames at 120" in succeed(*words, "--motion", lone, "--source-fps", 120).output
    neutral = Glb(out.read_bytes()).attribute("POSITION")
    succeed(*words, "--gender", "female")
    assert np.abs(Glb(out.read_bytes()).attribute("POSITION") - neutral).max() > 0.01
    loose = tmp_path / "loose.png"
    loose.write_bytes(texture.read_bytes())
    words[1] = loose
    succeed(*words, "--body", model.file, "--uv", model.uv)
    np.testing.assert_allclose(Glb(out.read_bytes()).attribute("POSITION"), neutral, atol=1e-6)


def test_what_does_not_fit_is_refused_before_anything_is_written(inputs, model, tmp_path):
    out, texture = tmp_path / "a.glb", inputs / "textures" / "0.png"
    for words, text in [
        ([texture, "--out", tmp_path / "a.fbx"], "expected one of .glb"),
        ([texture, "--out", tmp_path], "expected one of .glb"),
        ([tmp_path / "none.png", "--out", out], "none.png"),
        ([texture, "--out", out, "--frame", 0], "--frame"),
        ([texture, "--out", out, "--name", "01_01"], "--motion"),
        ([texture, "--out", out, "--body", model.file, "--gender", "male"], "--gender"),
        ([texture, "--out", out, "--body", model.file, "--uv", model.uv], "UV layout"),
        ([texture, "--out", out, "--motion", tmp_path / "none"], "no such file or folder"),
    ]:
        assert text in refusal("export", *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.needs("bpy")
def test_usd_comes_of_a_fresh_process(inputs, tmp_path):
    """In a process of its own, as users run it: Blender has not been imported before."""
    code = "from synth.cli import main; main()"
    words = ["export", inputs / "textures" / "0.png", "--out", tmp_path / "a.usdz"]
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.usdz").stat().st_size > 100_000 and "wrote" in done.stdout
