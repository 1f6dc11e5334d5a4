"""A folder of generated motions in CMU's layout, to stand in where the database is not at hand.

Everything in it comes from a seed: mannequins of different build perform the actions of
`synth.standins.actions` in different manners. The files are real .asf and .amc with an index in
CMU's columns, so that the commands that read CMU's motions read these.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mocap.files import STAND_IN, atomic_write
from mocap.library.motion_library import INDEX_COLUMNS, INDEX_NAME
from mocap.readers.acclaim.asf_amc import write_amc, write_asf
from mocap.retargeting.skeleton import Skeleton
from synth.standins.actions import ACTIONS, Action
from synth.standins.keyframes import Manner, action_context, add_unrest
from synth.standins.mannequin import FPS, Proportions, mannequin_skeleton, solve_channels

FIRST_SUBJECT = 201  # CMU's end at 144
README = """Generated motions, not captured ones: mannequins made from seed {seed} perform {actions}
actions. Skeletons (.asf), motions (.amc) and motion_index.csv are laid out as in the CMU database.
"""


def write_motions(out: Path | str, *, seed: int, subjects: int = 6, variations: int = 1) -> int:
    """Write motions of mannequins in CMU's layout.

    A motion depends on the seed, its subject, action and variation only, so a larger folder contains
    the smaller one.

    Args:
        out: Folder for the files.
        seed: Seed of everything.
        subjects: Number of mannequins.
        variations: Motions per mannequin and action.

    Returns:
        The number of motions.
    """
    out = Path(out)
    rows = []
    for index in range(subjects):
        subject = str(FIRST_SUBJECT + index)
        skeleton = _subject_skeleton(seed, index, subject)
        write_asf(skeleton, out / subject / f"{subject}.asf")
        for number, action in enumerate(ACTIONS):
            for variation in range(variations):
                trial = f"{variation * len(ACTIONS) + number + 1:02d}"
                manner, frames = generate(
                    skeleton, action, seed=seed, subject=index, variation=variation
                )
                name = f"{subject}_{trial}"
                write_amc(skeleton, frames, out / subject / f"{name}.amc")
                description = action.descriptions[manner.variant]
                title = "generated mannequin"
                rows.append((name, subject, trial, title, description, int(FPS), "generated"))
    with atomic_write(out / INDEX_NAME) as path, path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(INDEX_COLUMNS)
        writer.writerows(rows)
    with atomic_write(out / "README.txt") as path:
        path.write_text(README.format(seed=seed, actions=len(ACTIONS)))
    (out / STAND_IN).write_text("Generated motions, not captured ones.\n")
    return len(rows)


def generate(
    skeleton: Skeleton, action: Action, *, seed: int, subject: int, variation: int
) -> tuple[Manner, np.ndarray]:
    """Generate one motion.

    Args:
        skeleton: The mannequin's skeleton.
        action: One of `ACTIONS`.
        seed: Seed of the folder.
        subject: Number of the mannequin, from 0.
        variation: Number of the motion among those of this mannequin and action, from 0.

    Returns:
        The manner, and channels (T, C) as in an Acclaim file, metres and radians.
    """
    number = ACTIONS.index(action)
    rng = np.random.default_rng([seed, 1, subject, number, variation])
    manner = Manner(
        seconds=float(rng.uniform(3.4, 5.8)),
        tempo=float(rng.uniform(0.85, 1.2)),
        size=float(rng.uniform(0.82, 1.15)),
        lead="left" if rng.random() < 0.5 else "right",
        variant=(subject + variation + number) % 3,
        unrest=float(rng.uniform(0.6, 1.3)),
        phase=float(rng.random()),
    )
    context = action_context(skeleton, manner, rng)
    return manner, solve_channels(skeleton, add_unrest(context, action.animate(context)))


def _subject_skeleton(seed: int, index: int, name: str) -> Skeleton:
    rng = np.random.default_rng([seed, 0, index])
    low, high = ((1.52, 1.76), (1.64, 1.92))[index % 2]
    proportions = Proportions(
        height=float(rng.uniform(low, high)),
        legs=float(rng.normal(1.0, 0.025)),
        arms=float(rng.normal(1.0, 0.025)),
        width=float(rng.normal(1.0, 0.04)),
    )
    return mannequin_skeleton(proportions, name)
