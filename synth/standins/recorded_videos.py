"""Hand-held videos of recorded motions in UCF101's layout: a test that films cannot have seen.

Films for pretraining show generated motions. Here motions of a motion-capture library are filmed, in
clothes of a texture library and before environments where they are given, on bodies of other shapes,
by another kind of camera with a bent lens, and by another renderer. What films and videos still have
in common is written beside the videos, as `shared`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from mocap.library.motion_entry import MotionEntry
from mocap.library.motion_library import MotionLibrary, load_motion
from mocap.motion import Motion
from synth.scene.environment_pictures import environment_files, read_environment
from synth.standins.environment_places import environment_view
from synth.standins.handheld_video import (
    FRAME_RATE,
    RecordingSetup,
    VideoFormat,
    render_handheld_video,
    sample_recording_setup,
    write_avi,
)
from synth.standins.recorded_classes import MotionStretch, RecordedClass, recorded_classes
from synth.standins.ucf101_layout import (
    VideoGroup,
    finished_videos,
    tested_split,
    video_name,
    write_video_folder,
)
from textures.library import read_library, read_texture, sha256_of
from textures.wardrobe.body_texels import BodyTexels, prepare_body_texels

EDITION = 1
SHAPE_NORM = (3.2, 4.4)  # of betas: films draw theirs about 0 and hardly reach it
MARGIN = 1.5  # of a background over the frame
README = """Made by `synth standins actions --motions` (seed {seed}): recorded motions, generated bodies.

The layout and file names are UCF101's: {classes} classes, {groups} groups each, {videos} videos, three
splits by group in ucfTrainTestlist/. The motions are those of {motions}. Group k shows the same person
and place in every class. What keeps the splits of a class apart: {separation}.

Shared with films of `synth render-videos` on generated motions: {shared}.
A figure measured on it is not a figure on UCF101.
"""


@dataclass(frozen=True, kw_only=True)
class RecordedVideosSize:
    """How large the set is: of each class `groups` groups of `clips` videos."""

    groups: int = 15
    clips: int = 4
    texture_size: int = 256
    video: VideoFormat = field(default_factory=lambda: VideoFormat(frames=(26, 50)))


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where clothes (a texture library) and places (environments) come from; painted where None."""

    textures: Path | None = None
    environments: Path | None = None


def shared_with_films(surroundings: Surroundings) -> dict[str, str]:
    """What videos and films have in common, and what not, by name."""
    return {
        "motions": "no: recorded here, generated there",
        "body": "mesh and skinning, not the shapes",
        "wardrobe": "the painter, not the clothes"
        if surroundings.textures is None
        else "no: textures of a library",
        "places": "the painter, not the places"
        if surroundings.environments is None
        else "no: environments",
        "camera": "no: hand-held with a bent lens",
        "renderer": "no where films are Blender's",
    }


def write_recorded_videos(
    out: Path,
    library: MotionLibrary,
    *,
    body: Body,
    seed: int,
    size: RecordedVideosSize = RecordedVideosSize(),
    surroundings: Surroundings = Surroundings(),
    workers: int | None = None,
    progress: bool = True,
) -> tuple[int, tuple[str, ...]]:
    """Write videos of a library's motions in UCF101's layout.

    The folder appears whole or not at all; the same inputs give the same bytes however many workers
    there are. A folder that already holds the same videos is left as it is.

    Args:
        out: New folder.
        library: The motions; their categories become classes.
        body: Body of the people.
        seed: Seed of everything.
        size: How many groups and videos.
        surroundings: Clothes and places.
        workers: Number of processes; by default one per core.
        progress: Show a progress bar.

    Returns:
        The number of videos, and why some categories of the library are no classes.

    Raises:
        BadInput: When `out` holds something else, or the motions make fewer than two classes.
    """
    out = Path(out)
    if size.groups < 3 or size.groups % 3 or size.clips < 1:
        raise BadInput(
            f"{size.groups} groups of {size.clips} clips: expected 3, 6, 9 ... groups (a third is tested "
            "a split) and at least 1 clip"
        )
    shortest = (size.video.frames[0] + 1) / FRAME_RATE
    classes, refused = recorded_classes(library, least_seconds=shortest)
    if len(classes) < 2:
        raise BadInput(
            f"{library.folder}: its motions make {len(classes)} classes, expected 2 or more "
            f"({'; '.join(refused)})"
        )
    clothes = _clothes(surroundings.textures, body)
    backdrops = environment_files(surroundings.environments) if surroundings.environments else []
    settings = json.loads(
        json.dumps(
            {
                "kind": "recorded action videos",
                "edition": EDITION,
                "seed": seed,
                "body": body.name,
                "motions": _digest(
                    [path for e in library.entries for path in (e.path, e.skeleton) if path]
                ),
                "classes": {action.name: _stretches(action) for action in classes},
                "textures": _digest(clothes),
                "environments": _digest(backdrops),
                **asdict(size),
            }
        )
    )
    finished = finished_videos(out, settings)
    if finished is not None:
        return finished, refused
    separation = {c.name: c.separation for c in classes}
    shared = shared_with_films(surroundings)
    groups = [
        VideoGroup(action.name, number, size.clips)
        for action in classes
        for number in range(1, size.groups + 1)
    ]
    videos = write_video_folder(
        out,
        groups,
        write_group=_write_group,
        start_worker=_start_worker,
        worker_arguments=lambda folder: (
            body,
            folder,
            seed,
            size,
            {action.name: action for action in classes},
            clothes,
            backdrops,
        ),
        settings={**settings, "separation": separation, "shared": shared},
        readme=lambda count: README.format(
            seed=seed,
            classes=len(classes),
            groups=size.groups,
            videos=count,
            motions=library.folder.name,
            separation="; ".join(f"{name}: {reason}" for name, reason in separation.items()),
            shared="; ".join(f"{name}: {reason}" for name, reason in shared.items()),
        ),
        workers=workers,
        progress=progress,
    )
    return videos, refused


