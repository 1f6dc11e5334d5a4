"""Sleeves are told from skin near the arms, also where the fitted arms are off."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.bodies.skinning import Skinning, skin
from textures.attire.arms import arm_evidence
from textures.attire.decision import decide_attire
from textures.attire.surface import prepare_attire_surface
from textures.fusion.surface_view import FusedSurface
from textures.harvest.contact_sheet import standing_pose
from textures.visibility.buffer import visibility
from textures.visibility.camera import look_at
from textures.visibility.rendering_tensor import texel_map
from textures.wardrobe.labels import LABEL_INDEX, LABELS

SIZE = 128


@pytest.fixture(scope="module")
def surface(body):
    return prepare_attire_surface(body, SIZE)


@pytest.fixture(scope="module")
def posed(body):
    vertices, _ = skin(
        Skinning(body),
        pose=standing_pose()[None],
        betas=np.zeros(10, np.float32),
        translation=np.zeros((1, 3)),
    )
    return vertices[0]


@pytest.fixture(scope="module")
def camera(posed):
    middle = (posed.max(0) + posed.min(0)) / 2
    return look_at(middle + np.array((0, 0, 6.0)), middle, focal=400, width=64, height=128)


def photograph(body, surface, posed, camera, sleeve):
    """Chances (h,w,L+1) of the standing body in a shirt with this sleeve and trousers."""
    texels = surface.texels
    label = np.full(len(texels.position), LABEL_INDEX["top"])
    label[texels.arm > sleeve] = LABEL_INDEX["skin"]
    label[texels.head] = LABEL_INDEX["skin"]
    label[(texels.position[:, 1] < -0.25) & (texels.arm < 0)] = LABEL_INDEX["bottom"]
    label_map = np.zeros((SIZE, SIZE), int)
    label_map[texels.buffer.covered] = label
    buffer = visibility(posed, body.faces, camera)
    uv = texel_map(buffer, body.mesh)
    rows = ((1 - uv[..., 1]) * SIZE).astype(int).clip(0, SIZE - 1)
    columns = (uv[..., 0] * SIZE).astype(int).clip(0, SIZE - 1)
    shown = np.where(buffer.covered, label_map[rows, columns], len(LABELS))
    return np.eye(len(LABELS) + 1, dtype=np.float32)[shown] * 0.86 + 0.02


def nothing_seen():
    empty = np.zeros((SIZE, SIZE), np.float32)
    return FusedSurface(
        colours=np.repeat(empty[..., None], 3, 2),
        weight=empty,
        labels=np.repeat(empty[..., None], len(LABELS), 2),
    )


@pytest.mark.parametrize("sleeve", [0.35, 1.0])
@pytest.mark.parametrize("moved", [0, 3])
def test_the_sleeve_is_told_though_the_fit_is_off(body, surface, posed, camera, sleeve, moved):
    """Three pixels aside, the fitted arms see the background and the shirt."""
    chance = photograph(body, surface, posed, camera, sleeve)
    arms = arm_evidence(surface, [np.roll(chance, moved, 1)], posed[None], [camera], [1.0])
    decision = decide_attire(surface, nothing_seen(), arms=arms)
    assert abs(decision.sleeve - sleeve) < 0.15  # about the reach within which skin is the arm's


def test_one_good_fit_outvotes_two_poor_ones(body, surface, posed, camera):
    """Two photographs whose poor fits see a shirt where the arms are do not hide the bare arms of one."""
    bare, covered = (photograph(body, surface, posed, camera, sleeve) for sleeve in (0.35, 1.0))
    arms = arm_evidence(
        surface, [bare, covered, covered], np.stack([posed] * 3), [camera] * 3, [0.9, 0.4, 0.4]
    )
    decision = decide_attire(surface, nothing_seen(), arms=arms)
    assert abs(decision.sleeve - 0.35) < 0.15
    level = arm_evidence(
        surface, [bare, covered, covered], np.stack([posed] * 3), [camera] * 3, [0.5, 0.5, 0.5]
    )
    assert level.covered.sum() - level.bare.sum() > arms.covered.sum() - arms.bare.sum()


def test_a_photograph_of_nobody_says_nothing(surface, posed, camera):
    """Where there is only background there is no evidence."""
    chance = np.zeros((128, 64, len(LABELS) + 1), np.float32)
    chance[..., -1] = 1
    arms = arm_evidence(surface, [chance], posed[None], [camera], [1.0])
    assert not arms.bare.any() and not arms.covered.any()
