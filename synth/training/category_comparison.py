"""A category's trained generators beside each other, on photographs that none of them saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.files import atomic_write, is_stand_in
from textures.categories.category import Category
from textures.categories.comparison import GeneratorComparison, require_stranger
from textures.categories.generator import identity_card, load_category_generator
from textures.categories.object_bank import PlacedObject, placed_objects
from textures.checkpoints import read_card
from textures.evaluation.summary import MeasureSummary
from textures.library import MANIFEST, read_library, read_texture, write_texture
from textures.reid.pcb import load_pcb
from textures.visibility.uv_layout import check_layout

TRUE_TEXTURES = "true_textures"  # of a stand-in's folder


def compare_generators(
    category: Category,
    weights: Sequence[Path],
    images: Path,
    judge: Path,
    out: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    report: Callable[[str], None],
) -> list[MeasureSummary]:
    """Measure and show generators on a data set's test split.

    Args:
        category: of all of them.
        weights: of the generators; each is called after its folder.
        images: the data set's folder; the true textures of a stand-in are looked at, too.
        judge: weights of an identity network that supervised none of them.
        out: gets comparison.json and comparison.png.
        seed: of the resampling of identities.
        device: where the networks compute.
        report: is told how photographs were placed, and what was left out.

    Raises:
        BadInput: for weights of another category, a judge that supervised one of the generators, and
            a folder without test photographs that can be placed.
    """
    card = identity_card(category, judge)
    supervisors = [_supervisor(category, path) for path in weights]
    require_stranger(card, supervisors, judge)
    names = _names(weights)
    generators = {
        name: load_category_generator(category, path, device=device)
        for name, path in zip(names, weights, strict=True)
    }
    test = [
        photograph for photograph in category.read(images).photographs if not photograph.training
    ]
    placed = placed_objects(category, test)
    for line in placed.lines():
        report(line)
    truth = _true_textures(category, images, placed.objects)
    comparison = GeneratorComparison(generators, placed.objects, true_textures=truth)
    network, _ = load_pcb(judge, device=device)
    classes = np.array(card["data"]["classes"])
    summaries = comparison.summaries(network, classes, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    content = {
        "data": str(images),
        "stand-in": is_stand_in(images),
        "photographs": len(placed.objects),
        "left out": placed.left_out,
        "judge": card.get("metrics"),
        "weights": {
            name: read_card(path, category.generator_kind) for name, path in zip(names, weights)
        },
        "measures": [summary.as_dict() for summary in summaries],
    }
    with atomic_write(out / "comparison.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    write_texture(out / "comparison.png", comparison.picture())
    return summaries


def _names(weights: Sequence[Path]) -> list[str]:
    """Each weights' folder, or file where folders are alike."""
    folders = [path.resolve().parent.name for path in weights]
    names = folders if len(set(folders)) == len(folders) else [path.stem for path in weights]
    if len(set(names)) != len(names):
        raise BadInput(
            f"{', '.join(map(str, weights))}: are called alike; give weights in folders of different "
            "names"
        )
    return names


def _supervisor(category: Category, path: Path) -> str:
    """The sha256 of the identity network that supervised a generator."""
    data = read_card(path, category.generator_kind).get("data")
    digest = data.get("identity_network") if isinstance(data, dict) else None
    if not isinstance(digest, str):
        raise BadInput(f"{path}: its card does not say which network supervised it; train it again")
    return digest


def _true_textures(
    category: Category, images: Path, objects: Sequence[PlacedObject]
) -> np.ndarray | None:
    """The true texture (S,S,3) of each object, None where the data set has none."""
    folder = images / TRUE_TEXTURES
    if not is_stand_in(images) or not (folder / MANIFEST).is_file():
        return None
    textures = {}
    for entry in read_library(folder):
        check_layout(entry.uv_layout, category.model().mesh, str(folder / entry.file))
        textures[entry.identity] = read_texture(folder / entry.file)
    missing = {o.photograph.identity_name for o in objects} - textures.keys()
    if missing:
        raise BadInput(f"{folder}: has no texture of {min(missing)}; write the stand-ins again")
    return np.stack([textures[o.photograph.identity_name] for o in objects])
