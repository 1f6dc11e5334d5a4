"""SURREAL's own arithmetic, written anew from its scripts, on our files and on values of its release."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy.ndimage import binary_dilation
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from synth.clips.clip import is_published, publish, read_clip, read_video, write_video
from synth.clips.clip_info import read_info
from synth.clips.surreal_camera import surreal_camera
from synth.clips.surreal_release import read_release
from synth.films.film_set import begin_film_set
from synth.plans.plan_row import PlanRow
from synth.plans.preset import read_preset
from synth.scene.camera import place_cameras
from synth.scene.ground_truth import CHANNELS
from tests.synth.film_clip import ExampleClip, make_clip
from textures.visibility.camera import Camera
from textures.visibility.shading import C1, C2, C3, C4, C5, sh_irradiance


def surreal_intrinsics(width: int = 320, height: int = 240) -> np.ndarray:
    """get_intrinsic of SURREAL's scripts: 60 mm on a sensor 32 mm wide."""
    focal_x = 60 * width / 32
    focal_y = 60 * height / (32 * height / width)
    return np.array([[focal_x, 0, width / 2], [0, focal_y, height / 2], [0, 0, 1]])


def surreal_extrinsics(location: np.ndarray) -> np.ndarray:
    """get_extrinsic of SURREAL's scripts: (3,4) for `camLoc` (3,1)."""
    world_to_blender = np.array([[0.0, 0, 1], [0, -1, 0], [-1, 0, 0]]).T
    blender_to_vision = np.diag([1.0, -1, -1])
    rotation = blender_to_vision @ world_to_blender
    translation = blender_to_vision @ (-world_to_blender @ location)
    return np.concatenate([rotation, translation], axis=1)


def surreal_pixels(points: np.ndarray, location: np.ndarray, **size: int) -> np.ndarray:
    """Pixels (N,2) of points (N,3), by SURREAL's two matrices."""
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    pixels = surreal_intrinsics(**size) @ surreal_extrinsics(location) @ homogeneous.T
    return (pixels[:2] / pixels[2]).T


def turned_body(zrot: float, pelvis: np.ndarray) -> np.ndarray:
    """rotateBody of SURREAL's scripts: the pelvis' axis-angle numbers in its world."""
    about_z = np.array(
        [
            [math.cos(zrot), -math.sin(zrot), 0],
            [math.sin(zrot), math.cos(zrot), 0],
            [0, 0, 1],
        ]
    )
    quarter = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # euler2mat(pi/2, 0, 0)
    whole = quarter @ (about_z @ Rotation.from_rotvec(pelvis).as_matrix())
    return Rotation.from_matrix(whole).as_rotvec()


def surreal_light(normals: np.ndarray, c: np.ndarray) -> np.ndarray:
    """sh.osl: what nine coefficients give of normals (N,3) in SURREAL's world."""
    x, y, z = normals.T
    value = C1 * c[8] * (x * x - y * y) + C3 * c[6] * z * z + C4 * c[0] - C5 * c[6]
    value += 2 * C1 * (c[4] * x * y + c[7] * x * z + c[5] * y * z)
    return np.maximum(value + 2 * C2 * (c[3] * x + c[1] * y + c[2] * z), 0)


@pytest.fixture(scope="module", params=[0.0, 0.7, 2.0, 3.6, 5.5], ids=lambda yaw: f"yaw {yaw}")
def made(request, body) -> ExampleClip:
    """Somebody who walks, seen from one side, off the middle of the picture."""
    view = replace(make_clip(body, frames=1).row.view, sides=(request.param,), offset=(0.4, -0.3))
    return make_clip(body, frames=3, view=view, channels=CHANNELS, step=(0.05, 0.02, 0.04))


