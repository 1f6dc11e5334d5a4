"""Both banks of a UV cut get one colour, and the rest of the texture is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from textures.harvest.seams import find_seams, without_seams
from textures.visibility.texel_geometry import texel_geometry


@pytest.fixture(scope="module")
def cut(body):
    geometry = texel_geometry(body.mesh, 128)
    return geometry, find_seams(geometry)


def test_pairs_are_neighbours_on_the_body_and_strangers_on_the_image(cut):
    geometry, seams = cut
    index = np.full(128 * 128, -1)
    index[geometry.surface] = np.arange(len(geometry.surface))
    gap = geometry.position[index[seams.border]] - geometry.position[index[seams.across]]
    assert np.linalg.norm(gap, axis=1).max() < 0.02
    assert len(seams.border) > 300
    apart = np.abs(np.stack(np.divmod(seams.border, 128)) - np.stack(np.divmod(seams.across, 128)))
    assert (apart.max(0) > 3).all()


def test_a_step_across_the_cuts_goes_and_a_texture_without_steps_stays(cut):
    geometry, seams = cut
    rng = np.random.default_rng(0)
    smooth = (geometry.code.transpose(1, 2, 0) * 60 + 128).astype(
        np.uint8
    )  # continuous on the body
    assert np.abs(without_seams(smooth, seams).astype(int) - smooth).mean() < 1.0
    stepped = smooth.astype(int)
    stepped[:, 64:] += 30  # a cut down the middle of the image, and differences between islands
    stepped = (stepped + rng.integers(0, 2, stepped.shape)).clip(0, 255).astype(np.uint8)

    def step(texture):
        flat = texture.reshape(-1, 3).astype(int)
        return np.abs(flat[seams.border] - flat[seams.across]).mean()

    assert step(without_seams(stepped, seams)) < 0.4 * step(stepped)
    far = seams.fade < 0.001
    assert np.array_equal(without_seams(stepped, seams)[far], stepped[far])
