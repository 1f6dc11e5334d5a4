"""Runs that train the texture networks: pedestrians or photographs in, weights and their cards out."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.free_body import load_free_body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from mocap.library.motion_entry import MotionEntry
from mocap.library.motion_library import load_motion, open_motion_library
from synth.standins.street_poses import sample_street_pose
from synth.standins.training_pedestrians import make_bank
from synth.training.photographs import (
    TrainingPhotographs,
    photographs_of,
    readable_crops,
    reid_photographs,
)
from textures.attire.training import AttireRecipe, train_attire
from textures.body_fit.bank_fits import network_fits, perturbed_fits
from textures.body_fit.fitting import BodyFit, BodyFitter, selected_fits
from textures.body_fit.photograph_bank import (
    FittedPhotographs,
    fitted_photographs,
    kept_photographs,
)
from textures.body_fit.pose_prior import learn_pose_prior
from textures.checkpoints import save_networks, shipped_weights
from textures.evidence.evidence import EvidenceSource
from textures.evidence.joint_files import read_joints_csv
from textures.evidence.labelled_crops import CropLabels, bank_labels, table_labels
from textures.evidence.network import LandmarkConfig, load_landmark_network
from textures.evidence.sources import SourceOptions, open_sources
from textures.evidence.teaching import confident_labels, kept_labels
from textures.evidence.training import BodyFitRecipe, Photographs, train_landmarks
from textures.library import sha256_of
from textures.market1501 import held_out_crops, market_name, read_image, read_split
from textures.reid.training import ReidRecipe, labelled_bank, read_labelled, train_reid
from textures.reid.trunks import imagenet_file
from textures.texture_method import HELD_OUT, DataSummary, TextureMethod, TrainingData
from textures.training.augmentation import photographed
from textures.training.loop import make_fabric, train_networks
from textures.training.pedestrian_bank import PedestrianBank, load_bank
from textures.training.run_data import RunData, bank_digest, photographs_digest, require_same_data

LEAST_IDENTITIES = 4
TAUGHT = "photograph_labels.safetensors"  # in a run's folder: what another source said of its photographs
TrainedWeights = tuple[Path, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What every training run is settings besides its recipe.

    out: the run's folder, where the weights go, too. images: Market-1501's folder, to train on
    photographs. pedestrians: file of generated pedestrians, read when it is there, else written.
    count_identities, count_crops: how many people to generate, and crops of each. seed: of the
    generated pedestrians and of what is drawn of them. workers: processes that generate. threads: of
    torch, 0 for all cores. half_precision: matrix products in bfloat16. command: for the card. strict:
    whether a crop that cannot be read ends the training before it begins, in place of being left out.
    """

    out: Path
    images: Path | None = None
    pedestrians: Path | None = None
    count_identities: int = 1200
    count_crops: int = 6
    seed: int = 0
    workers: int | None = None
    threads: int = 0
    device: str = "auto"
    half_precision: bool = True
    command: str = ""
    strict: bool = False


def generated_pedestrians(body: Body, options: TrainingOptions) -> PedestrianBank:
    """The training pedestrians, read from the options' file when it is there, else generated.

    Raises:
        BadInput: for a file that is no bank, and for a bank of too few people.
    """
    path, requested = options.pedestrians, options.count_identities
    if path and path.is_file():
        bank = load_bank(path)
        people = len(np.unique(bank.identities))
        _say(f"pedestrians: re-uses {path}, {people:,} people in {len(bank):,} crops")
        if (people, len(bank)) != (requested, requested * options.count_crops):
            _say(
                f"pedestrians: not the {requested:,} people with {options.count_crops} crops each of "
                "--count-identities and --count-crops, which are for pedestrians that are generated"
            )
    else:
        reason = f" and kept in {path}, which is not there yet" if path else ""
        _say(f"pedestrians: {requested:,} are generated{reason}")
        bank = make_bank(
            body,
            identities=options.count_identities,
            images=options.count_crops,
            seed=options.seed,
            workers=options.workers or os.cpu_count() or 1,
        )
        if path:
            bank.save(path)
    count = len(np.unique(bank.identities))
    if count < LEAST_IDENTITIES:
        raise BadInput(f"{count} training pedestrians: expected {LEAST_IDENTITIES} or more")
    return bank


