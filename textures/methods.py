"""The methods that make textures: one line each.

A further method is a folder of its own, with a class that is a `TextureMethod`, and a line here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mocap.bodies.body import Body
from mocap.errors import BadInput
from textures.checkpoints import card_kind
from textures.ddff.method import DdffMethod
from textures.rstg.method import RstgMethod
from textures.sampler_refiner.method import SamplerRefinerMethod
from textures.texture_method import PublishedTable, TextureMethod, load_method

METHODS: dict[str, type[TextureMethod]] = {
    "rstg": RstgMethod,
    "sampler-refiner": SamplerRefinerMethod,
    "ddff": DdffMethod,
}
DEFAULT_METHOD = "rstg"


def method_named(name: str) -> type[TextureMethod]:
    """The class of a method. Raises BadInput for a name that no method has."""
    if name not in METHODS:
        raise BadInput(f"method {name}: expected one of {', '.join(METHODS)}")
    return METHODS[name]


def open_method(path: Path, body: Body, *, device: str = "cpu") -> TextureMethod:
    """The method that a file's weights are of, in evaluation mode.

    Raises:
        BadInput: for weights that are damaged, or of something that makes no textures.
    """
    kind = card_kind(path)
    for method in METHODS.values():
        if method.kind == kind:
            return load_method(method, body, path, device=device)
    expected = ", ".join(method.kind for method in METHODS.values())
    raise BadInput(f"{path}: weights of {kind}, which makes no textures; expected {expected}")


def photograph_tables(methods: Iterable[TextureMethod]) -> list[PublishedTable]:
    """The papers' tables of some methods' textures of photographs, each once."""
    tables = {type(method): method.photograph_table for method in methods}
    return [table for table in tables.values() if table is not None]


def published_figures(method: TextureMethod) -> dict[str, float]:
    """A paper's figures for trained weights, by measure of photographs: those of their variant."""
    table, recipe = method.photograph_table, method.card.get("recipe") or {}
    variant = method.variants.get(recipe.get("variant", ""))
    if table is None or variant is None or variant.published not in table.rows:
        return {}
    figures = table.rows[variant.published]
    return {
        measure: figures[column]
        for column, measures in table.columns.items()
        for measure in measures
        if column in figures
    }


def variant_overrides(method: type[TextureMethod], name: str) -> tuple[str, ...]:
    """The changes that a variant of a method makes to a recipe, its name among them.

    Raises:
        BadInput: for a name that none of the method's variants has.
    """
    if name not in method.variants:
        expected = ", ".join(method.variants) or "none: the method has no variants"
        raise BadInput(f"--variant {name}: expected one of {expected}")
    return (f"variant={name}", *method.variants[name].overrides)
