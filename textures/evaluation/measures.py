"""The measures of a texture, by name: each one sentence that defines it, and what computes it.

`VIEW_MEASURES` compare a texture in a photograph's view with the photograph, body and photograph cut out
by one mask, on grey, in one light (`alignment`); those "in a scene" compare them as papers do, whole and
in whatever light. `SET_MEASURES` look at all of a set's pictures together. `TEXTURE_MEASURES` look at
the texture alone. `PERSON_MEASURES` compare what is read from it with labels of the person.
`RETRIEVAL_MEASURES` find the person's photographs by the rendered body.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mocap.errors import BadInput
from textures.evaluation.surface_scores import SurfaceTexels, asymmetry, seam_difference
from textures.evaluation.texture_sets import Painting
from textures.evaluation.views import View
from textures.metrics import PROTOCOLS, score

SAME_VIEW, OTHER_CAMERA = "own view", "other camera"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a figure means: a defining sentence, which way it runs, and the network it needs.

    unavailable: why it can never be computed here, so that its lack is said; None where it can.
    """

    definition: str
    higher_is_better: bool
    network: str | None = None
    unavailable: str | None = None


@dataclass(frozen=True, kw_only=True)
class ViewMeasure(Measure):
    """A score of a view; `score` is given the view and the opened network, None where it needs none."""

    score: Callable[[View, Any], float]


@dataclass(frozen=True, kw_only=True)
class SetMeasure(Measure):
    """An inception score of a set's pictures in their own views, the mean of so many parts of them.

    masked: whether only the body is looked at, all else black.
    """

    parts: int
    masked: bool


@dataclass(frozen=True, kw_only=True)
class TextureMeasure(Measure):
    """A score of a texture by itself."""

    score: Callable[[Painting, SurfaceTexels], float]


def _protocol(name: str) -> Callable[[View, Any], float]:
    def view_score(view: View, network: Any) -> float:
        try:
            return score(name, view.rendered, view.target, view.shared)
        except BadInput:  # the mask is empty away from the border, where windows are cut
            return float("nan")

    return view_score


def _scene_protocol(name: str) -> Callable[[View, Any], float]:
    def scene_score(view: View, network: Any) -> float:
        return score(name, view.scene, view.photograph, view.silhouette)

    return scene_score


def _distance(view: View, network: Any) -> float:
    distance = float(network.distance(view.rendered, view.target))
    if not math.isfinite(distance):  # NaN stands for what is not defined, and would be passed over
        raise BadInput(
            f"{type(network).__name__}: a distance of {distance}; install its weights again"
        )
    return distance


def _coverage(view: View, network: Any) -> float:
    return float(view.painted[view.shared].mean())


VIEW_MEASURES: Mapping[str, ViewMeasure] = MappingProxyType(
    {
        **{
            name: ViewMeasure(
                definition=f"{protocol.definition[:-1]}; of the cut-out bodies.",
                higher_is_better=True,
                score=_protocol(name),
            )
            for name, protocol in PROTOCOLS.items()
        },
        **{
            f"{name} in a scene": ViewMeasure(
                definition=f"{PROTOCOLS[name].definition[:-1]}; of the whole photograph and the fitted "
                f"body in its texture's own light before a generated background, {mask} (RSTG 4.1).",
                higher_is_better=True,
                score=_scene_protocol(name),
            )
            for name, mask in (
                ("ssim@rstg", "no mask"),
                ("mask-ssim@rstg", "the mask being the body"),
            )
        },
        "st-lpips": ViewMeasure(
            definition="ST-LPIPS, VGG-16 (Ghildyal & Liu 2022), of the cut-out bodies on grey.",
            higher_is_better=False,
            network="st-lpips",
            score=_distance,
        ),
        "efficientnet-lite0": ViewMeasure(
            definition="Euclidean distance of EfficientNet-Lite0's pooled unit features (ImageNet), of "
            "the cut-out bodies on grey.",
            higher_is_better=False,
            network="efficientnet-lite0",
            score=_distance,
        ),
        "coverage": ViewMeasure(
            definition="Share of the pixels of body and person mask whose texels are painted, neither "
            "transparent nor black.",
            higher_is_better=True,
            score=_coverage,
        ),
    }
)

NO_INCEPTION = "not computed: no package here ships Inception-v3's weights"
_SCENES = "the pictures of ssim@rstg in a scene, own view"
_BODIES = "the same times the body's mask"


