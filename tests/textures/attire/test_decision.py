"""Known outfits, seen from one side with wrong labels and a fit that is off, are decided and painted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from textures.attire.decision import decide_attire
from textures.attire.painting import dressed_texture
from textures.attire.priors import visible_hems, visible_sleeve
from textures.attire.surface import prepare_attire_surface
from textures.fusion.surface_view import FusedSurface
from textures.wardrobe.labels import LABEL_INDEX, LABELS
from textures.wardrobe.outfit import sample_outfit
from textures.wardrobe.outfit_painting import painted_outfit
from textures.wardrobe.painted_garments import Pattern, Print

FRONT, BACK, LEFT = (np.array(axis, float) for axis in ((0, 0, 1), (0, 0, -1), (1, 0, 0)))
RED, BLUE, WHITE = (0.7, 0.12, 0.12), (0.12, 0.15, 0.6), (0.9, 0.9, 0.9)


@pytest.fixture(scope="module")
def surface(body):
    return prepare_attire_surface(body, 128)


def as_map(surface, values):
    covered = surface.texels.buffer.covered
    result = np.zeros((*covered.shape, *values.shape[1:]), np.float32)
    result[covered] = values
    return result


def seen(surface, outfit, direction, *, seed=0, wrong=0.1, moved=0.015):
    """What a photograph of a painted outfit shows from one side.

    A share of the cells has a wrong label, and all is moved on the surface, as by a fit that is off.
    """
    rng = np.random.default_rng(seed)
    painting, texels = painted_outfit(surface.texels, outfit), surface.texels
    source = cKDTree(texels.position).query(texels.position + rng.normal(0, moved, 3))[1]
    chance = np.full((len(source), len(LABELS)), 0.04)
    chance[np.arange(len(source)), painting.label[source]] = 0.8
    other = rng.integers(0, len(LABELS), surface.count)[surface.cell]
    odd = np.flatnonzero((rng.random(surface.count) < wrong)[surface.cell])
    chance[odd], chance[odd, other[odd]] = 0.1, 0.5
    weight = 0.7 * np.clip((texels.normal @ direction - 0.2) / 0.6, 0, 1)
    return FusedSurface(
        colours=as_map(surface, painting.rgb[source] * 255),
        weight=as_map(surface, weight),
        labels=as_map(surface, chance),
    )


def person(seed, **changes):
    return replace(sample_outfit(np.random.default_rng(seed)), bag="none", **changes)


def plain(**changes):
    """Somebody in a red shirt and blue shorts, bareheaded."""
    outfit = person(1, hair_style="short", jacket=None, chest_print=None, back_print=None, beard=0)
    top = replace(
        outfit.top, kind="t-shirt", colour=RED, pattern=Pattern(), sleeve=0.35, lower=-0.26
    )
    bottom = replace(
        outfit.bottom,
        kind="shorts",
        colour=BLUE,
        pattern=Pattern(),
        lower=-0.55,
        upper=-0.14,
        fade=0.0,
    )
    top = replace(top, trim=None, tucked=False, placket="", collar=0.0, open_front=0.0)
    return replace(outfit, top=top, bottom=bottom, belt=None, **changes)


def region(surface, outfit, name):
    """(N,) bool, where an outfit is of a label."""
    return painted_outfit(surface.texels, outfit).label == LABEL_INDEX[name]


@pytest.mark.parametrize("direction", [FRONT, BACK, LEFT], ids=["front", "back", "left"])
def test_sleeves_and_hems_are_decided_back(surface, direction):
    sleeves, hems, waists = [], [], []
    for seed in range(8):
        outfit = person(100 + seed)
        decision = decide_attire(surface, seen(surface, outfit, direction, seed=seed))
        waist, hem = visible_hems(outfit)
        sleeves.append(abs(decision.sleeve - visible_sleeve(outfit)))
        hems.append(abs(decision.hem - hem))
        waists.append(abs(decision.waist - waist))
    assert (np.array(sleeves) < 0.1).sum() >= 7
    assert (np.array(hems) < 0.05).sum() >= 7
    assert (np.array(waists) < 0.05).sum() >= 7


def test_hair_of_one_class_is_decided_as_that_class(surface):
    """Hair that covers neck and back is told from hair that does not, from behind."""
    for style, length in (("short", 0.0), ("long", 0.2), ("ponytail", 0.2)):
        outfit = plain(hair_style=style, hair_length=length)
        decision = decide_attire(surface, seen(surface, outfit, BACK))
        assert decision.outfit.hair_style == style


def test_colours_and_skin_are_those_of_the_photograph(surface):
    outfit = plain()
    decision = decide_attire(surface, seen(surface, outfit, FRONT))
    assert np.abs(np.subtract(decision.outfit.top.colour, RED)).max() < 0.05
    assert np.abs(np.subtract(decision.outfit.bottom.colour, BLUE)).max() < 0.05
    assert np.abs(np.subtract(decision.outfit.skin, outfit.skin)).max() < 0.08
    assert np.abs(np.subtract(decision.outfit.hair, outfit.hair)).max() < 0.1


def test_both_sides_have_one_boundary(surface):
    """Seen from the left alone, the right sleeve ends where the left one does."""
    dressed = dressed_texture(surface, seen(surface, plain(), LEFT))
    colours = dressed.texture[surface.texels.buffer.covered].astype(float)
    cloth = (colours[:, 0] > 1.6 * colours[:, 1]) & (colours[:, 0] > 2 * colours[:, 2] - 60)
    ends = []
    for side in (0, 1):
        arm = (surface.side == side) & (surface.texels.arm > 0.05)
        steps = np.round(surface.texels.arm[arm] / 0.05).astype(int)
        share = np.bincount(steps, cloth[arm], 30) / np.maximum(np.bincount(steps, minlength=30), 1)
        ends.append(int(np.argmax(share[1:] < 0.5)))
    assert abs(ends[0] - ends[1]) <= 1


def test_a_print_stays_on_the_side_that_showed_it(surface):
    cells = np.ones((8, 8), np.uint8)
    picture = Print(cells=cells, colours=(WHITE,), x=0.0, y=0.12, width=0.13, height=0.13)
    outfit = plain(chest_print=picture)
    dressed = dressed_texture(surface, seen(surface, outfit, FRONT))
    colours = dressed.texture[surface.texels.buffer.covered] / 255
    texels = surface.texels
    chest = np.abs(texels.position[:, :2] - (0, 0.12)).max(1) < 0.05
    light = colours.min(1) > 0.5
    front, back = chest & (texels.normal[:, 2] > 0.5), chest & (texels.normal[:, 2] < -0.5)
    assert light[front].mean() > 0.7
    assert light[back].mean() == 0
    assert np.abs(np.median(colours[back], 0) - RED).max() < 0.08


def test_a_face_that_was_seen_from_before_it_is_the_photographs(surface):
    """A mark on the cheek stays; of the same face, seen from behind alone, nothing is known."""
    outfit = plain()
    texels = surface.texels
    face = texels.head & region(surface, outfit, "skin") & (texels.normal[:, 2] > 0.7)
    middle = texels.position[face].mean(0)
    mark = as_map(surface, (np.linalg.norm(texels.position - middle, axis=1) < 0.04) * face) > 0
    marks = {}
    for name, direction in (("before", FRONT), ("behind", BACK)):
        fused = seen(surface, outfit, direction, wrong=0.0, moved=0.0)
        colours = fused.colours.copy()
        colours[mark] *= 0.6
        dressed, clean = (
            dressed_texture(surface, replace(fused, colours=shown)).texture.astype(int)
            for shown in (colours, fused.colours)
        )
        marks[name] = (clean - dressed)[mark].mean() / (fused.colours - colours)[mark].mean()
    assert marks["before"] > 0.6
    assert abs(marks["behind"]) < 0.02


def test_stripes_go_on_around_the_body(surface):
    outfit = plain()
    pattern = Pattern(kind="stripes", colour=WHITE, period=0.12, share=0.5)
    outfit = replace(outfit, top=replace(outfit.top, pattern=pattern))
    dressed = dressed_texture(surface, seen(surface, outfit, FRONT, moved=0.0))
    truth = painted_outfit(surface.texels, outfit).rgb
    colours = dressed.texture[surface.texels.buffer.covered] / 255
    texels = surface.texels
    back = (
        region(surface, outfit, "top")
        & (texels.arm < 0)
        & (texels.normal[:, 2] < -0.4)
        & (texels.position[:, 1] < 0.2)
        & (texels.position[:, 1] > -0.2)
    )
    likeness = np.corrcoef(colours[back, 1], truth[back, 1])[0, 1]
    assert likeness > 0.7


def test_what_is_carried_is_never_on_the_cloth(surface):
    """A green bag that was seen on the back leaves no green behind."""
    outfit = plain()
    fused = seen(surface, outfit, BACK, wrong=0.0)
    texels = surface.texels
    bag = (
        (np.abs(texels.position[:, 0]) < 0.1)
        & (np.abs(texels.position[:, 1] - 0.05) < 0.12)
        & (texels.normal[:, 2] < 0)
    )
    bag_map = as_map(surface, bag.astype(float)) > 0
    colours, labels = fused.colours.copy(), fused.labels.copy()
    colours[bag_map] = (20, 220, 40)
    labels[bag_map] = 0.06
    labels[bag_map, LABEL_INDEX["carried"]] = 0.7
    dressed = dressed_texture(surface, replace(fused, colours=colours, labels=labels))
    painted = dressed.texture[surface.texels.buffer.covered].astype(int)
    assert (painted[:, 1] <= painted[:, 0] + 25).mean() > 0.999
    assert np.abs(np.median(painted[bag] / 255, 0) - RED).max() < 0.08


def test_a_dress_is_one_garment(surface):
    outfit = plain()
    outfit = replace(
        outfit,
        top=replace(outfit.top, kind="dress", lower=-0.6),
        bottom=replace(outfit.bottom, lower=-0.5),
    )
    decision = decide_attire(surface, seen(surface, outfit, FRONT))
    assert decision.hem == decision.waist
    assert abs(decision.hem + 0.6) < 0.05


def test_nothing_seen_gives_the_generators_colours(surface):
    """Without a photograph of the legs their colour is the generator's."""
    fused = seen(surface, plain(), FRONT)
    legs = as_map(surface, (surface.texels.position[:, 1] < -0.24).astype(float)) > 0
    weight = np.where(legs, 0, fused.weight)
    generated = np.full((*weight.shape, 3), 90, np.uint8)
    dressed = dressed_texture(surface, replace(fused, weight=weight), lambda: generated)
    assert np.allclose(dressed.decision.outfit.bottom.colour, 90 / 255, atol=1e-6)
    assert dressed.decision.heard["bottom"] < 6


