"""UCF101 (Soomro et al. 2012): class list, official train/test splits, groups, files.

The lists are those of the archive `UCF101TrainTestSplits-RecognitionTask`: `classInd.txt` numbers
the classes from 1, `trainlist0K.txt` gives path and number, `testlist0K.txt` only the path; lines
end in CRLF. The folder `HandstandPushups` holds files named `v_HandStandPushups_*`, so names are
compared without case.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from action_recog.errors import BadInput
from action_recog.json_files import read_bounded_file
from action_recog.videos.containers import VIDEO_SUFFIXES
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet, is_stand_in

_LONGEST_EXCERPT = 80
_FILE_NAME = re.compile(
    r"v_(?P<action>.+)_g(?P<group>\d{1,9})_c(?P<clip>\d{1,9})", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True)
class ListedVideo:
    """A line of a split list: `relative` as written, class number from 0, group `Action_gXX`."""

    relative: str
    label: int
    group: str


def parse_name(name: str) -> tuple[str, int, int]:
    """Class, group and clip number of a file name: `v_Class_g03_c02.avi` -> ("Class", 3, 2).

    Raises:
        ValueError: For a name of another form.
    """
    match = _FILE_NAME.fullmatch(PurePosixPath(name.replace("\\", "/")).stem)
    if match is None:
        raise ValueError(f"{_excerpt(name)} is not of the form v_Class_gXX_cYY.avi")
    return match["action"], int(match["group"]), int(match["clip"])


def group_of(name: str, class_name: str) -> str:
    """The group of a video that stands in no list: that of its name, else the video itself.

    Args:
        name: Name of the video, as `run/v_Class_g03_c02`.
        class_name: Name of its class.

    Returns:
        `Class_g03`, or the name where it is of another form.
    """
    try:
        return f"{class_name}_g{parse_name(name)[1]:02d}"
    except ValueError:
        return name


def _lines(path: Path) -> list[tuple[int, str]]:
    """Line number and text of every line that is not empty."""
    if not path.is_file():
        raise BadInput(
            f"{path}: no such split list; expected UCF101's classInd.txt, trainlist0K.txt and "
            "testlist0K.txt: give their folder (ucfTrainTestlist) with --lists"
        )
    text = read_bounded_file(path, advice="take UCF101's own lists")
    lines = []
    for number, line in enumerate(text.split(b"\n"), 1):
        try:
            words = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise BadInput(
                f"{path}, line {number}: byte {error.start} is no UTF-8; take UCF101's own lists"
            ) from None
        if words:
            lines.append((number, words))
    return lines


def _excerpt(text: str) -> str:
    """A text as a message can hold it."""
    return repr(text if len(text) <= _LONGEST_EXCERPT else text[: _LONGEST_EXCERPT - 3] + "...")


def read_classes(lists: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read the class names from `classInd.txt`.

    Args:
        lists: Folder of UCF101's split lists.

    Returns:
        The names in the order of their numbers.

    Raises:
        BadInput: With file and line, for a list that is missing, empty or out of order.
    """
    path = Path(lists) / "classInd.txt"
    names: list[str] = []
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[0] != str(len(names) + 1):
            raise BadInput(
                f"{path}, line {number}: found {_excerpt(line)}, expected '{len(names) + 1} ClassName'"
            )
        if words[1].lower() in {name.lower() for name in names}:
            raise BadInput(
                f"{path}, line {number}: the class {_excerpt(words[1])} stands there twice, expected "
                "each once; remove one of the lines"
            )
        names.append(words[1])
    if not names:
        raise BadInput(f"{path}: the class list is empty; expected lines like '1 ApplyEyeMakeup'")
    return tuple(names)


def _read_list(path: Path, classes: Sequence[str], *, labelled: bool) -> list[ListedVideo]:
    numbers = {name.lower(): index for index, name in enumerate(classes)}
    listed = []
    line_of: dict[str, int] = {}
    for number, line in _lines(path):
        relative, _, label_text = line.partition(" ")
        folder = PurePosixPath(relative).parent.name
        try:
            action, group, _ = parse_name(relative)
        except ValueError as error:
            raise BadInput(f"{path}, line {number}: {error}") from None
        label = numbers.get((folder or action).lower())
        if label is None:
            raise BadInput(
                f"{path}, line {number}: class {_excerpt(folder or action)} is not in classInd.txt"
            )
        if labelled and label_text.strip() != str(label + 1):
            raise BadInput(
                f"{path}, line {number}: found class number {_excerpt(label_text.strip())}, "
                f"classInd.txt says {label + 1} for {classes[label]}"
            )
        earlier = line_of.setdefault(PurePosixPath(relative).stem.lower(), number)
        if earlier != number:
            raise BadInput(
                f"{path}, line {number}: the video {relative[:_LONGEST_EXCERPT]} stands in line "
                f"{earlier} already, expected each video once; remove one of the lines"
            )
        listed.append(ListedVideo(relative, label, f"{classes[label]}_g{group:02d}"))
    if not listed:
        raise BadInput(f"{path}: the list is empty; expected lines 'Class/v_Class_g01_c01.avi'")
    return listed


def read_split(
    lists: str | os.PathLike[str], split: int
) -> tuple[list[ListedVideo], list[ListedVideo]]:
    """Read the training and the test list of a split.

    Args:
        lists: Folder of UCF101's split lists.
        split: 1, 2 or 3.

    Returns:
        The lines of the training list and of the test list.

    Raises:
        BadInput: For a list that cannot be read, and when a group is on both sides.
    """
    classes = read_classes(lists)
    train = _read_list(Path(lists) / f"trainlist{split:02d}.txt", classes, labelled=True)
    test = _read_list(Path(lists) / f"testlist{split:02d}.txt", classes, labelled=False)
    shared = {v.group for v in train} & {v.group for v in test}
    if shared:
        raise BadInput(
            f"{lists}: split {split} has the group {min(shared)} in training and test; "
            "a group's videos show the same person and place and may not be divided"
        )
    return train, test