@pytest.fixture(scope="module")
def out(made, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cmu")
    made.write(folder / "partial")
    publish(folder / "partial", folder, made.row)
    (folder / "partial").rmdir()
    return folder


@pytest.fixture(scope="module")
def info(made, out) -> dict[str, np.ndarray]:
    return scipy.io.loadmat(f"{out / made.row.stem}_info.mat")


def test_joints_project_by_surreals_matrices(made, info):
    assert info["camLoc"].shape == (3, 1)
    for frame in range(made.row.frames):
        pixels = surreal_pixels(info["joints3D"][:, :, frame].T, info["camLoc"])
        np.testing.assert_allclose(pixels, info["joints2D"][:, :, frame].T, atol=2e-3)
    inside = (info["joints2D"][0] > 0) & (info["joints2D"][0] < 320)
    assert inside.all()
    # K, R, t in the file are that camera too.
    assert np.allclose(info["K"][..., 0], surreal_intrinsics())
    ours = np.concatenate([info["R"][..., 0], info["t"][:, :1]], axis=1)
    np.testing.assert_allclose(ours, surreal_extrinsics(info["camLoc"]), atol=1e-6)


def test_rotate_body_and_forward_kinematics_give_the_joints(made, info, body):
    """smpl_relations.py: the pose turned by zrot, the body moved by joints3D[0], in SURREAL's world."""
    zrot = float(info["zrot"][0][0])
    assert 0 <= zrot < 2 * math.pi
    for frame in range(made.row.frames):
        pose = info["pose"][:, frame].astype(np.float64)
        pose[:3] = turned_body(zrot, pose[:3])
        # The pelvis of the truth, as the camera sees it; the mirror lies between the two cameras.
        camera = made.posed_clip.cameras[frame + 1]
        seen = (
            camera.rotation @ Rotation.from_rotvec(made.posed_clip.pose[frame + 1, :3]).as_matrix()
        )
        rotation = surreal_extrinsics(info["camLoc"])[:, :3]
        found = rotation @ Rotation.from_rotvec(pose[:3]).as_matrix()
        turned = Rotation.from_matrix((np.diag([-1.0, 1, 1]) @ seen).T @ found)
        assert np.degrees(turned.magnitude()) < 0.01

        betas = info["shape"][:, frame]
        rest = body.joint_regressor @ (body.template + body.shape_directions @ betas)
        joints = info["joints3D"][:, :, frame].T
        vertices, moved = skin(
            Skinning(body),
            pose=pose[None].astype(np.float32),
            betas=betas,
            translation=(joints[0] - rest[0])[None].astype(np.float32),
        )
        np.testing.assert_allclose(moved[0], joints, atol=1e-4)
        np.testing.assert_allclose(info["trans"][:, frame], joints[0] - rest[0], atol=1e-5)
        # The vertices lie where the segmentation is.
        pixels = surreal_pixels(vertices[0], info["camLoc"]).astype(int)
        x, y = pixels[(pixels >= 0).all(1) & (pixels < (320, 240)).all(1)].T
        body_pixels = binary_dilation(made.truth.parts[frame][:, ::-1] > 0)
        assert body_pixels[y, x].mean() > 0.99


def test_labels_fit_the_mirrored_picture(made, out, info):
    """A left joint's pixel is left by label, though it looks like a right one."""
    stem, right, wrong = out / made.row.stem, 0, 0
    film = read_video(Path(f"{stem}.mp4"))
    segm = scipy.io.loadmat(f"{stem}_segm.mat")
    for frame in range(made.row.frames):
        parts = segm[f"segm_{frame + 1}"]
        # The film's body is grey by part over a gradient: film and labels are mirrored alike.
        on_body = parts > 0
        painted = film[frame].astype(int).mean(axis=2)[on_body]
        assert np.median(np.abs(painted - 10 * parts[on_body])) < 12
        for joint, name in enumerate(JOINT_NAMES):
            side = name.partition("_")[0]
            if side not in ("left", "right") or not made.truth.joints_visible[frame, joint]:
                continue
            x, y = info["joints2D"][:, joint, frame].astype(int)
            label = JOINT_NAMES[parts[y, x] - 1].partition("_")[0] if parts[y, x] else ""
            right += label == side
            wrong += label == {"left": "right", "right": "left"}[side]
    assert right > 10 and wrong <= right / 10  # a limb may lie before another's parent


def test_channels_are_surreals(made, out, info):
    stem, frame = out / made.row.stem, 1
    depth = scipy.io.loadmat(f"{stem}_depth.mat")[f"depth_{frame + 1}"]
    on_body = depth < 1e9
    rows, columns = np.nonzero(on_body)
    # A pixel's ray, as long as the depth, ends on the body, in SURREAL's world: against tracks there.
    rays = np.stack([(columns + 0.5 - 160) / 600, (rows + 0.5 - 120) / 600, np.ones(len(rows))], 1)
    points = rays / np.linalg.norm(rays, axis=1, keepdims=True) * depth[on_body][:, None]
    rotation = surreal_extrinsics(info["camLoc"])[:, :3]
    world = points @ rotation + info["camLoc"][:, 0]
    tracks = scipy.io.loadmat(f"{stem}_tracks.mat")
    seen = tracks["tracks_visible"][:, frame] > 0
    marks, places = tracks["tracks2D"][:, seen, frame].T, tracks["tracks3D"][:, seen, frame].T
    np.testing.assert_allclose(surreal_pixels(places, info["camLoc"]), marks, atol=2e-3)
    index = np.full(depth.shape, -1)
    index[on_body] = np.arange(len(rows))
    at = index[marks[:, 1].astype(int), marks[:, 0].astype(int)]
    gaps = np.linalg.norm(world[at[at >= 0]] - places[at >= 0], axis=1)
    assert len(gaps) > 10 and np.median(gaps) < 0.01

    # Normals in SURREAL's world look at the camera.
    normals = scipy.io.loadmat(f"{stem}_normal.mat")[f"normal_{frame + 1}"][on_body]
    towards = info["camLoc"][:, 0] - world
    assert (np.einsum("nd,nd->n", normals, towards) > 0).mean() > 0.97
    # Backward flow leads to where the track was, x right and y up in the mirrored picture.
    flow = scipy.io.loadmat(f"{stem}_gtflow.mat")[f"gtflow_{frame + 1}"]
    before = tracks["tracks2D"][:, seen, frame - 1].T
    stored = flow[marks[:, 1].astype(int), marks[:, 0].astype(int)][at >= 0]
    expected = ((before - marks) * (1, -1))[at >= 0]
    assert np.abs(expected).max() > 1
    assert np.median(np.abs(stored - expected)) < 0.1


def test_light_is_that_of_surreals_world(made, info):
    """Normals of the body have, turned into SURREAL's world, the light that they have in ours."""
    rng = np.random.default_rng(1)
    normals = rng.standard_normal((500, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    turn = surreal_camera(made.posed_clip.cameras).turn
    ours = sh_irradiance(normals, np.array(made.row.light["coefficients"]))
    assert np.ptp(ours) > 1
    np.testing.assert_allclose(
        surreal_light(normals @ turn.T, info["light"][:, 0].astype(np.float64)), ours, atol=1e-4
    )


def test_surreals_reader_and_ours_read_the_same_clip(made, out):
    """read_release knows nothing of our files: it reads SURREAL's."""
    stem = out / made.row.stem
    release, ours = read_release(stem), read_clip(stem)
    assert np.array_equal(release.frames, ours.frames)
    for name in ("parts", "flow_backward"):
        assert np.array_equal(getattr(release.truth, name), getattr(ours.truth, name)), name
    for name, atol in (("depth", 1e-5), ("normals", 1e-6), ("joints2d", 2e-3)):
        found, expected = getattr(release.truth, name), getattr(ours.truth, name)
        np.testing.assert_allclose(found, expected, atol=atol, err_msg=name)
    np.testing.assert_allclose(release.truth.joints_camera, ours.truth.joints_camera, atol=1e-5)
    np.testing.assert_allclose(ours.truth.joints3d, made.truth.joints3d, atol=2e-6)
    assert np.abs(ours.frames.astype(int) - made.frames).mean() < 4


def test_poses_and_cameras_come_back_to_the_last_bit(made, out):
    read = read_info(out / made.row.stem)
    inner = made.posed_clip.pose[1:-1].T
    assert read["pose"].tobytes("A") == np.asarray(inner, np.float32).tobytes("A")
    assert np.array_equal(read["trans"], made.posed_clip.translation[1:-1].T)
    camera = made.posed_clip.cameras[0]
    assert np.array_equal(read["R"][..., 0], camera.rotation)
    assert np.array_equal(read["t_ends"][:, 1], camera.translation)
    assert read["zrot"][0, 0] == np.float32(made.posed_clip.yaw)


def test_a_folder_for_those_who_count_files_and_open_all_runs(body, tmp_path):
    """Four files a clip and nothing else in its folder; run0 to run2 wherever there is a split."""
    preset = read_preset("surreal")
    made = make_clip(body, frames=2, channels=preset.film.channels, layout=preset.film.layout)
    begin_film_set(tmp_path, [made.row])
    made.write(tmp_path / "partial")
    publish(tmp_path / "partial", tmp_path, made.row)
    assert is_published(tmp_path, made.row)
    counted = 0
    for run in ("run0", "run1", "run2"):
        for sequence in sorted((tmp_path / "train" / run).iterdir()):
            names = sorted(path.name for path in sequence.iterdir())
            assert len(names) % 4 == 0
            for number in range(1, len(names) // 4 + 1):
                (stem,) = {name[:11] for name in names}
                assert stem == "01_01_c0002" and number == 1
                assert [name[11:] for name in names] == [
                    *(".mp4", "_depth.mat", "_info.mat", "_segm.mat")
                ]
                counted += 1
    assert counted == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("camera.moves={pan=1}", "camera.moves is .*stands still.*camera.moves={still=1}"),
        ("camera.moves={still=9, handheld=1}", "camera.moves is .*stands still"),
        ("camera.pitch=[0, 10]", r"camera.pitch is .*is level.*camera.pitch=\[0,0\]"),
        ("camera.height=[1.4, 2.4]", r"camera.height is .*level with the person"),
        ("camera.focal=500", "camera.focal is 500.*lens of 600 pixels on 320"),
        ("film.width=640", r"camera.focal is 600.*1200 on 640.*--set camera.focal=1200"),
    ],
)
def test_what_surreals_camera_cannot_say_is_refused_before_a_plan(override, said):
    with pytest.raises(BadInput, match=f"{said}.*--layout compact"):
        read_preset("surreal", [override])
    with pytest.raises(BadInput, match=f"{said}.*--layout compact"):
        read_preset("standard", ["film.layout=surreal", override])
    read_preset("surreal", [override, "film.layout=compact"])


def test_rows_that_surreals_camera_cannot_say_are_refused(made):
    for name, value in (("move", "pan"), ("pitch", 0.1), ("height", 1.5), ("focal", 500.0)):
        view = replace(made.row.view, amount=0.2, **{name: value})
        line = replace(made.row, view=view).to_json()
        with pytest.raises(BadInput, match=rf"view\.{name} is .*SURREAL|view\.{name} is .*surreal"):
            PlanRow.from_json(line)
        assert PlanRow.from_json(line.replace('"surreal"', '"compact"')).layout == "compact"


def test_cameras_that_are_not_surreals_are_refused_with_what_they_do(made):
    joints = made.truth.joints3d[[0, *range(made.row.frames), -1]]
    size = {"width": 320, "height": 240, "fps": 30.0}
    view = replace(made.row.view, far=100.0)
    for change, said in (
        ({"move": "orbit", "amount": 0.5}, "the camera moves"),
        ({"move": "dolly", "amount": 0.5}, "the camera moves"),
        ({"pitch": 0.1}, r"tilts or rolls by 5\.73 degrees"),
        ({"focal": 500.0}, "K begins with 500"),
    ):
        cameras = place_cameras(joints, replace(view, **change), **size).cameras
        with pytest.raises(BadInput, match=f"{said}.*--layout compact"):
            surreal_camera(cameras)
    still = place_cameras(joints, view, **size).cameras[0]
    rolled = Rotation.from_euler("z", 2, degrees=True).as_matrix() @ still.rotation
    tilted = Camera(**{**vars(still), "rotation": rolled})
    with pytest.raises(BadInput, match="tilts or rolls by 2 degrees"):
        surreal_camera([tilted])
    assert surreal_camera([still]).width == 320


def test_another_size_of_the_same_lens(made, body, tmp_path):
    view = replace(made.row.view, focal=300.0, border=3)
    small = replace(made.row, width=160, height=120, view=view)
    PlanRow.from_json(small.to_json())
    joints = made.truth.joints3d[[0, *range(made.row.frames), -1]]
    cameras = place_cameras(joints, view, width=160, height=120, fps=30.0).cameras
    camera = surreal_camera(cameras)
    pixels, _ = cameras[1].project(joints[1])
    world = camera.to_world(joints[1])
    found = surreal_pixels(world, camera.location[:, None], width=160, height=120)
    np.testing.assert_allclose(found, camera.mirrored_pixels(pixels), atol=1e-6)


def test_a_clip_of_before_the_mirror_is_refused(made, out, tmp_path):
    """Files of earlier versions have the layout's name and not its geometry."""
    path = tmp_path / "old_info.mat"
    info = scipy.io.loadmat(f"{out / made.row.stem}_info.mat")
    kept = {n: v for n, v in info.items() if not n.startswith(("__", "proper_", "film_"))}
    scipy.io.savemat(path, kept)
    with pytest.raises(BadInput, match=r"old_info\.mat: .*without film_mirrored.*render it again"):
        read_info(tmp_path / "old")


def test_published_values_of_the_release_come_back(tmp_path, body):
    """The numbers that SURREAL publishes of 01_01_c0001, read in our conventions and turned back."""
    location = np.float32([[6.7456], [-0.9839], [-1.9293]])
    published = np.array([-0.8645, -1.0915, -1.0260])
    assert surreal_pixels(published[None], location).round().tolist() == [[89, 112]]
    matrix = [[0, 0, -1, -1.9293], [0, 1, 0, 0.9839], [-1, 0, 0, 6.7456]]
    np.testing.assert_allclose(surreal_extrinsics(location), matrix, atol=1e-6)

    rng = np.random.default_rng(3)
    zrot = 2.667  # as published; the pose is of a z-up world
    pose = 0.2 * rng.standard_normal((72, 1))
    pose[:3, 0] = (1.5, 0.1, -0.1)
    turned = pose.copy()
    turned[:3, 0] = turned_body(zrot, pose[:3, 0])
    betas = rng.standard_normal(10).astype(np.float32)
    _, joints = skin(
        Skinning(body),
        pose=turned.T.astype(np.float32),
        betas=betas,
        translation=np.zeros((1, 3), np.float32),
    )
    joints = joints[0] + (published - joints[0, 22])  # some joint is where the published one is
    rounded = surreal_pixels(joints, location).round()
    stem = tmp_path / "01_01_c0001"
    write_video(Path(f"{stem}.mp4"), np.zeros((1, 240, 320, 3), np.uint8), 30)
    fields = {
        "camLoc": location,
        "camDist": np.float32([[7.692217]]),
        "clipNo": np.uint8([[1]]),
        "gender": np.uint8([[1]]),
        "joints2D": rounded.T[..., None].astype(np.float32),
        "joints3D": joints.T[..., None].astype(np.float32),
        "light": np.zeros((9, 1), np.float32),
        "pose": pose.astype(np.float32),
        "sequence": "01_01_c0001",
        "shape": betas[:, None],
        "source": "cmu",
        "stride": np.uint8([[50]]),
        "zrot": np.float32([[zrot]]),
    }
    scipy.io.savemat(f"{stem}_info.mat", fields)
    clip = read_release(stem)
    camera = Camera(
        intrinsics=clip.info["K"][..., 0],
        rotation=clip.info["R"][..., 0],
        translation=clip.info["t"][:, 0],
        width=320,
        height=240,
    )
    back = surreal_camera([camera])
    np.testing.assert_allclose(back.location, location[:, 0], atol=1e-6)
    np.testing.assert_allclose(back.to_world(clip.truth.joints3d[0]), joints, atol=1e-6)
    mirrored = back.mirrored_pixels(clip.truth.joints2d[0])
    assert np.abs(mirrored - rounded).max() <= 0.5 + 1e-3
    # What we would write of it: the pelvis upright, then turned by the camera's zrot.
    quarter = Rotation.from_euler("x", 90, degrees=True)
    upright = (quarter * Rotation.from_rotvec(clip.info["pose"][:3, 0])).as_rotvec()
    found = Rotation.from_rotvec(turned_body(back.zrot, upright))
    expected = Rotation.from_rotvec(turned_body(zrot, pose[:3, 0]))
    assert np.degrees((found * expected.inv()).magnitude()) < 0.01
