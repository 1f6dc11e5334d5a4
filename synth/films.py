"""Motions and textures in, films with ground truth out: what `synth render-videos` does."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mocap.body import Body
from mocap.checking import GoodMotions
from mocap.errors import BadInput
from mocap.files import is_stand_in, written_whole
from mocap.free_body import load_free_body
from mocap.library import MotionLibrary, open_motion_library
from synth.backgrounds import open_photographs
from synth.blender import DEVICES
from synth.camera import FilmFormat
from synth.checks import CheckFailed
from synth.clips import is_published, published_row, write_conventions, write_index
from synth.plan import PlanRow, Windows, make_plan, read_plan
from synth.studio import StudioSettings, open_studio
from synth.workers import Failure, work_through
from textures.library import TextureEntry, read_library, read_texture

CHANNELS = ("depth", "segm", "normal", "gtflow")  # those that ``synth.clips`` writes

CLIPS_PER_PROCESS = 25


@dataclass(frozen=True)
class FilmSummary:
    """What became of a run: clips in the plan, already there, made now, failed; input left out."""

    planned: int
    already: int
    made: int
    failures: tuple[Failure, ...]
    skipped: int
    out: Path


def render_videos(
    *,
    motions: Path,
    textures: Path,
    out: Path,
    backgrounds: Path | None = None,
    clips: int | None = None,
    windows: Windows | None = None,
    film: FilmFormat | None = None,
    samples: int = 4,
    workers: int | None = None,
    seed: int = 0,
    channels: Sequence[str] = CHANNELS,
    device: str = "cpu",
    strict: bool = False,
    plan_only: bool = False,
    report: Callable[[str], None] = print,
) -> FilmSummary:
    """Plan clips of the motions in the textures, and film those that are not in ``out`` yet.

    ``clips`` None makes one clip of every window of every motion. ``workers`` None takes one
    process for each core. Input that cannot be used is reported in one line, left out and counted;
    with ``strict`` it raises BadInput before anything is rendered. Raises BadInput also for folders
    without usable motions or textures, textures for another UV layout, and an ``out`` that holds
    films of another plan.
    """
    windows = windows or Windows()
    motions, textures, out = Path(motions), Path(textures), Path(out)
    _check_numbers(clips=clips, windows=windows, samples=samples, workers=workers)
    _check_names(channels, device)
    left_out: list[str] = []

    def leave_out(line: str) -> None:
        left_out.append(line)
        report(f"left out: {line}")

    body = load_free_body()
    library = open_motion_library(motions)
    good = GoodMotions(library, body)
    for _, reason in library.skipped:
        leave_out(reason)
    worn = _readable_textures(textures, body, leave_out)
    photographs: tuple[str, ...] = ()
    if backgrounds is not None:
        backgrounds = Path(backgrounds)
        found = open_photographs(backgrounds, leave_out)
        photographs = tuple(path.relative_to(backgrounds).as_posix() for path in found.paths)
    rows = make_plan(
        entries=library.entries,
        motion_folder=motions,
        load=lambda entry: good.load(entry, windows.fps),
        body=body,
        textures=worn,
        photographs=photographs,
        clips=clips,
        windows=windows,
        film=film,
        samples=samples,
        channels=[channel for channel in CHANNELS if channel in channels],
        seed=seed,
        stand_in=is_stand_in(motions),
        report=leave_out,
    )
    if strict and left_out:
        raise BadInput(
            f"{len(left_out)} inputs cannot be used (--strict); the first: {left_out[0]}"
        )
    everything = _join_plans(out, rows)
    waiting = [row for row in rows if not is_published(out, row)]
    _write_plan(out, everything)
    summary = FilmSummary(len(rows), len(rows) - len(waiting), 0, (), len(left_out), out)
    if plan_only:
        return summary
    write_conventions(out)
    failures: list[Failure] = []
    if waiting:
        workers = min(workers or os.cpu_count() or 1, len(waiting))
        try:
            failures = _film(
                waiting, library, textures, backgrounds, out, device=device, workers=workers
            )
        finally:
            write_index(out, everything)
    write_index(out, everything)
    for failure in failures:
        report(f"failed: {failure.task.stem}: {failure.reason}")
    if waiting and len(failures) == len(waiting):
        raise BadInput(
            f"none of {len(waiting)} clips could be made; the first, {failures[0].task.stem}: "
            f"{failures[0].reason}"
        )
    return dataclasses.replace(summary, made=len(waiting) - len(failures), failures=tuple(failures))


def _film(
    rows: list[PlanRow],
    library: MotionLibrary,
    textures: Path,
    backgrounds: Path | None,
    out: Path,
    *,
    device: str,
    workers: int,
) -> list[Failure]:
    cores = os.cpu_count() or 1
    with (
        _partial_folder(out) as partial,
        _scratch_folder() as scratch,
        tqdm(total=sum(row.frames for row in rows), unit="frame", desc="filming") as bar,
    ):
        settings = StudioSettings(
            entries={entry.source_in(library.folder): entry for entry in library.entries},
            textures=textures.resolve(),
            backgrounds=backgrounds and backgrounds.resolve(),
            out=out.resolve(),
            partial=partial.resolve(),
            scratch=scratch,
            device=device,
            threads=max(1, cores // workers),
        )
        done = 0

        def finished(row: PlanRow, figures: dict[str, float]) -> None:
            nonlocal done
            done += 1
            bar.set_postfix_str(f"{done}/{len(rows)} clips")

        return work_through(
            rows,
            open_studio=open_studio,
            settings=settings,
            workers=workers,
            tasks_per_process=CLIPS_PER_PROCESS,
            hopeless=(BadInput, CheckFailed),
            progress=bar.update,
            finished=finished,
        )


def _check_numbers(
    *,
    clips: int | None,
    windows: Windows,
    samples: int,
    workers: int | None,
) -> None:
    for option, value in (("--clips", clips), ("--workers", workers), ("--samples", samples)):
        if value is not None and value < 1:
            raise BadInput(f"{option} {value}: expected at least 1")
    if windows.frames < 2:
        raise BadInput(f"--frames {windows.frames}: expected at least 2")
    if not windows.fps > 0:
        raise BadInput(f"--fps {windows.fps:g}: expected more than 0")
    if not 0 <= windows.overlap < 1:
        raise BadInput(f"--overlap {windows.overlap:g}: expected at least 0 and less than 1")


def _check_names(channels: Sequence[str], device: str) -> None:
    if device not in DEVICES:
        raise BadInput(f"--device {device}: expected one of {', '.join(DEVICES)}")
    unknown = sorted(set(channels) - set(CHANNELS))
    if unknown:
        raise BadInput(f"--channels {','.join(unknown)}: expected some of {','.join(CHANNELS)}")


def _readable_textures(
    folder: Path, body: Body, leave_out: Callable[[str], None]
) -> list[TextureEntry]:
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
    return usable


def _join_plans(out: Path, rows: list[PlanRow]) -> list[PlanRow]:
    """``rows`` and, behind them, the rows of an earlier plan whose clips are in ``out``.

    Raises BadInput where a clip in ``out`` was made from another row than the plan's.
    """
    stems = {row.stem for row in rows}
    for row in rows:
        found = published_row(out, row)
        if found is not None and found != row:
            raise BadInput(
                f"{out / row.stem}.mp4 was made from another plan (other textures, settings or seed); "
                "choose another --out, or remove the films there"
            )
    path = out / "plan.jsonl"
    earlier = read_plan(path) if path.is_file() else []
    return rows + [r for r in earlier if r.stem not in stems and is_published(out, r)]


def _write_plan(out: Path, rows: list[PlanRow]) -> None:
    with written_whole(out / "plan.jsonl") as path:
        path.write_text("".join(row.to_json() + "\n" for row in rows), encoding="utf-8")


@contextmanager
def _partial_folder(out: Path) -> Iterator[Path]:
    """Where clips lie until they are whole; those of runs that were killed are swept away."""
    host = socket.gethostname()
    for old in out.glob(f".partial-{host}-*"):
        if not Path(f"/proc/{old.name.rpartition('-')[2]}").exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = out / f".partial-{host}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A folder for single frames, in memory where the system has such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="surrealpp-", dir=memory, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)