def summary_of_options(
    options: TrainingOptions, photographs: TrainingPhotographs | None = None
) -> DataSummary:
    """What the data will be, before any of them is computed.

    Args:
        options: the run's.
        photographs: those of the options' images.
    """
    if photographs is not None:
        counts = Counter(market_name(crop).identity for crop in photographs.learnt)
        return DataSummary(
            name=str(options.images),
            photographs=True,
            identities=len(counts),
            crops_per_identity=max(counts.values()),
        )
    if options.pedestrians and options.pedestrians.is_file():
        counted = np.unique(load_bank(options.pedestrians).identities, return_counts=True)[1]
        return DataSummary(
            name=str(options.pedestrians),
            photographs=False,
            identities=len(counted),
            crops_per_identity=int(counted.max(initial=0)),
        )
    return DataSummary(
        name="the generated pedestrians",
        photographs=False,
        identities=options.count_identities,
        crops_per_identity=options.count_crops,
    )


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


def _checked_data(options: TrainingOptions, data: RunData) -> RunData:
    """The digests of the run's data, after a look at the run that may be in its folder."""
    if require_same_data(options.out, data):
        _say(f"{options.out}: goes on with the run that is there, on the same {', '.join(data)}")
    return data


def train_body_fit_run(
    recipe: BodyFitRecipe,
    options: TrainingOptions,
    *,
    joints: Path | None = None,
    held_out_people: Path | None = None,
    weights: Path | None = None,
    networks: Path | None = None,
) -> TrainedWeights:
    """Train the body fit's network; writes OUT/body_fit.safetensors and its card.

    Args:
        recipe: what is trained, and how.
        options: the run's; with its images, most of what is learnt from are photographs.
        joints: CSV of the photographs' joints; BlazePose's confident answers when None.
        held_out_people: list of identities that are not learnt from but measured on.
        weights: to start from; the shipped ones where photographs are learnt from, else none.
        networks: folder of downloaded networks, BlazePose's among them.

    Raises:
        BadInput: for joints without photographs, photographs without joints where BlazePose is not
            installed, and lists of strangers.
    """
    if joints is not None and options.images is None:
        raise BadInput(
            "--joints says where the joints of photographs are: give their --images, too"
        )
    limit_threads(options)
    body = load_free_body()
    skinning = Skinning(body)
    teacher = None
    if options.images and joints is None:
        teacher = open_sources(["blazepose"], SourceOptions(networks=networks))[0]
    photographs = None
    if options.images:
        photographs = labelled_photographs(
            *(options.images, joints, held_out_people),
            teacher=teacher,
            cache=options.out / TAUGHT,
            strict=options.strict,
        )
    bank = generated_pedestrians(body, options)
    data = {"pedestrians": bank_digest(bank)}
    if photographs and options.images:
        crops = read_split(options.images, "train")
        data["photographs"] = photographs_digest(crop.path for crop in crops)
        if joints is not None:
            data["joints"] = sha256_of(joints)
        if teacher is not None:
            data["teacher"] = teacher.tag
        weights = weights or shipped_weights("body-fit")
    if weights:
        data["weights"] = sha256_of(weights)
    start = load_landmark_network(weights)[0] if weights else None
    if start is not None:
        recipe = dataclasses.replace(recipe, network=start.config)
    training, held_out = bank.split_identities(HELD_OUT)
    network, figures = train_landmarks(
        recipe,
        training,
        bank_labels(training, body, skinning),
        (held_out, bank_labels(held_out, body, skinning)),
        folder=options.out,
        fabric=make_fabric(options.device, half_precision=options.half_precision),
        photographs=photographs,
        start=start,
        measure_every=500,
        data=_checked_data(options, data),
    )
    return _save(options, "body-fit", {"body-fit": network}, network.config, figures, bank, recipe)


