"""Blender against our own arithmetic: camera, light, texture, and every channel of the ground truth."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from synth.garments.clothing import ClothesDraw
from synth.scene.blender import BlenderError, BlenderRenderer, quiet
from synth.scene.blender_materials import irradiance_form
from synth.scene.dressed_figure import figure_geometry
from synth.scene.ground_truth import ground_truth
from synth.scene.lights.spherical_harmonics import SphericalHarmonics, sample_coefficients
from synth.scene.occluders import OCCLUDER_KINDS, OCCLUDER_PART, Occluder, posed_occluder
from synth.scene.picture import composite, covered_box
from synth.scene.posed_clip import PosedFigure
from synth.scene.raster import RasterRenderer
from synth.scene.renderer import RenderHardware
from synth.scene.scene_mesh import merged_mesh
from textures.visibility.buffer import visibility
from textures.visibility.camera import look_at
from textures.visibility.shading import render_textured, sh_irradiance

pytestmark = pytest.mark.needs("bpy")

LIGHT = np.array([0.9, -0.3, 0.2, 0.1, 0.1, 0.2, -0.1, 0.3, 0.1])


def test_light_is_the_shading_rooms():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(500, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for _ in range(5):
        coefficients = sample_coefficients(rng)
        quadratic, linear = irradiance_form(coefficients)
        ours = np.einsum("ni,ij,nj->n", normals, quadratic, normals) + normals @ linear
        expected = sh_irradiance(normals, coefficients)
        np.testing.assert_allclose(np.maximum(ours, 0), expected, atol=1e-9)
        assert (expected == 0).any() or (ours > 0).all()


def test_composite_keeps_the_background_and_mixes_in_linear_light():
    background = np.random.default_rng(1).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    picture = np.zeros((4, 5, 4), np.float32)
    assert np.array_equal(composite(picture, background), background)
    picture[0, 0] = (1, 0, 0, 1)
    picture[1, 1] = (0.5, 0.5, 0.5, 0.5)  # half white over black is linear 0.5, encoded 188
    background[1, 1] = 0
    out = composite(picture, background)
    assert out[0, 0].tolist() == [255, 0, 0]
    assert out[1, 1].tolist() == [188, 188, 188]


def test_covered_box_holds_every_covered_pixel(body):
    camera = look_at(
        np.array([1.0, 1.5, 7.0]), np.array([0.5, 0.2, 0.0]), focal=600, width=320, height=240
    )
    left, top, right, bottom = covered_box(body.template, camera)
    covered = visibility(body.template, body.faces, camera).covered
    rows, columns = np.nonzero(covered)
    assert left <= columns.min() - 2 and columns.max() + 2 < right
    assert top <= rows.min() - 2 and rows.max() + 2 < bottom
    assert right - left < np.ptp(columns) + 12 and bottom - top < np.ptp(rows) + 12
    assert covered_box(body.template + np.array([9.0, 0, 0]), camera) is None
    assert covered_box(body.template - np.array([0, 0, -20.0]), camera) is None


def test_what_blender_says_on_stderr_is_raised_and_its_chatter_swallowed(capfd):
    with quiet():
        os.write(1, b"Fra:1 Mem:20M\n")
        os.write(2, b"a remark\n")
    with pytest.raises(BlenderError, match="image file missing"), quiet():
        os.write(2, b"Error: image file missing\n")
    assert capfd.readouterr().out == ""


def asymmetric_texture(size: int = 256) -> np.ndarray:
    """No mirror image of this is itself: a gradient either way, and smooth, as sampling may differ."""
    x, y = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size))
    return np.rint(255 * np.stack([x, y, 0.3 + 0.4 * x * y], axis=-1)).astype(np.uint8)


def strip() -> Mesh:
    """A square facing +z, 2 m wide, its UVs upright: u to the right (+x), v up (+y)."""
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(
        name="square",
        uv_layout="square",
        vertices=np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32),
        faces=faces,
        uv=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
        uv_faces=faces,
        face_parts=np.ones(2, np.uint8),
    )


@pytest.fixture
def texture_file(tmp_path):
    path = tmp_path / "texture.png"
    cv2.imwrite(str(path), asymmetric_texture()[..., ::-1])
    return path


@pytest.mark.slow
def test_a_square_is_where_the_camera_says_upright_and_not_mirrored(texture_file):
    square = strip()
    camera = look_at(
        np.array([0.0, 0.0, 8.0]),
        np.zeros(3),
        focal=600,
        width=320,
        height=240,
        principal=(150, 110),
    )
    flat = np.zeros(9)
    flat[0] = 1 / 0.886227  # irradiance 1 whatever the normal
    with BlenderRenderer(square, samples=16) as renderer:
        renderer.set_texture(texture_file)
        renderer.set_light(SphericalHarmonics(flat))
        renderer.set_camera(camera)
        picture = renderer.render(square.vertices)
        again = renderer.render(square.vertices)
    assert np.array_equal(picture.rgba, again.rgba)
    assert np.array_equal(picture.body, picture.rgba[..., 3])
    # 2 m at 8 m with f = 600 are 150 px, about the principal point (150, 110).
    alpha = picture.body
    assert alpha.sum() == pytest.approx(150 * 150, rel=2e-3)
    rows, columns = np.nonzero(alpha > 0.5)
    assert (columns.min(), columns.max() + 1) == (75, 225)
    assert (rows.min(), rows.max() + 1) == (35, 185)
    image = composite(picture.rgba, np.zeros((240, 320, 3), np.uint8))
    inner = image[45:175, 85:215].astype(int)
    shown = cv2.resize(asymmetric_texture(), (150, 150), interpolation=cv2.INTER_AREA)
    assert np.abs(inner - shown[10:140, 10:140]).max() <= 3


def moving_body(body, rng):
    """Three neighbouring frames of a random body in a random pose, and a random camera."""
    pose = np.repeat(rng.normal(0, 0.25, (1, 72)), 3, axis=0)
    pose[:, :3] = rng.normal(0, 0.6, 3)
    pose = pose + np.arange(-1, 2)[:, None] * rng.normal(0, 0.04, (1, 72))
    translation = np.arange(-1, 2)[:, None] * rng.normal(0, 0.03, (1, 3))
    vertices, joints = skin(
        Skinning(body), pose=pose, betas=rng.normal(0, 0.7, 10), translation=translation
    )
    direction = rng.normal(size=3) * [1, 0.4, 1]
    target = joints[1].mean(axis=0)
    camera = look_at(
        target + rng.uniform(3.5, 8) * direction / np.linalg.norm(direction),
        target + rng.normal(0, 0.1, 3),
        focal=rng.uniform(300, 600),
        width=320,
        height=240,
        principal=(160 + rng.uniform(-15, 15), 120 + rng.uniform(-15, 15)),
        roll=rng.normal(0, 0.3),
    )
    return vertices, joints, camera


def away_from_outlines(truth) -> np.ndarray:
    """Pixels of the body whose neighbours are all on the body and at about the same depth."""
    depth = np.where(np.isinf(truth.depth[0]), 1e3, truth.depth[0])
    kernel = np.ones((3, 3), np.uint8)
    spread = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
    return truth.mask[0] & (spread < 0.05)


def parity(truth, theirs) -> dict[str, np.ndarray]:
    """How far a frame's labels are from Blender's, at every pixel where both see the body."""
    both = truth.mask[0] & np.isfinite(theirs["depth"])
    ours, blenders = (
        np.asarray(normals, np.float64)[both] for normals in (truth.normals[0], theirs["normals"])
    )
    sine = np.linalg.norm(np.cross(ours, blenders), axis=1)
    flows = [
        np.linalg.norm(getattr(truth, name)[0] - theirs[name], axis=-1)[both]
        for name in ("flow_forward", "flow_backward")
    ]
    return {
        "depth, mm": 1e3 * np.abs(truth.depth[0][both] - theirs["depth"][both]),
        "parts that differ, %": 100.0 * (truth.parts[0] != theirs["parts"])[both],
        "flow, px": np.concatenate(flows),
        "normals, degrees": np.degrees(np.arctan2(sine, (ours * blenders).sum(axis=1))),
        "mask, pixels": np.array([(truth.mask[0] != np.isfinite(theirs["depth"])).sum()]),
    }


@pytest.mark.slow
def test_ground_truth_is_blenders(body, texture_file):
    """Twenty scenes of random poses, shapes and cameras, each a deforming mesh of three frames.

    Asked for: depth within 1 mm, parts on 99.5 %, flow within 0.05 px, normals within 1 degree.
    Every pixel that both see is compared, on outlines too. With -s the figures are shown.
    """
    figures: dict[str, list[np.ndarray]] = {}
    speed = []
    with BlenderRenderer(body.mesh, samples=1) as renderer:
        renderer.set_texture(texture_file)
        renderer.set_light(SphericalHarmonics(LIGHT))
        for seed in range(20):
            vertices, joints, camera = moving_body(body, np.random.default_rng(seed))
            truth = ground_truth(vertices, joints, body, [camera] * len(vertices))
            renderer.set_camera(camera)
            for name, values in parity(truth, renderer.passes(vertices)[1]).items():
                figures.setdefault(name, []).append(values)
            flow = truth.flow_forward[0][truth.mask[0]]
            assert len(flow) > 500
            speed.append(np.linalg.norm(flow, axis=1).max())
    assert min(speed) > 1  # there is something to measure
    worst = {name: max(values.max() for values in each) for name, each in figures.items()}
    for name, each in figures.items():
        every = np.concatenate(each)
        percentiles = ", ".join(
            f"{share:g} %: {np.percentile(every, share):.2g}" for share in (95, 99)
        )
        print(f"{name}: worst {worst[name]:.2g}, mean {every.mean():.2g}, {percentiles}")
    assert worst["depth, mm"] < 0.5
    assert max(values.mean() for values in figures["parts that differ, %"]) < 0.05
    assert worst["flow, px"] < 0.01
    # Where two surfaces pass through each other, single pixels see the other one.
    degrees = np.concatenate(figures["normals, degrees"])
    print(f"{(degrees > 1).sum()} of {len(degrees):,} normals are more than 1 degree off")
    assert (degrees > 1).sum() <= 3
    assert np.percentile(np.concatenate(figures["normals, degrees"]), 99) < 0.05
    assert worst["mask, pixels"] <= 3


def moving_crowd(body, rng):
    """Three random people in each other's way and two occluders before them: a scene of three frames."""
    meshes, vertices, joints = [], [], []
    for number in range(3):
        place = np.array([0.5 * (number - 1), 0.0, 0.6 * rng.normal()])
        person, theirs, _ = moving_body(body, rng)
        turn = Rotation.from_rotvec([0, rng.uniform(0, 6), 0])
        middle = theirs[1].mean(axis=0)
        meshes.append(body.mesh)
        vertices.append(turn.apply((person - middle).reshape(-1, 3)).reshape(person.shape) + place)
        joints.append(turn.apply((theirs - middle).reshape(-1, 3)).reshape(theirs.shape) + place)
    for kind in rng.choice(OCCLUDER_KINDS, 2, replace=False):
        x, z = rng.uniform(-0.8, 0.8), rng.uniform(0.8, 1.5)
        occluder = Occluder(
            kind=str(kind),
            seed=int(rng.integers(1000)),
            size=(rng.uniform(0.1, 0.4), rng.uniform(0.5, 1.5), rng.uniform(0.1, 0.4)),
            turn=rng.uniform(0, 6),
            start=(x - 0.1, z),
            end=(x + 0.1, z),
        )
        mesh, moved = posed_occluder(occluder, 1, ends=(True, True))
        meshes.append(mesh)
        vertices.append(moved + np.array([0, -0.9, 0]))
    camera = look_at(
        np.array([rng.normal(0, 0.5), rng.normal(0.2, 0.4), rng.uniform(5, 7)]),
        rng.normal(0, 0.1, 3),
        focal=rng.uniform(400, 550),
        width=320,
        height=240,
        roll=rng.normal(0, 0.2),
    )
    return merged_mesh(meshes), np.concatenate(vertices, 1).astype(np.float32), joints, camera


