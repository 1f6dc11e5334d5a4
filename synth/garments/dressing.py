"""From what somebody wears to the meshes of it on their own body."""

from __future__ import annotations

import numpy as np

from synth.garments.attire import Attire
from synth.garments.clothes import make_bottom, make_shoes, make_top, shaped_patch
from synth.garments.garment import Garment
from synth.garments.hair import make_hair, make_headwear
from synth.garments.luggage import make_luggage
from synth.garments.wardrobe_forms import WardrobeForms
from textures.visibility.vertex_normals import vertex_normals

SMOOTHING = 3  # rounds of averaging normals over neighbours


def make_garments(forms: WardrobeForms, vertices: np.ndarray, attire: Attire) -> list[Garment]:
    """The meshes of everything that somebody wears and carries.

    Args:
        forms: of the body, prepared once.
        vertices: (V,3) of the shaped body in the T-pose, metres.
        attire: what is worn.

    Returns:
        The garments; the same attire gives the same bytes.
    """
    normals = smoothed_normals(forms, vertices)
    cloth = shaped_patch(forms.cloth, forms.cloth_vertices, vertices, normals)
    scalp = shaped_patch(forms.scalp, forms.scalp_vertices, vertices, normals)
    bottom = make_bottom(forms, cloth, vertices, attire.bottom)
    garments = [
        *bottom,
        *make_top(forms, cloth, vertices, attire.top, bottom),
        *make_shoes(forms, vertices, sole=attire.sole),
        *make_hair(forms, scalp, vertices, attire.hair),
    ]
    if attire.headwear:
        garments += make_headwear(forms, scalp, vertices, attire.headwear, attire.brim)
    for thing in attire.luggage:
        garments += make_luggage(forms, vertices, thing, attire.top.ease)
    return garments


def smoothed_normals(forms: WardrobeForms, vertices: np.ndarray) -> np.ndarray:
    """Normals (V,3) of a body's vertices (V,3) along which cloth stands off, smoother than the skin's."""
    normals = vertex_normals(vertices, forms.body.faces)
    for _ in range(SMOOTHING):
        normals = forms.smoothing @ normals
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
