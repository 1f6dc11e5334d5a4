"""Outfits are where they belong on the body, without seams, and come from their seed alone."""

from dataclasses import replace

import numpy as np
import pytest

from textures.visibility.buffer import interpolate, visibility
from textures.visibility.camera import look_at
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.uv_layout import sample_texture
from textures.wardrobe.body_texels import prepare_body_texels
from textures.wardrobe.labels import LABELS
from textures.wardrobe.outfit import sample_outfit
from textures.wardrobe.outfit_painting import paint_outfit, paint_texture, painted_outfit
from textures.wardrobe.painted_garments import PaintedGarment, Pattern, Print

RED, GREEN, BLUE = (0.9, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.9)


@pytest.fixture(scope="module")
def model(body):
    return prepare_body_texels(body, 256)


def plain(rng_seed=0, **changes):
    """Somebody in a red shirt, blue trousers and green shoes, with nothing else on."""
    outfit = sample_outfit(np.random.default_rng(rng_seed))
    plain_changes = dict(
        skin=(0.86, 0.67, 0.54),
        hair_style="short",
        hair=(0.08, 0.07, 0.07),
        hairline=0.0,
        beard=0.0,
        glasses=False,
        top=PaintedGarment(
            kind="t-shirt", colour=RED, pattern=Pattern(), lower=-0.25, sleeve=0.4, roughness=0.0
        ),
        jacket=None,
        bottom=PaintedGarment(
            kind="trousers",
            colour=BLUE,
            pattern=Pattern(),
            lower=-1.06,
            upper=-0.14,
            roughness=0.0,
            fade=0.0,
        ),
        chest_print=None,
        back_print=None,
        belt=None,
        shoe=GREEN,
        sole=GREEN,
        shoe_height=0.085,
        bag="none",
    )
    return replace(outfit, **(plain_changes | changes))


@pytest.fixture(scope="module")
def seen(body, model):
    """A function that shows the T-posed body: texture colours (H,W,3), position (H,W,3), mask."""

    def look(texture, yaw):
        camera = look_at(
            (6 * np.sin(yaw), -0.3, 6 * np.cos(yaw)),
            (0, -0.3, 0),
            focal=700,
            width=220,
            height=220,
        )
        buffer = visibility(body.template, body.faces, camera)
        colours = sample_texture(texture, texel_map(buffer, body.mesh)) / 255
        return colours, interpolate(buffer, body.faces, body.template), buffer.covered

    return look


def test_same_seed_same_bytes(body):
    first = paint_outfit(body, rng=np.random.default_rng(5), size=64)
    second = paint_outfit(body, rng=np.random.default_rng(5), size=64)
    np.testing.assert_array_equal(first, second)
    other = paint_outfit(body, rng=np.random.default_rng(6), size=64)
    assert np.abs(first.astype(int) - other).mean() > 5
    assert first.shape == (64, 64, 3)


def near(colours, colour, tolerance=0.12):
    return np.abs(colours - np.array(colour)).max(axis=-1) < tolerance


@pytest.mark.parametrize("yaw", [0, np.pi / 2, np.pi, -np.pi / 2])
def test_clothes_are_where_they_belong(model, seen, yaw):
    colours, position, mask = seen(paint_texture(model, plain()), yaw)
    y, x = position[..., 1], np.abs(position[..., 0])
    shirt = mask & (y > -0.2) & (y < 0.2) & (x < 0.15)
    assert near(colours, RED)[shirt].mean() > 0.97
    legs = mask & (y < -0.35) & (y > -1.0)
    assert near(colours, BLUE)[legs].mean() > 0.97
    feet = mask & (y < -1.08)
    assert near(colours, GREEN)[feet].mean() > 0.85
    scalp = mask & (y > 0.535)
    assert (colours[scalp].max(axis=-1) < 0.25).mean() > 0.9
    forearm = mask & (x > 0.46) & (x < 0.64) & (y > 0)
    if forearm.any():
        assert near(colours, (0.86, 0.67, 0.54), 0.15)[forearm].mean() > 0.95


def test_face_is_on_the_front(model, seen):
    texture = paint_texture(model, plain())
    front, position, mask = seen(texture, 0)
    face = mask & (position[..., 1] > 0.36) & (position[..., 1] < 0.48)
    assert (front[face][:, 0] > 0.6).mean() > 0.7  # skin
    back, position, mask = seen(texture, np.pi)
    nape = mask & (position[..., 1] > 0.42) & (position[..., 1] < 0.5)
    assert (back[nape].max(axis=-1) < 0.3).mean() > 0.8  # hair


