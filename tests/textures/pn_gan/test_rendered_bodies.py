"""Textured bodies in canonical poses: where they stand, what they wear, and what is done once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocap.bodies.skinning import Skinning
from tests.textures.pn_gan.test_poses import FRONT, exchanged, joints_of
from textures.body_fit.fit_scores import landmark_pixels
from textures.body_fit.fitting import BodyFitter
from textures.evidence.evidence import no_evidence
from textures.evidence.landmarks import INDEX
from textures.pn_gan.pose_maps import unit_poses
from textures.pn_gan.rendered_bodies import RenderedNormaliser


class FrontSource:
    """Sees the same person on every crop."""

    name = tag = "front"

    def __init__(self):
        self.asked = 0

    def observe(self, names, images):
        self.asked += len(images)
        evidence = no_evidence(self.name, len(images))
        for name, point in FRONT.items():
            evidence.landmarks[:, INDEX[name]] = point
            evidence.confidence[:, INDEX[name]] = 1
        return evidence


class CropColours:
    """A method whose textures have the mean colour of their crops."""

    name = "mean-colours"

    def textures(self, crops, fits):
        assert len(fits.vertices) == len(crops)
        means = np.stack([crop.mean((0, 1)) for crop in crops]) / 127.5 - 1
        return torch.from_numpy(means).float()[:, :, None, None].expand(-1, -1, 16, 16)


@pytest.fixture(scope="module")
def normaliser(body):
    poses = np.stack([joints_of(FRONT), joints_of(exchanged(FRONT))])
    fitter = BodyFitter(body, Skinning(body), [FrontSource()])
    return RenderedNormaliser(
        CropColours(), fitter, body, unit_poses(poses, np.tile((128, 64), (2, 1)))
    )


def test_bodies_stand_where_the_poses_joints_are(normaliser):
    pixels = landmark_pixels(
        normaliser.fits, normaliser.fitter.skinning, normaliser.fitter.landmarks
    )
    for row, points in zip(pixels, (FRONT, exchanged(FRONT))):
        apart = [np.linalg.norm(row[INDEX[name]] - point) for name, point in points.items()]
        assert np.median(apart) < 3 and max(apart) < 9
    turned = normaliser.fits.pose[:, 1]  # the pelvis, about the upright axis
    assert np.cos(turned[0] - turned[1]) < -0.5  # one from the front, one from behind


def test_a_picture_has_the_person_s_texture_inside_and_grey_outside(normaliser):
    colours = torch.tensor([[200, 40, 40], [40, 40, 200]]).float() / 127.5 - 1
    images = colours[:, :, None, None].expand(-1, -1, 128, 64)
    pictures = normaliser.pictures(images, np.array([0, 1]))
    assert pictures.shape == (2, 3, 128, 64)
    for picture, colour, mask in zip(pictures, colours, normaliser.masks[:, 0] > 0):
        assert 0.1 < mask.float().mean() < 0.6
        torch.testing.assert_close(picture[:, mask].mean(1), colour, atol=0.01, rtol=0)
        assert (picture[:, ~mask] == 0).all()


def test_a_crop_is_fitted_and_textured_once(normaliser):
    source = normaliser.fitter.sources[0]
    before = source.asked
    images = torch.stack([torch.full((3, 128, 64), value) for value in (0.2, 0.4, 0.2)])
    first = normaliser.pictures(images, np.array([0, 0, 1]))
    assert source.asked == before + 2
    again = normaliser.pictures(images, np.array([0, 0, 1]))
    assert source.asked == before + 2 and torch.equal(first, again)
