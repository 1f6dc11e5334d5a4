"""The run behind `synth train pn-gan`: generator, canonical poses, both feature networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mocap.bodies.free_body import load_free_body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.training.photographs import reid_photographs
from synth.training.runs import (
    HELD_OUT,
    TrainedWeights,
    TrainingOptions,
    generated_pedestrians,
    limit_threads,
)
from textures.body_fit.fitting import BodyFitter
from textures.checkpoints import shipped_weights
from textures.evidence.evidence import EvidenceSource
from textures.evidence.labelled_crops import bank_labels
from textures.evidence.sources import SourceOptions, open_sources
from textures.library import sha256_of
from textures.market1501 import Crop
from textures.methods import method_named
from textures.pn_gan.canonical_poses import CanonicalPoses, cluster_poses
from textures.pn_gan.normalisers import GeneratorNormaliser, PoseNormaliser
from textures.pn_gan.pose_maps import coco_joints, unit_poses
from textures.pn_gan.recipes import PnGanRecipe
from textures.pn_gan.rendered_bodies import RenderedNormaliser
from textures.pn_gan.training import PosedCrops, train_features, train_gan
from textures.pn_gan.weights import PnGanConfig, PnGanNetworks, save_pn_gan
from textures.reid.training import read_labelled
from textures.reid.trunks import imagenet_file
from textures.texture_method import TextureMethod, load_method
from textures.training.augmentation import photographed
from textures.training.loop import make_fabric
from textures.training.pedestrian_bank import PedestrianBank
from textures.training.run_data import bank_digest, photographs_digest, require_same_data

PARTS = ("generator", "original", "normalised")  # folders of a run's trainings


def train_pn_gan_run(
    recipe: PnGanRecipe,
    options: TrainingOptions,
    *,
    evidence: Sequence[str] = (),
    sources: SourceOptions | None = None,
    resnet: Path | None = None,
    held_out_people: Path | None = None,
    bodies: str | None = None,
) -> TrainedWeights:
    """Train PN-GAN and both feature networks; writes OUT/pn_gan.safetensors and its card.

    Args:
        recipe: what is trained, and how.
        options: the run's; its images are Market-1501's folder, or a flat folder of such crops.
        evidence: the source of the photographs' joints, by name or path; what is installed without one.
        sources: where it finds its files.
        resnet: ResNet weights that the feature networks start from.
        held_out_people: list of identities that are not learnt from.
        bodies: texture method whose bodies show people in the canonical poses to the second feature
            network; the generator does when None.

    Raises:
        BadInput: before anything is trained, for data without pairs of poses, several sources, weights
            that are missing or another trunk's, and runs that are there on other data.
    """
    if len(evidence) > 1:
        raise BadInput(
            f"{len(evidence)} sources of joints: expected one, as poses are not averaged"
        )
    if held_out_people is not None and options.images is None:
        raise BadInput(
            "--without says who of the photographs is held out: give their --images, too"
        )
    trunk = None
    if recipe.imagenet or resnet:
        trunk = imagenet_file(recipe.features.trunk, resnet)
    body_kind = method_named(bodies) if bodies else None
    limit_threads(options)
    data = {"trunk weights": sha256_of(trunk)} if trunk else {}
    saved: dict[str, object]
    if options.images:
        photographs = reid_photographs(options.images, held_out_people, strict=options.strict)
        source = open_sources(evidence, sources or SourceOptions())[0]
        data["photographs"] = photographs_digest(crop.path for crop in photographs.crops)
        data["joints"] = source.tag
        training = posed_photographs(photographs.learnt, source)
        held_out = posed_photographs(photographs.measured, source)
        saved = {"set": "Market-1501 (not shipped)", "joints": source.name}
        if held_out_people is not None:
            saved["held out"] = f"the people of {held_out_people.name}"
        if photographs.unreadable:
            saved["unreadable crops"] = photographs.unreadable
    else:
        bank = generated_pedestrians(load_free_body(), options)
        data["pedestrians"] = bank_digest(bank)
        rng = np.random.default_rng(options.seed)
        training, held_out = (posed_bank(subset, rng) for subset in bank.split_identities(HELD_OUT))
        saved = {
            "set": "generated pedestrians (procedural wardrobe on the free body); no photograph",
            "held out": f"the last {HELD_OUT:.0%} of the identities",
        }
    # The generator and the features of crops are the same whoever shows people in the canonical poses.
    of_run = {name: dict(data) for name in PARTS}
    if body_kind:
        of_run["normalised"]["texture weights"] = sha256_of(shipped_weights(body_kind.kind))
    for name in PARTS:
        require_same_data(options.out / name, of_run[name])
    poses = cluster_poses(training.poses, count=recipe.clusters, seed=recipe.schedule.seed)
    fabric = make_fabric(options.device, half_precision=options.half_precision)
    generator, figures = train_gan(
        *(recipe, training, held_out),
        folder=options.out / "generator",
        fabric=fabric,
        measure_every=1000,
        data=of_run["generator"],
    )
    normaliser: PoseNormaliser
    normaliser = GeneratorNormaliser(generator, poses, device=str(fabric.device))
    if body_kind:
        normaliser = body_normaliser(body_kind, sources or SourceOptions())(poses)
        saved["canonical poses by"] = normaliser.name
    original, normalised = (
        train_features(
            *(recipe, training),
            folder=options.out / name,
            fabric=fabric,
            normaliser=way,
            trunk_weights=trunk,
            data=of_run[name],
        )
        for name, way in (("original", None), ("normalised", normaliser))
    )
    networks = PnGanNetworks(generator, CanonicalPoses(poses), original, normalised)
    config = PnGanConfig(gan=recipe.gan, features=original.config, clusters=recipe.clusters)
    saved |= {
        "identities": len(np.unique(training.identities)),
        "crops": len(training.images),
    }
    path = options.out / "pn_gan.safetensors"
    save_pn_gan(
        *(path, networks, config),
        data=saved,
        command=options.command,
        steps=recipe.schedule.steps,
        metrics={"measured on": f"held-out {saved['set']}", **figures},
        licence="Apache-2.0",
        recipe=dataclasses.asdict(recipe),
    )
    return path, figures


def body_normaliser(
    method: type[TextureMethod], sources: SourceOptions
) -> Callable[[np.ndarray], RenderedNormaliser]:
    """What shows people in given canonical poses by bodies with a method's textures.

    Args:
        method: of textures, with its shipped weights.
        sources: where the installed sources find their files; they look at the crops.
    """
    body = load_free_body()
    fitter = BodyFitter(body, Skinning(body), open_sources((), sources))
    loaded = load_method(method, body)
    return lambda poses: RenderedNormaliser(loaded, fitter, body, poses)


def posed_photographs(crops: Sequence[Crop], source: EvidenceSource) -> PosedCrops:
    """Crops with the poses that a source sees in them, in memory."""
    labelled = read_labelled(list(crops))
    names = [crop.path.name for crop in crops]
    evidence = source.observe(names, list(labelled.images))
    return _posed(
        labelled.images,
        (labelled.identities, labelled.cameras),
        (evidence.landmarks, evidence.confidence),
        names,
    )


def posed_bank(bank: PedestrianBank, rng: np.random.Generator) -> PosedCrops:
    """Generated pedestrians, on scenes, with their true poses."""
    body = load_free_body()
    labels = bank_labels(bank, body, Skinning(body))
    return _posed(
        photographed(bank, rng).images,
        (bank.identities, bank.cameras),
        (labels.landmarks, labels.confidence),
        [f"pedestrian {identity} crop {k}" for k, identity in enumerate(bank.identities)],
    )


def _posed(
    images: np.ndarray,
    shots: tuple[np.ndarray, np.ndarray],
    landmarks: tuple[np.ndarray, np.ndarray],
    names: Sequence[str],
) -> PosedCrops:
    height, width = images.shape[1:3]
    joints = coco_joints(*landmarks, np.full(len(images), height))
    return PosedCrops(
        images=images,
        identities=shots[0],
        cameras=shots[1],
        poses=unit_poses(joints, np.tile((height, width), (len(images), 1))),
        names=tuple(names),
    )
