"""How a plan is filmed: where the workers are, how many, which part of it and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap.errors import BadInput
from synth.films.disk import require_writable
from synth.films.film_set import FilmFolder
from synth.films.film_workers import NOT_RETRIED, open_device_probe
from synth.films.packed_films import PackedFilms, StoreSettings, read_store_settings
from synth.films.shard_plan import CLIPS_PER_SHARD
from synth.plans.plan_row import PlanRow
from synth.scene.blender import DEVICES
from synth.workers.pool import TimeLimit, work_through
from synth.workers.processes import LocalMachine
from synth.workers.ray_cluster import RayCluster

Machines = LocalMachine | RayCluster
FilmOutput = FilmFolder | PackedFilms

CLIP_SECONDS = 3600.0  # the most for a clip where no limit is given, unless its frames get longer:
FRAME_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a plan is filmed.

    workers: at a time; None: one per core, or as many as the cluster `ray` has room for.
    device: of the Cycles renderer, one of `synth.scene.blender.DEVICES`.
    shard: (K, N) films every N-th row from the K-th on.
    ray: the address of a Ray cluster (see `RayCluster`); None: this machine.
    budget: seconds, from `began` on: the part of the plan that is predicted to fit is filmed.
    room: bytes: likewise.
    began: on the clock of `time.monotonic`; None: when filming is asked for.
    store: where finished clips go as shards, a folder or an URL of fsspec's; None: they stay in the film
        folder.
    clips_per_shard: of those; `shard` then shares out whole ones.
    clip_limit: seconds that a clip may take, from its start in a worker; None: `CLIP_SECONDS`, or
        `FRAME_SECONDS` for each of its frames where that is more.
    """

    workers: int | None = None
    device: str = "cpu"
    shard: tuple[int, int] | None = None
    ray: str | None = None
    budget: float | None = None
    room: float | None = None
    began: float | None = None
    clip_limit: float | None = None
    store: str | None = None
    clips_per_shard: int = CLIPS_PER_SHARD

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise BadInput(f"--workers {self.workers}: expected at least 1")
        if self.device not in DEVICES:
            raise BadInput(f"--device {self.device}: expected one of {', '.join(DEVICES)}")
        if self.clips_per_shard < 1:
            raise BadInput(f"--count-clips-per-shard {self.clips_per_shard}: expected at least 1")

    def output(self, out: Path, rows: Sequence[PlanRow]) -> FilmOutput:
        """Where the films of a plan go, by way of the folder `out`.

        Raises BadInput for a store that cannot be opened, and without one where the folder has one.
        """
        if self.store is not None:
            return PackedFilms(out, rows, StoreSettings(self.store, self.clips_per_shard))
        if (settings := read_store_settings(out)) is not None:
            raise BadInput(
                f"{out}: its clips go to {settings.store} as shards; give --pack (or that as --out, and "
                "this folder as --scratch), or choose another --out"
            )
        return FilmFolder(out, rows)

    def time_limit(self) -> TimeLimit:
        """How long a clip may take."""

        def seconds(row: PlanRow) -> float:
            return self.clip_limit or max(CLIP_SECONDS, FRAME_SECONDS * row.frames)

        return TimeLimit(seconds, "give more with --clip-limit if the clip needs it")

    def machines(self) -> Machines:
        """Where the workers are. Raises BadInput for a cluster without Ray."""
        if self.ray is None:
            return LocalMachine()
        return RayCluster(self.ray, workers=self.workers, gpus=float(self.device != "cpu"))


def require_resources(out: Path, options: RunOptions) -> None:
    """Raises BadInput where a run would lack its folder, its cluster or its device.

    That is where `out` cannot be written to, no cluster answers, or workers have no such device. Quick,
    so that nobody waits for a plan that cannot be filmed. The device is looked for where the workers
    will be, in a process of its own.
    """
    require_writable(out)
    if options.device == "cpu" and options.ray is None:
        return
    with options.machines() as machines:
        if options.device == "cpu":
            return
        pool = machines.pool(open_device_probe, options.device, not_retried=NOT_RETRIED)
        result = work_through([options.device], pool, workers=1, tasks_per_process=1)
    if result.failures:
        raise BadInput(f"--device {options.device}: {result.failures[0].reason}")
