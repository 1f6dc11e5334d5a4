"""The categories besides people: one line each."""

from __future__ import annotations

from mocap.errors import BadInput
from textures.categories.birds.configuration import BIRDS
from textures.categories.category import Category

CATEGORIES: dict[str, Category] = {category.name: category for category in (BIRDS,)}


def category_named(name: str) -> Category:
    """The configuration of a category. Raises BadInput for a name that none has."""
    if name not in CATEGORIES:
        raise BadInput(f"category {name}: expected one of people, {', '.join(CATEGORIES)}")
    return CATEGORIES[name]