def train_pose_prior_run(
    options: TrainingOptions, *, count_poses: int, motions: Path | None = None
) -> TrainedWeights:
    """Learn the body fit's pose prior; writes OUT/pose_prior.safetensors and its card.

    Args:
        options: the run's.
        count_poses: how many poses to learn from.
        motions: folder of motions to take them from; people in the street are generated when None.

    Raises:
        BadInput: for a folder without enough good motions.
    """
    rng = np.random.default_rng(options.seed)
    if motions is None:
        people = [sample_street_pose(rng) for _ in range(count_poses)]
        poses, name = np.stack(people).reshape(-1, 72), "generated poses of people in the street"
    else:
        poses, name = _poses_of_motions(motions, count_poses, rng), f"motions of {motions}"
    prior = learn_pose_prior(poses)
    scale = prior.coordinates(torch.from_numpy(poses[:, 3:].astype(np.float32)))
    figures = {"poses": float(len(poses)), "coordinates' RMS": float(scale.square().mean().sqrt())}
    path = options.out / "pose_prior.safetensors"
    save_networks(
        *(path, "pose-prior", {"pose-prior": prior}, prior.config),
        data={"set": name},
        command=options.command,
        metrics={"measured on": name, **figures},
        licence="Apache-2.0",
    )
    return path, figures


def _poses_of_motions(folder: Path, count: int, rng: np.random.Generator) -> np.ndarray:
    """Poses (count,72), drawn from all frames of a folder's motions alike."""
    return _drawn_poses(open_motion_library(folder).entries, count, rng)


def _drawn_poses(
    entries: Sequence[MotionEntry], count: int, rng: np.random.Generator
) -> np.ndarray:
    body = load_free_body()
    poses = [load_motion(entry, body).pose for entry in tqdm(entries, desc="motions")]
    frames = np.concatenate(poses).reshape(-1, 72)
    return frames[rng.choice(len(frames), min(count, len(frames)), replace=False)]


def labelled_photographs(
    images: Path,
    joints: Path | None,
    held_out_people: Path | None,
    *,
    teacher: EvidenceSource | None = None,
    cache: Path | None = None,
    strict: bool = False,
) -> tuple[Photographs, Photographs | None]:
    """Photographs with labels to learn from, and those of the people `held_out_people`, to measure on.

    Args:
        images: Market-1501's folder.
        joints: CSV of the photographs' joints.
        held_out_people: list of identities.
        teacher: source whose confident answers are the labels where there are no joints.
        cache: file that the teacher's answers are kept in.
        strict: whether a crop that cannot be read is refused, in place of being left out.

    Raises:
        BadInput: when no photograph has labels, or a person on the list has none.
    """
    crops = read_split(images, "train")
    if joints is not None:
        table = read_joints_csv(joints)
        crops = [crop for crop in crops if crop.path.name in table.rows]
        if not crops:
            raise BadInput(
                f"{joints}: has joints of no crop of {images}; give the CSV of these crops"
            )
    held = np.zeros(len(crops), bool)
    if held_out_people is not None:
        held = held_out_crops(crops, held_out_people)
    readable = readable_crops(crops, images, strict=strict)
    if not readable:
        raise BadInput(f"{images}: none of its {len(crops):,} crops can be read")
    paths = {crop.path for crop in readable}
    held = held[[crop.path in paths for crop in crops]]
    crops = readable
    names = [crop.path.name for crop in crops]
    pictures = [read_image(crop.path) for crop in crops]
    if joints is not None:
        labels = table_labels(table, names)
    else:
        assert teacher is not None and cache is not None
        shots = [market_name(crop) for crop in crops]
        labels = kept_labels(
            cache,
            f"{teacher.tag} {photographs_digest(crop.path for crop in crops)}",
            lambda: confident_labels(teacher, names, pictures, shots),
        )
        count = int((labels.oriented > 0).sum())
        _say(f"{teacher.name}: answers to learn from about {count:,} of {len(crops):,} crops")
    labelled = labels.confidence.any(1)
    learnt = _photographs(pictures, labels, np.flatnonzero(labelled & ~held))
    if learnt is None:
        raise BadInput(f"{images}: no crop of the people that are learnt from has a label")
    return learnt, _photographs(pictures, labels, np.flatnonzero(labelled & held))