def _inception(*, parts: int, masked: bool, inception: bool) -> SetMeasure:
    pictures = _BODIES if masked else _SCENES
    count = "the mean of ten parts of them in order" if parts > 1 else "all of them at once"
    network = "Inception-v3" if inception else "EfficientNet-Lite0 (ImageNet), not Inception-v3"
    return SetMeasure(
        definition=f"Inception score of {pictures}, {count}, by {network}.",
        higher_is_better=True,
        network=None if inception else "efficientnet-lite0-classes",
        unavailable=NO_INCEPTION if inception else None,
        parts=parts,
        masked=masked,
    )


SET_MEASURES: Mapping[str, SetMeasure] = MappingProxyType(
    {
        "is@rstg": _inception(parts=10, masked=False, inception=True),
        "mask-is@rstg": _inception(parts=10, masked=True, inception=True),
        "is@lite0": _inception(parts=10, masked=False, inception=False),
        "mask-is@lite0": _inception(parts=10, masked=True, inception=False),
        "is@lite0-strict": _inception(parts=1, masked=False, inception=False),
        "mask-is@lite0-strict": _inception(parts=1, masked=True, inception=False),
    }
)

OTHER_FIGURES: Mapping[str, Measure] = MappingProxyType(
    {
        "fid": Measure(
            definition="Frechet distance of Inception-v3's features.",
            higher_is_better=False,
            unavailable=NO_INCEPTION,
        )
    }
)

TEXTURE_MEASURES: Mapping[str, TextureMeasure] = MappingProxyType(
    {
        "seams": TextureMeasure(
            definition="Mean CIE76 difference of texels that a cut of the UV layout parts, less that of "
            "neighbours within an island, at least 0.",
            higher_is_better=False,
            score=seam_difference,
        ),
        "asymmetry": TextureMeasure(
            definition="Median CIE76 difference of texels and their left-right mirror images; 0 for a "
            "flat texture.",
            higher_is_better=False,
            score=asymmetry,
        ),
    }
)

_BALANCED = "mean of the shares among people of either label: 0.5 for a constant answer"
PERSON_MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "sleeves": Measure(
            definition="Share of people whose sleeves, long or short, are read rightly from the body's "
            "forearms.",
            higher_is_better=True,
        ),
        "sleeves-balanced": Measure(
            definition=f"As sleeves, {_BALANCED}.",
            higher_is_better=True,
        ),
        "trousers": Measure(
            definition="Share of people whose trousers or skirt, long or short, are read rightly from "
            "the body's shins.",
            higher_is_better=True,
        ),
        "trousers-balanced": Measure(
            definition=f"As trousers, {_BALANCED}.",
            higher_is_better=True,
        ),
        "upper-colour": Measure(
            definition="Share of people whose shirt's median colour is nearest to a colour they are "
            "labelled with.",
            higher_is_better=True,
        ),
        "lower-colour": Measure(
            definition="As upper-colour, of hips and thighs.",
            higher_is_better=True,
        ),
    }
)

NETWORK_ATTRIBUTES: Mapping[str, Measure] = MappingProxyType(
    {
        f"{name}@omz-0230": Measure(
            definition=f"Share of views whose {name}, long or short, OMZ's "
            "person-attributes-recognition-crossroad-0230 tells rightly from the body on grey.",
            higher_is_better=True,
            network="omz-0230",
        )
        for name in ("sleeves", "trousers")
    }
)

RETRIEVAL_MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "rank-1@omz-0277": Measure(
            definition="Share of bodies, rendered in the pose of one photograph per camera on grey, "
            "whose nearest photograph by OMZ's person-reidentification-retail-0277 shows the person; "
            "photographs of the person by the pose's camera and the texture's cameras are left out.",
            higher_is_better=True,
            network="omz-0277",
        ),
        "map@omz-0277": Measure(
            definition="Mean average precision of the same retrieval, precision at hits.",
            higher_is_better=True,
            network="omz-0277",
        ),
    }
)


def all_measures() -> dict[str, Measure]:
    """Every measure by the name that its figures have: view measures once for each kind of view."""
    views = {
        f"{name} ({kind})": measure
        for kind in (OTHER_CAMERA, SAME_VIEW)
        for name, measure in VIEW_MEASURES.items()
    }
    return {
        **views,
        **SET_MEASURES,
        **OTHER_FIGURES,
        **RETRIEVAL_MEASURES,
        **PERSON_MEASURES,
        **NETWORK_ATTRIBUTES,
        **TEXTURE_MEASURES,
    }
