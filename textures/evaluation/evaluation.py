"""Sets of textures measured on photographs: in the photograph's own view, and in another camera's.

Of each person one photograph per camera is a view, the first by name, the same for every set. A body is
fitted to it. Each set's texture of the person that has not seen that camera is rendered there ("other
camera"); a photograph that a texture was made of is its "own view". Photographs whose fitted body and
person mask overlap less than LEAST_OVERLAP are left out and counted, as their masks would decide.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.errors import BadInput
from textures.body_fit.fitting import BodyFitter, PosedFit
from textures.evaluation.attributes import (
    Clothing,
    ClothingLabels,
    clothing_scores,
    read_clothing,
    standing_body,
    texture_clothing,
)
from textures.evaluation.comparison import Classes, Values
from textures.evaluation.crop_fits import CropFits
from textures.evaluation.inception import Probabilities
from textures.evaluation.measures import (
    OTHER_CAMERA,
    PERSON_MEASURES,
    RETRIEVAL_MEASURES,
    SAME_VIEW,
    SET_MEASURES,
    TEXTURE_MEASURES,
    VIEW_MEASURES,
)
from textures.evaluation.openvino_networks import LONG_SLEEVES, LONG_TROUSERS
from textures.evaluation.photograph_choice import (
    chosen_photographs,
    evenly_spaced,
    other_camera_texture,
)
from textures.evaluation.retrieval import BodyQuery, retrieval_scores
from textures.evaluation.shown_person import ShownPerson, outlined
from textures.evaluation.surface_scores import SurfaceTexels, surface_texels
from textures.evaluation.texture_sets import EvaluatedTexture, TextureSet
from textures.evaluation.views import FittedView, View, fitted_view, on_grey, render_view
from textures.harvest.crop_folder import LeftOut, SourceCrop
from textures.harvest.crop_image import CropImage, read_crop

LEAST_OVERLAP = 0.4
BATCH = 32
PHOTOGRAPHS = "the photographs"
"""Name of the photographs themselves, cut out the same way, in measures that can be taken of them."""


@dataclass(frozen=True, kw_only=True)
class TextureEvaluation:
    """Values of measures by measure and set, people that a sheet shows, and what was left out.

    classes: of the items of measures that average over classes, by measure. pictures: class probabilities
    of the pictures of measures of a whole set, by measure and set.
    """

    fitted_by: str
    values: Mapping[str, Mapping[str, Values]]
    classes: Mapping[str, Classes]
    shown: tuple[ShownPerson, ...]
    left_out: tuple[LeftOut, ...]
    gallery: int
    people: int
    pictures: Mapping[str, Mapping[str, Probabilities]]


class TextureEvaluator:
    """Body, fit, networks and labels that textures are measured with."""

    def __init__(
        self,
        body: Body,
        fitter: BodyFitter,
        networks: Mapping[str, Any],
        labels: Mapping[str, ClothingLabels] | None = None,
        *,
        fits: CropFits | None = None,
    ) -> None:
        """Prepare the measuring.

        Args:
            body: that textures are made for.
            fitter: fits it to photographs.
            networks: opened ones, by their names in `NETWORKS`; measures of others are not computed.
            labels: of people's clothing; without them attributes are not computed.
            fits: of the fitter, where some photographs have been looked at.
        """
        self.body, self.fitter, self.networks = body, fitter, networks
        self.labels = labels or {}
        self.fits = fits or CropFits(fitter)
        self.standing = standing_body(body)
        self._texels: dict[int, SurfaceTexels] = {}

    def evaluate(
        self,
        sets: Sequence[TextureSet],
        crops: Sequence[SourceCrop],
        *,
        shown: int = 0,
        limit: int | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> TextureEvaluation:
        """Measure sets of textures on photographs.

        Args:
            sets: of textures, their names different.
            crops: all photographs of the people: views are chosen among them, and they are the gallery.
            shown: for how many people a sheet's pictures are kept.
            limit: views of each person, at most, of their cameras in turn; one of each camera when None.
            report: is told what is left out.

        Raises:
            BadInput: when no set has a texture of anybody in the photographs.
        """
        run = _Evaluation(self, sets, crops, shown, limit)
        for line in run.unjudged_lines():
            report(line)
        run.look_at_textures()
        run.look_at_photographs()
        run.retrieve()
        for line in run.left_out_lines():
            report(line)
        return run.result()

    def texels(self, size: int) -> SurfaceTexels:
        """Texels that are compared within textures of `size` x `size`."""
        if size not in self._texels:
            self._texels[size] = surface_texels(self.body.mesh, size)
        return self._texels[size]


class _Evaluation:
    """One run: what is measured, and the values so far."""

    def __init__(
        self,
        evaluator: TextureEvaluator,
        sets: Sequence[TextureSet],
        crops: Sequence[SourceCrop],
        shown: int,
        limit: int | None,
    ) -> None:
        self.evaluator, self.crops = evaluator, crops
        present = {crop.person.identity for crop in crops}
        self.sets = [
            dataclasses.replace(
                item, textures=tuple(t for t in item.textures if t.identity in present)
            )
            for item in sets
        ]
        for item in self.sets:
            if not item.textures:
                raise BadInput(
                    f"{item.name}: has no texture of the {len(present)} people in the photographs; "
                    "identities are those of the lines, or of the PNGs' names"
                )
        people = {texture.identity for item in self.sets for texture in item.textures}
        self.views = chosen_photographs(crops, people, limit)
        sources = {t.source for item in self.sets for t in item.textures if t.source is not None}
        viewed = {crop.source for crop in self.views}
        unviewed = [crop for crop in crops if crop.source in sources - viewed]
        self.chosen = viewed
        self.photographs = sorted([*self.views, *unviewed], key=lambda crop: crop.source)
        self.values: dict[str, dict[str, dict[tuple[str, str], list[float]]]] = {}
        self.queries: list[BodyQuery] = []
        self.pictures: dict[str, dict[str, dict[tuple[str, str], np.ndarray]]] = {}
        self.people, self.left_out = people, list[LeftOut]()
        self.to_show = evenly_spaced(sorted(people), shown)
        self.shown: dict[str, ShownPerson] = {}
        self.by_person = [_by_person(item) for item in self.sets]

    def look_at_textures(self) -> None:
        """Measures that need no photograph."""
        for item in self.sets:
            for texture in item.textures:
                painting = item.read(texture)
                key = (texture.identity, "")
                for name, measure in TEXTURE_MEASURES.items():
                    texels = self.evaluator.texels(len(painting.colours))
                    self._add(name, item.name, key, measure.score(painting, texels))
                if texture.identity in self.evaluator.labels:
                    clothing = texture_clothing(painting, self.evaluator.standing)
                    self._score_clothing(item.name, key, clothing)

    def look_at_photographs(self) -> None:
        """Fit bodies to the photographs, a batch at a time, and render every set's textures there."""
        with tqdm(total=len(self.photographs), desc="photographs", mininterval=2.0) as bar:
            for start in range(0, len(self.photographs), BATCH):
                crops, images = self._read(self.photographs[start : start + BATCH])
                if crops:
                    fit = self._fit(images)
                    for index, crop in enumerate(crops):
                        self._look(crop, images[index], fit, index)
                bar.update(len(self.photographs[start : start + BATCH]))

    def _read(self, crops: Sequence[SourceCrop]) -> tuple[list[SourceCrop], list[CropImage]]:
        usable, images = [], []
        for crop in crops:
            try:
                images.append(read_crop(crop.path))
                usable.append(crop)
            except BadInput as error:
                self.left_out.append(
                    LeftOut(source=crop.source, reason="cannot be used", detail=str(error))
                )
        return usable, images

    def _fit(self, images: Sequence[CropImage]) -> PosedFit:
        return self.evaluator.fits.posed(images)

    def _look(self, crop: SourceCrop, image: CropImage, fit: PosedFit, index: int) -> None:
        """One photograph: all sets' textures in its view."""
        fitted = fitted_view(
            self.evaluator.body,
            fit.vertices[index],
            fit.cameras[index],
            image.pixels,
            fit.person[index],
            name=crop.source,
        )
        identity, camera = crop.person.identity, crop.person.camera
        if fitted.overlap < LEAST_OVERLAP:
            detail = f"{crop.source}: overlap {fitted.overlap:.2f} of {LEAST_OVERLAP}"
            reason = "body and person mask too far apart"
            self.left_out.append(
                LeftOut(source=crop.source, reason=reason, detail=detail, foreseen=True)
            )
            return
        renderings: dict[str, tuple[View, np.ndarray, EvaluatedTexture]] = {}
        for item, by_person in zip(self.sets, self.by_person):
            textures = by_person.get(identity, [])
            sourced = [texture for texture in textures if texture.source == crop.source]
            if sourced:
                view = render_view(fitted, item.read(sourced[0]))
                self._score_view(item.name, SAME_VIEW, crop, view)
                self._classify(item.name, crop, view.scene, view.silhouette)
            other = other_camera_texture(textures, crop) if crop.source in self.chosen else None
            if other is not None and camera is not None:
                painting = item.read(other)
                view = render_view(fitted, painting)
                self._score_view(item.name, OTHER_CAMERA, crop, view)
                self._read_attributes(item.name, crop, view.body)
                excluded = other.cameras | {camera}
                key = (identity, crop.source)
                self.queries.append(BodyQuery(item.name, key, excluded, view.body))
                renderings[item.name] = (view, painting.colours, other)
        if renderings:
            self._look_at_photograph(crop, fitted, next(iter(renderings.values()))[2].cameras)
            self._keep_for_sheet(crop, fitted, renderings)

    def _score_view(self, name: str, kind: str, crop: SourceCrop, view: View) -> None:
        key = (crop.person.identity, crop.source)
        for measure_name, measure in VIEW_MEASURES.items():
            network = self.evaluator.networks.get(measure.network or "")
            if measure.network is None or network is not None:
                value = measure.score(view, network)
                self._add(f"{measure_name} ({kind})", name, key, value)

    def _classify(self, name: str, crop: SourceCrop, picture: np.ndarray, mask: np.ndarray) -> None:
        """Class probabilities of a picture, whole and masked."""
        network = self.evaluator.networks.get("efficientnet-lite0-classes")
        if network is None:
            return
        key = (crop.person.identity, crop.source)
        answers = {
            masked: network.probabilities(picture * mask[..., None] if masked else picture)
            for masked in (False, True)
        }
        if not all(np.isfinite(p).all() for p in answers.values()):
            raise BadInput(
                f"{type(network).__name__}: probabilities of {crop.source} that are not finite; install "
                "its weights again"
            )
        for measure_name, measure in SET_MEASURES.items():
            if measure.unavailable is None:
                by_set = self.pictures.setdefault(measure_name, {})
                by_set.setdefault(name, {})[key] = answers[measure.masked]

    def _read_attributes(self, name: str, crop: SourceCrop, image: np.ndarray) -> None:
        """Sleeves and trousers by a network, of a body or person on grey."""
        network = self.evaluator.networks.get("omz-0230")
        labels = self.evaluator.labels.get(crop.person.identity)
        if network is None or labels is None:
            return
        answers = network.answers(image)
        key = (crop.person.identity, crop.source)
        for kind, position, short in (
            ("sleeves", LONG_SLEEVES, labels.short_sleeves),
            ("trousers", LONG_TROUSERS, labels.short_trousers),
        ):
            right = float((answers[position] > 0.5) != short)
            self._add(f"{kind}@omz-0230", name, key, right)

    def _look_at_photograph(
        self, crop: SourceCrop, fitted: FittedView, texture_cameras: frozenset[str]
    ) -> None:
        """The same readings of the photograph itself: what the best of textures could reach."""
        person = on_grey(fitted.photograph, fitted.shared)
        self._read_attributes(PHOTOGRAPHS, crop, person)
        self._classify(PHOTOGRAPHS, crop, fitted.photograph, fitted.silhouette)
        key = (crop.person.identity, crop.source)
        cameras = texture_cameras | {crop.person.camera or ""}
        self.queries.append(BodyQuery(PHOTOGRAPHS, key, cameras, person))
        clothing = read_clothing(
            fitted.photograph[fitted.shared], fitted.part_labels[fitted.shared]
        )
        self._score_clothing(PHOTOGRAPHS, (crop.person.identity, ""), clothing)

    def _score_clothing(self, name: str, key: tuple[str, str], clothing: Clothing) -> None:
        labels = self.evaluator.labels.get(key[0])
        for measure_name, value in clothing_scores(clothing, labels).items():
            self._add(measure_name, name, key, value)

    def _add(self, measure: str, name: str, key: tuple[str, str], value: float) -> None:
        self.values.setdefault(measure, {}).setdefault(name, {}).setdefault(key, []).append(value)

    def _keep_for_sheet(
        self,
        crop: SourceCrop,
        fitted: FittedView,
        renderings: Mapping[str, tuple[View, np.ndarray, EvaluatedTexture]],
    ) -> None:
        identity = crop.person.identity
        if identity not in self.to_show or identity in self.shown:
            return
        first = next(iter(renderings.values()))[2]
        self.shown[identity] = ShownPerson(
            identity=identity,
            source=self._photograph(first.source),
            photograph=fitted.photograph,
            photograph_name=crop.source,
            fit=outlined(fitted),
            renderings={name: view.rendered for name, (view, _, _) in renderings.items()},
            textures={name: colours for name, (_, colours, _) in renderings.items()},
        )

    def _photograph(self, source: str | None) -> np.ndarray | None:
        for crop in self.photographs:
            if source is not None and crop.source == source:
                return read_crop(crop.path).pixels
        return None

    def retrieve(self) -> None:
        """Find people's photographs by their rendered bodies."""
        network = self.evaluator.networks.get("omz-0277")
        if network is None or not self.queries:
            return
        gallery, images = self._read([c for c in self.crops if c.person.camera is not None])
        pictures = [image.pixels for image in images]
        scores = retrieval_scores(network, self.queries, gallery, pictures)
        for query, ranks in scores:
            for name, value in zip(RETRIEVAL_MEASURES, ranks):
                self._add(name, query.texture_set, query.key, value)

    def unjudged_lines(self) -> list[str]:
        """A line per set with people whose textures have seen every camera: none can judge them."""
        lines = []
        for item, by_person in zip(self.sets, self.by_person):
            judged = {
                crop.person.identity
                for crop in self.views
                if other_camera_texture(by_person.get(crop.person.identity, []), crop) is not None
            }
            count = len(by_person.keys() - judged)
            if count:
                lines.append(
                    f"{item.name}: {count} of {len(by_person)} people have no photograph by a camera "
                    "that their texture has not seen, and are not judged in another camera's view; where "
                    "textures are fused of several photographs, harvest the halves of "
                    "`synth split-cameras`"
                )
        return lines

    def left_out_lines(self) -> list[str]:
        """A line per reason for which photographs were left out."""
        counts = Counter(item.reason for item in self.left_out)
        return [f"left out, {reason}: {count} photographs" for reason, count in counts.items()]

    def result(self) -> TextureEvaluation:
        """What was measured; a person's textures, or views in which clothing was read, count as one."""
        labels = self.evaluator.labels
        values = {
            name: {texture_set: _means(items) for texture_set, items in by_set.items()}
            for name, by_set in self.values.items()
            if labels or name not in PERSON_MEASURES
        }
        classes: dict[str, Classes] = {}
        for kind in ("sleeves", "trousers") if labels else ():
            values[f"{kind}-balanced"] = values.get(kind, {})
            classes[f"{kind}-balanced"] = {
                (person, ""): getattr(label, f"short_{kind}") for person, label in labels.items()
            }
        return TextureEvaluation(
            fitted_by=self.evaluator.fitter.name,
            values=values,
            classes=classes,
            shown=tuple(self.shown[name] for name in sorted(self.shown)),
            left_out=tuple(self.left_out),
            gallery=len(self.crops),
            people=len(self.people),
            pictures=self.pictures,
        )


def _means(items: Mapping[tuple[str, str], Sequence[float]]) -> dict[tuple[str, str], float]:
    """The mean of each key's values, NaN where all are."""
    finite = {key: [x for x in values if np.isfinite(x)] for key, values in items.items()}
    return {key: float(np.mean(x)) if x else float("nan") for key, x in finite.items()}


def _by_person(item: TextureSet) -> dict[str, list[EvaluatedTexture]]:
    textures: dict[str, list[EvaluatedTexture]] = defaultdict(list)
    for texture in item.textures:
        textures[texture.identity].append(texture)
    return textures
