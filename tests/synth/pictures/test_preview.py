"""Previews: what is where in the picture, and files that are whole."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.ndimage import gaussian_filter1d

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from mocap.library.motion_library import load_motion
from mocap.motion import Motion
from mocap.readers.acclaim.asf_amc import read_amc, read_asf, write_amc, write_asf
from mocap.retargeting.ground import chain_joints, global_rotations, soles_of
from mocap.retargeting.skeleton import forward_kinematics
from synth.cli.preview import VIEWS as COMMAND_VIEWS
from synth.cli.preview import preview as command
from synth.clips.clip import read_video
from synth.pictures import preview
from synth.pictures.preview import Look, find_motion, preview_frames, read_texture, write_preview
from synth.pictures.preview_figures import LEFT, RIGHT, side_texture
from synth.pictures.preview_scene import VIEWS, camera_path, flesh_of, floor_picture, on_floor
from tests.mocap.cmu_like import cmu_like
from textures.visibility.buffer import interpolate
from textures.visibility.camera import look_at
from textures.visibility.uv_layout import atlas

SMALL = {"width": 320, "height": 240}


def moving(body, frames: int, *, turn: float = 0.0, seed: int | None = None) -> Motion:
    """A standing person who turns ``turn`` radians, or with a seed flails about over some metres."""
    pose = np.zeros((frames, 72), np.float32)
    path = np.zeros((frames, 3), np.float32)
    if seed is not None:
        rng = np.random.default_rng(seed)
        pose = gaussian_filter1d(rng.normal(0, 2.0, (frames, 72)), 4, axis=0).astype(np.float32)
        path = gaussian_filter1d(rng.normal(0, 1.5, (frames, 3)), 4, axis=0).astype(np.float32)
    pose[:, 1] += np.linspace(0, turn, frames)
    path[:, 1] -= min(feet[:, 1].min() for feet, _ in soles_of(body).feet)
    return Motion(pose, path, 30.0, "1", "01", "01_01", "made")


def joints_of(motion: Motion, body) -> np.ndarray:
    joints = chain_joints(global_rotations(motion.pose), body.rest_joints)
    return joints + (motion.translation + body.rest_joints[0])[:, None]


def cameras_of(motion: Motion, body, look: Look):
    size = {"width": look.width, "height": look.height}
    return camera_path(joints_of(motion, body), flesh_of(body), view=look.view, fps=30, **size)


def colour_at(image: np.ndarray, camera, point: np.ndarray) -> np.ndarray:
    x, y = camera.project(np.asarray(point)[None])[0][0]
    return image[int(y), int(x)].astype(int)


def test_grid_lines_lie_at_whole_metres_and_the_origin_is_marked():
    camera = look_at([1.7, 1.6, 5.2], [0.1, 0.4, 0.3], focal=500, width=640, height=480)
    image = floor_picture(camera).astype(int).sum(axis=2)

    def seen(x: float, z: float) -> int:
        return image[tuple(camera.project(np.array([[x, 0, z]]))[0][0].astype(int)[::-1])]

    for k in (-1, 0, 1):
        for other in (-0.7, -0.3, 0.35, 0.6):
            middle = seen(k + 0.5, other)
            assert seen(k, other) < middle - 25 and seen(other, k) < middle - 25
            assert abs(seen(k + 0.2, other) - middle) < 12  # plain between the lines
    for near in (0.3, 0.4, 0.6):
        assert seen(0, near) < seen(1, near) - 40
    assert sum(seen(x, 0) for x in (0.3, 0.4, 0.6)) < sum(seen(x, 1) for x in (0.3, 0.4, 0.6))


def test_the_picture_above_the_horizon_is_plain():
    camera = look_at([0, 1, 5], [0, 1, 0], focal=400, width=64, height=64)
    assert np.ptp(floor_picture(camera)[:31].reshape(-1, 3), axis=0).max() == 0


def test_each_view_looks_from_where_it_says(body):
    left, right, nose = np.array([1.0, 1, 0]), np.array([-1.0, 1, 0]), np.array([0, 1.0, 1])
    middle = np.zeros(3)
    for view, on_the_right, on_the_left in (("front", left, right), ("side", middle, nose)):
        (camera,) = cameras_of(moving(body, 1), body, Look(view=view))
        (a, b), z = camera.project(np.stack([on_the_right, on_the_left]))
        assert a[0] > b[0] + 20 and (z > 0).all()
    (camera,) = cameras_of(moving(body, 1), body, Look(view="side"))
    assert camera.position[0] > 2  # the person's left
    (camera,) = cameras_of(moving(body, 1), body, Look(view="three-quarter"))
    assert camera.position[0] > 1 and camera.position[2] > 1


def test_front_means_the_persons_front_and_follow_turns_with_them(body):
    turned = moving(body, 3)
    turned.pose[:, 1] = 2.0
    camera = cameras_of(turned, body, Look(view="front"))[0]
    assert np.arctan2(camera.position[0], camera.position[2]) == pytest.approx(2.0, abs=0.05)
    cameras = cameras_of(moving(body, 200, turn=6.0), body, Look(view="follow"))
    yaws = [np.arctan2(camera.position[0], camera.position[2]) for camera in cameras[40:160]]
    relative = np.unwrap(yaws) - np.linspace(0, 6.0, 200)[40:160]
    assert np.angle(np.exp(1j * relative)) == pytest.approx(np.radians(VIEWS["follow"]), abs=0.08)


@pytest.mark.parametrize("view", VIEWS)
def test_the_whole_body_is_inside_every_frame(body, view):
    motion = moving(body, 60, turn=5.0, seed=3)
    look = Look(view=view, **SMALL)
    vertices, _ = skin(
        Skinning(body), pose=motion.pose, betas=np.zeros(10), translation=motion.translation
    )
    extent = []
    for own, camera in zip(vertices, cameras_of(motion, body, look), strict=True):
        pixels, z = camera.project(own)
        assert z.min() > 0.5 and pixels.min() > 0 and (pixels < (320, 240)).all()
        extent.append(np.ptp(pixels, axis=0).max())
    assert np.median(extent) > 50  # and it is not a dot in the distance either


def test_a_person_about_one_place_has_a_camera_that_stands_still(body):
    motion = moving(body, 30)
    positions = [camera.position for camera in cameras_of(motion, body, Look())]
    assert np.ptp(positions, axis=0).max() == 0
    motion.translation[:, 2] += np.linspace(0, 12, 30)
    positions = [camera.position for camera in cameras_of(motion, body, Look(view="side"))]
    assert np.ptp(positions, axis=0)[2] > 4


@pytest.mark.parametrize("stick", [False, True])
def test_left_is_orange_on_the_right_of_a_front_view(body, stick):
    motion, look = moving(body, 1), Look(view="front", stick=stick)
    (image,) = preview_frames(motion, body, look)
    (camera,) = cameras_of(motion, body, look)
    joints = joints_of(motion, body)[0]
    for side, colour in (("left", LEFT), ("right", RIGHT)):
        for elbow, wrist in (("elbow", "wrist"), ("knee", "ankle")):
            ends = [JOINT_NAMES.index(f"{side}_{name}") for name in (elbow, wrist)]
            middle = joints[ends].mean(axis=0)
            x = camera.project(middle[None])[0][0, 0]
            assert (x > 320) == (side == "left")
            red, _, blue = colour_at(image, camera, middle)
            assert (red > blue + 40) == (colour == LEFT) and (blue > red + 40) == (colour == RIGHT)


def test_the_painted_face_is_on_the_front_of_the_head(body):
    texels = atlas(body.mesh, 256)
    head = texels.covered & body.head_faces[texels.face]
    place = interpolate(texels, body.faces, body.template)
    skin_ = head & (side_texture(body)[..., 0] > 200)
    hair = head & ~skin_
    assert skin_.sum() > 300 and hair.sum() > 300
    assert place[skin_][:, 2].mean() > place[hair][:, 2].mean() + 0.05


def test_the_shadow_lies_on_the_floor_under_the_sun(body):
    touching = np.array([[0.3, 0, -2.0]])
    assert on_floor(touching) == pytest.approx(touching)
    assert on_floor(np.array([0, 2.0, 0]))[1] == 0
    motion = moving(body, 1)
    joints = joints_of(motion, body)[0]
    for stick in (False, True):
        look = Look(view="side", stick=stick)
        (image,) = preview_frames(motion, body, look)
        (camera,) = cameras_of(motion, body, look)
        chest = on_floor(joints[JOINT_NAMES.index("right_elbow")])
        empty = colour_at(floor_picture(camera), camera, chest)
        assert (colour_at(image, camera, chest) < 0.8 * empty).all()


def test_feet_leave_prints_where_they_touched_and_none_in_the_air(body):
    motion = moving(body, 3)
    motion.translation[1:, 0] += 1.0
    motion.translation[1:, 1] += 0.4
    look = Look(view="front")
    frame = list(preview_frames(motion, body, look))[2]
    camera = cameras_of(motion, body, look)[2]
    before, after = joints_of(motion, body)[[0, 2]]
    ends = [JOINT_NAMES.index(f"left_{name}") for name in ("ankle", "foot")]
    red, _, blue = colour_at(frame, camera, before[ends].mean(axis=0) * (1, 0, 1))
    assert red > blue + 20
    red, _, blue = colour_at(frame, camera, after[ends].mean(axis=0) * (1, 0, 1))
    assert red < blue + 20


def test_the_film_holds_every_frame_and_the_strip_eight(body, tmp_path):
    motion = moving(body, 9)
    look = Look(view="front", stick=True, **SMALL)
    write_preview(tmp_path / "a.mp4", motion, body, look, strip=tmp_path / "a.png")
    film = read_video(tmp_path / "a.mp4")
    shown = np.stack(list(preview_frames(motion, body, look)))
    assert film.shape == shown.shape
    assert np.abs(film.astype(int) - shown).mean() < 4
    assert cv2.imread(str(tmp_path / "a.png")).shape == (240, 640, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.png"]


def test_an_interrupted_film_leaves_nothing(body, tmp_path, monkeypatch):
    def stop(image, title, index, *rest) -> None:
        if index == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(preview, "_caption", stop)
    with pytest.raises(KeyboardInterrupt):
        write_preview(tmp_path / "a.mp4", moving(body, 9), body, Look(stick=True, **SMALL))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def folder(tmp_path):
    """Two motions in CMU's layout; an index above them knows 900_01, CMU's facts know 08_01."""
    skeleton = cmu_like()
    for subject, name in (("08", "08_01"), ("900", "900_01")):
        write_asf(skeleton, tmp_path / "in" / subject / f"{subject}.asf")
        frames = np.zeros((6, len(skeleton.channels)))
        write_amc(skeleton, frames, tmp_path / "in" / subject / f"{name}.amc")
    index = "motion,description,framerate_fps\n900_01,wave,60\n"
    (tmp_path / "in" / "motion_index.csv").write_text(index)
    return tmp_path / "in"


def test_motions_are_found_by_file_and_by_name(folder):
    entry = find_motion(folder / "08" / "08_01.amc")
    assert (entry.name, entry.fps) == ("08_01", 120)
    entry = find_motion(folder / "900" / "900_01.amc")  # its rate is in the index one folder up
    assert (entry.description, entry.fps) == ("wave", 60)
    assert find_motion(folder, "900_01").path == folder / "900" / "900_01.amc"
    assert find_motion(folder / "08").name == "08_01"


def test_what_is_no_motion_is_refused_with_a_way_out(folder):
    (folder / "notes.txt").write_text("no")
    (folder / "09").mkdir()
    (folder / "09" / "09_01.amc").write_text("1\nlfemur 3\n")
    for arguments, words in (
        ((folder,), "08_01, 900_01"),
        ((folder, "08_99"), "no motion '08_99'"),
        ((folder, "09_01"), "09.asf"),
        ((folder / "09" / "09_01.amc",), "09.asf"),
        ((folder / "notes.txt",), "notes.txt"),
        ((folder / "none.amc",), "no such file"),
        ((folder / "08" / "08_01.amc", "08_02"), "no motion '08_02'"),
    ):
        with pytest.raises(BadInput, match=words):
            find_motion(*arguments)


def test_a_texture_of_another_layout_is_refused(body, tmp_path):
    path = tmp_path / "t.png"
    cv2.imwrite(str(path), np.full((32, 32, 3), 90, np.uint8))
    assert read_texture(path, body).shape == (32, 32, 3)
    entry = {"file": "t.png", "uv_layout": "other", "size": 32, "source": "", "source_sha256": ""}
    entry |= {"identity": "1", "camera": None, "split": "train", "scores": {}, "licence": ""}
    entry |= {"generator": "", "stand_in": True}
    (tmp_path / "textures.jsonl").write_text(json.dumps(entry) + "\n")
    with pytest.raises(BadInput, match="UV layout"):
        read_texture(path, body)
    cv2.imwrite(str(tmp_path / "u.png"), np.zeros((32, 16, 3), np.uint8))
    with pytest.raises(BadInput, match="square"):
        read_texture(tmp_path / "u.png", body)


def test_the_command_films_a_file_in_a_texture(folder, tmp_path):
    cv2.imwrite(str(tmp_path / "t.png"), np.full((32, 32, 3), (30, 160, 30), np.uint8))
    out = tmp_path / "new" / "film.mp4"
    arguments = [str(folder / "08" / "08_01.amc"), "--out", str(out), "--size", "160x120"]
    result = CliRunner().invoke(
        command, [*arguments, "--texture", str(tmp_path / "t.png"), "--strip"]
    )
    assert result.exit_code == 0, result.output
    film = read_video(out)
    green = (film[0, ..., 1].astype(int) - film[0, ..., 0] > 30).mean()
    assert len(film) == 2 and 0.01 < green < 0.5 and out.with_suffix(".png").is_file()
    for wrong in (["--size", "161x120"], ["--size", "big"], ["--view", "above"]):
        assert CliRunner().invoke(command, [*arguments, *wrong]).exit_code == 2
    assert set(COMMAND_VIEWS) == set(VIEWS)


@pytest.mark.parametrize("name", ["02_03", "49_18"])
def test_nobody_is_mirrored(shared_data, body, name):
    """The body's right hand and foot are where the capture's own r* bones are, seen from its pelvis."""
    folder = shared_data / "cmu" / "asfamc" / name[:2]
    motion = load_motion(find_motion(folder / f"{name}.amc"), body)
    skeleton = read_asf(folder / f"{name[:2]}.asf")
    _, ends = forward_kinematics(skeleton, read_amc(folder / f"{name}.amc", skeleton)[::4])
    joints = joints_of(motion, body)
    root = ends[:, [skeleton.index["root"]]]
    for joint, bone in (("wrist", "wrist"), ("ankle", "tibia")):
        for side, other in (("left", "right"), ("right", "left")):
            own = joints[:, JOINT_NAMES.index(f"{side}_{joint}")] - joints[:, 0]
            same = ends[:, skeleton.index[f"{side[0]}{bone}"]] - root[:, 0]
            crossed = ends[:, skeleton.index[f"{other[0]}{bone}"]] - root[:, 0]
            error = np.linalg.norm(own - same, axis=1).mean()
            assert error < 0.15 and error < 0.5 * np.linalg.norm(own - crossed, axis=1).mean()