def test_a_generator_is_asked_only_for_garments_that_nobody_saw(surface):
    def never():
        raise AssertionError("asked though top and bottom were seen")

    fused = seen(surface, plain(), FRONT)
    dressed = dressed_texture(surface, fused, never)
    assert min(dressed.decision.heard[name] for name in ("top", "bottom")) > 6
    np.testing.assert_array_equal(dressed.texture, dressed_texture(surface, fused).texture)


def test_distances_to_a_border_are_those_of_space(surface):
    """Along a surface that is nearly flat, as the nearest texel of another label tells."""
    label = painted_outfit(surface.texels, plain()).label
    distance = surface.border_distances(label, 0.03)
    position = surface.texels.position
    truth = np.full(len(label), 0.03)
    for number in np.unique(label):
        inside = label == number
        nearest, _ = cKDTree(position[~inside]).query(position[inside])
        truth[inside] = np.minimum(nearest, 0.03)
    assert np.abs(distance - truth).mean() < 0.001
    assert (
        distance > truth - 1e-6
    ).all()  # no way along the surface is shorter than the straight one


def test_the_same_photographs_give_the_same_bytes(surface):
    fused = seen(surface, person(5), FRONT)
    first, second = (dressed_texture(surface, fused).texture for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (128, 128, 3) and first.dtype == np.uint8


def test_a_surface_without_labels_is_refused(surface):
    fused = seen(surface, plain(), FRONT)
    with pytest.raises(ValueError, match=r"labels None; expected \(128, 128, 6\)"):
        dressed_texture(surface, replace(fused, labels=None))
