"""The plan of a film set: one row per clip, from which the clip follows to the last byte.

Planning is pure and reads no motion: what is in the library's index, textures, backgrounds, a seed and a
preset in, rows out. What a clip gets is drawn from a generator for that clip alone, seeded by the set's
seed and the clip's name (SURREAL's good idea), or by its scene's number, so the first rows of a longer
plan are the shorter plan. Everything drawn is constant within a clip, as in SURREAL.

Splits are disjoint in identity (the texture library says which identity is in which split), in
backgrounds, in shapes (drawn anew for each clip) and in people where the motions have enough
subjects, else in motions.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mocap.errors import BadInput
from mocap.library.motion_library import MotionEntry
from synth.plans.clip_order import ClipSlot, clip_order
from synth.plans.clip_seed import clip_seed
from synth.plans.figure_sampler import FigureSampler
from synth.plans.film_splits import refuse_shared_identities, share_files, split_motions
from synth.plans.lens_sampler import draw_lens
from synth.plans.plan_row import PLAN_VERSION, PlanRow
from synth.plans.preset import Preset
from synth.plans.scene_sampler import SceneSampler
from synth.plans.texture_sampler import TextureSampler, choose_textures
from synth.plans.view_sampler import draw_view, view_in_place
from synth.scene.engines import ENGINES
from synth.scene.lights.environment import Environment
from synth.scene.places.scene_place import PhotographCamera
from textures.library import SPLITS, TextureEntry

FindUnfit = Callable[[Sequence[MotionEntry]], Mapping[str, str]]
"""Says which motions cannot be filmed, and why, by name."""


def make_plan(
    *,
    preset: Preset,
    entries: Sequence[MotionEntry],
    motion_folder: Path,
    libraries: Mapping[str, Sequence[TextureEntry]],
    photographs: Sequence[str] = (),
    photograph_places: Mapping[str, PhotographCamera] = MappingProxyType({}),
    environments: Sequence[str] = (),
    clips: int | None = None,
    seed: int = 0,
    stand_in: bool = False,
    unfit: FindUnfit = lambda entries: {},
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, list[PlanRow]]:
    """Plan a film set.

    Args:
        preset: all numbers of the set.
        entries: the motions of the library.
        motion_folder: where they lie; rows name their files relative to it.
        libraries: maps a name ("" where there is one) to its textures. With two, their plans are
            paired: the k-th rows differ in the texture alone.
        photographs: of backgrounds, relative to their folder; without any, backgrounds are painted.
        photograph_places: those of them that show a floor that people can stand on.
        environments: pictures that light scenes, relative to their folder.
        clips: how many; None: one for each window of each motion.
        seed: of everything that is drawn.
        stand_in: whether the motions are generated.
        unfit: says which of the motions that the plan is about to use cannot be filmed, and why; they
            are reported once and left out.
        report: is given a line for each motion that is left out.

    Returns:
        The rows for each texture library.

    Raises:
        BadInput: the photographs are too few to be shared among the splits, a person is in two splits,
            no motion is left, no photograph shows a floor where they are to be places, or the engine
            does not know the light of environments that are to be places.
    """
    _check_backgrounds(preset, photographs, photograph_places, environments)
    if "plate" not in background_kinds(preset):
        photographs = [name for name in photographs if name in photograph_places]
    chosen = {name: choose_textures(lib, preset.textures) for name, lib in libraries.items()}
    for textures in chosen.values():
        refuse_shared_identities(textures)
    splits = [
        split
        for split in SPLITS
        if all(any(t.split == split for t in textures) for textures in chosen.values())
    ]
    if not splits:
        raise BadInput(
            "the texture libraries have no split in common; harvest some of the same split"
        )
    usable = _chosen_motions(entries, preset, seed)
    of_motion = split_motions(usable, splits, rule=preset.splits.subjects, seed=seed)
    for entry in usable:
        if entry.name not in of_motion:
            report(f"{entry.path}: its subject belongs to a split without textures")
    usable = [entry for entry in usable if entry.name in of_motion]
    used = sorted(set(of_motion.values()))
    photographs_of = share_files(photographs, used, kind="photographs", seed=seed)
    environments_of = share_files(environments, used, kind="environments", seed=seed)
    people = FigureSampler(usable, of_motion, preset, seed)
    company: list[list[MotionEntry]] = []
    refused: set[str] = set()
    while True:
        laps = 1 if clips is None else None
        order = clip_order(usable, preset.windows, fps=preset.film.fps, seed=seed, laps=laps)
        slots = list(itertools.islice(order, clips))
        company = [
            people.motions(slot, planned_stem(slot, split), split, refused)
            for slot in slots
            for split in [of_motion[slot.entry.name]]
        ]
        planned = {entry.name: entry for entries in company for entry in entries}
        planned |= {slot.entry.name: slot.entry for slot in slots}
        reasons = unfit([planned[name] for name in sorted(planned)])
        for name in sorted(reasons):
            report(reasons[name])
        if not reasons:
            break
        refused |= set(reasons)
        usable = [entry for entry in usable if entry.name not in reasons]
    if not slots:
        shortest = min(preset.windows.shortest, preset.windows.frames)
        raise BadInput(
            f"{motion_folder}: no clip can be made; of {len(entries)} motions none is fit for films and "
            f"at least {shortest} frames long at {preset.film.fps:g} frames/s"
        )
    plans: dict[str, list[PlanRow]] = {}
    for name, textures in chosen.items():
        samplers = {
            split: SceneSampler(
                TextureSampler([t for t in textures if t.split == split], preset.textures, seed),
                shared=preset.scenes.shared,
                lights=preset.light,
                backgrounds=preset.background,
                photographs=photographs_of.get(split, ()),
                photograph_places={
                    name: photograph_places[name]
                    for name in photographs_of.get(split, ())
                    if name in photograph_places
                },
                environments=environments_of.get(split, ()),
                seed=f"{seed} {split}",
            )
            for split in splits
        }
        plans[name] = [
            _row(
                slot,
                of_motion[slot.entry.name],
                preset=preset,
                library=name,
                samplers=samplers,
                people=people,
                company=motions,
                motion_folder=motion_folder,
                seed=seed,
                stand_in=stand_in,
            )
            for slot, motions in zip(slots, company)
        ]
    return plans


def planned_stem(slot: ClipSlot, split: str) -> str:
    """The name of the clip of a window: its path in the film folder, without suffix."""
    name = slot.entry.name
    return f"{split}/run{slot.run}/{name}/{name}_c{slot.number:04d}"


def background_kinds(preset: Preset) -> list[str]:
    """The kinds of background that have a share."""
    return [kind for kind, share in preset.background.kinds.items() if share > 0]


def _check_backgrounds(
    preset: Preset,
    photographs: Sequence[str],
    photograph_places: Mapping[str, PhotographCamera],
    environments: Sequence[str],
) -> None:
    """Raises BadInput for files that cannot be the places that the preset wants."""
    kinds = background_kinds(preset)
    if "photograph" in kinds and photographs and not photograph_places:
        raise BadInput(
            f"none of {len(photographs)} photographs shows a floor that people could stand on (`synth "
            "places` shows why); give others, or --set background.kinds={plate=1} to put people before "
            "them as SURREAL does"
        )
    engine = preset.film.engine
    lit = Environment.kind in ENGINES[engine].light_kinds
    if "environment" in kinds and environments and not lit:
        raise BadInput(
            f"engine {engine} does not know the light of environments, before which people are to "
            "stand; give --engine cycles, or --set background.kinds={photograph=1}"
        )


def _chosen_motions(entries: Sequence[MotionEntry], preset: Preset, seed: int) -> list[MotionEntry]:
    categories = preset.motions.categories
    chosen = [entry for entry in entries if not categories or entry.category in categories]
    if not chosen:
        existing = ", ".join(sorted({entry.category for entry in entries}))
        raise BadInput(
            f"motions.categories {', '.join(categories)}: no motion has them; there are {existing}"
        )
    limit = preset.motions.limit
    if 0 < limit < len(chosen):
        chosen.sort(key=lambda e: hashlib.sha256(f"{seed} motion {e.name}".encode()).digest())
        chosen = sorted(chosen[:limit], key=lambda entry: entry.name)
    return chosen


def _row(
    slot: ClipSlot,
    split: str,
    *,
    preset: Preset,
    library: str,
    samplers: Mapping[str, SceneSampler],
    people: FigureSampler,
    company: Sequence[MotionEntry],
    motion_folder: Path,
    seed: int,
    stand_in: bool,
) -> PlanRow:
    entry, film, bodies = slot.entry, preset.film, preset.bodies
    stem = planned_stem(slot, split)
    rng = np.random.default_rng(clip_seed(seed, stem))
    limit = bodies.shape_limit
    betas = np.clip(rng.standard_normal(10), -limit, limit).astype(np.float32)
    gender = bodies.genders[int(rng.integers(len(bodies.genders)))]
    view = draw_view(rng, preset.camera)
    frame_seed = int(rng.integers(2**31))
    (spare,) = rng.spawn(1)  # leaves the numbers that `rng` gives as they are
    scene = samplers[split].next_scene(
        entry.category, view, rng
    )  # last: paired plans share what comes before
    texture, scenery = scene.texture, scene.scenery
    figures, figures_stand_in = people.figures(
        slot,
        stem,
        company,
        scenes=samplers[split],
        identity=texture.identity,
        sources={motion.name: motion.source_in(motion_folder) for motion in company},
    )
    if film.layout != "surreal":  # whose camera stays SURREAL's
        view = view_in_place(
            view,
            scenery.scene_place,
            preset.background,
            spare,
            height=film.height,
            width=film.width,
        )
    return PlanRow(
        version=PLAN_VERSION,
        stem=stem,
        sequence=entry.name,
        clip=slot.number,
        split=split,
        category=entry.category,
        subject=entry.subject,
        collection="stand-in" if stand_in else "cmu",
        source=entry.source_in(motion_folder),
        start=slot.start,
        frames=slot.frames,
        fps=film.fps,
        stride=preset.windows.strides[slot.run],
        gender=gender,
        betas=tuple(betas.tolist()),
        library=library,
        texture=texture.file,
        identity=texture.identity,
        uv_layout=texture.uv_layout,
        background=scenery.background,
        width=film.width,
        height=film.height,
        view=view,
        light=scenery.light,
        seed=frame_seed,
        stand_in=bool(stand_in or texture.stand_in or figures_stand_in),
        engine=film.engine,
        samples=film.samples_under(scenery.light["kind"]),
        channels=film.channels,
        tracks=film.tracks,
        layout=film.layout,
        figures=figures,
        occluders=people.occluders(stem),
        lens=draw_lens(np.random.default_rng(clip_seed(seed, f"lens {stem}")), preset.lens),
        scene_place=scenery.scene_place,
        clothes=people.clothes(stem, 1),
    )
