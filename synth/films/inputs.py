"""What films are made of, opened and looked through: motions, textures, photographs, environments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap.bodies.body import Body
from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from mocap.files import is_stand_in
from mocap.library.checking import find_unfit
from mocap.library.motion_library import MotionEntry, MotionLibrary, open_motion_library
from synth.plans.clip_order import frames_at
from synth.plans.plan_row import FigureRow, PlanRow
from synth.scene.backgrounds import open_photographs
from textures.library import TextureEntry, read_library, read_texture

ENVIRONMENT_SUFFIXES = (".hdr", ".exr")


@dataclass(frozen=True, kw_only=True)
class FilmInputs:
    """The folders of a film set and what was found in them; paths in rows are relative to these.

    `textures` are the folders of the texture libraries by name, `texture_entries` what they hold.
    `left_out`: one line for each thing that cannot be used.
    """

    bodies: BodySource
    library: MotionLibrary
    textures: Mapping[str, Path]
    texture_entries: Mapping[str, Sequence[TextureEntry]]
    backgrounds: Path | None
    photographs: tuple[str, ...]
    environments_folder: Path | None
    environments: tuple[str, ...]
    stand_in: bool
    left_out: tuple[str, ...]

    def unfit(
        self, entries: Sequence[MotionEntry], *, workers: int | None = None
    ) -> dict[str, str]:
        """Which of the motions cannot be filmed, and why, by name."""
        return find_unfit(self.library, entries, self.bodies.load("neutral"), workers=workers)


def open_inputs(
    *,
    motions: Path,
    textures: Mapping[str, Path],
    backgrounds: Path | None = None,
    environments: Path | None = None,
    bodies: BodySource | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> FilmInputs:
    """Open the folders that films are made of. What cannot be used is reported and left out.

    Args:
        motions: a folder of motions.
        textures: the folder of each texture library, by its name.
        backgrounds: a folder of photographs; None: backgrounds are painted.
        environments: a folder of .hdr or .exr files; None: no such light.
        bodies: the bodies that are filmed; None: the free body.
        report: called with a line per thing that cannot be used.

    Returns:
        The folders and what they hold.

    Raises:
        BadInput: a folder without any usable motion, texture, photograph or environment, or textures of
            another UV layout.
    """
    left_out: list[str] = []

    def leave_out(line: str) -> None:
        left_out.append(line)
        report(line)

    bodies = bodies or BodySource()
    body = bodies.load("neutral")
    library = open_motion_library(motions)
    for _, reason in library.skipped:
        leave_out(reason)
    texture_entries = {
        name: _readable(folder, body, leave_out) for name, folder in textures.items()
    }
    photographs: tuple[str, ...] = ()
    if backgrounds is not None:
        opened = open_photographs(Path(backgrounds), leave_out)
        photographs = tuple(path.relative_to(backgrounds).as_posix() for path in opened.paths)
    return FilmInputs(
        bodies=bodies,
        library=library,
        textures={name: Path(folder) for name, folder in textures.items()},
        texture_entries=texture_entries,
        backgrounds=backgrounds and Path(backgrounds),
        photographs=photographs,
        environments_folder=environments and Path(environments),
        environments=_environments(environments),
        stand_in=is_stand_in(motions),
        left_out=tuple(left_out),
    )


def _readable(
    folder: Path, body: Body, leave_out: Callable[[str], None]
) -> tuple[TextureEntry, ...]:
    """The library's textures whose image can be read."""
    usable = []
    for entry in read_library(folder, body):
        try:
            read_texture(folder / entry.file)
            usable.append(entry)
        except BadInput as error:
            leave_out(str(error))
    if not usable:
        raise BadInput(f"{folder}: no texture of its library can be read; harvest again")
    return tuple(usable)


def _environments(folder: Path | None) -> tuple[str, ...]:
    if folder is None:
        return ()
    folder = Path(folder)
    environments = sorted(
        path.relative_to(folder).as_posix()
        for path in (folder.rglob("*") if folder.is_dir() else ())
        if path.suffix.lower() in ENVIRONMENT_SUFFIXES and path.is_file()
    )
    if not environments:
        raise BadInput(f"{folder}: no environment found, expected .hdr or .exr files in it")
    return tuple(environments)


def check_rows(rows: Sequence[PlanRow], inputs: FilmInputs) -> None:
    """Raises BadInput for rows that name what the inputs do not hold.

    That is a motion, texture, photograph or environment that is not in the folders, frames that a motion
    does not have, or a texture of another UV layout.
    """
    for gender in sorted({gender for row in rows for gender in row.genders}):
        inputs.bodies.load(gender)  # built once, here, rather than by every worker
    folder = inputs.library.folder
    sources = {entry.source_in(folder): entry for entry in inputs.library.entries}
    (textures,) = inputs.textures.values()
    (texture_entries,) = inputs.texture_entries.values()
    layouts = {entry.file: entry.uv_layout for entry in texture_entries}
    photographs, environments = set(inputs.photographs), set(inputs.environments)
    for row in rows:
        people: tuple[PlanRow | FigureRow, ...] = (row, *row.figures)
        for person in people:
            if person.source not in sources:
                raise BadInput(
                    f"{row.stem}: its motion {person.source} is not in {folder}; plan again"
                )
            length = frames_at(sources[person.source], row.fps)
            if person.start + row.frames > length:
                raise BadInput(
                    f"{row.stem}: start {person.start} and {row.frames} frames, but its motion "
                    f"{person.source} has {length} frames at {row.fps:g} frames/s, expected frames of "
                    "the motion; plan again"
                )
            if layouts.get(person.texture) != row.uv_layout:
                raise BadInput(
                    f"{row.stem}: its texture {person.texture} (UV layout {row.uv_layout}) is not in "
                    f"{textures}; give the texture folder that was planned with"
                )
        photograph = row.background.get("photograph")
        if photograph is not None and photograph not in photographs:
            raise BadInput(
                f"{row.stem}: its photograph {photograph} is not in "
                f"{inputs.backgrounds or 'any folder'}; give --backgrounds as when planning"
            )
        for environment in (row.light.get("file"), row.background.get("environment")):
            if environment is not None and environment not in environments:
                raise BadInput(
                    f"{row.stem}: its environment {environment} is not in "
                    f"{inputs.environments_folder or 'any folder'}; give --environments as when "
                    "planning"
                )
