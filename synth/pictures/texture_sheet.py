"""The sheet of an evaluation of textures: one self-contained HTML file, folder beside folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.files import atomic_write
from synth import __version__
from synth.pictures.report import picture_uri
from textures.evaluation.evaluation import TextureEvaluation
from textures.evaluation.measures import all_measures
from textures.evaluation.shown_person import ShownPerson
from textures.evaluation.summary import MeasureSummary
from textures.harvest.contact_sheet import turned_views

HEIGHT = 240
RESULTS, SHEET = "evaluation.json", "sheet.html"

_TEMPLATE = Path(__file__).with_name("texture_sheet.html")


def write_texture_evaluation(
    out: Path,
    content: Mapping[str, Any],
    summaries: Sequence[MeasureSummary],
    evaluation: TextureEvaluation,
    body: Body,
    skinning: Skinning,
) -> Path:
    """Write evaluation.json and sheet.html, each whole.

    Args:
        out: the folder.
        content: what the JSON file holds.
        summaries: of the measures, for the sheet's table.
        evaluation: holds the people that are shown.
        body: of the textures.
        skinning: of the same body.

    Returns:
        The sheet.
    """
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / RESULTS) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    html = environment.from_string(_TEMPLATE.read_text()).render(
        version=__version__,
        content=content,
        sets=content["sets"],
        computed=[summary for summary in summaries if summary.not_computed is None],
        missing=[summary for summary in summaries if summary.not_computed is not None],
        people=[person_card(person, body, skinning) for person in evaluation.shown],
        measures=all_measures(),
    )
    with atomic_write(out / SHEET) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return out / SHEET


def person_card(person: ShownPerson, body: Body, skinning: Skinning) -> dict[str, Any]:
    """What the template shows of one person: crop, fit, and each set's body from four sides."""
    rows = []
    for name, texture in person.textures.items():
        views = turned_views(body, skinning, texture, height=HEIGHT, width=HEIGHT // 2)
        rows.append(
            {
                "name": name,
                "rendering": picture_uri(_tall(person.renderings[name])),
                "turned": picture_uri(np.hstack(views)),
            }
        )
    return {
        "identity": person.identity,
        "photograph_name": person.photograph_name,
        "source": None if person.source is None else picture_uri(_tall(person.source)),
        "photograph": picture_uri(_tall(person.photograph)),
        "fit": picture_uri(_tall(person.fit)),
        "rows": rows,
    }


def _tall(image: np.ndarray) -> np.ndarray:
    width = max(1, round(image.shape[1] * HEIGHT / image.shape[0]))
    return cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
