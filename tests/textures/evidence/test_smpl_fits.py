"""Fits of HMR, SPIN and 4D-Humans: their published arithmetic, written anew, gives the same pixels."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from textures.evidence.landmarks import BONES, LANDMARKS
from textures.evidence.smpl_cameras import CONVENTIONS
from textures.evidence.smpl_fit_files import MEAN_PELVIS
from textures.evidence.smpl_fits import STANDIN_CONFIDENCE, read_smpl_fits
from textures.evidence.sources import SourceOptions, open_sources

SIZES = [(128, 64), (131, 57), (90, 140)]  # height, width
ANKLES = ("left_ankle", "right_ankle")  # landmarks above the joints
JOINTS = [name for name in LANDMARKS if name in JOINT_NAMES and name not in ANKLES]
OURS = [LANDMARKS.index(name) for name in JOINTS]
SMPLS = [JOINT_NAMES.index(name) for name in JOINTS]


class People:
    """Bodies before a camera, as the three methods give them: turned over, y down."""

    def __init__(self, body, count: int, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        self.pose = rng.normal(0, 0.25, (count, 72)).astype(np.float32)
        self.yaw = rng.uniform(-np.pi, np.pi, count)
        over = Rotation.from_rotvec([np.pi, 0, 0])
        turn = over * Rotation.from_rotvec(np.outer(self.yaw, (0, 1, 0)))
        self.pose[:, :3] = turn.as_rotvec()
        self.betas = rng.normal(0, 1, (count, 10)).astype(np.float32)
        zero = np.zeros((count, 3), np.float32)
        _, joints = skin(Skinning(body), pose=self.pose, betas=self.betas, translation=zero)
        self.joints = np.asarray(joints, dtype=np.float64)
        self.camera = np.stack(
            [rng.uniform(0.6, 1.1, count), *rng.uniform(-0.15, 0.15, (2, count))], 1
        )

    @property
    def matrices(self) -> np.ndarray:
        vectors = self.pose.reshape(-1, 3).astype(np.float64)
        return Rotation.from_rotvec(vectors).as_matrix().reshape(-1, 24, 3, 3)


@pytest.fixture(scope="module")
def people(body):
    return People(body, len(SIZES))


def image(height: int, width: int) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def observed(source, names=("0.jpg", "1.jpg", "2.jpg"), sizes=SIZES):
    return source.observe([f"folder/{name}" for name in names], [image(*size) for size in sizes])


def assert_pixels(evidence, expected: np.ndarray, confidence: float = 1.0) -> None:
    error = np.abs(evidence.landmarks[:, OURS] - expected[:, SMPLS])
    assert error.max() < 0.5
    assert (evidence.confidence[:, OURS] == np.float32(confidence)).all()


def hmr_input(picture: np.ndarray) -> tuple[np.ndarray, dict]:
    """HMR's preprocess_image and scale_and_crop (akanazawa/hmr, demo.py and src/util/image.py)."""
    scale = 224 / max(picture.shape[:2])
    center = np.round(np.array(picture.shape[:2]) / 2).astype(int)[::-1]
    new_size = np.floor(np.array(picture.shape[:2]) * scale).astype(int)
    scaled = cv2.resize(picture, (int(new_size[1]), int(new_size[0])))
    factors = [new_size[1] / picture.shape[1], new_size[0] / picture.shape[0]]
    start = np.round(center * factors).astype(int)  # in the padded image
    padded = np.pad(scaled, ((112,), (112,), (0,)), mode="edge")
    crop = padded[start[1] : start[1] + 224, start[0] : start[0] + 224]
    return crop, {"scale": scale, "start_pt": start, "img_size": 224}


def hmr_pixels(joints: np.ndarray, camera: np.ndarray, param: dict) -> np.ndarray:
    """HMR's get_original (src/util/renderer.py): OpenDR's pinhole after the shift."""
    moved = joints + np.hstack([camera[1:], 500.0 / (0.5 * 224 * camera[0])])
    focal = 500.0 / param["scale"]
    principal = (112 + param["start_pt"] - 0.5 * 224) / param["scale"]
    return focal * moved[:, :2] / moved[:, 2:] + principal


