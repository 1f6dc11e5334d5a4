"""The body, the body fit, the method and the judge that turn crops into textures."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from mocap.bodies.body import Body
from textures.attire.painter import AttirePainter
from textures.body_fit.fit_scores import landmark_pixels
from textures.body_fit.fitting import BodyFitter, PosedFit, pose_fit, selected_fits
from textures.checkpoints import weights_tag
from textures.fusion.surface_view import FusedSurface, SurfaceView, surface_view
from textures.fusion.voting import fuse_views
from textures.harvest.crop_choice import chosen_crops
from textures.harvest.crop_image import CropImage, without_transparent
from textures.harvest.faces import anonymous_face, face_texels, without_face
from textures.harvest.finishing import laid_over, mean_generated
from textures.harvest.fitted_crops import FittedCrops
from textures.harvest.person_cut import PersonCut, PersonCutter
from textures.harvest.quality import crop_figures, crop_quality
from textures.harvest.refusal import RefusalLimits, refusal_reason
from textures.harvest.reid_cosines import reid_cosines
from textures.harvest.seams import find_seams, without_seams
from textures.harvest.skin import skin_texels, with_skin
from textures.reid.pcb import load_pcb
from textures.texture_method import TextureMethod
from textures.visibility.buffer import visibility
from textures.visibility.texel_geometry import texel_geometry
from textures.visibility.uv_layout import fill_gutters
from textures.wardrobe.labels import LABEL_INDEX, LABELS

BATCH = 16
MOST_CROPS = 16  # of a person: with more, hardly any texel is seen better
VIEWS_VERSION = 2  # of how views are taken, fused and laid over
CUTS_VERSION = 1  # of how photographs that are no tight crops are cut
SHOWN = 0.1  # weight from which a texel counts as seen


@dataclass(frozen=True, kw_only=True)
class MadeTexture:
    """A texture (size,size,3) uint8, its scores, and which crops went into it, the best first."""

    texture: np.ndarray
    scores: dict[str, float]
    crops: tuple[int, ...]


class Harvester:
    """The body, the body fit, the method and the judge that turn crops into textures, loaded once."""

    def __init__(
        self,
        body: Body,
        method: TextureMethod,
        fitter: BodyFitter,
        *,
        reid: Path | None = None,
        device: str = "cpu",
        size: int = 256,
        attire: AttirePainter | None = None,
        detail: bool = True,
        anonymous_faces: bool = False,
        most_crops: int = MOST_CROPS,
        limits: RefusalLimits | None = None,
        cutter: PersonCutter | None = None,
    ) -> None:
        """Prepare what every method needs.

        Args:
            body: whose textures are made.
            method: makes them.
            fitter: fits bodies to the crops.
            reid: weights of the network that scores; the shipped ones when None.
            device: of all networks.
            size: texels along a finished texture's side.
            attire: decides what is worn and paints it; the method's texture as it is when None.
            detail: lay what the photographs surely show over the method's texture, where nothing dresses.
            anonymous_faces: give every texture a face that is nobody's.
            most_crops: of one person that go into a texture, the best ones.
            limits: from where on crops are refused; None keeps all.
            cutter: cuts photographs that are no tight crops; None takes each for one.

        Raises:
            BadInput: for weights that cannot be used.
        """
        self.body, self.method, self.size, self.device = body, method, size, device
        self.limits, self.most_crops, self.cutter = limits, most_crops, cutter
        self.attire, self.detail, self.anonymous_faces = attire, detail, anonymous_faces
        self.fitter, self.skinning = fitter, fitter.skinning
        self.reid, _ = load_pcb(reid, device=device)
        self.tag = f"{fitter.tag}+{method.tag}+views-{VIEWS_VERSION}"
        self.tag += f"+{attire.tag}" if attire else "+detail" * detail
        self.tag += "+anonymous-faces" * anonymous_faces
        self.tag += f"+cuts-{CUTS_VERSION}" * (cutter is not None)
        self.tag += "+keep-all" * (limits is None)  # else refusals would not be looked for again
        self.scorer = weights_tag(reid, "reid")
        self.geometry = texel_geometry(body.mesh, size)
        self.seams = find_seams(self.geometry)
        self.skin = skin_texels(self.geometry, body)
        self.face = face_texels(self.geometry, body)

    def fit(self, crops: Sequence[CropImage]) -> PosedFit:
        """Fitted and posed bodies of the crops; transparent pixels do not show the person."""
        fit = self.fitter.fit([crop.name for crop in crops], [crop.pixels for crop in crops])
        fit = dataclasses.replace(fit, person=without_transparent(fit.person, crops))
        return pose_fit(fit, self.skinning)

    def refusals(self, crops: Sequence[CropImage], fit: PosedFit) -> list[str | None]:
        """Why each crop is refused; None where it is not."""
        if self.limits is None:
            return [None] * len(crops)
        landmarks = landmark_pixels(fit, self.skinning, self.fitter.landmarks)
        return [
            refusal_reason(
                self.limits,
                size=(crop.pixels.shape[0], crop.pixels.shape[1]),
                sources=len(self.fitter.sources),
                presence=float(fit.presence[index]),
                agreement=float(fit.agreement[index]),
                landmarks=landmarks[index],
            )
            for index, crop in enumerate(crops)
        ]

    def cuts(
        self, crops: Sequence[CropImage], fit: PosedFit, refusals: Sequence[str | None]
    ) -> list[PersonCut]:
        """What each picture is cut to, or why it is refused: what `refusals` say where it is not cut."""
        if self.cutter is None:
            return [PersonCut(reason=reason) for reason in refusals]
        cuts = [
            self.cutter.cut(crop.pixels, fit.person[index], refusals[index])
            for index, crop in enumerate(crops)
        ]
        return cuts if self.limits else [PersonCut(box=cut.box) for cut in cuts]

    def judged(self, crops: Sequence[CropImage], fit: PosedFit) -> FittedCrops:
        """The crops with what their cameras see of the fitted bodies, and their quality."""
        buffers = tuple(
            visibility(fit.vertices[index], self.body.faces, fit.cameras[index])
            for index in range(len(crops))
        )
        figures = tuple(
            crop_figures(crop.pixels, fit, index, buffers[index])
            for index, crop in enumerate(crops)
        )
        return FittedCrops(
            images=tuple(crops),
            fit=fit,
            buffers=buffers,
            figures=figures,
            qualities=tuple(map(crop_quality, figures)),
        )

    def make(
        self, crops: FittedCrops, groups: Sequence[Sequence[int]], cameras: Sequence[str]
    ) -> list[MadeTexture]:
        """A texture for each group of crops, which show one person.

        Args:
            crops: of all groups.
            groups: of each texture the indices of its crops, at least one.
            cameras: of each crop, "" where nothing says which.
        """
        chosen = [
            chosen_crops(group, crops.fit, crops.qualities, cameras, self.most_crops)
            for group in groups
        ]
        needed = [index for group in chosen for index in group]
        generated = {} if self.attire else self._generated(crops, needed)
        textures = []
        for group, labels in zip(chosen, self._labels(crops, chosen)):
            chances = labels or itertools.repeat(None)
            views = [
                self._view(crops, index, cameras[index], of_crop)
                for index, of_crop in zip(group, chances)
            ]
            textures.append(self._texture(crops, group, views, labels, generated))
        cosines = reid_cosines(
            self.reid,
            self.body.mesh,
            crops,
            chosen,
            [texture for texture, _ in textures],
            device=self.device,
        )
        return [
            MadeTexture(
                texture=texture,
                scores=self._scores(crops, group, fused, cosine),
                crops=tuple(group),
            )
            for group, (texture, fused), cosine in zip(chosen, textures, cosines)
        ]

    def _labels(
        self, crops: FittedCrops, groups: Sequence[Sequence[int]]
    ) -> list[list[np.ndarray]]:
        """Chances of the labels of each group's crops, of all in one go; none where nothing dresses."""
        if self.attire is None:
            return [[] for _ in groups]
        needed = [index for group in groups for index in group]
        chances = iter(self.attire.chances([crops.images[index].pixels for index in needed]))
        return [[next(chances) for _ in group] for group in groups]

    def _generated(self, crops: FittedCrops, needed: Sequence[int]) -> dict[int, torch.Tensor]:
        """The method's textures (3,S,S) of the crops with these indices."""
        textures: dict[int, torch.Tensor] = {}
        for start in range(0, len(needed), BATCH):
            batch = needed[start : start + BATCH]
            images = [crops.images[index].pixels for index in batch]
            textures |= zip(batch, self.method.textures(images, selected_fits(crops.fit, batch)))
        return textures

    def _enlarged(self, texture: torch.Tensor) -> np.ndarray:
        """One of the method's textures (3,S,S) as (size,size,3) float32, sRGB in 0..255."""
        array = ((texture.permute(1, 2, 0).cpu().numpy() + 1) * 127.5).clip(0, 255)
        large = cv2.resize(array, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        return large.clip(0, 255).astype(np.float32)

    def _view(
        self, crops: FittedCrops, index: int, camera: str, chances: np.ndarray | None = None
    ) -> SurfaceView:
        view = surface_view(
            crops.images[index].pixels,
            crops.fit,
            index,
            self.geometry,
            self.body.mesh,
            camera=camera,
            quality=crops.qualities[index],
            buffer=crops.buffers[index],
            carried=None if chances is None else chances[..., LABEL_INDEX["carried"]],
            labels=None if chances is None else chances[..., : len(LABELS)],
        )
        return without_face(view, self.face) if self.anonymous_faces else view

    def _texture(
        self,
        crops: FittedCrops,
        group: Sequence[int],
        views: Sequence[SurfaceView],
        labels: Sequence[np.ndarray],
        generated: Mapping[int, torch.Tensor],
    ) -> tuple[np.ndarray, FusedSurface]:
        """The texture of one person, of these crops, and what they show together.

        Where textures are dressed, none is generated beforehand: only where no crop shows a garment.
        """
        fused = fuse_views(views)

        def mean_texture() -> np.ndarray:
            textures = generated or self._generated(crops, group)
            return mean_generated([self._enlarged(textures[index]) for index in group], views)

        if self.attire is not None:
            texture = self.attire.dressed(
                fused,
                lambda: to_pixels(mean_texture()),
                chances=labels,
                fit=crops.fit,
                chosen=group,
            ).texture
            texture = fill_gutters(without_seams(texture, self.seams), self.geometry.covered)
            return texture, fused
        texture = self.finished(fused, mean_texture())
        if self.anonymous_faces:  # a face that is painted is nobody's
            nobody = anonymous_face(texture.astype(np.float32), self.geometry.head, self.face)
            texture = fill_gutters(to_pixels(nobody), self.geometry.covered)
        return texture, fused

    def finished(self, fused: FusedSurface, generated: np.ndarray) -> np.ndarray:
        """The texture of what was seen and of what the method made of the rest, where nothing dresses.

        Args:
            fused: what the photographs show, in one light.
            generated: (S,S,3) float32, the mean of the method's textures.

        Returns:
            (S,S,3) uint8 RGB, its gutters filled.
        """
        covered = self.geometry.covered
        if self.detail:
            generated = laid_over(fused, generated, covered, self.skin)
        result = with_skin(to_pixels(generated), self.skin)
        result = without_seams(fill_gutters(result, covered), self.seams)
        return fill_gutters(result, covered)

    def _scores(
        self, crops: FittedCrops, group: Sequence[int], fused: FusedSurface, cosine: float
    ) -> dict[str, float]:
        """Scores of a texture: means over its crops, and the share of the surface that they show."""
        weight = fused.weight[self.geometry.covered]
        scores = {
            "fit_agreement": np.mean([crops.fit.agreement[index] for index in group]),
            "presence": np.mean([crops.fit.presence[index] for index in group]),
            "silhouette_iou": np.mean([crops.figures[index].overlap for index in group]),
            "surface_seen": (weight > SHOWN * max(crops.qualities[i] for i in group)).mean(),
            "reid_cosine": cosine,
            "quality": np.mean([crops.qualities[index] for index in group]),
        }
        return {name: round(float(value), 4) for name, value in scores.items()}


def to_pixels(texture: np.ndarray) -> np.ndarray:
    """A texture of any float type, sRGB in 0..255, as uint8."""
    return np.round(texture.clip(0, 255)).astype(np.uint8)