def _photographs(
    pictures: Sequence[np.ndarray], labels: CropLabels, chosen: np.ndarray
) -> Photographs | None:
    """Some of the photographs at the network's size; None of none."""
    if not len(chosen):
        return None
    size = (LandmarkConfig().width, LandmarkConfig().height)
    factor = np.array(
        [(size[0] / pictures[k].shape[1], size[1] / pictures[k].shape[0]) for k in chosen],
        np.float32,
    )
    labels = labels.select(chosen)
    return Photographs(
        np.stack([cv2.resize(pictures[k], size, interpolation=cv2.INTER_AREA) for k in chosen]),
        dataclasses.replace(labels, landmarks=labels.landmarks * factor[:, None]),
    )


def train_attire_run(recipe: AttireRecipe, options: TrainingOptions) -> TrainedWeights:
    """Train the attire network on generated pedestrians; writes OUT/attire.safetensors and its card."""
    limit_threads(options)
    bank = generated_pedestrians(load_free_body(), options)
    training, held_out = bank.split_identities(HELD_OUT)
    network, figures = train_attire(
        recipe,
        training,
        held_out,
        folder=options.out,
        fabric=make_fabric(options.device, half_precision=options.half_precision),
        measure_every=500,
        data=_checked_data(options, {"pedestrians": bank_digest(bank)}),
    )
    return _save(options, "attire", {"attire": network}, network.config, figures, bank, recipe)


def train_reid_run(
    recipe: ReidRecipe,
    options: TrainingOptions,
    *,
    trunk_weights: Path | None = None,
    held_out_people: Path | None = None,
) -> TrainedWeights:
    """Train PCB on generated pedestrians or on photographs; writes OUT/reid.safetensors and its card.

    Args:
        recipe: what is trained, and how.
        options: the run's; its images are Market-1501's folder, or a flat folder of such crops.
        trunk_weights: of a ResNet, to start from.
        held_out_people: list of identities that are not learnt from but measured on; without one
            Market-1501's query and gallery are measured on.

    Raises:
        BadInput: for weights that are missing or another trunk's, and lists of strangers.
    """
    if held_out_people is not None and options.images is None:
        raise BadInput(
            "--without says who of the photographs is held out: give their --images, too"
        )
    weights = trunk_weights
    if recipe.imagenet or trunk_weights:
        weights = imagenet_file(recipe.network.trunk, trunk_weights)
    bank = None
    data = {"ResNet weights": sha256_of(trunk_weights)} if trunk_weights else {}
    if weights and not trunk_weights:
        data["ImageNet weights"] = sha256_of(weights)
    limit_threads(options)
    saved: dict[str, object] | None = None
    if options.images:
        photographs = reid_photographs(options.images, held_out_people, strict=options.strict)
        saved = photographs.as_data(held_out_people, "Market-1501's query and gallery")
        data["photographs"] = photographs_digest(crop.path for crop in photographs.crops)
        training = read_labelled(photographs.learnt)
        held_out = read_labelled(photographs.measured)
    else:
        bank = generated_pedestrians(load_free_body(), options)
        data["pedestrians"] = bank_digest(bank)
        rng = np.random.default_rng(options.seed)
        training, held_out = (
            labelled_bank(subset, rng) for subset in bank.split_identities(HELD_OUT)
        )
    network, figures = train_reid(
        recipe,
        training,
        held_out,
        folder=options.out,
        fabric=make_fabric(options.device, half_precision=options.half_precision),
        trunk_weights=weights,
        measure_every=500,
        data=_checked_data(options, data),
    )
    return _save(
        *(options, "reid", {"reid": network}, network.config, figures, bank, recipe), data=saved
    )


