"""What a category of objects is to the method: a configuration.

People, whose bodies are posed by a body fit, are no such category.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from textures.categories.object_model import ObjectModel
from textures.categories.photographs import ObjectPhotographs
from textures.reid.training import ReidRecipe
from textures.rstg.recipes import RstgRecipe


@dataclass(frozen=True, kw_only=True)
class Category:
    """A kind of object whose textures RSTG's method learns.

    Attributes:
        name: on the command line.
        identity: what its identity network tells apart, as "species".
        model: the mesh with its UV layout, shapes and keypoints.
        read: the photographs of a folder in the data set's layout; raises BadInput.
        data_set: the name of that layout.
        crop_size: height and width of a crop, pixels.
        identity_recipes: trainings of the network that supervises, or that judges, by name.
        generator_recipes: trainings of the generator by name.
    """

    name: str
    identity: str
    model: Callable[[], ObjectModel]
    read: Callable[[Path], ObjectPhotographs]
    data_set: str
    crop_size: int
    identity_recipes: Mapping[str, ReidRecipe]
    generator_recipes: Mapping[str, RstgRecipe]

    @property
    def generator_kind(self) -> str:
        """The kind on the cards of its generators' weights, which no other category's have."""
        return f"{self.name}-generator"