def test_a_print_reads_the_right_way_round_on_chest_and_back(model, seen):
    """A print that is white on the left and black on the right, seen so from its own side."""
    cells = np.ones((8, 8), np.uint8)
    cells[:, 4:] = 2
    picture = Print(
        cells=cells,
        colours=((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
        x=0.0,
        y=0.1,
        width=0.16,
        height=0.16,
    )
    for side, yaw in (("chest_print", 0), ("back_print", np.pi)):
        colours, position, mask = seen(paint_texture(model, plain(**{side: picture})), yaw)
        columns = np.broadcast_to(np.arange(220), mask.shape)
        middle = columns[mask].mean()
        white = mask & near(colours, (1, 1, 1)) & (position[..., 1] < 0.3)
        black = mask & near(colours, (0, 0, 0)) & (np.abs(position[..., 1] - 0.1) < 0.09)
        assert columns[white].mean() < middle - 2
        assert columns[black].mean() > middle + 2
        # and nothing of it on the other side
        colours, position, mask = seen(paint_texture(model, plain(**{side: picture})), yaw + np.pi)
        assert not (mask & near(colours, (1, 1, 1)) & (position[..., 1] < 0.3)).any()


def test_no_seam_between_uv_islands(body, model):
    """Both sides of every UV seam show the same colour."""
    texture = paint_texture(model, plain())
    corners = body.faces.reshape(-1)
    uv = body.uv[body.uv_faces.reshape(-1)]
    colours = sample_texture(texture, uv) / 255
    low = np.full((len(body.template), 3), np.inf)
    high = np.full((len(body.template), 3), -np.inf)
    np.minimum.at(low, corners, colours)
    np.maximum.at(high, corners, colours)
    difference = (high - low).max(axis=1)
    seam = np.zeros(len(body.template), dtype=bool)
    order = np.lexsort((body.uv_faces.reshape(-1), corners))
    same = np.diff(corners[order]) == 0
    seam[corners[order][1:][same & (np.diff(body.uv_faces.reshape(-1)[order]) != 0)]] = True
    assert seam.sum() > 100
    assert np.median(difference[seam]) < 0.05
    assert np.quantile(difference[seam], 0.9) < 0.3


def test_skirts_sleeves_and_hoods_reach_as_far_as_they_say(model, seen):
    skirt = PaintedGarment(
        kind="skirt", colour=BLUE, pattern=Pattern(), lower=-0.5, upper=-0.14, roughness=0.0
    )
    sleeves = PaintedGarment(
        kind="long sleeve", colour=RED, pattern=Pattern(), lower=-0.25, sleeve=0.95, roughness=0.0
    )
    colours, position, mask = seen(paint_texture(model, plain(bottom=skirt, top=sleeves)), 0)
    y, x = position[..., 1], np.abs(position[..., 0])
    assert near(colours, BLUE)[mask & (y < -0.3) & (y > -0.48)].mean() > 0.97
    assert near(colours, (0.86, 0.67, 0.54), 0.15)[mask & (y < -0.53) & (y > -0.8)].mean() > 0.95
    assert near(colours, RED)[mask & (x > 0.25) & (x < 0.6) & (y > 0)].mean() > 0.95


def test_outfits_are_varied_and_mostly_muted():
    outfits = [sample_outfit(np.random.default_rng(seed)) for seed in range(400)]
    tops = np.array([outfit.top.colour for outfit in outfits])
    spread = tops.max(axis=1) - tops.min(axis=1)
    assert 0.3 < (spread < 0.15).mean() < 0.75  # blacks, greys and whites
    assert (spread > 0.4).mean() > 0.15  # and bright ones
    assert {o.bottom.kind for o in outfits} == {"trousers", "shorts", "skirt"}
    assert len({o.top.kind for o in outfits}) == 7
    assert 0.05 < np.mean([o.jacket is not None for o in outfits]) < 0.4
    luminance = np.array([o.skin for o in outfits]) @ (0.3, 0.59, 0.11)
    assert luminance.min() < 0.35
    assert luminance.max() > 0.8


def test_labels_lie_where_their_colours_do(model):
    """Red is the top, blue the bottom, green the shoes, and what is none of them skin or hair."""
    painting = painted_outfit(model, plain(bottom=replace(plain().bottom, lower=-0.5), sock=GREEN))
    texture, labels = painting.texture().astype(int), painting.label_map()
    covered = model.buffer.covered
    channel = {"top": 0, "bottom": 2, "shoes": 1}
    for name, index in channel.items():
        inside = covered & (labels == LABELS.index(name))
        # Trims are darker; seams between regions are soft.
        strongest = texture[inside].argmax(1) == index
        assert inside.sum() > 200 and strongest.mean() > 0.97, name
    bare = covered & (labels == LABELS.index("skin"))
    red, green, blue = texture[bare].T
    assert ((red > green) & (green > blue)).mean() > 0.9
    dark = texture[covered & (labels == LABELS.index("hair"))].max(1) < 60
    assert dark.mean() > 0.9


def test_every_outfit_has_a_label_for_all_it_paints(model):
    """Labels follow sleeves, hems and bags, and the texture is the painter's."""
    for seed in range(12):
        outfit = sample_outfit(np.random.default_rng(seed))
        painting = painted_outfit(model, outfit)
        np.testing.assert_array_equal(painting.texture(), paint_texture(model, outfit))
        label = np.array(LABELS)[painting.label]
        sleeve = max(outfit.top.sleeve, outfit.jacket.sleeve if outfit.jacket else -1)
        clear = (model.arm > sleeve + 0.05) & (model.arm > 0.05)
        assert (label[clear] == "skin").all()
        if sleeve > 0.25:
            assert (label[(model.arm > 0.15) & (model.arm < sleeve - 0.05)] == "top").mean() > 0.9
        hem = min(
            outfit.bottom.lower, outfit.top.lower, outfit.jacket.lower if outfit.jacket else 0
        )
        shin = (model.position[:, 1] < hem - 0.02) & (
            model.position[:, 1] > model.sole + max(outfit.sock_height, 0.2)
        )
        assert (label[shin] == "skin").all()
        assert (label == "carried").any() == (outfit.bag in ("backpack", "shoulder strap"))