@dataclass(frozen=True, kw_only=True)
class PhotographOptions:
    """What a method's training on photographs is settings besides.

    held_out_people: list of identities that are measured on, not learnt from; None holds out the last of
    the identities. limit: crops of each person, at most. fitted: file to keep their fitted bodies in.
    """

    held_out_people: Path | None = None
    limit: int | None = None
    fitted: Path | None = None


def train_method_run(
    method: type[TextureMethod],
    recipe: Any,
    options: TrainingOptions,
    *,
    evidence: Sequence[str] = (),
    sources: SourceOptions | None = None,
    photograph_options: PhotographOptions | None = None,
    reid: Path | None = None,
    weights: Path | None = None,
    motions: Path | None = None,
) -> TrainedWeights:
    """Train a texture method; writes its weights and their card into the run's folder.

    Args:
        method: what is trained.
        recipe: one of its configurations.
        options: the run's.
        evidence: sources of the body fit, by name or path; what is installed when there are none.
        sources: where they find their files.
        photograph_options: of a training on photographs.
        reid: weights of the supervising network; the shipped ones when None.
        weights: of the method, to start from; they may have been trained at another texture size.
        motions: folder of motions, of which a recipe takes walking poses.

    Raises:
        BadInput: for a recipe that does not fit the data, before anything is computed of them, and for
            weights of networks of another shape.
    """
    limit_threads(options)
    settings = photograph_options or PhotographOptions()
    if options.images is None and settings != PhotographOptions():
        raise BadInput(
            "--without, --crops and --fitted are for photographs: give their --images, too"
        )
    photographs = None
    if options.images is not None:
        photographs = photographs_of(
            options.images, settings.held_out_people, limit=settings.limit, strict=options.strict
        )
    summary = dataclasses.replace(
        summary_of_options(options, photographs), walking=motions is not None
    )
    method.check_recipe(recipe, summary, reid_weights=reid)
    body = load_free_body()
    skinning = Skinning(body)
    uses_network = photographs is not None or (
        method.uses_fits(recipe) and recipe.fits == "network"
    )
    fitter = None
    if uses_network:
        opened = open_sources(evidence, sources or SourceOptions())
        fitter = BodyFitter(body, skinning, opened)
        _say(f"bodies are fitted by {fitter.name}")
    model = method.initialise(recipe, body)
    if weights:
        model.start_from(weights, body)
    bank = generated_pedestrians(body, options)
    digests = {
        "pedestrians": bank_digest(bank),
        "re-ID weights": sha256_of(reid or shipped_weights("reid")),
    }
    digests |= {name: sha256_of(path) for name, path in method.foreign_weights(recipe).items()}
    if photographs:
        digests["photographs"] = photographs_digest(crop.path for crop in photographs.crops)
    if fitter:
        digests["body fit"] = fitter.tag
    if weights:
        digests["weights"] = sha256_of(weights)
    walking = None
    if motions is not None:
        walking = walking_poses(motions, options.seed)
        digests["walking poses"] = hashlib.sha256(walking.tobytes()).hexdigest()
    _checked_data(options, digests)
    fitted = None
    if photographs and fitter:
        fitted = _fitted(photographs, fitter, body, bank, digests["photographs"], settings.fitted)
        bank = fitted.bank
    share = method.held_out_share(recipe)
    out = bank.held_out(share)
    if photographs and photographs.measured:
        out = np.arange(len(bank)) >= len(photographs.learnt)
    training, held_out = bank.select(~out), bank.select(out)
    rng = np.random.default_rng(options.seed)
    held_out = photographed(held_out, rng)
    fits: list[BodyFit | None] = [None, None]
    if method.uses_fits(recipe) and fitted:
        fits = [selected_fits(fitted.fit, np.flatnonzero(chosen)) for chosen in (~out, out)]
    elif method.uses_fits(recipe) and recipe.fits == "network" and fitter:
        fits = [network_fits(subset, fitter) for subset in (photographed(training, rng), held_out)]
    elif method.uses_fits(recipe):
        fits = [perturbed_fits(subset, rng, skinning) for subset in (training, held_out)]
    data = TrainingData(
        body=body,
        training=training,
        held_out=held_out,
        training_fits=fits[0],
        held_out_fits=fits[1],
        reid_weights=reid,
        walking=walking,
    )
    fabric = make_fabric(options.device, half_precision=options.half_precision)
    figures = train_networks(
        model.networks,
        model.training_step(recipe, data, fabric.device),
        folder=options.out,
        schedule=recipe.schedule,
        fabric=fabric,
        configuration={
            "recipe": dataclasses.asdict(recipe),
            "images": len(training),
            "data": digests,
        },
        name=method.kind,
        measure_every=1000,
    )
    saved = None
    if photographs and fitter:
        unseen = f"the last {share:.0%} of the identities"
        saved = photographs.as_data(settings.held_out_people, unseen) | {
            "identities": len(np.unique(training.identities)),
            "crops": len(training),
            "bodies fitted by": fitter.tag,
        }
        saved |= method.teachers(recipe, reid)
    return _save(
        *(options, method.kind, model.networks, model.config, figures, bank, recipe),
        held_out=share,
        data=saved,
    )


