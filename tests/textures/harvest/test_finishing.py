"""What is laid over a generated texture: what was seen, where it was seen, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from textures.body_fit.fitting import BodyFit
from textures.fusion.surface_view import FusedSurface, SurfaceView
from textures.harvest.crop_choice import chosen_crops, looked_at
from textures.harvest.finishing import laid_over, mean_generated
from textures.harvest.quality import CropFigures, crop_quality

SIDE = 128


def surface(weight, colour):
    colours = np.full((SIDE, SIDE, 3), colour, np.float32)
    return FusedSurface(colours=colours, weight=weight, labels=None)


def test_what_nobody_saw_never_becomes_a_copy_of_what_was_seen():
    """A bright print on one half: the other half keeps the method's pattern, up to one light."""
    weight = np.zeros((SIDE, SIDE), np.float32)
    weight[:, : SIDE // 2] = 0.6
    fused = surface(weight, 100)
    fused.colours[40:80, 10:50] = (255, 0, 200)
    generated = np.full((SIDE, SIDE, 3), 100, np.float32)
    covered, spared = np.ones((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    made = laid_over(fused, generated, covered, spared)
    assert np.abs(made[:, SIDE // 2 :] - 100).max() < 1
    assert np.abs(made[50:70, 20:40] - (255, 0, 200)).max() < 1
    beside = np.abs(np.diff(made[:20, :, 0], axis=1))
    assert beside.max() < 60  # no step where the two meet


def test_texels_that_are_spared_or_hardly_seen_stay_the_methods():
    weight = np.full((SIDE, SIDE), 0.6, np.float32)
    weight[:30] = 0.01
    spared = np.zeros((SIDE, SIDE), bool)
    spared[-30:] = True
    generated = np.full((SIDE, SIDE, 3), 100, np.float32)
    generated[::2] = 90
    fused = surface(weight, 100)
    made = laid_over(fused, generated, np.ones((SIDE, SIDE), bool), spared)
    ratio = made[:28] / generated[:28]
    assert np.ptp(ratio) < 0.01 and np.ptp(made[-28:] / generated[-28:]) < 0.01
    assert np.abs(made[40:90] - 100).max() < 1


def test_the_method_fills_in_the_light_of_what_was_seen():
    weight = np.zeros((SIDE, SIDE), np.float32)
    weight[:, : SIDE // 2] = 0.6
    generated = np.full((SIDE, SIDE, 3), 80, np.float32)
    everywhere, nowhere = np.ones((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    made = laid_over(surface(weight, 100), generated, everywhere, nowhere)
    assert np.abs(made[:, -20:] - 100).max() < 3


def test_the_mean_of_generated_textures_is_of_those_that_see():
    def view(columns):
        weight = np.zeros((SIDE, SIDE), np.float32)
        weight[:, columns] = 0.5
        return SurfaceView(
            colours=np.zeros((SIDE, SIDE, 3), np.float32),
            weight=weight,
            labels=None,
            camera="c1",
            quality=0.5,
        )

    textures = [np.full((SIDE, SIDE, 3), level, np.float32) for level in (50, 150)]
    mean = mean_generated(textures, [view(slice(0, 40)), view(slice(80, None))])
    assert np.abs(mean[:, :40] - 50).max() < 5 and np.abs(mean[:, 80:] - 150).max() < 5
    assert np.allclose(mean[:, 50:70], 100)


def fits(degrees):
    count = len(degrees)
    pose = np.zeros((count, 72), np.float32)
    pose[:, 1] = np.deg2rad(degrees)
    return BodyFit(
        pose=pose,
        betas=np.zeros((count, 10), np.float32),
        translation=np.zeros((count, 3), np.float32),
        cameras=(),
        person=(),
        agreement=np.ones(count, np.float32),
        presence=np.ones(count, np.float32),
    )


def test_the_best_crops_are_chosen_of_every_camera_and_side():
    degrees = [0, 5, -5, 180, 0, 0]
    cameras = ["c1", "c1", "c1", "c1", "c2", "c2"]
    qualities = [0.9, 0.95, 0.8, 0.1, 0.2, 0.3]
    group = range(6)
    assert chosen_crops(group, fits(degrees), qualities, cameras, 3) == [1, 5, 3]
    assert chosen_crops(group, fits(degrees), qualities, cameras, 6) == [1, 0, 2, 5, 4, 3]
    assert chosen_crops([3], fits(degrees), qualities, cameras, 6) == [3]


def test_of_very_many_crops_evenly_spaced_ones_are_looked_at():
    assert looked_at(range(1000), 4) == [0, 91, 182, 272, 363, 454, 545, 636, 727, 817, 908, 999]
    assert looked_at(range(5), 4) == list(range(5))


GOOD = CropFigures(
    agreement=0.7, presence=0.9, overlap=0.7, shown=0.95, sharpness=15.0, height=120.0
)


@pytest.mark.parametrize(
    "name", ["agreement", "presence", "overlap", "shown", "sharpness", "height"]
)
def test_quality_falls_with_each_figure_and_stays_in_its_range(name):
    values = []
    for share in (1.0, 0.7, 0.3, 0.0):
        figures = {**vars(GOOD), name: getattr(GOOD, name) * share}
        values.append(crop_quality(CropFigures(**figures)))
    assert values == sorted(values, reverse=True) and values[0] > values[-1]
    assert all(0 <= value <= 1 for value in values)
    broken = crop_quality(CropFigures(**{**vars(GOOD), name: float("nan")}))
    assert 0 <= broken <= values[0]