@pytest.mark.slow
def test_ground_truth_of_a_crowd_is_blenders(body):
    """Twenty scenes of three people and two occluders, as of one body; with -s figures are shown.

    People pass through each other and through occluders here, which those of films do not.
    """
    figures: dict[str, list[np.ndarray]] = {}
    texture = asymmetric_texture(64)
    several = 0
    for seed in range(20):
        mesh, vertices, joints, camera = moving_crowd(body, np.random.default_rng(100 + seed))
        truth = ground_truth(vertices, np.concatenate(joints, axis=1), mesh, [camera] * 3)
        with BlenderRenderer(mesh, samples=1) as renderer:
            for instance in range(1, mesh.instances + 1):
                renderer.set_texture(texture, instance=instance)
            renderer.set_light(SphericalHarmonics(LIGHT))
            renderer.set_camera(camera)
            for name, values in parity(truth, renderer.passes(vertices)[1]).items():
                figures.setdefault(name, []).append(values)
        several += len(np.unique(truth.instances)) >= 5
        assert OCCLUDER_PART in truth.parts
    assert several >= 15  # background and four at the least
    for name, each in figures.items():
        every = np.concatenate(each)
        print(
            f"{name}: worst {every.max():.2g}, mean {every.mean():.2g}, "
            f"99 % {np.percentile(every, 99):.2g}, 99.9 % {np.percentile(every, 99.9):.2g}"
        )
    every = {name: np.concatenate(each) for name, each in figures.items()}
    print(
        f"{(every['normals, degrees'] > 1).sum()} of {len(every['normals, degrees']):,} normals off"
    )
    assert every["depth, mm"].max() < 0.5
    assert every["parts that differ, %"].mean() < 0.05
    assert every["flow, px"].max() < 0.01
    assert (every["normals, degrees"] > 1).sum() <= 3
    assert np.percentile(every["normals, degrees"], 99) < 0.05
    assert every["mask, pixels"].max() <= 3


