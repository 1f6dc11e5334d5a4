"""Who else is in a clip, and what comes before them: drawn for that clip alone, like all of it.

Nothing here is drawn from the generator of the clip's own fields: with one person and no occluder a plan
is what it would be without this module, and a plan with more has the same first people, but that all of
a clip take their turns with the textures. Which motions may be drawn depends on the library alone, not
on the plan's length.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from mocap.library.motion_library import MotionEntry
from synth.garments.clothing import CLOTHES, ClothesDraw, fitting_pieces
from synth.plans.clip_order import ClipSlot, frames_at
from synth.plans.clip_seed import clip_seed
from synth.plans.plan_row import FigureRow
from synth.plans.preset import Preset
from synth.plans.scene_sampler import SceneSampler
from synth.scene.occluders import OccluderDraw

_MOST_DRAWS = 1000  # of a motion that is fit


class FigureSampler:
    """Draws the people beside the first, and the occluders.

    Args:
        entries: the motions that the preset chose.
        split_of: the split of each by name; others are not drawn.
        preset: all numbers of the set.
        seed: of the set.
    """

    def __init__(
        self,
        entries: Sequence[MotionEntry],
        split_of: Mapping[str, str],
        preset: Preset,
        seed: int,
    ):
        self._preset, self._seed = preset, seed
        groups: dict[tuple[str, str], list[tuple[int, MotionEntry]]] = {}
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name in split_of:
                key = self._key(split_of[entry.name], entry.category)
                groups.setdefault(key, []).append((frames_at(entry, preset.film.fps), entry))
        self._motions: dict[tuple[str, str], list[MotionEntry]] = {}
        self._lengths: dict[tuple[str, str], np.ndarray] = {}
        for key, group in groups.items():
            group.sort(key=lambda pair: -pair[0])
            self._motions[key] = [entry for _, entry in group]
            self._lengths[key] = np.array([length for length, _ in group])

    def _key(self, split: str, category: str) -> tuple[str, str]:
        return split, category if self._preset.people.company == "category" else ""

    def motions(
        self, slot: ClipSlot, stem: str, split: str, unfit: Collection[str]
    ) -> list[MotionEntry]:
        """The motions of the people beside the first, each as long as the clip or longer.

        Args:
            slot: the clip's window.
            stem: the clip's name.
            split: the clip's.
            unfit: names of motions that cannot be filmed.
        """
        low, high = self._preset.people.count[0], self._preset.people.count[-1]
        if high == 1:
            return []
        rng = np.random.default_rng(clip_seed(self._seed, f"{stem} people"))
        key = self._key(split, slot.entry.category)
        sufficient = int((self._lengths[key] >= slot.frames).sum())
        chosen = []
        for _ in range(int(rng.integers(low, high + 1)) - 1):
            motion = slot.entry  # where no other is fit
            for _ in range(_MOST_DRAWS):
                candidate = self._motions[key][int(rng.integers(sufficient))]
                if candidate.name not in unfit:
                    motion = candidate
                    break
            chosen.append(motion)
        return chosen

    def figures(
        self,
        slot: ClipSlot,
        stem: str,
        motions: Sequence[MotionEntry],
        *,
        scenes: SceneSampler,
        identity: str,
        sources: Mapping[str, str],
    ) -> tuple[tuple[FigureRow, ...], bool]:
        """The people beside the first, and whether one of their textures is a stand-in.

        Args:
            slot: the clip's window.
            stem: the clip's name.
            motions: what they do.
            scenes: of the clip's split, which deals textures.
            identity: the first person's; nobody is in a clip twice where there are others.
            sources: each motion's file by its name, relative to the folder of motions.
        """
        bodies = self._preset.bodies
        figures: list[FigureRow] = []
        stand_in = False
        for number, motion in enumerate(motions, 2):
            rng = np.random.default_rng(clip_seed(self._seed, f"{stem} person {number}"))
            limit = bodies.shape_limit
            betas = np.clip(rng.standard_normal(10), -limit, limit).astype(np.float32)
            gender = bodies.genders[int(rng.integers(len(bodies.genders)))]
            last = frames_at(motion, self._preset.film.fps) - slot.frames
            start = int(rng.integers(last + 1))
            heading, place_seed = float(rng.uniform(0, 2 * np.pi)), int(rng.integers(2**31))
            identities = {identity, *(figure.identity for figure in figures)}
            # Last: paired plans share all that comes before.
            texture = scenes.next_texture(slot.entry.category, rng, excluded=identities)
            stand_in = stand_in or texture.stand_in
            figures.append(
                FigureRow(
                    sequence=motion.name,
                    subject=motion.subject,
                    source=sources[motion.name],
                    start=start,
                    gender=gender,
                    betas=tuple(betas.tolist()),
                    texture=texture.file,
                    identity=texture.identity,
                    heading=heading,
                    seed=place_seed,
                    clothes=self.clothes(stem, number),
                )
            )
        return tuple(figures), stand_in

    def clothes(self, stem: str, person: int) -> ClothesDraw | None:
        """What a person of a clip, from 1, wears beside what the texture shows; None for nothing."""
        clothes = self._preset.clothes
        shares = clothes.shares
        if not any(shares.values()):
            return None
        rng = np.random.default_rng(clip_seed(self._seed, f"{stem} clothes {person}"))
        draws = rng.random(len(CLOTHES))
        order = rng.permutation(len(CLOTHES))
        seed = int(rng.integers(2**31))
        pieces = fitting_pieces(
            [CLOTHES[n] for n in order if draws[n] < shares.get(CLOTHES[n], 0.0)]
        )
        return ClothesDraw(pieces=pieces, seed=seed, swing=clothes.swing) if pieces else None

    def occluders(self, stem: str) -> tuple[OccluderDraw, ...]:
        """The things before the people of a clip."""
        occluders = self._preset.occluders
        low, high = occluders.count[0], occluders.count[-1]
        if high == 0:
            return ()
        rng = np.random.default_rng(clip_seed(self._seed, f"{stem} occluders"))
        return tuple(
            OccluderDraw(
                kind=occluders.kinds[int(rng.integers(len(occluders.kinds)))],
                seed=int(rng.integers(2**31)),
            )
            for _ in range(int(rng.integers(low, high + 1)))
        )
