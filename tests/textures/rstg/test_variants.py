"""The rows of RSTG's tables as changes to its recipes, and bodies that walk in place of fitted ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mocap.errors import BadInput
from mocap.parsing.settings import field_values, with_overrides
from textures.methods import variant_overrides
from textures.reid.pcb import PCB, ReidConfig
from textures.rstg.method import RstgMethod
from textures.rstg.published import TABLE, VARIANTS
from textures.rstg.recipes import RECIPES, LossWeights
from textures.rstg.training import CropBatch, GeneratorLosses
from textures.rstg.walking import WalkingViews, walking_views
from textures.visibility.texel_geometry import texel_geometry


class Bank:
    """What walking bodies are given of a bank."""

    images = np.zeros((2, 128, 64, 3), np.uint8)
    betas = np.zeros((2, 10), np.float32)
    view = np.array([[30.0, 60.0, 4.0], [34.0, 68.0, 4.2]], np.float32)


@pytest.mark.parametrize("recipe", ["paper", "release", "small"])
def test_every_variant_changes_a_recipe_and_each_in_another_way(recipe):
    base = RECIPES[recipe]
    made = {
        name: with_overrides(base, variant_overrides(RstgMethod, name))
        for name in RstgMethod.variants
    }
    values = {str({**field_values(item), "variant": ""}) for item in made.values()}
    assert len(values) == len(made)
    for name, item in made.items():
        assert item.variant == name and item.name == recipe
        changed = {k for k, v in field_values(item).items() if v != field_values(base)[k]}
        told = {text.split("=")[0] for text in VARIANTS[name].overrides}
        assert changed - {"variant"} <= told


def test_every_published_row_has_its_variant():
    assert {v.published for v in VARIANTS.values()} - {""} == set(TABLE.rows)
    with pytest.raises(BadInput, match="--variant no-clothes: expected one of reid, pixel"):
        variant_overrides(RstgMethod, "no-clothes")


@pytest.mark.parametrize("stages", [(), (5,), (2, 1), (1, 1)])
def test_stages_that_there_are_not_are_refused(stages):
    with pytest.raises(BadInput, match="expected some of 1, 2, 3, 4 in their order"):
        LossWeights(stages=stages)


def test_walking_bodies_have_the_bank_s_place_and_look_every_way(body):
    poses = np.zeros((24, 72), np.float32)
    poses[:, 3 * 16 + 2] = -1.2  # arms down
    poses[:, 3 * 17 + 2] = 1.2
    views = walking_views(poses, Bank(), body, seed=0)
    rows, columns = np.nonzero(views.masks.any(0))
    assert abs(columns.mean() - 32) < 3 and 0 < rows.min() < rows.max() < 128
    widths = (views.masks > 0).any(1).sum(1)
    assert widths.max() > 1.4 * widths.min()  # from the front and from the side
    uv, masks = views.sampled(np.random.default_rng(0), 200)
    assert uv.shape == (200, 128, 64, 2) and masks.shape == (200, 1, 128, 64)
    assert len({m.sum().item() for m in masks}) > 12  # all of them are drawn


def test_a_heading_turns_a_pose_about_the_vertical_alone(body):
    """A body that leans leans as far in whatever heading: its height in the crop stays."""
    lean = Rotation.from_euler("x", 0.0).as_rotvec()
    poses = np.zeros((6, 72), np.float32)
    poses[:, :3] = lean
    views = walking_views(poses, Bank(), body, seed=1)
    tops = [
        (np.nonzero(mask.any(1))[0].min(), np.nonzero(mask.any(1))[0].max()) for mask in views.masks
    ]
    assert np.ptp(np.array(tops), axis=0).max() <= 3


def test_the_losses_look_at_walking_bodies_where_there_are_some(body):
    """The texture is white, the walking body covers the left half: what the loss is shown is that."""
    geometry = texel_geometry(body.mesh, 16)
    torch.manual_seed(0)
    size = {"height": 32, "width": 16, "channels": 8}
    network = PCB(ReidConfig(depth=10, classes=2, stripes=1, embedding=0, **size))
    mask = np.zeros((1, 32, 16), np.uint8)
    mask[:, :, :8] = 255
    walking = WalkingViews(mask, np.full((1, 32, 16, 2), 30000, np.uint16))
    weights = LossWeights(reid=1.0, weighting="equal", face_hand=0.0)
    losses = GeneratorLosses(weights, network, geometry, walking=walking)
    shown = []
    losses.reid.forward = lambda rendered, photographs: shown.append(rendered) or rendered.sum() * 0
    batch = CropBatch(
        crops=torch.zeros(2, 3, 32, 16),
        masks=torch.ones(2, 1, 32, 16),
        backgrounds=-torch.ones(2, 3, 32, 16),
        uv=torch.zeros(2, 32, 16, 2),
    )
    model = torch.nn.Identity()
    losses.generate = lambda *given: torch.ones(2, 3, 16, 16)
    rng = np.random.default_rng(0)
    losses(model, batch, None, None, np.arange(2), rng, per_identity=2)
    assert (shown[0][..., :8] == 1).all() and (shown[0][..., 8:] == -1).all()


def test_what_walking_bodies_cannot_be_compared_in_is_refused():
    for term in ("pixel", "cross_pixel", "cross_view"):
        with pytest.raises(BadInput, match="bodies walking: does not stand as the crop does"):
            with_overrides(RECIPES["small"], ["bodies=walking", f"losses.{term}=1"])