@pytest.mark.slow
def test_ground_truth_of_clothes_is_blenders(body):
    """Dressed people in random poses; where cloth and skin cross, single pixels may see the other one."""
    figures: dict[str, list[np.ndarray]] = {}
    wardrobe = (
        ("dress", "shoes", "hair"),
        ("coat", "trousers", "backpack", "hat"),
        ("hood", "skirt", "bag", "hair"),
    )
    for seed in range(6):
        rng = np.random.default_rng(200 + seed)
        pose = np.repeat(rng.normal(0, 0.2, (1, 72)), 3, axis=0)
        pose = pose + np.arange(-1, 2)[:, None] * rng.normal(0, 0.03, (1, 72))
        figure = PosedFigure(
            pose=pose.astype(np.float32),
            translation=(np.arange(-1, 2)[:, None] * rng.normal(0, 0.03, (1, 3))).astype(
                np.float32
            ),
            betas=rng.normal(0, 0.7, 10).astype(np.float32),
            clothes=ClothesDraw(pieces=wardrobe[seed % 3], seed=seed, swing=True),
        )
        geometry = figure_geometry(figure, body, Skinning(body), texture_size=64, fps=30.0)
        mesh = geometry.shaded_mesh
        angle = rng.uniform(0, 6)
        camera = look_at(
            geometry.joints[1, 0] + 6 * np.array([np.sin(angle), 0.2, np.cos(angle)]),
            geometry.joints[1, 0],
            focal=500,
            width=320,
            height=240,
        )
        truth = ground_truth(geometry.vertices, geometry.joints, geometry.mesh, [camera] * 3)
        assert (truth.face >= len(body.faces)).sum() > 1000
        with BlenderRenderer(mesh, samples=1) as renderer:
            renderer.set_texture(asymmetric_texture(64))
            renderer.set_light(SphericalHarmonics(LIGHT))
            renderer.set_camera(camera)
            for name, values in parity(truth, renderer.passes(geometry.vertices)[1]).items():
                figures.setdefault(name, []).append(values)
    every = {name: np.concatenate(each) for name, each in figures.items()}
    for name, values in every.items():
        print(
            f"{name}: worst {values.max():.2g}, mean {values.mean():.2g}, "
            f"99.9 % {np.percentile(values, 99.9):.2g}"
        )
    degrees = every["normals, degrees"]
    print(f"{(degrees > 1).sum()} of {len(degrees):,} normals are more than 1 degree off")
    assert every["depth, mm"].max() < 0.5
    assert every["parts that differ, %"].mean() < 0.05
    assert every["flow, px"].max() < 0.01
    assert (degrees > 1).sum() <= 3 and np.percentile(degrees, 99) < 0.05
    assert every["mask, pixels"].max() <= 3


