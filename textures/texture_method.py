"""What every method that makes textures of photographs is, whoever published it.

A method has a configuration (a recipe), networks, a way from crops and their fitted bodies to
textures, a training step, and a card that says how its weights came about. The harvest, the trainings
and the evaluation know only what stands here. `textures.methods` lists the methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from mocap.bodies.body import Body
from mocap.errors import BadInput
from textures.body_fit.fitting import BodyFit, PosedFit
from textures.checkpoints import (
    fill_networks,
    read_card,
    save_networks,
    shipped_weights,
    weights_tag,
)
from textures.training.loop import Schedule, TrainingStep
from textures.training.pedestrian_bank import PedestrianBank

HELD_OUT = 0.05


class MethodRecipe(Protocol):
    """A whole configuration of a method, from its networks' shapes to its schedule."""

    @property
    def name(self) -> str:
        """What `--recipe` calls it."""
        ...

    @property
    def fits(self) -> str:
        """Whose bodies stand in the crops: "perturbed" (the bank's) or "network" (the body fit's)."""
        ...

    @property
    def schedule(self) -> Schedule:
        """How long and how fast it trains."""
        ...


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What is known of training data before anything is computed of them.

    name: for messages. photographs: whether they are photographs, which have no true textures.
    identities: how many people. crops_per_identity: the most crops that one of them has. walking: whether
    there are poses of people who walk.
    """

    name: str
    photographs: bool
    identities: int
    crops_per_identity: int
    walking: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What a method is trained and measured on.

    training, held_out: pedestrians, no person in both. training_fits, held_out_fits: their bodies as a
    body fit sees them, None for a method that does not use them. reid_weights: of the network that
    supervises, the shipped one for None. walking: poses (K,72) float32 of people who walk, where a recipe
    asks for them.
    """

    body: Body
    training: PedestrianBank
    held_out: PedestrianBank
    training_fits: BodyFit | None
    held_out_fits: BodyFit | None
    reid_weights: Path | None
    walking: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """A paper's table of figures.

    columns: what the paper calls a figure, and our measures that are nearest to it. rows: figures by what
    the paper calls a row. data: what they were measured on, and how that differs from what we measure on.
    """

    title: str
    columns: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, Mapping[str, float]]
    data: str


@dataclass(frozen=True)
class Variant:
    """A row of a method's tables, as changes to whichever of its recipes it is trained by.

    definition: in a sentence. overrides: as `--set` takes them. published: what the paper calls the row,
    "" for a row that it does not have.
    """

    definition: str
    overrides: tuple[str, ...]
    published: str = ""


@dataclass(frozen=True, kw_only=True)
class ComparedImages:
    """One item of a table: what a method makes, by row, and what it should be.

    person: number of the identity. images: (H,W,3) uint8 RGB by row, target the same. mask: (H,W) bool,
    where they are compared.
    """

    person: int
    images: Mapping[str, np.ndarray]
    target: np.ndarray
    mask: np.ndarray


