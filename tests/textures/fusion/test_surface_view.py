"""What a crop shows of the surface: the texture's own colours, where it is seen and only there."""

from __future__ import annotations

import numpy as np

from textures.visibility.texel_geometry import posed_texels


def test_a_crop_shows_the_textures_colours(person):
    view = person.view(0)
    assert person.error(view, 0.3) < 7
    assert 0.15 < (view.weight > 0)[person.geometry.covered].mean() < 0.5
    assert (view.weight[~person.geometry.covered] == 0).all()


def test_what_faces_away_has_no_weight_and_what_faces_the_camera_most(person):
    view, fit = person.view(0), person.fit(0)
    posed = posed_texels(person.geometry, person.body.mesh, fit.vertices[0], fit.cameras[0])
    weight = view.weight[person.geometry.covered]
    assert (weight[posed.cosine < 0.2] == 0).all() and (weight[~posed.visible] == 0).all()
    lit = posed.visible & (weight > 0)
    assert np.corrcoef(posed.cosine[lit], weight[lit])[0, 1] > 0.5


def test_weight_falls_towards_outlines_with_quality_and_with_the_crops_size(person):
    whole = person.view(0)
    assert np.allclose(person.view(0, quality=0.5).weight, whole.weight / 2)
    fit = person.fit(0)
    fraction = posed_texels(
        person.geometry, person.body.mesh, fit.vertices[0], fit.cameras[0]
    ).fraction
    covered = fit.person[0] > 0.5
    rows, columns = np.divmod(np.arange(covered.size), covered.shape[1])
    outside = np.stack([columns, rows], 1)[~covered.reshape(-1)]
    pixels = fraction * (fit.cameras[0].width, fit.cameras[0].height)
    away = np.array([np.abs(outside + 0.5 - p).max(1).min() for p in pixels[::17]])
    weight = whole.weight[person.geometry.covered][::17]
    assert (weight[away < 0.9] == 0).all() and weight[away > 10].mean() > 0.4


def test_carried_things_and_what_is_no_person_show_nothing(person):
    fit = person.fit(0)
    carried = np.zeros((64, 32), np.float32)
    carried[:, :16] = 1
    view = person.view(0, carried=carried)
    posed = posed_texels(person.geometry, person.body.mesh, fit.vertices[0], fit.cameras[0])
    left = posed.fraction[:, 0] < 0.5
    weight = view.weight[person.geometry.covered]
    assert (weight[left] == 0).all() and weight[~left].max() > 0.4


def test_labels_of_pixels_lie_on_the_texels_that_they_show(person):
    labels = np.zeros((256, 128, 7), np.float32)
    labels[:128, :, 0], labels[128:, :, 6] = 1, 1
    view = person.view(0, labels=labels)
    fit = person.fit(0)
    posed = posed_texels(person.geometry, person.body.mesh, fit.vertices[0], fit.cameras[0])
    seen_texels = view.weight[person.geometry.covered] > 0
    upper = posed.fraction[seen_texels, 1] < 0.49
    shown = view.labels[person.geometry.covered][seen_texels]
    assert (shown[upper, 0] == 1).all() and (shown[:, 1:6] == 0).all()
    assert (shown[posed.fraction[seen_texels, 1] > 0.51, 6] == 1).all()


def test_colours_are_those_of_the_very_positions_that_texels_have(person):
    """A crop whose colours count its columns and rows, from the first pixel's middle at 0."""
    rows, columns = np.mgrid[:256, :128]
    crop = np.stack([columns, rows, np.zeros_like(rows)], -1).astype(np.uint8)
    view, fit = person.view(0, crop=crop), person.fit(0)
    posed = posed_texels(person.geometry, person.body.mesh, fit.vertices[0], fit.cameras[0])
    shown = view.weight[person.geometry.covered] > 0
    pixels = (posed.fraction * (128, 256) - 0.5)[shown]
    assert np.abs(view.colours[person.geometry.covered][shown][:, :2] - pixels).max() < 0.1