@pytest.mark.slow
def test_each_of_several_shows_its_own_texture(body):
    """The two engines show the same scene of three people and an occluder, each in another colour."""
    mesh, vertices, _, camera = moving_crowd(body, np.random.default_rng(3))
    pictures = []
    with BlenderRenderer(mesh, samples=64) as blender:
        for renderer in (blender, RasterRenderer(mesh, height=240, width=320, samples=17)):
            for instance in range(1, mesh.instances + 1):
                colour = np.random.default_rng(instance).integers(40, 255, 3)
                texture = np.broadcast_to(colour, (8, 8, 3)).astype(np.uint8)
                renderer.set_texture(texture, instance=instance)
            renderer.set_light(SphericalHarmonics(LIGHT))
            renderer.set_camera(camera)
            pictures.append(
                composite(renderer.render(vertices[1]).rgba, np.zeros((240, 320, 3), np.uint8))
            )
        with pytest.raises(ValueError, match="instance 0: the mesh has 1 to 5"):
            blender.set_texture(texture, instance=0)
    difference = np.abs(pictures[0].astype(int) - pictures[1])
    assert difference.mean() < 0.3 and (difference.max(axis=-1) > 30).mean() < 0.002


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_pictures_are_those_of_the_visibility_buffer(body, seed, texture_file):
    vertices, joints, camera = moving_body(body, np.random.default_rng(seed))
    inner = away_from_outlines(ground_truth(vertices, joints, body, [camera] * len(vertices)))
    assert inner.sum() > 500
    with BlenderRenderer(body.mesh, samples=1) as renderer:
        renderer.set_texture(texture_file)
        renderer.set_light(SphericalHarmonics(LIGHT))
        renderer.set_camera(camera)
        picture = renderer.render(vertices[1], point_sampled=True)
    background = np.full((240, 320, 3), 90, np.uint8)
    image = composite(picture.rgba, background)
    ours, _ = render_textured(
        visibility(vertices[1], body.faces, camera),
        body.mesh,
        vertices[1],
        cv2.imread(str(texture_file))[..., ::-1],
        position=camera.position,
        coefficients=LIGHT,
        background=background,
    )
    difference = np.abs(image.astype(int) - ours)[inner]
    assert difference.mean() < 0.05


@pytest.mark.slow
def test_what_cannot_be_rendered_is_refused(body, tmp_path):
    square = strip()
    with pytest.raises(BadInput, match="--device abacus: expected one of cpu"):
        BlenderRenderer(square, hardware=RenderHardware(device="abacus"))
    with pytest.raises(BadInput, match="--device metal: Blender finds no METAL device"):
        BlenderRenderer(square, hardware=RenderHardware(device="metal"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not an image")
    with BlenderRenderer(square) as renderer:
        with pytest.raises(BadInput, match=r"broken\.png: not an image"):
            renderer.set_texture(broken)
        with pytest.raises(ValueError, match="camera"):
            renderer.render(square.vertices)
        camera = look_at(np.array([0, 0, 8.0]), np.zeros(3), focal=600, width=160, height=120)
        with pytest.raises(ValueError, match="160x120"):
            renderer.set_camera(camera)
