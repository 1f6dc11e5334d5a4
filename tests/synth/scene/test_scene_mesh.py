"""Scenes of several: what hides what, against each of them alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocap.bodies.skinning import Skinning
from synth.scene.ground_truth import ground_truth
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.occluders import OCCLUDER_PART, posed_occluder
from synth.scene.placement import MARGIN, floor_discs
from synth.scene.posed_clip import skin_figure
from synth.scene.raster import RasterRenderer
from synth.scene.scene_mesh import merged_mesh, scene_geometry
from tests.synth.crowd_clip import make_crowd

LIGHT = SphericalHarmonics((0.9, 0.2, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def crowd(body):
    return make_crowd(body)


@pytest.fixture(scope="module")
def alone(body, crowd):
    """The ground truth of each person and each occluder, without the others."""
    made, _ = crowd
    cameras, truths = made.posed_clip.cameras, []
    for figure in made.posed_clip.figures:
        vertices, joints = skin_figure(figure, Skinning(body))
        truths.append(ground_truth(vertices, joints, body, cameras))
    for occluder in made.posed_clip.occluders:
        mesh, vertices = posed_occluder(occluder, len(made.posed_clip), ends=made.posed_clip.ends)
        nobody = np.zeros((len(vertices), 24, 3))
        truths.append(ground_truth(vertices, nobody, mesh, cameras))
    return truths


def test_one_body_is_its_own_mesh(body, crowd):
    made, _ = crowd
    single = replace(made.posed_clip, companions=(), occluders=())
    scene = scene_geometry(single, [(body, Skinning(body))])
    assert scene.mesh is body.mesh and merged_mesh([body.mesh]) is body.mesh
    assert scene.mesh.face_instances is None and scene.mesh.instances == 1


def test_every_channel_is_that_of_the_nearest(crowd, alone):
    made, _ = crowd
    truth = made.truth
    depths = np.stack([each.depth for each in alone])
    nearest = depths.argmin(axis=0)
    covered = np.isfinite(depths.min(axis=0))
    np.testing.assert_array_equal(truth.instances, np.where(covered, nearest + 1, 0))
    assert truth.people == 3 and set(np.unique(truth.instances)) == {0, 1, 2, 3, 4, 5}
    hidden = sum(np.isfinite(depth) for depth in depths) > 1
    assert hidden.sum() > 200  # there is something to hide
    for name in ("depth", "parts", "normals", "flow_forward", "flow_backward", "uv"):
        each = np.stack([getattr(one, name) for one in alone])
        index = nearest[None] if each.ndim == 4 else nearest[None, ..., None]
        expected = np.take_along_axis(each, index, axis=0)[0]
        np.testing.assert_allclose(getattr(truth, name), expected, atol=1e-5, err_msg=name)
    assert (truth.parts[truth.instances > 3] == OCCLUDER_PART).all()


def test_joints_are_hidden_by_others_and_by_nothing_else(crowd, alone):
    made, scene = crowd
    truth = made.truth
    alone_visible = np.concatenate([one.joints_visible for one in alone[:3]], axis=1)
    assert truth.joints_visible.shape == (4, 72)
    assert not (truth.joints_visible & ~alone_visible).any()
    lost = alone_visible & ~truth.joints_visible
    assert lost.any()
    frame, joint = np.nonzero(lost)
    column, row = np.floor(truth.joints2d[frame, joint]).astype(int).T
    around = [
        truth.instances[frame, (row + dy).clip(0, 239), (column + dx).clip(0, 319)]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    assert (np.stack(around) != joint // 24 + 1).any(axis=0).all()
    np.testing.assert_allclose(truth.joints3d, scene.joints[1:-1])


def test_occlusion_to_the_next_frame_counts_others(crowd, alone):
    """A point that somebody else will hide is occluded, though its own body does not hide it."""
    made, _ = crowd
    own = np.stack([one.occlusion_forward for one in alone])
    index = (made.truth.instances.astype(int) - 1).clip(0)[None]
    own = np.take_along_axis(own, index, axis=0)[0]
    assert not (own & ~made.truth.occlusion_forward & made.truth.mask).any()
    assert (made.truth.occlusion_forward & ~own).any()


def test_people_keep_their_distance_and_the_camera_shows_all(crowd):
    made, scene = crowd
    for number in range(1, 3):
        others = scene.joints[:, : 24 * number]
        person = scene.joints[:, 24 * number : 24 * number + 24]
        assert floor_discs(others).gap(floor_discs(person)) > MARGIN - 1e-4
    assert made.truth.joints_inside.all()
    for figure_vertices in np.split(scene.vertices[:, : 3 * (scene.vertices.shape[1] // 3)], 1):
        assert abs(figure_vertices[1:-1, :, 1].min()) < 0.02  # on the floor


def test_each_shows_its_own_texture_where_it_is_seen(body, crowd):
    """Coverage is everybody's together; colours are those of each one's texture."""
    made, scene = crowd
    row = made.row
    renderer = RasterRenderer(scene.mesh, height=row.height, width=row.width, samples=5)
    colours = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)])
    for instance, colour in enumerate(colours, 1):
        texture = np.full((4, 4, 3), colour, np.uint8)
        renderer.set_texture(texture, instance=instance)
    renderer.set_light(LIGHT)
    renderer.set_camera(made.posed_clip.cameras[1])
    picture = renderer.render(scene.vertices[1])
    instances = made.truth.instances[0]
    for instance, colour in enumerate(colours, 1):
        seen = picture.rgba[..., :3][(instances == instance) & (picture.body > 0.99)]
        off = seen[:, colour == 0].sum(axis=1) > 0.2 * np.maximum(seen.sum(axis=1), 1e-6)
        assert len(seen) > 50 and off.mean() < 0.2  # edges between two mix
    with pytest.raises(ValueError, match="instance 6: the mesh has 1 to 5"):
        renderer.set_texture(np.zeros((4, 4, 3), np.uint8), instance=6)


def test_a_scene_that_lacks_a_texture_is_not_rendered(crowd):
    _, scene = crowd
    renderer = RasterRenderer(scene.mesh, height=240, width=320)
    renderer.set_texture(np.zeros((4, 4, 3), np.uint8))
    renderer.set_light(LIGHT)
    renderer.set_camera(crowd[0].posed_clip.cameras[1])
    with pytest.raises(ValueError, match="texture"):
        renderer.render(scene.vertices[1])


def test_an_end_that_one_person_lacks_is_repeated_by_all(body):
    made, scene = make_crowd(body, start=0)
    assert made.posed_clip.ends == (False, True)
    np.testing.assert_array_equal(scene.vertices[0], scene.vertices[1])
    assert not made.truth.flow_backward[0].any()
    assert made.truth.flow_backward[1].any()
