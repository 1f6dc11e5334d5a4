"""Fusion gives a known texture back: better than any one view, in one light, without occluders."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from textures.fusion.light import in_one_light, light_gains
from textures.fusion.surface_view import SurfaceView
from textures.fusion.voting import fuse_views

SIDES = (0, 60, 120, 180, 240, 300)
GAINS = {"c1": (1.0, 1.0, 1.0), "c2": (0.6, 0.7, 0.9), "c3": (1.25, 1.1, 0.8)}


@pytest.fixture(scope="module")
def around(person):
    """Six sides by three cameras in lights of their own."""
    cameras = sorted(GAINS)
    return [
        person.view(side, camera=cameras[n % 3], gain=GAINS[cameras[n % 3]])
        for n, side in enumerate(SIDES)
    ]


def in_the_lights_mean(surface, truth, covered):
    """The surface's error when one gain per channel is allowed: which light is right, none can say."""
    chosen = (surface.weight > 0.1) & covered
    mine, target = surface.colours[chosen], truth[chosen].astype(float)
    return float(np.abs(mine * (target.mean(0) / mine.mean(0)) - target).mean())


def test_one_view_stays_as_it_is(person):
    view = person.view(20)
    fused = fuse_views([view])
    seen_texels = view.weight > 0
    assert np.array_equal(fused.weight, view.weight)
    assert np.abs(fused.colours - view.colours)[seen_texels].max() < 0.05
    assert (fused.colours[~seen_texels] == 0).all()


def test_fusion_shows_more_of_the_truth_than_any_view_and_no_worse(person, around):
    fused = fuse_views(around)
    covered = person.geometry.covered
    single = [(view.weight > 0.1)[covered].mean() for view in around]
    assert (fused.weight > 0.1)[covered].mean() > 1.5 * max(single)
    error = in_the_lights_mean(fused, person.texture, covered)
    assert error < 8
    whole = np.full_like(person.texture, 127).astype(np.float32)
    for view in around:
        alone = np.where((view.weight > 0.1)[..., None], view.colours, whole)
        laid = np.where((fused.weight > 0.1)[..., None], fused.colours, whole)
        truth = person.texture
        assert np.abs(laid - truth)[covered].mean() < 0.8 * np.abs(alone - truth)[covered].mean()


def test_fusion_is_sharper_than_a_mean_of_views_that_do_not_register(person):
    """The same side five times, each some pixels off, as fits of crops are."""
    crop = person.crop(0)
    moves = ((0, 0), (5, -4), (-5, 4), (4, 5), (-4, -5))
    views = [
        person.view(0, camera=f"c{n}", crop=np.roll(crop, move, (0, 1)), quality=0.9 - 0.1 * n)
        for n, move in enumerate(moves)
    ]
    fused, weights = fuse_views(views), np.stack([view.weight for view in views])[..., None]
    mean = (np.stack([view.colours for view in views]) * weights).sum(0) / weights.sum(0).clip(1e-6)
    chosen = fused.weight > 0.2

    def contrast(colours):
        return float(colours[chosen].std())

    assert contrast(fused.colours) > 1.1 * contrast(mean)
    assert np.abs(fused.colours - person.texture)[chosen].mean() < (
        np.abs(mean - person.texture)[chosen].mean()
    )


@pytest.mark.parametrize("turned", [(0, 10, -10), (180, 170, 190)])
def test_an_occluder_in_one_view_of_three_vanishes(person, turned):
    crops = [person.crop(side) for side in turned]
    clean = fuse_views(
        [person.view(s, camera=f"c{n}", crop=c) for n, (s, c) in enumerate(zip(turned, crops))]
    )
    crops[0] = crops[0].copy()
    crops[0][60:130, 30:90] = (250, 20, 240)
    views = [person.view(s, camera=f"c{n}", crop=c) for n, (s, c) in enumerate(zip(turned, crops))]
    hidden = (views[0].weight > 0) & (np.abs(views[0].colours - (250, 20, 240)).max(-1) < 3)
    hidden &= (views[1].weight > 0.1) & (views[2].weight > 0.1)
    assert hidden.sum() > 100
    fused = fuse_views(views)
    assert np.abs(fused.colours - clean.colours)[hidden].mean() < 12
    assert np.abs(views[0].colours - clean.colours)[hidden].mean() > 60


