"""Faces that are nobody's: what tells one face from another does not reach the texture."""

from __future__ import annotations

import numpy as np
import pytest

from textures.harvest.faces import anonymous_face, face_texels
from textures.harvest.harvest import harvest
from textures.harvest.harvester import Harvester
from textures.harvest.skin import skin_of_light
from textures.library import read_library
from textures.methods import METHODS
from textures.texture_method import load_method
from textures.visibility.texel_geometry import texel_geometry

SIZE = 128


@pytest.fixture(scope="module")
def head(body):
    geometry = texel_geometry(body.mesh, SIZE)
    return geometry, face_texels(geometry, body)


def painted_face(geometry, tone, seed):
    """A person of one skin tone whose face has marks of its own."""
    texture = np.full((SIZE, SIZE, 3), tone, np.float32)
    rng = np.random.default_rng(seed)
    marks = rng.random((SIZE // 2, SIZE // 2)) < 0.2
    return np.where(np.kron(marks, np.ones((2, 2)))[..., None] > 0, texture * 0.4, texture)


def test_two_people_of_one_skin_tone_get_faces_that_hardly_differ(body, head):
    geometry, face = head
    tone = skin_of_light(np.array((190.0, 150.0, 120.0)))
    faces = [painted_face(geometry, tone, seed) for seed in (1, 2)]
    made = [anonymous_face(texture, geometry.head, face) for texture in faces]
    before = np.abs(faces[0] - faces[1])[face].mean()
    assert np.abs(made[0] - made[1])[face].mean() < 0.2 * before
    assert np.array_equal(made[0][~geometry.head], faces[0][~geometry.head])
    assert 0.005 < face.mean() < 0.2 and face[geometry.head].mean() < 0.6


def test_the_skin_tone_stays(body, head):
    geometry, face = head
    for light in (60.0, 190.0):
        tone = skin_of_light(np.full(3, light))
        made = anonymous_face(painted_face(geometry, tone, 3), geometry.head, face)
        mean = made[face].mean(0)
        assert abs(mean.mean() / (tone.mean() * 0.88) - 1) < 0.12


def test_anonymised_textures_say_so_and_are_made_again(crops, tmp_path, body, weights, fitter):
    def harvested(anonymous):
        harvester = Harvester(
            body,
            load_method(METHODS["rstg"], body, weights / "generator.safetensors"),
            fitter,
            reid=weights / "reid.safetensors",
            size=64,
            anonymous_faces=anonymous,
        )
        done = harvest(crops, tmp_path / "out", harvester, licence="mine", report=lambda line: None)
        return done, harvester

    plain, _ = harvested(False)
    textures = {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*.png")}
    hidden, _ = harvested(True)
    assert plain.new == hidden.new == 3
    entries = read_library(tmp_path / "out")
    assert all(entry.anonymous_face for entry in entries)
    assert not any(entry.anonymous_face for entry in plain.entries)
    for name, content in textures.items():
        assert (tmp_path / "out" / name).read_bytes() != content, name


def test_no_photograph_of_a_face_reaches_an_anonymous_texture(body, weights, fitter, crops):
    """Other pixels where the crop shows the head's front: the texture's face hardly changes."""
    harvester = Harvester(
        body,
        load_method(METHODS["rstg"], body, weights / "generator.safetensors"),
        fitter,
        reid=weights / "reid.safetensors",
        size=64,
        anonymous_faces=True,
    )
    from textures.harvest.crop_image import read_crop

    images = [read_crop(path) for path in sorted(crops.glob("*.jpg"))]
    judged = harvester.judged(images, harvester.fit(images))
    view = harvester._view(judged, 0, "c1")
    assert (view.weight[harvester.face] == 0).all() and view.weight.max() > 0
