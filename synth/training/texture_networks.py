"""Runs that train the texture networks: pedestrians in, weights and their cards out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mocap.bodies.body import Body
from mocap.bodies.free_body import load_free_body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.standins.training_pedestrians import make_bank
from textures.body_fit.network import BodyFitConfig
from textures.body_fit.photograph_bank import (
    bank_of_photographs,
    find_sources,
    network_fits,
    perturbed_fits,
)
from textures.body_fit.training import train_body_fit
from textures.checkpoints import load_network, save_network
from textures.market1501 import read_split
from textures.reid.pcb import PCB, ReidConfig, load_resnet_weights
from textures.reid.training import labelled_bank, read_labelled, train_reid
from textures.rstg.projection import texel_geometry
from textures.rstg.training import RECIPES, train_generator
from textures.rstg.unet import GeneratorConfig
from textures.training.augmentation import photographed
from textures.training.loop import Schedule, make_fabric
from textures.training.pedestrian_bank import PedestrianBank, load_bank

HELD_OUT = 0.05
Result = tuple[Path, dict[str, float]]


def pedestrians(
    body: Body, *, keep: Path | None, identities: int, images: int, seed: int, workers: int
) -> PedestrianBank:
    """The training pedestrians, read from ``keep`` when it is there, else generated (and kept)."""
    if keep and Path(keep).is_file():
        return load_bank(keep)
    bank = make_bank(body, identities=identities, images=images, seed=seed, workers=workers)
    if keep:
        bank.save(keep)
    return bank


def train_body_fit_run(
    *, out: Path, batch: int, depth: int, width: int, command: str, **run
) -> Result:
    """Train the body fit on generated pedestrians; writes OUT/body_fit.safetensors and its card."""
    body, bank = _begin(run)
    training, held_out = bank.split_identities(HELD_OUT)
    network, figures = train_body_fit(
        BodyFitConfig(depth=depth, width=width),
        Skinning(body),
        training,
        held_out,
        folder=out,
        schedule=_schedule(run),
        fabric=make_fabric(run["device"], half=run["half"]),
        batch=batch,
        measure_every=500,
    )
    return _finish(out, "body-fit", network, figures, bank, command, run)


def train_reid_run(
    *, out: Path, batch: int, depth: int, width: int, height: int, image_width: int,
    market: Path | None, resnet: Path | None, command: str, **run,
) -> Result:  # fmt: skip
    """Train PCB on generated pedestrians or on Market-1501; writes OUT/reid.safetensors and its
    card.
    """
    config = ReidConfig(depth=depth, width=width, classes=1, height=height, image_width=image_width)
    if depth < 50:
        config = ReidConfig(depth, width, 1, 6, 128, 0.5, height, image_width)
    bank = None
    if market:
        _threads(run)
        training = read_labelled(read_split(market, "train"))
        held_out = read_labelled(read_split(market, "query") + read_split(market, "gallery"))
    else:
        _, bank = _begin(run)
        rng = np.random.default_rng(run["seed"])
        training, held_out = (labelled_bank(part, rng) for part in bank.split_identities(HELD_OUT))
    network = None
    if resnet:
        classes = len(np.unique(training.identities))
        network = PCB(ReidConfig(**{**config.__dict__, "classes": classes}))
        load_resnet_weights(network.trunk, resnet)
    network, figures = train_reid(
        config,
        training,
        held_out,
        folder=out,
        schedule=_schedule(run),
        fabric=make_fabric(run["device"], half=run["half"]),
        batch=batch,
        network=network,
        measure_every=500,
    )
    return _finish(out, "reid", network, figures, bank, command, run, market=market)


def train_generator_run(
    *, out: Path, recipe: str, base: int, texture_size: int, projection: bool, fits: str,
    body_fit: Path | None,
    reid: Path | None, market: Path | None, command: str, **run,
) -> Result:  # fmt: skip
    """Train the generator; writes OUT/generator.safetensors and its card."""
    body, bank = _begin(run)
    supervisor, _ = load_network("reid", reid)
    skinning = Skinning(body)
    fitter = load_network("body-fit", body_fit)[0] if market or fits == "network" else None
    if market:
        crops = read_split(market, "train")
        bank = bank_of_photographs(crops, fitter, skinning, body, bank.textures, bank.scenes)
    training, held_out = bank.split_identities(HELD_OUT)
    rng = np.random.default_rng(run["seed"])
    geometry = texel_geometry(body, texture_size)
    held_out = photographed(held_out, rng)
    config = GeneratorConfig(base=base, texture_size=texture_size)
    sources = held_out_sources = None
    if projection:
        config = GeneratorConfig(base, texture_size, texture_size, texture_size, True)
        fitted = (
            [
                network_fits(part, fitter, skinning)
                for part in (photographed(training, rng), held_out)
            ]
            if fitter
            else [perturbed_fits(part, rng, BodyFitConfig()) for part in (training, held_out)]
        )
        sources, held_out_sources = (find_sources(f, skinning, body, geometry) for f in fitted)
    network, figures = train_generator(
        config,
        RECIPES[recipe],
        geometry,
        supervisor,
        training,
        held_out,
        folder=out,
        schedule=_schedule(run, cosine=recipe == "shipped"),
        fabric=make_fabric(run["device"], half=run["half"]),
        sources=sources,
        held_out_sources=held_out_sources,
        measure_every=250,
    )
    extra = {"recipe": RECIPES[recipe].__dict__}
    return _finish(out, "generator", network, figures, bank, command, run, market=market, **extra)


def _begin(run: dict) -> tuple[Body, PedestrianBank]:
    _threads(run)
    body = load_free_body()
    bank = pedestrians(
        body,
        keep=run["pedestrians"],
        identities=run["identities"],
        images=run["images"],
        seed=run["seed"],
        workers=run["workers"],
    )
    if len(np.unique(bank.identities)) < 4:
        raise BadInput(
            f"{len(np.unique(bank.identities))} training pedestrians: expected 4 or more"
        )
    return body, bank


def _threads(run: dict) -> None:
    if run["threads"]:
        torch.set_num_threads(run["threads"])


def _schedule(run: dict, *, cosine: bool = True) -> Schedule:
    return Schedule(steps=run["steps"], rate=run["rate"], seed=run["seed"], cosine=cosine)


def _finish(
    out: Path,
    kind: str,
    network: torch.nn.Module,
    figures: dict[str, float],
    bank: PedestrianBank | None,
    command: str,
    run: dict,
    *,
    market: Path | None = None,
    **extra: object,
) -> Result:
    if market:
        data = {"set": "Market-1501 (not shipped)"}
    else:
        data = {
            "set": "generated pedestrians (procedural wardrobe on the free body); no photograph",
            "identities": len(np.unique(bank.identities)),
            "crops": len(bank),
            "held out": f"the last {HELD_OUT:.0%} of the identities",
        }
    path = Path(out) / f"{kind.replace('-', '_')}.safetensors"
    save_network(
        path,
        kind,
        network,
        half=True,
        data=data,
        command=command,
        steps=run["steps"],
        metrics={"measured on": "held-out " + data["set"], **figures},
        licence="Apache-2.0",
        **extra,
    )
    return path, figures