def test_an_occluder_in_five_photographs_of_one_camera_has_one_vote(person):
    crop = person.crop(0)
    blocked = crop.copy()
    blocked[60:130, 30:90] = (250, 20, 240)
    blocked_views = [person.view(0, camera="c1", crop=blocked) for _ in range(5)]
    views = [*blocked_views, person.view(0, camera="c2"), person.view(0, camera="c3")]
    hidden = (views[0].weight > 0.1) & (np.abs(views[0].colours - (250, 20, 240)).max(-1) < 3)
    fused = fuse_views(views)
    assert np.abs(fused.colours - person.texture)[hidden].mean() < 25


def test_gains_of_cameras_are_recovered(person, around):
    gains = light_gains(around)
    true = np.array([GAINS[view.camera] for view in around])
    # Up to one gain for all, which no photograph tells.
    ratio = np.log(gains * true)
    assert np.abs(ratio - ratio.mean(0)).max() < 0.1
    assert np.abs(np.log(gains).mean(0)).max() < 0.2


def test_front_and_back_of_a_garment_tell_the_light_where_labels_say_it_is_one(person):
    """Two cameras that share no texel: one colour of trousers all around."""
    plain = dataclasses.replace(
        person, texture=np.full_like(person.texture, (140, 90, 60)), fits=person.fits
    )
    labels = np.ones((256, 128, 1), np.float32)

    def pair(labels):
        return [
            plain.view(0, camera="c1", labels=labels),
            plain.view(180, camera="c2", gain=(0.6, 0.8, 1.2), labels=labels),
        ]

    assert np.minimum(*(view.weight for view in pair(None))).max() < 0.2
    told_nothing = np.log(light_gains(pair(None)))
    gains = light_gains(pair(labels))
    assert np.abs(gains[1] / gains[0] * (0.6, 0.8, 1.2) - 1).max() < 0.2
    assert np.abs(told_nothing).max() < 0.05 < np.abs(np.log(gains)).max()


def test_a_texel_of_another_colour_does_not_move_the_light(person):
    """A tenth of what two views share is a sticker that only one of them has."""
    crop = person.crop(0)
    stuck = crop.copy()
    stuck[70:100, 50:80] = 255
    views = [person.view(0, camera="c1"), person.view(0, camera="c2", crop=stuck)]
    assert np.abs(np.log(light_gains(views))).max() < 0.02


def test_the_order_of_views_changes_nothing(person, around):
    first = fuse_views(around)
    for order in ([5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]):
        other = fuse_views([around[n] for n in order])
        assert np.array_equal(first.colours, other.colours)
        assert np.array_equal(first.weight, other.weight)


def test_views_of_a_flat_surface_come_into_one_light():
    """Gains multiply linear light, so that an sRGB of 100 and one of half its light become alike."""
    shape = (32, 32)
    views = [
        SurfaceView(
            colours=np.full((*shape, 3), level, np.float32),
            weight=np.ones(shape, np.float32),
            labels=None,
            camera=camera,
            quality=1.0,
        )
        for level, camera in ((100.0, "a"), (141.3, "b"))
    ]
    a, b = in_one_light(views)
    assert abs(a.colours.mean() - b.colours.mean()) < 3
    assert 105 < a.colours.mean() < 136


def test_views_of_several_sizes_and_none_are_refused(person):
    view = person.view(0)
    with pytest.raises(ValueError, match="no view"):
        fuse_views([])
    small = dataclasses.replace(view, weight=view.weight[:64, :64], colours=view.colours[:64, :64])
    with pytest.raises(ValueError, match="sizes"):
        fuse_views([view, small])


def test_labels_of_several_views_are_their_weighted_mean(person):
    first, second = np.zeros((256, 128, 5), np.float32), np.zeros((256, 128, 5), np.float32)
    first[..., 0], second[..., 4] = 1, 1
    views = [
        person.view(0, camera="c1", labels=first),
        person.view(0, camera="c2", labels=second, quality=0.5),
    ]
    fused, visible = fuse_views(views), views[0].weight > 0.1
    assert np.allclose(fused.labels[visible].sum(-1), 1, atol=1e-4)
    assert np.allclose(fused.labels[visible][:, 0], 2 / 3, atol=0.02)
    unlabelled = fuse_views([*views, person.view(180, camera="c3")])
    assert np.allclose(unlabelled.labels[visible].sum(-1), 1, atol=1e-4)
