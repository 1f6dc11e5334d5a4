"""UCF101's layout: class folders, names of videos, three splits by group, and how a folder is filled.

A folder appears whole or not at all, and says that it holds generated videos.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import STAND_IN, atomic_write
from mocap.parsing.json_files import read_json
from synth.standins.ordered_processes import process_results

SPLITS = (1, 2, 3)
MARKER = "standins.json"


@dataclass(frozen=True)
class VideoGroup:
    """Videos of one person in one place before one camera; `number` counts from 1."""

    class_name: str
    number: int
    clips: int


def video_name(group: VideoGroup, clip: int) -> str:
    """The file name of a group's clip, which counts from 1."""
    return f"v_{group.class_name}_g{group.number:02d}_c{clip:02d}.avi"


def tested_split(number: int, groups: int) -> int:
    """The split, 1 to 3, that tests on the group of this number of so many: the k-th third on split k."""
    return min((number - 1) // (groups // len(SPLITS)) + 1, len(SPLITS) + 1)


def write_split_lists(folder: Path, names: Sequence[str], groups: Sequence[VideoGroup]) -> None:
    """Write the lists: split k tests on the k-th third of the groups, as UCF101 does.

    Lines end with CRLF and numbers count from 1.
    """
    folder.mkdir()
    numbers = {name: number for number, name in enumerate(names, 1)}
    count = max(group.number for group in groups)

    def save(name: str, lines: Sequence[str]) -> None:
        (folder / name).write_bytes("".join(f"{line}\r\n" for line in lines).encode())

    save("classInd.txt", [f"{number} {name}" for name, number in numbers.items()])
    for split in SPLITS:
        train, test = [], []
        for group in groups:
            for clip in range(1, group.clips + 1):
                path = f"{group.class_name}/{video_name(group, clip)}"
                if tested_split(group.number, count) == split:
                    test.append(path)
                else:
                    train.append(f"{path} {numbers[group.class_name]}")
        save(f"trainlist{split:02d}.txt", train)
        save(f"testlist{split:02d}.txt", test)


def finished_videos(out: Path, settings: Mapping[str, Any]) -> int | None:
    """How many videos a folder holds that was made with these settings; None for one yet to be made.

    Raises:
        BadInput: When `out` holds something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    marker = out / MARKER
    advice = "remove the folder, or give another"
    written = read_json(marker, dict[str, Any], advice=advice) if marker.is_file() else {}
    if {key: written.get(key) for key in settings} == dict(settings):
        return int(written["videos"])
    raise BadInput(f"{out}: already holds something else; remove it or give another folder")


def write_video_folder(
    out: Path,
    groups: Sequence[VideoGroup],
    *,
    write_group: Callable[[VideoGroup], list[str]],
    start_worker: Callable[..., None],
    worker_arguments: Callable[[Path], tuple[Any, ...]],
    settings: Mapping[str, Any],
    readme: Callable[[int], str],
    workers: int | None = None,
    progress: bool = True,
) -> int:
    """Fill a folder in UCF101's layout, in processes.

    Args:
        out: New folder.
        groups: What is filmed.
        write_group: Writes a group's videos in a prepared process, and gives their names.
        start_worker: Prepares a process.
        worker_arguments: Its arguments, for the folder that is written to.
        settings: Of everything, kept beside the videos.
        readme: Text of the folder's README, for a number of videos.
        workers: Number of processes; by default one per core.
        progress: Show a progress bar.

    Returns:
        The number of videos.
    """
    names = sorted({group.class_name for group in groups})
    with atomic_write(out) as folder:
        for name in names:
            (folder / name).mkdir(parents=True)
        written = process_results(
            write_group,
            groups,
            prepare=start_worker,
            arguments=worker_arguments(folder),
            workers=workers,
        )
        bar = tqdm(
            written, total=len(groups), desc="action videos", unit="group", disable=not progress
        )
        videos = [video for group_videos in bar for video in group_videos]
        write_split_lists(folder / "ucfTrainTestlist", names, groups)
        (folder / STAND_IN).write_text("Generated videos, not recorded ones.\n")
        (folder / "README.md").write_text(readme(len(videos)), encoding="utf-8")
        (folder / MARKER).write_text(json.dumps({**settings, "videos": len(videos)}) + "\n")
    return len(videos)
