"""A folder of crops in two halves by camera, so that textures fused of many crops can be judged fairly.

A texture that all of a person's photographs went into has no photograph left to be judged on. So
each person's cameras are dealt to two halves in turn: the first, third and fifth by name to the one, the
others to the other. Textures made of the one half are judged in the cameras of the other, and every
photograph judges exactly one of them. Both halves have the folder's own layout and names, so that the
harvest and the evaluation know the same crop by the same name.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.files import STAND_IN, atomic_write, is_stand_in
from textures.harvest.crop_folder import SourceCrop

HALVES = ("first", "second")


def spread_over_cameras(crops: Sequence[SourceCrop], limit: int) -> list[SourceCrop]:
    """At most `limit` of each person's crops: as many of each camera as can be, evenly spaced by name.

    Of each camera that has one, the first by name is among them, as long as `limit` allows.
    """
    by_person: dict[str, dict[str, list[SourceCrop]]] = defaultdict(lambda: defaultdict(list))
    for crop in sorted(crops, key=lambda crop: crop.source):
        by_person[crop.person.identity][crop.person.camera or ""].append(crop)
    chosen: list[SourceCrop] = []
    for cameras in by_person.values():
        quotas = dict.fromkeys(sorted(cameras), 0)
        free = min(limit, sum(map(len, cameras.values())))
        while free:
            for camera in quotas:
                if free and quotas[camera] < len(cameras[camera]):
                    quotas[camera] += 1
                    free -= 1
        for camera, count in quotas.items():
            indices = np.linspace(0, len(cameras[camera]) - 1, count).round().astype(int)
            chosen += [cameras[camera][index] for index in indices]
    return chosen


def camera_halves(
    crops: Sequence[SourceCrop],
) -> tuple[list[SourceCrop], list[SourceCrop]]:
    """Crops dealt to two halves so that no camera of a person is in both.

    Raises:
        BadInput: where nothing says which camera took a crop, and where nobody has two cameras.
    """
    unknown = [crop.source for crop in crops if crop.person.camera is None]
    if unknown:
        raise BadInput(
            f"{unknown[0]}: nothing says which camera took it ({len(unknown)} such crops); halves by "
            "camera need Market-1501's names, such as 0002_c1s1_000451_03.jpg"
        )
    cameras: dict[str, set[str]] = defaultdict(set)
    for crop in crops:
        cameras[crop.person.identity].add(crop.person.camera or "")
    if all(len(names) < 2 for names in cameras.values()):
        raise BadInput(
            f"none of {len(cameras)} people has crops of two cameras; textures of one cannot be judged "
            "in another"
        )
    halves: tuple[list[SourceCrop], list[SourceCrop]] = ([], [])
    for crop in crops:
        number = sorted(cameras[crop.person.identity]).index(crop.person.camera or "")
        halves[number % 2].append(crop)
    return halves


def write_camera_halves(
    folder: Path, crops: Sequence[SourceCrop], out: Path
) -> tuple[list[SourceCrop], list[SourceCrop]]:
    """Copy crops to `out`/first and `out`/second, each in the layout of their folder.

    Args:
        folder: where the crops lie.
        crops: of it, to be dealt to the halves.
        out: a folder that is not there yet; it appears whole.

    Returns:
        The two halves.

    Raises:
        BadInput: where the halves cannot be made, or something is there already.
    """
    folder, out = Path(folder), Path(out)
    halves = camera_halves(crops)
    if out.exists():
        raise BadInput(f"{out}: is there already; remove it, or give another --out")
    with atomic_write(out) as temporary:
        for name, chosen in zip(HALVES, halves):
            for crop in chosen:
                copy = temporary / name / crop.path.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(crop.path, copy)
            if is_stand_in(folder) and chosen:
                (temporary / name / STAND_IN).touch()
    return halves