def index_videos(folder: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """Find every video below a folder.

    Args:
        folder: Folder that is searched with all its folders; hidden files do not count.

    Returns:
        The paths by file name without suffix, in lower case: one each, where no name stands twice.

    Raises:
        BadInput: Where the folder is missing or holds no video.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder of videos; expected UCF101's class folders there")
    paths: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("."):
            paths[path.stem.lower()].append(path)
    if not paths:
        raise BadInput(
            f"{folder}: no {'/'.join(VIDEO_SUFFIXES)} file below it; "
            "expected UCF101's class folders"
        )
    return dict(paths)


def load_split(
    videos: str | os.PathLike[str],
    lists: str | os.PathLike[str],
    split: int,
    *,
    skip_missing: bool = False,
) -> tuple[VideoSet, VideoSet, list[str]]:
    """Load an official split of UCF101: its videos, labels and groups.

    Args:
        videos: Folder of UCF101's class folders.
        lists: Folder of UCF101's split lists.
        split: 1, 2 or 3.
        skip_missing: Leave out listed videos that have no file, instead of refusing.

    Returns:
        The training set, the test set, and the listed names that have no file.

    Raises:
        BadInput: When files are missing (with `skip_missing` only when all of a side are), two files
            have the name of a listed video, or a list cannot be read.
    """
    classes = read_classes(lists)
    files = index_videos(videos)
    stand_in = _generated(videos, lists)
    sets, missing = [], []
    for side, listed in zip(("train", "test"), read_split(lists, split)):
        present, absent = _files_of(
            listed, files, videos, f"{side} videos of split {split}", skip_missing
        )
        sets.append(VideoSet(f"split {split} {side}", classes, present, stand_in))
        missing += absent
    return sets[0], sets[1], missing


def load_training_set(
    videos: str | os.PathLike[str],
    lists: str | os.PathLike[str],
    split: int,
    *,
    skip_missing: bool = False,
) -> tuple[VideoSet, list[str]]:
    """Load the training set of a split without opening its test list.

    Args:
        videos: Folder of UCF101's class folders.
        lists: Folder of UCF101's split lists.
        split: 1, 2 or 3.
        skip_missing: Leave out listed videos that have no file, instead of refusing.

    Returns:
        The training set, and the listed names that have no file.

    Raises:
        BadInput: As `load_split`.
    """
    classes = read_classes(lists)
    files = index_videos(videos)
    listed = _read_list(Path(lists) / f"trainlist{split:02d}.txt", classes, labelled=True)
    present, missing = _files_of(
        listed, files, videos, f"train videos of split {split}", skip_missing
    )
    return VideoSet(f"split {split} train", classes, present, _generated(videos, lists)), missing


def _generated(videos: str | os.PathLike[str], lists: str | os.PathLike[str]) -> bool:
    return is_stand_in(videos) or is_stand_in(lists)


def _files_of(
    listed: Sequence[ListedVideo],
    files: dict[str, list[Path]],
    folder: str | os.PathLike[str],
    kind: str,
    skip_missing: bool,
) -> tuple[tuple[LabelledVideo, ...], list[str]]:
    """The listed videos that have files, and the names of those that have none."""
    present, missing, ambiguous = [], [], []
    for item in listed:
        name = PurePosixPath(item.relative).stem
        paths = files.get(name.lower(), [])
        if not paths:
            missing.append(item.relative)
            continue
        if len(paths) > 1:
            ambiguous.append(paths)
        present.append(LabelledVideo(paths[0], name, item.label, item.group))
    if ambiguous:
        # Which of them was trained on would depend on their order: two encodings are two data sets.
        twins = " and ".join(str(path.relative_to(folder)) for path in ambiguous[0])
        raise BadInput(
            f"{folder}: {len(ambiguous)} of the {len(listed)} {kind} have several files, the first "
            f"{twins}; expected one each: remove or rename the others"
        )
    if not present or (missing and not skip_missing):
        raise BadInput(
            f"{folder}: {len(missing)} of the {len(listed)} {kind} are missing, the first is "
            f"{missing[0]}; extract UCF101 there" + (" or give --skip-missing" if present else "")
        )
    return tuple(present), missing


def carve_validation(
    train: VideoSet, *, groups: int, rng: np.random.Generator
) -> tuple[VideoSet, VideoSet]:
    """Take whole groups of every class out of a training set, for validation.

    Args:
        train: Training set.
        groups: Number of groups per class to take; a class keeps at least one for training. A group of
            several classes counts for each of them.
        rng: Source of the choice.

    Returns:
        The remaining training set and the validation set.
    """
    by_class: dict[int, set[str]] = defaultdict(set)
    for video in train.videos:
        by_class[video.label].add(video.group)
    held_out: set[str] = set()
    for label in sorted(by_class):
        names = sorted(by_class[label])
        for index in rng.permutation(len(names)):
            # A group may be of several classes (a person who shows them all); of none the last goes.
            if len(by_class[label] & held_out) >= groups:
                break
            chosen = held_out | {names[index]}
            if all(names_of_class - chosen for names_of_class in by_class.values()):
                held_out = chosen
    return (
        train.subset((v for v in train.videos if v.group not in held_out), name=train.name),
        train.subset(
            (v for v in train.videos if v.group in held_out), name=f"{train.name}, held out"
        ),
    )