class TextureMethod(ABC):
    """One way from photographs of pedestrians to body textures.

    name: in the registry and on the command line. kind: of its weights, on their cards. recipes: whole
    configurations by name. config_type: class of `config`. config: the shape of the networks, a
    dataclass. networks: by name, all that is trained and stored. texture_size: texels along a texture's
    side. card: of the weights, empty for untrained ones. tag: names the weights in `textures.jsonl`.
    published: the paper's table that `compared_images` is measured for, None where there is none.
    photograph_table: the paper's table that textures of photographs are measured for, None likewise.
    variants: rows of its tables by name; a method that has some has a field `variant` in its recipes.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    recipes: ClassVar[Mapping[str, Any]]
    config_type: ClassVar[type]
    published: ClassVar[PublishedTable | None] = None
    photograph_table: ClassVar[PublishedTable | None] = None
    variants: ClassVar[Mapping[str, Variant]] = {}
    config: Any
    networks: Mapping[str, nn.Module]
    texture_size: int
    card: Mapping[str, Any]
    tag: str

    @abstractmethod
    def __init__(self, config: Any, body: Body) -> None:
        """The method with networks of a configuration, not yet trained, for a body's textures."""

    @classmethod
    @abstractmethod
    def check_recipe(
        cls, recipe: Any, data: DataSummary, *, reid_weights: Path | None = None
    ) -> None:
        """Refuse a recipe that the data or the supervising network cannot serve. Raises BadInput."""

    @classmethod
    @abstractmethod
    def uses_fits(cls, recipe: Any) -> bool:
        """Whether training by this recipe looks at fitted bodies."""

    @classmethod
    def foreign_weights(cls, recipe: Any) -> Mapping[str, Path]:
        """Files that a training by this recipe depends on besides its data, by what they are."""
        return {}

    @classmethod
    def teachers(cls, recipe: Any, reid_weights: Path | None) -> Mapping[str, str]:
        """Other networks that a training by this recipe looks through, in words, for the card."""
        return {}

    @classmethod
    def held_out_share(cls, recipe: Any) -> float:
        """The share of the people that a training by this recipe does not see."""
        return HELD_OUT

    @classmethod
    def recipe_config(cls, recipe: Any) -> Any:
        """The shape of the networks that a recipe trains."""
        return recipe.networks

    @classmethod
    def initialise(cls, recipe: Any, body: Body) -> Self:
        """The method with untrained networks, drawn from the schedule's seed."""
        torch.manual_seed(recipe.schedule.seed)
        return cls(cls.recipe_config(recipe), body)

    @classmethod
    def from_card(cls, card: Mapping[str, Any], body: Body) -> Self:
        """The method with networks of a card's configuration, to be filled with weights."""
        return cls(cls.config_type(**card["config"]), body)

    def start_from(self, weights: Path, body: Body) -> None:
        """Begin a training with weights of the same networks, perhaps of another texture size.

        Raises:
            BadInput: for weights that cannot be used, and for networks of another shape.
        """
        start = load_method(type(self), body, weights)
        for name, network in self.networks.items():
            state = start.networks[name].state_dict()
            shapes = {key: tensor.shape for key, tensor in state.items()}
            odd = [k for k, v in network.state_dict().items() if shapes.get(k) != v.shape]
            if odd or len(shapes) != len(network.state_dict()):
                raise BadInput(
                    f"{weights}: its {name} has another shape than the recipe's ({', '.join(odd[:1])}); "
                    "give weights of the recipe's width"
                )
            network.load_state_dict(state)

    @abstractmethod
    def textures(self, crops: Sequence[np.ndarray], fits: PosedFit) -> torch.Tensor:
        """Textures of crops.

        Args:
            crops: N images (h,w,3) uint8 RGB of any size.
            fits: their fitted and posed bodies.

        Returns:
            (N,3,S,S) float32 RGB in [-1,1], row 0 the top of the texture image, gutters filled.
        """

    def compared_images(self, bank: PedestrianBank, fits: PosedFit) -> Iterator[ComparedImages]:
        """The items of the published table.

        Args:
            bank: pedestrians that were not trained on, as photographs show them.
            fits: their fitted and posed bodies.
        """
        raise NotImplementedError(f"{self.name} has no published table")

    @abstractmethod
    def training_step(self, recipe: Any, data: TrainingData, device: torch.device) -> TrainingStep:
        """What one step of training does, and how it is measured."""

    def save(self, path: Path, **card: object) -> None:
        """Write the networks, floats in half precision, and their card."""
        save_networks(path, self.kind, self.networks, self.config, half_precision=True, **card)


def load_method(
    method: type[TextureMethod], body: Body, path: Path | None = None, *, device: str = "cpu"
) -> TextureMethod:
    """A trained method, in evaluation mode.

    Args:
        method: its class.
        body: the body whose textures it makes.
        path: of its weights; the shipped ones when None.
        device: where its networks go.

    Raises:
        BadInput: for weights that are missing, damaged, or of another kind or shape.
    """
    path = Path(path) if path else shipped_weights(method.kind)
    card = read_card(path, method.kind)
    try:
        loaded = method.from_card(card, body)
        fill_networks(loaded.networks, load_file(path))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    except Exception as error:  # a damaged file fails in the reader, a foreign one in the shapes
        raise BadInput(
            f"{path}: cannot be loaded as {method.kind} ({error}); train it again"
        ) from None
    for network in loaded.networks.values():
        network.eval().to(device)
    loaded.card = card
    loaded.tag = weights_tag(path, method.kind)
    return loaded
