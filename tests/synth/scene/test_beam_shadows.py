"""Shadows by maps against geometry, and the raster engine's lights against Cycles'."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning
from synth.scene.beam_shadows import ShadowCaster
from synth.scene.blender import BlenderRenderer
from synth.scene.cast_shadow import shadow_patch
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.beams import light_beams
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import direction
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky
from synth.scene.picture import composite
from synth.scene.posed_clip import skin_clip
from synth.scene.raster import RasterRenderer
from tests.synth.film_clip import make_clip
from textures.visibility.camera import look_at
from textures.visibility.vertex_normals import normals_at

GROUND = np.zeros(3)


def board(height: float, *, half: float = 0.4) -> Mesh:
    """A level board `height` metres above the floor, of many small faces."""
    steps = np.linspace(-half, half, 17)
    x, z = np.meshgrid(steps, steps, indexing="ij")
    vertices = np.stack([x, np.full_like(x, height), z], axis=-1).reshape(-1, 3)
    corner = np.arange(17 * 17).reshape(17, 17)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    faces = np.concatenate(
        [np.stack([a, b, c], axis=-1).reshape(-1, 3), np.stack([a, c, d], axis=-1).reshape(-1, 3)]
    ).astype(np.int32)
    return Mesh(
        name="board",
        uv_layout="none",
        vertices=vertices.astype(np.float32),
        faces=faces,
        uv=np.zeros((3, 2), np.float32),
        uv_faces=np.zeros((len(faces), 3), np.int32),
        face_parts=np.ones(len(faces), np.uint8),
    )


def camera(focal: float = 300):
    return look_at(np.array([0.0, 6.0, 6.0]), (0, 0, 0), focal=focal, width=320, height=240)


def floor_of(mesh: Mesh, light) -> np.ndarray:
    view = camera()
    patch = shadow_patch(light, mesh.vertices, GROUND)
    shone = ShadowCaster(mesh).light(
        mesh.vertices,
        light_beams(light, GROUND),
        normals=None,
        patch=patch,
        camera=view,
        box=(0, 0, 320, 240),
    )
    return shone.floor


def shadow_at(shadow: np.ndarray, x: float, z: float) -> float:
    (column, row), _ = camera().project(np.array([[x, 0.0, z]]))[0][0], None
    return float(shadow[int(row), int(column)])


@pytest.mark.parametrize("azimuth", [0.3, 1.9, 4.0])
def test_a_suns_shadow_lies_where_its_beam_throws_it(azimuth):
    sun = SunSky(elevation=0.9, azimuth=azimuth, strength=1.0, sky=0.0)
    shadow = floor_of(board(1.0), sun)
    beam = direction(azimuth, 0.9)
    x, z = -beam[[0, 2]] / beam[1]  # of the board's middle, from a metre up
    for dx, dz in ((0, 0), (0.33, 0), (-0.33, 0.33), (0.3, -0.3)):
        assert shadow_at(shadow, x + dx, z + dz) > 0.97
    for dx, dz in ((0.48, 0), (0, -0.48), (-0.48, 0.48)):
        assert shadow_at(shadow, x + dx, z + dz) < 0.03
    assert shadow_at(shadow, -x, -z) < 0.03
    # As many square metres as the board has, seen in the picture.
    corners = camera().project(
        np.array(
            [[x + a, 0.0, z + b] for a, b in ((-0.4, -0.4), (0.4, -0.4), (0.4, 0.4), (-0.4, 0.4))]
        )
    )[0]
    area = cv2.contourArea(corners.astype(np.float32))
    assert shadow.sum() == pytest.approx(area, rel=0.03)


def test_a_wide_sun_has_a_wider_edge_the_higher_the_board():
    def edge(height):
        light = SunSky(elevation=np.pi / 2, azimuth=0.0, strength=1.0, sky=0.0, angle=0.15)
        shadow = floor_of(board(height), light)
        line = [shadow_at(shadow, x, 0.0) for x in np.linspace(0.0, 0.8, 81)]
        return 0.01 * sum(0.1 < value < 0.9 for value in line), line

    (near, below), (far, above) = edge(0.2), edge(1.5)
    assert far > 2.5 * near
    for line in (below, above):  # the same middle of the edge
        assert (
            line[0] > 0.95
            and line[-1] < 0.02
            and abs(0.01 * np.argmin(np.array(line) > 0.5) - 0.4) < 0.06
        )
    assert far == pytest.approx(0.15 * 1.5 * 0.7, rel=0.45)


def test_a_lamps_shadow_is_larger_than_what_throws_it():
    lamp = Lamp(azimuth=0.0, elevation=np.pi / 2, distance=1.1, size=0.05, strength=1.0)
    shadow = floor_of(
        board(1.0, half=0.2), AreaLamps((lamp,), ambient=0.0)
    )  # the lamp hangs at 2 m
    line = np.array([shadow_at(shadow, x, 0.0) for x in np.linspace(0.0, 0.8, 81)])
    assert 0.01 * np.argmin(line > 0.5) == pytest.approx(0.4, abs=0.04)  # twice as large


def test_a_level_board_sees_the_whole_sky_and_what_it_covers_sees_less():
    lower, upper = board(0.5), board(0.6, half=0.6)
    mesh = Mesh(
        name="boards",
        uv_layout="none",
        vertices=np.concatenate([lower.vertices, upper.vertices]),
        faces=np.concatenate([lower.faces, upper.faces + len(lower.vertices)]).astype(np.int32),
        uv=lower.uv,
        uv_faces=np.zeros((2 * len(lower.faces), 3), np.int32),
        face_parts=np.ones(2 * len(lower.faces), np.uint8),
    )
    light = SphericalHarmonics((1.0, *[0.0] * 8), contact=1.0)
    normals = normals_at(mesh.vertices, mesh.faces, np.ones(len(mesh.vertices), np.bool_))
    assert (normals[:, 1] > 0.99).all()
    shone = ShadowCaster(mesh).light(
        mesh.vertices,
        light_beams(light, GROUND),
        normals=normals,
        patch=shadow_patch(light, mesh.vertices, GROUND),
        camera=camera(),
        box=(0, 0, 320, 240),
    )
    openness = shone.openness(1.0)
    half = len(lower.vertices)
    middle = np.abs(lower.vertices[:, [0, 2]]).max(axis=1) < 0.2
    assert openness[half:].min() > 0.999
    assert openness[:half][middle].max() < 0.35
    assert (shone.openness(0.0) == 1).all()
    np.testing.assert_allclose(shone.openness(0.5), 0.5 + 0.5 * openness, atol=1e-9)
    assert shone.floor.min() >= 0 and shone.floor.max() <= 1 and shone.floor.max() > 0.5


def test_harmonics_darken_the_floor_about_the_feet_and_by_no_more_than_asked(body, tmp_path):
    clip = make_clip(body, frames=2, layout="compact")
    vertices, _ = skin_clip(clip.posed_clip, Skinning(body))
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((8, 8, 3), 128, np.uint8))
    coefficients = (0.9, -0.3, 0.2, 0.1, 0.1, 0.2, -0.1, 0.3, 0.1)
    pictures = {}
    with RasterRenderer(body.mesh) as renderer:
        renderer.set_texture(tmp_path / "grey.png")
        renderer.set_camera(clip.posed_clip.cameras[1])
        for contact in (0.0, 0.5, 1.0):
            light = SphericalHarmonics(coefficients, contact=contact)
            ground = vertices[1].mean(axis=0) * (1, 0, 1)
            renderer.set_light(light, ground=ground)
            pictures[contact] = renderer.render(vertices[1])
    plain, half, whole = pictures.values()
    assert np.array_equal(plain.rgba[..., 3], plain.body)
    assert np.array_equal(plain.body, half.body) and np.array_equal(plain.body, whole.body)
    shadow = whole.rgba[..., 3] - whole.body
    np.testing.assert_allclose(half.rgba[..., 3] - half.body, shadow / 2, atol=1e-5)
    assert shadow.max() > 0.12
    rows = np.nonzero(plain.body.max(axis=1) > 0.5)[0]
    assert np.nonzero(shadow.max(axis=1) > 0.1)[0].min() > rows[len(rows) // 2]  # below the waist
    inside = plain.body > 0.99
    bright = [p.rgba[inside, 0] for p in (plain, half, whole)]
    assert bright[0].mean() > bright[1].mean() > bright[2].mean() > 0.5 * bright[0].mean()


@pytest.mark.slow
@pytest.mark.needs("bpy")
@pytest.mark.parametrize("kind", ["sun", "lamps", "environment"])
def test_the_raster_engine_shows_what_cycles_shows(body, tmp_path, kind):
    clip = make_clip(body, frames=2, layout="compact")
    vertices, _ = skin_clip(clip.posed_clip, Skinning(body))
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((8, 8, 3), 170, np.uint8))
    picture = np.full((64, 128, 3), 1.0, np.float32)
    picture[14:18, 60:64] = 150.0
    cv2.imwrite(str(tmp_path / "sky.hdr"), picture)
    lamp = Lamp(
        azimuth=clip.posed_clip.yaw + 0.9, elevation=0.6, distance=3.5, size=0.8, strength=0.9
    )
    light = {
        "sun": SunSky(0.8, clip.posed_clip.yaw + 0.8, 0.9, sky=0.5),
        "lamps": AreaLamps((lamp,), ambient=0.3),
        "environment": Environment(str(tmp_path / "sky.hdr"), clip.posed_clip.yaw + 0.5, 0.8),
    }[kind]
    ground = vertices[1].mean(axis=0) * (1, 0, 1)
    plate = np.full((240, 320, 3), 128, np.uint8)
    frames = []
    for engine, samples in ((RasterRenderer, 5), (BlenderRenderer, 65)):  # 65: not denoised
        with engine(body.mesh, samples=samples) as renderer:
            renderer.set_texture(tmp_path / "grey.png")
            renderer.set_camera(clip.posed_clip.cameras[1])
            renderer.set_light(light, ground=ground)
            shown = renderer.render(vertices[1], seed=1)
            frames.append(composite(shown.rgba, plate).astype(float))
            inside = cv2.erode((shown.body > 0.99).astype(np.uint8), np.ones((3, 3))) > 0
    difference = (frames[0] - frames[1])[inside]
    assert np.sqrt((difference**2).mean()) < 5 and abs(difference.mean()) < 3.5  # levels of 255
    assert np.corrcoef(frames[0][inside, 0], frames[1][inside, 0])[0, 1] > 0.95