def _clothes(folder: Path | None, body: Body) -> list[Path]:
    """PNGs of a library's textures; of its test people where it has some."""
    if folder is None:
        return []
    entries = read_library(folder, body)
    tested = [entry for entry in entries if entry.split == "test"]
    return [Path(folder) / entry.file for entry in tested or entries]


def _stretches(action: RecordedClass) -> list[list[str]]:
    """What each split of a class shows, wherever its library lies."""
    return [
        [f"{stretch.entry.name} {stretch.first:.3f}-{stretch.last:.3f}" for stretch in stretches]
        for stretches in action.parts
    ]


def _digest(paths: Sequence[Path]) -> str:
    """One digest of the bytes of several files."""
    whole = hashlib.sha256()
    for path in sorted(set(paths)):
        whole.update(sha256_of(path).encode())
    return whole.hexdigest()


# ------------------------------------------------------------------------------------- in a worker


@dataclass(frozen=True)
class _Worker:
    """What a process prepares once."""

    body: Body
    skinning: Skinning
    texels: BodyTexels
    folder: Path
    seed: int
    size: RecordedVideosSize
    classes: Mapping[str, RecordedClass]
    textures: Sequence[Path]
    environments: Sequence[Path]


_worker: _Worker | None = None


def _start_worker(
    body: Body,
    folder: Path,
    seed: int,
    size: RecordedVideosSize,
    classes: Mapping[str, RecordedClass],
    textures: Sequence[Path],
    environments: Sequence[Path],
) -> None:
    global _worker
    texels = prepare_body_texels(body, size.texture_size)
    _worker = _Worker(
        body, Skinning(body), texels, folder, seed, size, classes, textures, environments
    )


@lru_cache(maxsize=64)
def _motion(entry: MotionEntry) -> Motion:
    if _worker is None:
        raise RuntimeError("the process was not prepared")
    return load_motion(entry, _worker.body, FRAME_RATE)


def _write_group(group: VideoGroup) -> list[str]:
    worker = _worker
    if worker is None:
        raise RuntimeError("the process was not prepared")
    action, size = worker.classes[group.class_name], worker.size
    setup = _setup(worker, np.random.default_rng([worker.seed, group.number]))
    parts = action.parts[tested_split(group.number, size.groups) - 1]
    key = [worker.seed, sorted(worker.classes).index(group.class_name), group.number]
    names = []
    for clip in range(1, group.clips + 1):
        rng = np.random.default_rng([*key, clip])
        # Groups of a split go round its parts, so that each is filmed before any is filmed twice.
        stretch = parts[(group.number * group.clips + clip) % len(parts)]
        pose, translation = _window(_motion(stretch.entry), stretch, size.video, rng)
        frames = render_handheld_video(
            worker.body,
            worker.skinning,
            replace(setup, yaw=float(rng.uniform(-np.pi, np.pi))),
            pose,
            translation,
            size=size.video,
            rng=rng,
        )
        name = video_name(group, clip)
        path = worker.folder / group.class_name / name
        write_avi(path, frames, bit_rate=setup.bit_rate, b_frames=setup.b_frames)
        names.append(name)
    return names


def _window(
    motion: Motion, stretch: MotionStretch, size: VideoFormat, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Poses and path of some seconds of a stretch, as long as a video may be."""
    first = int(np.ceil(stretch.first * FRAME_RATE))
    last = min(int(stretch.last * FRAME_RATE) + 1, len(motion))
    count = min(int(rng.integers(size.frames[0], size.frames[1] + 1)), last - first)
    start = first + int(rng.integers(last - first - count + 1))
    return motion.pose[start : start + count], motion.translation[start : start + count]


def _setup(worker: _Worker, rng: np.random.Generator) -> RecordingSetup:
    """A person, a place and a camera with a bent lens."""
    video = worker.size.video
    setup = sample_recording_setup(worker.texels, video, rng)
    direction = rng.normal(size=10)
    betas = direction / np.linalg.norm(direction) * rng.uniform(*SHAPE_NORM)
    setup = replace(
        setup, betas=betas.astype(np.float32), distortion=float(rng.uniform(-0.22, -0.05))
    )
    if worker.textures:
        texture = worker.textures[int(rng.integers(len(worker.textures)))]
        setup = replace(setup, texture=read_texture(texture))
    if worker.environments:
        environment = worker.environments[int(rng.integers(len(worker.environments)))]
        background = environment_view(
            read_environment(environment),
            yaw=float(rng.uniform(-np.pi, np.pi)),
            pitch=float(rng.uniform(-0.12, 0.08)),
            focal=setup.focal,
            width=int(video.width * MARGIN),
            height=int(video.height * MARGIN),
        )
        setup = replace(setup, background=background)
    return setup
