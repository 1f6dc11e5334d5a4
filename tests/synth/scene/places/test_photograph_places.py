"""Photographs: horizons, floors and lenses that are known, and people put where they can stand."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from mocap.errors import BadInput
from synth.films.photograph_places import analyse_photographs, usable_places
from synth.plans.preset import Backgrounds, CameraRanges
from synth.plans.view_sampler import draw_view, view_in_place
from synth.scene.backdrop import ClipBackground
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.photograph_cameras import place_in_photograph
from synth.scene.places.background_geometry import background_flow
from synth.scene.places.horizon import estimate_camera, line_segments
from synth.scene.places.painted_place import paint_place
from synth.scene.places.photograph_analysis import (
    analyse_photograph,
    camera_of,
    exif_focal,
    horizon_of,
)
from synth.scene.places.photograph_geometry import in_photograph, inside_polygon
from synth.scene.places.scene_place import PhotographCamera, ScenePlace
from textures.visibility.camera import look_at
from textures.visibility.shading import linear_to_srgb, to_bytes

LIGHT = SphericalHarmonics((1.2, -0.4, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0))
FLOOR = PhotographCamera(
    width=640,
    height=480,
    focal=0.8,
    pitch=0.15,
    roll=0.0,
    camera_height=1.6,
    floor=((0.0, 1.0), (0.15, 0.5), (0.85, 0.5), (1.0, 1.0)),
)


def painted_photograph(seed: int, *, height: float, pitch: float, focal: float):
    """A picture of a painted room or street by a known camera."""
    forward = np.array([0.0, -np.sin(pitch), -np.cos(pitch)])
    position = np.array([0.0, height, 5.0])
    camera = look_at(position, position + forward, focal=focal * 480, height=360, width=480)
    place = paint_place(seed, ground=(0, 0, 0), reach=0.5, cameras=[camera], light=LIGHT)
    return to_bytes(linear_to_srgb(place.picture(camera)))


def test_horizons_of_painted_places_are_recovered():
    """Half of them within 3 % of the height, although neither lens nor pitch are known."""
    rng = np.random.default_rng(1)
    errors, guesses = [], []
    habit = estimate_camera(np.zeros((0, 4)))  # how people hold cameras
    for seed in range(12):
        pitch, focal = float(rng.uniform(-0.05, 0.3)), float(rng.uniform(0.7, 1.1))
        image = painted_photograph(seed, height=1.6, pitch=pitch, focal=focal)
        estimate = estimate_camera(line_segments(image))
        horizon = sum(horizon_of(480, 360, estimate.focal, estimate.pitch, estimate.roll)) / 2
        truth = sum(horizon_of(480, 360, focal, pitch, 0.0)) / 2
        errors.append(abs(horizon - truth))
        guesses.append(abs(sum(horizon_of(480, 360, habit.focal, habit.pitch, 0.0)) / 2 - truth))
    assert np.median(errors) < 0.03 < 0.5 * np.median(guesses)


def test_no_lines_leave_the_horizon_unknown():
    estimate = estimate_camera(line_segments(np.full((300, 400, 3), 90, np.uint8)))
    assert estimate.segments == 0 and np.degrees(estimate.pitch_spread) > 8


@pytest.mark.parametrize("roll", [-0.1, 0.0, 0.08])
@pytest.mark.parametrize("pitch", [-0.2, 0.3])
def test_horizon_and_camera_are_each_others_inverse(pitch, roll):
    horizon = horizon_of(800, 600, 0.9, pitch, roll)
    camera = camera_of(800, 600, 0.9, horizon, 1.6, FLOOR.floor)
    assert (camera.pitch, camera.roll) == pytest.approx((pitch, roll))
    far = np.array([[x, 0.0, -1000.0] for x in (-100.0, 0.0, 100.0)])  # level: on the horizon
    shares = in_photograph(far, camera, 0.0)
    expected = horizon[0] + (horizon[1] - horizon[0]) * shares[:, 0]
    np.testing.assert_allclose(shares[:, 1], expected, atol=1e-9)


def walk(length: float = 1.5, frames: int = 12) -> np.ndarray:
    """Joints (T+2,24,3) of somebody 1.7 m tall who glides along x."""
    joints = np.zeros((frames + 2, 24, 3))
    joints[:, :, 1] = np.linspace(0.9, 1.6, 24)
    joints[:, [7, 8, 10, 11], 1] = 0.05
    joints[:, :, 0] = np.linspace(0, length, frames + 2)[:, None]
    return joints


def standing_view(photograph: PhotographCamera, seed: int, move: str = "still"):
    rng = np.random.default_rng(seed)
    view = draw_view(rng, CameraRanges(moves={move: 1.0}))
    place = ScenePlace(photograph=photograph)
    return view_in_place(view, place, Backgrounds(), rng, height=240, width=320)


@pytest.mark.parametrize("seed", range(4))
def test_people_stand_on_the_floor_of_the_photograph_and_the_camera_where_it_was_taken(seed):
    view = standing_view(FLOOR, seed)
    joints = walk()
    placed = place_in_photograph(joints, view, FLOOR, height=240, width=320, fps=30.0)
    camera = placed.cameras[1]
    assert camera.position[1] == pytest.approx(FLOOR.camera_height)
    feet = joints[1:-1, [10, 11]].reshape(-1, 3) * (1, 0, 1)
    shares = in_photograph(feet - camera.position, FLOOR, placed.background_yaw)
    assert inside_polygon(shares, np.array(FLOOR.floor)).all()
    pixels, depth = camera.project(joints[1:-1].reshape(-1, 3))
    assert (depth > 1).all() and (pixels > 0).all() and (pixels < (320, 240)).all()
    corners = np.array([(x, y, 1.0) for x in (0, 320) for y in (0, 240)])
    rays = corners @ np.linalg.inv(camera.intrinsics).T @ camera.rotation
    rim = in_photograph(rays, FLOOR, placed.background_yaw)
    assert ((rim >= -1e-9) & (rim <= 1 + 1e-9)).all()


def test_a_photograph_turns_with_its_camera_and_flow_says_so(tmp_path):
    rng = np.random.default_rng(2)
    image = cv2.resize(
        rng.integers(0, 255, (30, 40, 3)).astype(np.uint8),
        (640, 480),
        interpolation=cv2.INTER_CUBIC,
    )
    cv2.imwrite(str(tmp_path / "p.png"), image)
    view = replace(standing_view(FLOOR, 1, "pan"), amount=0.2)
    placed = place_in_photograph(walk(), view, FLOOR, height=240, width=320, fps=30.0)
    inner = placed.cameras[1:-1]
    assert np.ptp([camera.position for camera in inner], axis=0).max() < 1e-9
    background = ClipBackground(
        background={"photograph": "p.png"},
        scene_place=ScenePlace(photograph=FLOOR),
        cameras=inner,
        ground=(0, 0, 0),
        reach=1.0,
        light=LIGHT,
        photograph_yaw=placed.background_yaw,
        photographs=tmp_path,
    )
    pictures = list(background.pictures())
    flow = background_flow(background.geometry().points(inner[3]), inner[4])
    assert np.abs(flow).max() > 2
    x, y = np.meshgrid(np.arange(320, dtype=np.float32), np.arange(240, dtype=np.float32))
    warped = cv2.remap(pictures[4], x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    middle = np.s_[20:-20, 30:-30]
    error = np.abs(warped[middle].astype(int) - pictures[3][middle]).mean()
    assert (
        error < 1.5
        and np.abs(pictures[4][middle].astype(int) - pictures[3][middle]).mean() > 4 * error
    )


def test_notes_beside_a_photograph_know_better(tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.full((300, 400, 3), 128, np.uint8))
    assert "horizon" in analyse_photograph(tmp_path / "a.jpg").unusable
    notes = {
        "horizon": [0.4, 0.4],
        "focal": 0.8,
        "camera_height": 1.2,
        "floor": [[0, 1], [0, 0.5], [1, 0.5], [1, 1]],
    }
    (tmp_path / "a.json").write_text(json.dumps(notes))
    found = analyse_photograph(tmp_path / "a.jpg")
    assert (found.horizon, found.focal, found.camera_height) == ((0.4, 0.4), 0.8, 1.2)
    assert found.focal_source == "file" and not found.unusable and found.area > 12
    (tmp_path / "a.json").write_text(json.dumps(notes | {"floor": []}))
    assert "0 square metres" in analyse_photograph(tmp_path / "a.jpg").unusable


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ('{"horizon": [0.4]}', "horizon"),
        ('{"horizont": [0.4, 0.4]}', "horizont"),
        ('{"camera_height": -1}', "camera_height"),
        ('{"focal": NaN}', "focal"),
        ("[]", "expected"),
    ],
)
def test_bad_notes_are_named_and_their_photograph_left_out(tmp_path, notes, message):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.full((60, 80, 3), 128, np.uint8))
    (tmp_path / "a.json").write_text(notes)
    with pytest.raises(BadInput, match=rf"a\.json: .*{message}"):
        analyse_photograph(tmp_path / "a.jpg")
    lines: list[str] = []
    assert analyse_photographs(tmp_path, ["a.jpg"], report=lines.append) == {}
    assert len(lines) == 1 and "a.json" in lines[0]


def test_analyses_are_remembered_until_content_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("SURREALPP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "photos"
    folder.mkdir()
    image = painted_photograph(3, height=1.6, pitch=0.15, focal=0.8)
    cv2.imwrite(str(folder / "a.png"), image[..., ::-1])
    first = analyse_photographs(folder, ["a.png"], workers=1)
    with monkeypatch.context() as context:
        context.setattr("synth.films.photograph_places.analyse_photograph", None)
        assert analyse_photographs(folder, ["a.png"], workers=1) == first
    (folder / "a.json").write_text('{"floor": []}')
    assert analyse_photographs(folder, ["a.png"], workers=1)["a.png"].floor == ()
    lines: list[str] = []
    assert usable_places(folder, ["a.png"], workers=1, report=lines.append) == {}
    assert "1 of 1 photographs show no floor" in lines[0]


def test_exif_tells_the_lens(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 27
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    assert exif_focal(tmp_path / "a.jpg") == pytest.approx(27 / 36)
    Image.new("RGB", (40, 30)).save(tmp_path / "b.jpg")
    assert exif_focal(tmp_path / "b.jpg") is None
