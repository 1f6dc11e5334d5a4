"""Textures beside photographs of their people: the body fitted to a photograph wears the texture.

Both pictures have the photograph's pose and camera, one light and one outline, as `synth eval-textures`
compares them; so what is judged is the surface and neither the cut-out nor the place.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from synth.study.pair_pictures import HEIGHT
from textures.body_fit.fitting import BodyFitter, pose_fit
from textures.evaluation.evaluation import BATCH, LEAST_OVERLAP
from textures.evaluation.photograph_choice import chosen_photographs, other_camera_texture
from textures.evaluation.texture_sets import EvaluatedTexture, Painting, TextureSet
from textures.evaluation.views import FittedView, fitted_view, on_grey, render_view
from textures.harvest.crop_folder import SourceCrop
from textures.harvest.crop_image import read_crop, without_transparent


@dataclass(frozen=True, kw_only=True)
class PhotographPair:
    """A photograph with a body fitted to it, and the texture that the body wears.

    other_camera: whether the texture has not seen the photograph's camera.
    """

    crop: SourceCrop
    texture: EvaluatedTexture
    other_camera: bool
    fitted: FittedView

    def pictures(self, painting: Painting) -> tuple[np.ndarray, np.ndarray]:
        """The body in a texture, and the photograph: (H,W,3) RGB uint8, grey around the person."""
        view = render_view(self.fitted, painting)
        return _enlarged(view.rendered), _enlarged(view.target)

    def unlit_picture(self, painting: Painting) -> np.ndarray:
        """The body in a texture's colours as they are, (H,W,3) RGB uint8, with the outline of `pictures`.

        Brought into the photograph's light, a texture that is nothing like it becomes of one colour.
        """
        view = render_view(self.fitted, painting)
        return _enlarged(on_grey(view.body, view.shared))


def pair_photographs(
    textures: TextureSet,
    crops: Sequence[SourceCrop],
    body: Body,
    fitter: BodyFitter,
    *,
    count: int,
    rng: np.random.Generator,
    report: Callable[[str], None] = lambda line: None,
) -> list[PhotographPair]:
    """Photographs of people beside their textures, everybody once before anybody twice.

    Args:
        textures: of some of the people.
        crops: their photographs; of each person one a camera is used, the first by name.
        body: that the textures are of.
        fitter: fits it to the photographs.
        count: of the pairs.
        rng: draws the order.
        report: is told how many photographs could not be used.

    Raises:
        BadInput: where there are fewer usable photographs than pairs.
    """
    by_person: dict[str, list[EvaluatedTexture]] = defaultdict(list)
    for texture in textures.textures:
        by_person[texture.identity].append(texture)
    candidates = list(_candidates(chosen_photographs(crops, set(by_person)), by_person, rng))
    pairs: list[PhotographPair] = []
    looked_at = 0
    while len(pairs) < count and looked_at < len(candidates):
        batch = candidates[looked_at : looked_at + BATCH]
        looked_at += len(batch)
        pairs += _fitted_pairs(batch, body, fitter)
    if looked_at > len(pairs):
        report(
            f"{looked_at - len(pairs)} of {looked_at} photographs left out: they cannot be read, or the "
            "fitted body and the person in them do not overlap enough"
        )
    if len(pairs) < count:
        raise BadInput(
            f"{textures.name}: {len(pairs)} usable photographs of people with a texture "
            f"({len(candidates)} looked at), expected {count} for practice, counted and catch pairs; "
            "give smaller --count-pairs, --count-practice and --count-catch, or more photographs"
        )
    return pairs[:count]


@dataclass(frozen=True)
class _Candidate:
    crop: SourceCrop
    texture: EvaluatedTexture
    other_camera: bool


def _candidates(
    photographs: Sequence[SourceCrop],
    by_person: dict[str, list[EvaluatedTexture]],
    rng: np.random.Generator,
) -> Iterator[_Candidate]:
    """Photographs and textures in rounds: each round holds one of everybody who has one left."""
    left: dict[str, list[SourceCrop]] = defaultdict(list)
    for crop in photographs:
        left[crop.person.identity].append(crop)
    for person in sorted(left):
        crops = [left[person][index] for index in rng.permutation(len(left[person]))]
        # What a texture has not seen tells more of it: such photographs come first.
        crops.sort(key=lambda crop: other_camera_texture(by_person[person], crop) is None)
        left[person] = crops
    while left:
        people = sorted(left)
        for index in rng.permutation(len(people)):
            person = people[index]
            crop = left[person].pop(0)
            other = other_camera_texture(by_person[person], crop)
            yield _Candidate(crop, other or by_person[person][0], other is not None)
        left = {person: crops for person, crops in left.items() if crops}


def _fitted_pairs(
    batch: Sequence[_Candidate], body: Body, fitter: BodyFitter
) -> list[PhotographPair]:
    usable, images = [], []
    for candidate in batch:
        try:
            images.append(read_crop(candidate.crop.path))
            usable.append(candidate)
        except BadInput:
            continue  # counted with those whose fit is too far off
    if not images:
        return []
    fit = fitter.fit([image.name for image in images], [image.pixels for image in images])
    fit = dataclasses.replace(fit, person=without_transparent(fit.person, images))
    posed = pose_fit(fit, fitter.skinning)
    pairs = []
    for index, (candidate, image) in enumerate(zip(usable, images)):
        fitted = fitted_view(
            body, posed.vertices[index], posed.cameras[index], image.pixels, posed.person[index]
        )
        if fitted.overlap >= LEAST_OVERLAP:
            pairs.append(
                PhotographPair(
                    crop=candidate.crop,
                    texture=candidate.texture,
                    other_camera=candidate.other_camera,
                    fitted=fitted,
                )
            )
    return pairs


def _enlarged(image: np.ndarray) -> np.ndarray:
    width = max(1, round(image.shape[1] * HEIGHT / image.shape[0]))
    return cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