def spin_corners(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """SPIN's demo.py without a box, and `transform` of utils/imutils.py for the crop's corners."""
    center, scale = np.array([width // 2, height // 2]), max(height, width) / 200
    h = 200 * scale
    t = np.array(
        [
            [224 / h, 0, 224 * (-center[0] / h + 0.5)],
            [0, 224 / h, 224 * (-center[1] / h + 0.5)],
            [0, 0, 1],
        ]
    )
    first, last = (np.linalg.inv(t) @ (p, p, 1.0) for p in (0, 224))
    return first[:2].astype(int), last[:2].astype(int)


def spin_pixels(joints: np.ndarray, camera: np.ndarray, height: int, width: int) -> np.ndarray:
    """SPIN's renderer: focal 5000 on 224 pixels, then back out of the crop."""
    moved = joints + np.array([camera[1], camera[2], 2 * 5000 / (224 * camera[0] + 1e-9)])
    inside = 5000 * moved[:, :2] / moved[:, 2:] + 112
    first, last = spin_corners(height, width)
    return inside * (last - first) / 224 + first


def humans_translation(camera, center, size, image_size, focal) -> np.ndarray:
    """4D-Humans' cam_crop_to_full (hmr2/utils/renderer.py)."""
    bs = size * camera[0] + 1e-9
    return np.array(
        [
            2 * (center[0] - image_size[0] / 2) / bs + camera[1],
            2 * (center[1] - image_size[1] / 2) / bs + camera[2],
            2 * focal / bs,
        ]
    )


def test_hmr_on_crops(people, body, tmp_path):
    theta = np.concatenate([people.camera, people.pose, people.betas], 1)
    np.savez(tmp_path / "hmr.npz", theta=theta, imgname=[f"{i}.jpg" for i in range(3)])
    evidence = observed(read_smpl_fits(tmp_path / "hmr.npz", "hmr", smpl=body))
    params = [hmr_input(image(*size))[1] for size in SIZES]
    expected = [hmr_pixels(*row) for row in zip(people.joints, people.camera, params)]
    assert_pixels(evidence, np.array(expected))


def test_hmr_on_boxes_of_an_image(people, body, tmp_path):
    """With OpenPose's box HMR resizes the whole image by `scale` and cuts its crop at `start_pt`."""
    param = {"scale": 0.8, "start_pt": np.array([310, 260]), "img_size": 224}
    for row in range(3):
        fit = {"theta": np.concatenate([people.camera[row], people.pose[row], people.betas[row]])}
        fit |= {"proc_param": param, "img_size": np.array([800, 600])}
        fit["crop_box"] = np.array([300.0, 200.0, 128.0, 256.0])
        (tmp_path / f"{row}.pkl").write_bytes(pickle.dumps(fit))
    evidence = observed(read_smpl_fits(tmp_path, "hmr", smpl=body), sizes=[(128, 64)] * 3)
    full = [
        hmr_pixels(joints, camera, param) for joints, camera in zip(people.joints, people.camera)
    ]
    assert_pixels(evidence, (np.array(full) - (300, 200)) / 2)


def test_spin_on_crops(people, body, tmp_path):
    fits = {"camera": people.camera, "pose": people.pose, "betas": people.betas}
    np.savez(tmp_path / "spin.npz", **fits, imgname=[f"a/{i}.jpg" for i in range(3)])
    source = read_smpl_fits(tmp_path / "spin.npz", "spin", smpl=body)
    expected = [spin_pixels(*row, *size) for *row, size in zip(people.joints, people.camera, SIZES)]
    evidence = source.observe([f"x/a/{i}.jpg" for i in range(3)], [image(*s) for s in SIZES])
    assert_pixels(evidence, np.array(expected))


def test_spin_on_boxes_of_an_image(people, body, tmp_path):
    """Rotation matrices, as its network gives them; the crop is the box, twice as large."""
    center, scale = np.array([[301.0, 222.0]] * 3), np.array([0.9] * 3)
    fits = {"pred_rotmat": people.matrices, "pred_betas": people.betas}
    fits |= {"pred_camera": people.camera, "center": center, "scale": scale}
    box = np.array([[211.0, 132.0, 180.0, 180.0]] * 3)
    names = [f"{i}.jpg" for i in range(3)]
    image_size = np.array([[640, 480]] * 3)
    np.savez(tmp_path / "a.npz", **fits, imgname=names, crop_box=box, img_size=image_size)
    source = read_smpl_fits(tmp_path / "a.npz", "spin", smpl=body)
    evidence = observed(source, sizes=[(360, 360)] * 3)
    moved = (
        people.joints
        + np.stack(
            [people.camera[:, 1], people.camera[:, 2], 2 * 5000 / (224 * people.camera[:, 0])], 1
        )[:, None]
    )
    assert_pixels(evidence, (5000 * moved[..., :2] / moved[..., 2:] / 224 + 0.5) * 360)


@pytest.mark.parametrize("nested", [True, False])
def test_4d_humans_on_crops(people, body, tmp_path, nested):
    """A detection within each crop, drawn as the demo draws the full frame."""
    parts = {"global_orient": people.matrices[:, :1], "body_pose": people.matrices[:, 1:]}
    parts["betas"] = people.betas
    center, size = np.array([[30.0, 61.0], [29, 66], [70, 44]]), np.array([130.0, 128, 95])
    image_size = np.array([[width, height] for height, width in SIZES], np.float64)
    fits = {"pred_smpl_params": parts} if nested else parts
    fits = {**fits, "imgname": np.array([f"{i}.png" for i in range(3)]), "img_size": image_size}
    focal = [5000 / 256 * max(height, width) for height, width in SIZES]
    rows = zip(people.camera, center, size, image_size, focal)
    full = np.array([humans_translation(*row) for row in rows])
    moved = people.joints + full[:, None]
    expected = np.array(focal)[:, None, None] * moved[..., :2] / moved[..., 2:]
    expected += image_size[:, None] / 2
    for camera in (
        {"pred_cam": people.camera, "box_center": center, "box_size": size},
        {"pred_cam_t_full": full, "pred_cam": people.camera, "focal_length": [[5000.0] * 2] * 3},
    ):
        stored = {name: np.asarray(value) for name, value in camera.items()}
        (tmp_path / "fits.pkl").write_bytes(pickle.dumps({**fits, **stored}))
        source = read_smpl_fits(tmp_path / "fits.pkl", "4d-humans", smpl=body)
        evidence = observed(source, names=("0.png", "1.png", "2.png"))
        # The demo draws the body at another depth than its network does, where the image is not as large
        # as the box: on crops that moves no joint by half a pixel.
        assert_pixels(evidence, expected)


def test_4d_humans_in_a_frame(people, body, tmp_path):
    """Translation of a 1920x1080 frame, from which the crops were cut and made half as large."""
    center, size, frame = np.array([900.0, 500.0]), 300.0, np.array([1920.0, 1080.0])
    focal = 5000 / 256 * 1920
    full = np.array([humans_translation(c, center, size, frame, focal) for c in people.camera])
    fits = {"global_orient": people.matrices[:, :1], "body_pose": people.matrices[:, 1:]}
    fits |= {"betas": people.betas, "cam_t_full": full, "img_size": np.array([frame] * 3)}
    box = np.array([800.0, 350.0, 200.0, 300.0])
    names = [f"{i}.jpg" for i in range(3)]
    np.savez(tmp_path / "f.npz", **fits, crop_box=np.array([box] * 3), names=names)
    source = read_smpl_fits(tmp_path / "f.npz", "4d-humans", smpl=body)
    evidence = observed(source, sizes=[(150, 100)] * 3)
    moved = people.joints + full[:, None]
    expected = focal * moved[..., :2] / moved[..., 2:] + frame / 2
    assert_pixels(evidence, (expected - box[:2]) / 2)
    with pytest.raises(
        BadInput, match="image of 1920x1080, the crop has 64x128; add an array crop_box"
    ):
        del fits["cam_t_full"]
        np.savez(tmp_path / "g.npz", **fits, pred_cam=people.camera, names=names)
        observed(read_smpl_fits(tmp_path / "g.npz", "4d-humans", smpl=body))


@pytest.mark.parametrize(("method", "focal"), [("hmr", 500.0), ("spin", 5000.0)])
def test_translations_of_the_whole_crop(people, body, tmp_path, method, focal):
    full = np.array([[0.1, -0.05, focal / 60], [0.0, 0.1, focal / 70], [-0.1, 0.0, focal / 50]])
    np.savez(
        tmp_path / "a.npz",
        **{"pose": people.pose, "betas": people.betas, "pred_cam_t_full": full},
        imgname=[f"{i}.jpg" for i in range(3)],
    )
    moved = people.joints + full[:, None]
    middle = np.array([[width / 2, height / 2] for height, width in SIZES])
    expected = focal * moved[..., :2] / moved[..., 2:] + middle[:, None]
    assert_pixels(observed(read_smpl_fits(tmp_path / "a.npz", method, smpl=body)), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", ["hmr", "spin"])
def test_the_square_is_what_the_network_was_shown(method, size):
    """A dot of the image, found again in the input that the method's own code cuts."""
    height, width = size
    picture = image(height, width)
    picture[height // 3 : height // 3 + 6, width // 2 : width // 2 + 6] = 255
    if method == "hmr":
        shown, _ = hmr_input(picture)
    else:
        first, last = spin_corners(height, width)
        below = np.maximum(-first, 0), np.maximum(last - (width, height), 0)
        padded = np.pad(picture, ((below[0][1], below[1][1]), (below[0][0], below[1][0]), (0, 0)))
        start = np.maximum(first, 0)
        side = last - first
        shown = padded[start[1] : start[1] + side[1], start[0] : start[0] + side[0]]
        shown = cv2.resize(shown, (224, 224))
    weight = shown[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:224, :224] + 0.5
    dot = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    square = CONVENTIONS[method].square(height, width, {})
    there = square[:2] + dot / 224 * (square[2:] - square[:2])
    assert np.abs(there - (width // 2 + 3, height // 3 + 3)).max() < 0.5


def test_directions_and_heading_are_those_of_the_body_turned_back(people, body, tmp_path):
    theta = np.concatenate([people.camera, people.pose, people.betas], 1)
    np.savez(tmp_path / "hmr.npz", theta=theta, imgname=[f"{i}.jpg" for i in range(3)])
    evidence = observed(read_smpl_fits(tmp_path / "hmr.npz", "hmr", smpl=body))
    joints = people.joints * (1, -1, -1)
    for index, (start, end) in enumerate(BONES):
        line = joints[:, JOINT_NAMES.index(end)] - joints[:, JOINT_NAMES.index(start)]
        line /= np.linalg.norm(line, axis=1, keepdims=True)
        assert np.abs(evidence.directions[:, index] - line).max() < 1e-4
    wrong = np.angle(np.exp(1j * (evidence.heading - people.yaw)))
    assert np.abs(wrong).max() < 0.5  # the spine's own turns are in it
    assert (evidence.direction_confidence == 1).all() and (evidence.heading_confidence == 1).all()


def test_without_smpl_the_free_body_stands_at_its_mean_pelvis(people, body, tmp_path):
    theta = np.concatenate([people.camera, people.pose, people.betas], 1)
    np.savez(tmp_path / "hmr.npz", theta=theta, imgname=[f"{i}.jpg" for i in range(3)])
    (source,) = open_sources([f"hmr:{tmp_path / 'hmr.npz'}"], SourceOptions())
    zero = np.zeros((3, 10), np.float32)
    _, joints = skin(Skinning(body), pose=people.pose, betas=zero, translation=zero[:, :3])
    joints = np.asarray(joints, dtype=np.float64)
    joints += MEAN_PELVIS - joints[:, :1]
    params = [hmr_input(image(*size))[1] for size in SIZES]
    expected = np.array([hmr_pixels(*row) for row in zip(joints, people.camera, params)])
    assert_pixels(observed(source), expected, STANDIN_CONFIDENCE)


def test_of_several_people_the_one_in_the_crop_is_taken_and_an_unknown_crop_is_no_evidence(
    people, body, tmp_path
):
    camera = people.camera.copy()
    camera[0, 1], camera[2, 0] = 5.0, 0.1  # beside the crop; far away
    fits = {"camera": camera, "pose": people.pose, "betas": people.betas}
    np.savez(tmp_path / "0002_c1s1_000451_03.jpg.npz", **fits)
    source = read_smpl_fits(tmp_path, "spin", smpl=body)
    names = ["q/0002_c1s1_000451_03.jpg", "q/0002_c1s1_000451_04.jpg"]
    evidence = source.observe(names, [image(128, 64)] * 2)
    expected = spin_pixels(people.joints[1], camera[1], 128, 64)
    assert np.abs(evidence.landmarks[0, OURS] - expected[SMPLS]).max() < 0.5
    assert not evidence.confidence[1].any() and not evidence.heading_confidence[1]


def good(count: int = 2) -> dict[str, np.ndarray]:
    names = np.array([f"{i}.jpg" for i in range(count)])
    pose, camera = np.full((count, 72), 0.1), np.full((count, 3), 0.5)
    return {"pose": pose, "camera": camera, "betas": np.zeros((count, 10)), "imgname": names}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imgname": None}, "2 people and not a crop's name"),
        ({"imgname": np.array(["a.jpg"] * 2)}, "2 people and not a crop's name"),
        ({"imgname": np.array(["a.jpg"])}, "expected 2 file names"),
        ({"pose": None}, "the pose .* is missing among"),
        ({"pose": np.full((2, 71), 0.1)}, r"values of shape \(2, 71\)"),
        ({"pose": np.full((2, 24, 3, 3), 0.1)}, "no rotation in row 0"),
        ({"pose": np.tile(np.diag([1.0, 1, -1]), (2, 24, 1, 1))}, "no rotation in row 0"),
        ({"pose": np.full((2, 72), np.nan)}, "nan in row 0"),
        ({"betas": None}, "the shape is missing"),
        ({"betas": np.zeros((3, 10))}, "found 3 rows, expected 2"),
        ({"camera": None}, "the camera is missing"),
        ({"camera": np.zeros((2, 3))}, "0 in row 0, expected a scale or depth above 0"),
        ({"camera": np.full((2, 4), 0.5)}, "4 numbers a row, expected three: s, tx, ty"),
        ({"center": np.ones((2, 2))}, "center without scale"),
        ({"center": np.ones((2, 2)), "scale": np.zeros(2)}, "expected sizes above 0"),
        ({"crop_box": np.array([[0, 0, 10, 0.0]] * 2)}, "expected sizes above 0"),
        ({"img_size": np.ones(2)}, "1 numbers a row"),
    ],
)
def test_files_that_are_no_fits_are_refused(body, tmp_path, change, message):
    fits = {name: value for name, value in {**good(), **change}.items() if value is not None}
    np.savez(tmp_path / "bad.npz", **fits)
    with pytest.raises(BadInput, match=message) as caught:
        read_smpl_fits(tmp_path / "bad.npz", "spin", smpl=body)
    assert "bad.npz" in str(caught.value)


def test_requests_that_cannot_be_met_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in ("empty", "none.npz", "none.pkl"):
        with pytest.raises(BadInput, match=path):
            read_smpl_fits(tmp_path / path, "hmr")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(BadInput, match=r"expected a \.npz or \.pkl"):
        read_smpl_fits(tmp_path / "notes.txt", "hmr")
    with pytest.raises(BadInput, match="vibe: no such method; expected hmr, spin"):
        read_smpl_fits(tmp_path, "vibe")
    with pytest.raises(BadInput, match="fits as hmr:PATH"):
        open_sources(["vibe:a.npz"], SourceOptions())


class Sprung:
    """A pickle that would write a file when it is run."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_runs_nothing(tmp_path):
    fits = {**good(1), "extra": Sprung(tmp_path / "sprung")}
    (tmp_path / "0.pkl").write_bytes(pickle.dumps(fits))
    with pytest.raises(BadInput, match="is not part of"):
        read_smpl_fits(tmp_path / "0.pkl", "spin")
    assert not (tmp_path / "sprung").exists()
