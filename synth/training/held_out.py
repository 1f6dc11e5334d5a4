"""People whom a trained method did not see, as its training held them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from textures.body_fit.bank_fits import perturbed_fits
from textures.body_fit.fitting import PosedFit, pose_fit
from textures.texture_method import HELD_OUT, TextureMethod
from textures.training.augmentation import photographed
from textures.training.pedestrian_bank import PedestrianBank
from textures.training.run_data import bank_digest


@dataclass(frozen=True)
class HeldOutPeople:
    """Pedestrians as photographs show them, and their bodies with a fit's errors."""

    bank: PedestrianBank
    fits: PosedFit


def held_out_people(
    method: TextureMethod,
    bank: PedestrianBank,
    skinning: Skinning,
    *,
    people: int | None = None,
    seed: int = 0,
) -> HeldOutPeople:
    """The people of a bank whom the method's training held out.

    Args:
        method: trained on these pedestrians.
        bank: all of them.
        skinning: of their body.
        people: at most; all that were held out when None.
        seed: of their scenes and of the fits' errors.

    Raises:
        BadInput: for other pedestrians than those of the training, among whom nobody can be told to be
            unseen.
    """
    trained_on = method.card.get("data", {}).get("sha256")
    if trained_on is not None and trained_on != bank_digest(bank):
        raise BadInput(
            f"{method.tag}: was trained on other pedestrians (sha256 {trained_on[:12]}) than these; give "
            "the file that its training was given"
        )
    recipe: dict[str, Any] = method.card.get("recipe", {})
    held_out = bank.split_identities(recipe.get("held_out", HELD_OUT))[1]
    names = np.unique(held_out.identities)[:people]
    chosen = held_out.select(np.isin(held_out.identities, names))
    rng = np.random.default_rng(seed)
    photographs = photographed(chosen, rng)
    return HeldOutPeople(
        photographs, pose_fit(perturbed_fits(photographs, rng, skinning), skinning)
    )
