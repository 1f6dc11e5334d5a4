"""SURREAL's release, made here by its own formulas: a body filmed by its reflecting camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES, PART_NAMES
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from synth.clips.clip import read_video, write_video
from synth.clips.surreal_release import read_release
from synth.scene.ground_truth import ground_truth
from tests.synth.film_clip import make_clip
from textures.visibility.buffer import rasterise, vertex_normals
from textures.visibility.camera import Camera

FRAMES, WIDTH, HEIGHT = 3, 320, 240
K = np.array([[600.0, 0, 160], [0, 600, 120], [0, 0, 1]])
# main_part1.py: cam_ob.matrix_world, its location replaced by camLoc.
MATRIX_WORLD = np.array([[0.0, 0, 1], [0, -1, 0], [-1, 0, 0]])
CAM_LOC = np.float32([[6.2], [0.15], [-0.4]])
ZROT = 0.9


@dataclass
class Release:
    stem: Path
    vertices: np.ndarray  # (T+2,V,3) in SURREAL's world
    joints: np.ndarray
    betas: np.ndarray
    body_pose: np.ndarray  # (T+2,72) in our world


def surreal_projection(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """getExtrinsicBlender and its K: pixels (N,2) in the mirrored picture, and camera points."""
    camera = (points - CAM_LOC[:, 0]) @ MATRIX_WORLD @ np.diag([1.0, -1, -1])
    pixels = camera @ K.T
    return pixels[:, :2] / pixels[:, 2:], camera


@pytest.fixture(scope="module")
def release(body, tmp_path_factory) -> Release:
    """A person in SURREAL's world: vertical is -y, posed by rotateBody's R90 Rz(zrot) Rpelvis."""
    rng = np.random.default_rng(5)
    pose = 0.25 * rng.standard_normal((FRAMES + 2, 72))
    pose[:, :3] = np.radians(80 + 4 * np.arange(FRAMES + 2))[:, None] * [1.0, 0, 0]
    stored = pose[1:-1].T.astype(np.float32)
    rz = Rotation.from_euler("z", ZROT)
    r90 = Rotation.from_euler("x", 90, degrees=True)
    turned = pose.copy()
    turned[:, :3] = (r90 * rz * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    place = np.array([[0.0, 0.1, -0.3]]) + 0.03 * np.arange(FRAMES + 2)[:, None]
    betas = rng.standard_normal(10).astype(np.float32)
    vertices, joints = skin(Skinning(body), pose=turned, betas=betas, translation=place)
    vertices, joints = vertices.astype(np.float64), joints.astype(np.float32)

    stem = tmp_path_factory.mktemp("cmu") / "01_01_c0001"
    files: dict[str, dict] = {"depth": {}, "segm": {}, "gtflow": {}, "normal": {}}
    film = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    for n in range(1, FRAMES + 1):
        pixels, camera = surreal_projection(vertices[n])
        face, weights = rasterise(pixels, camera[:, 2], body.faces, HEIGHT, WIDTH)
        seen = face >= 0
        corners, weights = body.faces[face[seen]], weights[seen].astype(np.float64)

        def at(values, corners=corners, weights=weights):
            return np.einsum("nk,nkd->nd", weights, values[corners])

        depth = np.full((HEIGHT, WIDTH), 1e10, np.float32)
        depth[seen] = np.linalg.norm(at(camera), axis=1)  # Blender 2.78: the ray's length
        segm = np.zeros((HEIGHT, WIDTH), np.uint8)
        segm[seen] = body.face_parts[face[seen]]
        flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
        before, _ = surreal_projection(at(vertices[n - 1]))
        y, x = np.nonzero(seen)
        flow[seen] = (before - np.stack([x + 0.5, y + 0.5], 1)) * [1, -1]  # y up
        normal = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        unit = at(vertex_normals(vertices[n], body.faces))
        away = np.einsum("nd,nd->n", unit, at(vertices[n]) - CAM_LOC[:, 0]) > 0
        unit[away] *= -1
        normal[seen] = unit / np.linalg.norm(unit, axis=1, keepdims=True)
        for name, value in (("depth", depth), ("segm", segm), ("gtflow", flow), ("normal", normal)):
            files[name][f"{name}_{n}"] = value
        film[n - 1] = np.where(seen[..., None], (200, 60, 40), (40, 60, 200))
        film[n - 1, :, : WIDTH // 4] = (30, 180, 30)  # which side is which
    write_video(Path(f"{stem}.mp4"), film, 30)
    for name, values in files.items():
        scipy.io.savemat(f"{stem}_{name}.mat", values, do_compression=True)
    joints2d = np.stack([surreal_projection(j.astype(np.float64))[0] for j in joints[1:-1]])
    scipy.io.savemat(
        f"{stem}_info.mat",
        {
            "camLoc": CAM_LOC,
            "camDist": CAM_LOC[:1],
            "joints2D": np.round(joints2d).transpose(2, 1, 0).astype(np.float32),
            "joints3D": joints[1:-1].transpose(2, 1, 0),
            "pose": stored,
            "shape": np.repeat(betas[:, None], FRAMES, 1),
            "zrot": np.full((FRAMES, 1), ZROT, np.float32),
            "gender": np.ones((FRAMES, 1), np.uint8),
            "sequence": "01_01_c0001",
            "source": "cmu",
        },
    )
    return Release(stem, vertices, joints, betas, turned)


def camera_of(info: dict, frame: int) -> Camera:
    return Camera(
        intrinsics=info["K"][..., frame],
        rotation=info["R"][..., frame],
        translation=info["t"][:, frame],
        width=WIDTH,
        height=HEIGHT,
    )


@pytest.fixture(scope="module")
def our_truth(release, body):
    """The same people and places, turned to y up, filmed by a proper camera and our own ground truth."""
    ours = np.diag([1.0, -1, -1])
    position = ours @ CAM_LOC[:, 0]
    # At +x, looking at -x: right is -z, down is -y.
    rotation = np.array([[0.0, 0, -1], [0, -1, 0], [-1, 0, 0]])
    camera = Camera(
        intrinsics=K,
        rotation=rotation,
        translation=-rotation @ position,
        width=WIDTH,
        height=HEIGHT,
    )
    vertices, joints = release.vertices @ ours, release.joints.astype(np.float64) @ ours
    return ground_truth(
        *(vertices, joints, body, [camera] * len(vertices)),
        channels=("depth", "segm", "normal", "gtflow"),
    )


def test_unmirrored_is_what_a_proper_camera_sees(release, our_truth):
    clip = read_release(release.stem)
    np.testing.assert_allclose(clip.truth.joints2d, our_truth.joints2d, atol=1e-3)
    np.testing.assert_allclose(clip.truth.joints3d, our_truth.joints3d, atol=1e-6)
    np.testing.assert_allclose(clip.truth.joints_camera, our_truth.joints_camera, atol=1e-5)
    assert np.array_equal(clip.truth.joints_inside, our_truth.joints_inside)
    # A pixel whose centre lies on an edge to the bit may fall to the other face in the mirror.
    assert (clip.truth.parts == our_truth.parts).mean() > 0.9999
    both = clip.truth.mask & our_truth.mask
    assert both.sum() > 5000
    for name, atol in (("depth", 1e-4), ("flow_backward", 2e-3)):
        off = np.abs(getattr(clip.truth, name)[both] - getattr(our_truth, name)[both])
        assert np.quantile(off, 0.999) < atol, name
    assert np.abs(our_truth.flow_backward[both]).max() > 3
    cosine = np.einsum("nd,nd->n", clip.truth.normals[both], our_truth.normals[both])
    assert np.quantile(cosine, 0.01) > 0.999
    assert np.isinf(clip.truth.depth[~clip.truth.mask]).all()


def test_unmirrored_camera_is_proper_and_projects_from_info_alone(release):
    clip = read_release(release.stem)
    assert clip.info["mirrored"] is False
    for frame in range(FRAMES):
        camera = camera_of(clip.info, frame)  # refuses a reflection
        assert np.linalg.det(camera.rotation) == pytest.approx(1)
        pixels, z = camera.project(clip.info["joints3D"][..., frame].T)
        np.testing.assert_allclose(pixels, clip.info["joints2D"][..., frame].T, atol=1e-4)
        np.testing.assert_allclose(camera.position, clip.info["camLoc"][:, 0], atol=1e-12)
        assert (z > 0).all()


def handedness(joints: np.ndarray) -> np.ndarray:
    """The sign of det (to the left, up, to the front) of joints (T,24,3): +1 for people, who wear
    their toes in front; -1 for people in a mirror."""
    at = {name: joints[:, number] for number, name in enumerate(JOINT_NAMES)}
    left = at["left_hip"] - at["right_hip"]
    front = at["left_foot"] - at["left_ankle"] + at["right_foot"] - at["right_ankle"]
    return np.sign(np.linalg.det(np.stack([left, at["neck"] - at["pelvis"], front], axis=-1)))


def test_left_stays_left(release):
    """The camera sees a person, not a mirrored one, and labels beside left joints are left ones."""
    clip = read_release(release.stem)
    assert (handedness(clip.truth.joints_camera) == 1).all()
    mirrored = read_release(release.stem, unmirror=False)
    assert (handedness(mirrored.truth.joints_camera) == -1).all()
    sides = []
    for frame in range(FRAMES):
        pixels = clip.truth.joints2d[frame]
        parts = clip.truth.parts[frame]
        for joint in range(1, 24):
            side = JOINT_NAMES[joint].partition("_")[0]
            x, y = pixels[joint].astype(int)
            named = {PART_NAMES[p - 1] for p in np.unique(parts[y, x]) if p}
            if side in ("left", "right") and any(n.startswith(("left", "right")) for n in named):
                sides.append(all(n.startswith(side) for n in named))
    assert len(sides) > 30 and np.mean(sides) > 0.8  # some limbs are behind others


def test_pose_gives_the_joints_by_the_bodys_forward_pass(release, body):
    """In our world, without zrot: what a user of our clips does."""
    clip = read_release(release.stem)
    pose = clip.info["pose"].T
    rest = body.joint_regressor @ (body.template + body.shape_directions @ release.betas)
    translation = clip.truth.joints3d[:, 0] - rest[0]
    _, joints = skin(
        Skinning(body), pose=pose, betas=clip.info["shape"][:, 0], translation=translation
    )
    np.testing.assert_allclose(joints, clip.truth.joints3d, atol=2e-5)


def test_film_is_turned_round_with_its_labels(release):
    mirrored, clip = read_release(release.stem, unmirror=False), read_release(release.stem)
    raw = read_video(Path(f"{release.stem}.mp4"))
    assert np.array_equal(mirrored.frames, raw)
    assert np.array_equal(clip.frames, raw[:, :, ::-1])
    red = clip.frames[..., 0].astype(int) - clip.frames[..., 2]
    drawn = red[:, :, : 3 * WIDTH // 4] > 60
    mask = clip.truth.mask[:, :, : 3 * WIDTH // 4]
    assert (drawn & mask).sum() / (drawn | mask).sum() > 0.9


def test_mirrored_reading_keeps_pictures_and_states_the_reflection(release):
    clip = read_release(release.stem, unmirror=False)
    raw = scipy.io.loadmat(f"{release.stem}_info.mat")
    assert clip.info["mirrored"] is True
    assert np.linalg.det(clip.info["R"][..., 0]) == pytest.approx(-1)
    assert np.abs(clip.info["joints2D"] - raw["joints2D"]).max() <= 0.5 + 1e-3
    points = clip.info["R"][..., 1] @ clip.info["joints3D"][..., 1] + clip.info["t"][:, 1, None]
    pixels = clip.info["K"][..., 1] @ points
    np.testing.assert_allclose(pixels[:2] / pixels[2], clip.info["joints2D"][..., 1], atol=1e-3)
    segm = scipy.io.loadmat(f"{release.stem}_segm.mat")["segm_2"]
    assert np.array_equal(clip.truth.parts[1], segm)
    flow = scipy.io.loadmat(f"{release.stem}_gtflow.mat")["gtflow_2"]
    assert np.array_equal(clip.truth.flow_backward[1], flow * np.float32([1, -1]))
    facing = clip.truth.normals[clip.truth.mask][:, 2]
    assert (facing < 0.05).mean() > 0.99


def test_flags_read_depth_and_flow_the_other_way(release):
    as_ray = read_release(release.stem).truth
    planar = read_release(release.stem, ray_depth=False, blender_flow=False).truth
    mask = as_ray.mask
    ratio = planar.depth[mask] / as_ray.depth[mask]
    _, rows, columns = np.nonzero(mask)
    away = np.hypot(columns + 0.5 - WIDTH / 2, rows + 0.5 - HEIGHT / 2) / 600
    np.testing.assert_allclose(ratio, np.sqrt(1 + away**2), rtol=1e-5)
    assert np.array_equal(planar.flow_backward[..., 0], as_ray.flow_backward[..., 0])
    assert np.array_equal(planar.flow_backward[..., 1], -as_ray.flow_backward[..., 1])


def test_one_frame_without_its_axis_and_joints_counted_from_the_bottom(release, tmp_path):
    info = scipy.io.loadmat(f"{release.stem}_info.mat")
    stem = tmp_path / "01_01_c0002"
    write_video(Path(f"{stem}.mp4"), read_video(Path(f"{release.stem}.mp4"))[:1], 30)
    flat = {name: info[name][..., 0] for name in ("joints2D", "joints3D", "pose", "shape")}
    flat["joints2D"] = np.stack([flat["joints2D"][0], HEIGHT - flat["joints2D"][1]])
    flat |= {name: flat[name][:, None] for name in ("pose", "shape")}
    scipy.io.savemat(f"{stem}_info.mat", flat | {"camLoc": CAM_LOC, "zrot": info["zrot"][:1]})
    with pytest.raises(BadInput, match=r"c0002_info\.mat: joints2D lie up to .*joints_y_up"):
        read_release(stem)
    clip = read_release(stem, joints_y_up=True)
    whole = read_release(release.stem)
    assert np.array_equal(clip.truth.joints2d[0], whole.truth.joints2d[0])
    assert clip.truth.depth is None and clip.truth.parts is None


def test_other_clips_and_damage_are_refused_with_the_file(release, body, tmp_path):
    with pytest.raises(BadInput, match=r"none_info\.mat: no such file"):
        read_release(tmp_path / "none")
    made = make_clip(body, frames=2, layout="compact")
    made.write(tmp_path)
    with pytest.raises(BadInput, match=r"joints2D lie up to .* read_clip"):
        read_release(tmp_path / "01_01_c0002")
    for source in release.stem.parent.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    stem = tmp_path / release.stem.name
    segm = scipy.io.loadmat(f"{stem}_segm.mat")
    scipy.io.savemat(f"{stem}_segm.mat", {"segm_1": segm["segm_1"], "segm_3": segm["segm_3"]})
    with pytest.raises(BadInput, match=r"_segm\.mat: 2 variables segm_N but no segm_2"):
        read_release(stem)
    Path(f"{stem}_segm.mat").write_bytes(b"short")
    with pytest.raises(BadInput, match=r"_segm\.mat: not a MAT file.*fetch the file again"):
        read_release(stem)
    Path(f"{stem}_segm.mat").unlink()
    info = scipy.io.loadmat(f"{stem}_info.mat")
    for name, value, said in (
        ("pose", info["pose"][:, :2], "frames of"),
        ("camLoc", np.float32([1]), "camLoc is"),
        ("joints3D", info["joints3D"] * np.nan, "not finite"),
    ):
        wrong = {n: v for n, v in info.items() if not n.startswith("__")} | {name: value}
        scipy.io.savemat(f"{stem}_info.mat", wrong)
        with pytest.raises(BadInput, match=rf"_info\.mat: {said}|_info\.mat: .*{said}"):
            read_release(stem)
