"""What Blender makes of the glTF, and the USD that it writes: 24 bones, our joints pose by pose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from synth.exports import usd
from synth.exports.glb import glb_bytes
from synth.exports.skinned_model import skinned_model
from synth.exports.usd import scene_of_glb, write_usd
from tests.synth.exports.test_glb import turning_motion


@pytest.fixture(scope="module")
def content(body) -> bytes:
    texture = np.random.default_rng(3).integers(0, 256, (16, 16, 3), np.uint8)
    return glb_bytes(skinned_model(body), texture, turning_motion(), title="somebody")


def assert_joints_are_ours(bpy: Any, body, first_frame: int) -> None:
    (armature,) = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH"]
    assert len(meshes) == 1 and len(meshes[0].data.polygons) == len(body.faces)
    bones = armature.data.bones
    assert {bone.name.split("/")[-1] for bone in bones} == set(JOINT_NAMES)
    names = {bone.name.split("/")[-1]: bone.name for bone in bones}
    for name, parent in zip(JOINT_NAMES, PARENTS):
        above = bones[names[name]].parent
        assert (above is None) == (parent < 0)
        assert above is None or above.name == names[JOINT_NAMES[parent]]
    motion = turning_motion()
    inputs = {"pose": motion.pose, "betas": np.zeros(10), "translation": motion.translation}
    vertices, ours = skin(Skinning(skinned_model(body).body), **inputs)
    for frame in range(len(motion)):
        bpy.context.scene.frame_set(first_frame + frame)
        heads = [
            armature.matrix_world @ armature.pose.bones[names[name]].head for name in JOINT_NAMES
        ]
        theirs = np.array(heads) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # z up to y up
        assert np.abs(theirs - ours[frame]).max() < 1e-3, frame
    shown = meshes[0].evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([shown.matrix_world @ vertex.co for vertex in shown.data.vertices])
    points = points @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    for end in (np.min, np.max):
        np.testing.assert_allclose(end(points, axis=0), end(vertices[-1], axis=0), atol=1e-3)


@pytest.mark.needs("bpy")
def test_blender_opens_the_gltf_with_our_joints_in_every_frame(content, body):
    bpy = scene_of_glb(content, fps=turning_motion().fps)
    assert bpy.context.scene.render.fps == 24
    assert_joints_are_ours(bpy, body, first_frame=0)


@pytest.mark.needs("bpy")
@pytest.mark.parametrize("suffix", [".usdc", ".usda", ".usdz"])
def test_usd_has_our_joints_in_every_frame(content, body, tmp_path, suffix):
    motion = turning_motion()
    path = tmp_path / f"somebody{suffix}"
    written = write_usd(path, content, frames=len(motion), fps=motion.fps)
    assert written[0] == path and sorted(written) == sorted(
        file for file in tmp_path.rglob("*") if file.is_file()
    )
    assert len(written) == (1 if suffix == ".usdz" else 2)
    bpy = scene_of_glb(content)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.usd_import(filepath=str(path))
    assert bpy.context.scene.render.fps == 24
    assert_joints_are_ours(bpy, body, first_frame=0)
    pictures = [picture for picture in bpy.data.images if picture.size[0]]
    assert [tuple(picture.size) for picture in pictures] == [(16, 16)]


@pytest.mark.needs("bpy")
def test_usd_of_a_still_body_is_one_frame(body, tmp_path):
    texture = np.full((16, 16, 3), 90, np.uint8)
    still = glb_bytes(skinned_model(body), texture)
    (path, _) = write_usd(tmp_path / "still.usda", still, frames=1, fps=30.0)
    assert "timeSamples" not in path.read_text()


def test_usd_says_how_to_get_blender(content, tmp_path, monkeypatch):
    def refuse() -> Any:
        raise BadInput("Blender (bpy) cannot be imported: pip install 'bpy==4.5.*'")

    monkeypatch.setattr(usd, "import_blender", refuse)
    with pytest.raises(BadInput, match="pip install"):
        write_usd(Path(tmp_path / "a.usd"), content, frames=1, fps=30.0)
    assert not list(tmp_path.iterdir())