def _fitted(
    photographs: TrainingPhotographs,
    fitter: BodyFitter,
    body: Body,
    bank: PedestrianBank,
    digest: str,
    path: Path | None,
) -> FittedPhotographs:
    """The photographs with their fitted bodies, kept in a file where there is a path.

    The bank's textures and scenes are references and backgrounds.
    """

    def make() -> FittedPhotographs:
        return fitted_photographs(photographs.crops, fitter, body, bank.textures, bank.scenes)

    if path is None:
        return make()
    key = f"{fitter.tag} {digest} {len(photographs.learnt)}"
    fitted, read = kept_photographs(path, key, make)
    _say(f"fitted bodies: {'re-uses' if read else 'kept in'} {path}")
    bank = dataclasses.replace(
        fitted.bank,
        textures=bank.textures,
        scenes=bank.scenes,
        label_maps=np.zeros((0, *bank.textures.shape[1:3]), np.uint8),
    )
    return FittedPhotographs(bank, fitted.fit)


def walking_poses(motions: Path, seed: int, count: int = 512) -> np.ndarray:
    """Poses (count,72) float32 of people who walk, drawn from all frames of a folder's walks alike.

    Args:
        motions: folder of motions.
        seed: of the draw.
        count: at most so many.

    Raises:
        BadInput: for a folder without a motion of the category "walk".
    """
    entries = [e for e in open_motion_library(motions).entries if e.category == "walk"]
    if not entries:
        raise BadInput(f"{motions}: has no motion of the category walk; give others with --motions")
    return _drawn_poses(entries, count, np.random.default_rng(seed)).astype(np.float32)


def limit_threads(options: TrainingOptions) -> None:
    """Let torch use as many threads as the options say; all cores for 0."""
    if options.threads:
        torch.set_num_threads(options.threads)


def _save(
    options: TrainingOptions,
    kind: str,
    networks: Mapping[str, torch.nn.Module],
    config: Any,
    figures: dict[str, float],
    bank: PedestrianBank | None,
    recipe: Any,
    *,
    held_out: float = HELD_OUT,
    data: dict[str, object] | None = None,
) -> TrainedWeights:
    data = data or {"set": "Market-1501 (not shipped)"}
    if options.images is None and bank is not None:
        data = {
            "set": "generated pedestrians (procedural wardrobe on the free body); no photograph",
            "identities": len(np.unique(bank.identities)),
            "crops": len(bank),
            "held out": f"the last {held_out:.0%} of the identities",
            "sha256": bank_digest(bank),
        }
    path = options.out / f"{kind.replace('-', '_')}.safetensors"
    save_networks(
        path,
        kind,
        networks,
        config,
        half_precision=True,
        data=data,
        command=options.command,
        steps=recipe.schedule.steps,
        metrics={"measured on": f"held-out {data['set']}", **figures},
        licence="Apache-2.0",
        recipe=dataclasses.asdict(recipe),
    )
    return path, figures
