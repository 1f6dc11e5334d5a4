"""`synth plan` and `synth render-videos`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FOLDER = click.Path(path_type=Path)


def _source_options(command: Callable) -> Callable:
    """What both commands need: where motions, textures, backgrounds and bodies are, and the preset."""
    options = [
        click.option(
            "--motions", type=FOLDER, required=True, help="Folder of motions of any kind."
        ),
        click.option(
            "--textures",
            type=FOLDER,
            required=True,
            help="Folder of textures with textures.jsonl, as `synth harvest-textures` writes it.",
        ),
        click.option(
            "--backgrounds", type=FOLDER, help="Folder of photographs; painted scenes by default."
        ),
        click.option(
            "--environments", type=FOLDER, help="Folder of .hdr or .exr environments to light with."
        ),
        click.option(
            "--body", type=FOLDER, help="SMPL, SMPL-H or SMPL-X file; default: free body."
        ),
        click.option("--uv", type=FOLDER, help=".obj with the UVs of --body."),
        click.option(
            "--preset",
            default="standard",
            show_default=True,
            help="standard, surreal, surreal++, or a .toml file.",
        ),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="FIELD=VALUE",
            help="Override any number of the preset, as camera.distance_mean=6; may be repeated.",
        ),
        click.option(
            "--clips", type=int, help="How many clips; default one for each window of each motion."
        ),
        click.option("--frames", type=int, help="Frames a clip (windows.frames)."),
        click.option("--fps", type=float, help="Frames a second (film.fps)."),
        click.option("--samples", type=int, help="Cycles samples a pixel (film.samples)."),
        click.option("--engine", help="cycles or raster (film.engine)."),
        click.option("--layout", help="surreal or compact files (film.layout)."),
        click.option("--channels", help="Dense ground truth, with commas (film.channels)."),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of the plan."),
        click.option("--workers", type=int, help="Processes; default one for each core."),
        click.option("--strict", is_flag=True, help="Refuse input of which any part is unusable."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _say(line: str) -> None:
    click.echo(line, err=True)


def _left_out(line: str) -> None:
    _say(f"left out: {line}")


def _preset(options: dict[str, Any]) -> Any:
    from synth.plans.preset import read_preset

    short = {"frames": "windows.frames", "fps": "film.fps", "samples": "film.samples"}
    short |= {"engine": "film.engine", "layout": "film.layout", "channels": "film.channels"}
    overrides = [
        f"{field}={options[key]}" for key, field in short.items() if options[key] is not None
    ]
    return read_preset(options["preset"], [*options["overrides"], *overrides])


def _plans(options: dict[str, Any], textures: dict[str, Path]) -> tuple[Any, dict[str, list]]:
    """The opened inputs and the plan of each texture library."""
    from mocap.bodies.loading import BodySource
    from mocap.errors import BadInput
    from synth.films.inputs import open_inputs
    from synth.films.render_videos import plan_films

    preset = _preset(options)
    left_out: list[str] = []

    def leave_out(line: str) -> None:
        left_out.append(line)
        _left_out(line)

    inputs = open_inputs(
        motions=options["motions"],
        textures=textures,
        backgrounds=options["backgrounds"],
        environments=options["environments"],
        bodies=BodySource(options["body"], options["uv"]),
        report=leave_out,
    )
    plans = plan_films(
        inputs,
        preset,
        clips=options["clips"],
        seed=options["seed"],
        workers=options["workers"],
        report=leave_out,
    )
    if options["strict"] and left_out:
        raise BadInput(
            f"{len(left_out)} inputs cannot be used (--strict); the first: {left_out[0]}"
        )
    return inputs, plans


@click.command("plan")
@_source_options
@click.option(
    "--against",
    type=FOLDER,
    help="A second texture folder: two plans whose k-th clips differ in the texture alone.",
)
@click.option(
    "--out", type=FOLDER, required=True, help="The plan, a .jsonl file; with --against, a folder."
)
def plan(out: Path, against: Path | None, **options: Any) -> None:
    """Plan films, one row a clip, and print what the plan covers.

    `synth render-videos --plan` films it.
    """
    from mocap.errors import BadInput
    from synth.plans.coverage import coverage
    from synth.plans.plan_row import write_plan

    textures: dict[str, Path] = {"": options["textures"]}
    if against is not None:
        names = [Path(folder).resolve().name for folder in (options["textures"], against)]
        if names[0] == names[1]:
            raise BadInput(f"--against {against}: a folder of the same name; rename one of the two")
        textures = dict(zip(names, (options["textures"], against)))
    _, plans = _plans(options, textures)
    for name, rows in plans.items():
        path = Path(out) / f"{name}.jsonl" if name else Path(out)
        write_plan(path, rows)
        click.echo(f"{path}")
        click.echo(coverage(rows))


@click.command("render-videos")
@_source_options
@click.option("--plan", "plan_file", type=FOLDER, help="A plan that `synth plan` wrote.")
@click.option("--out", type=FOLDER, required=True, help="Where the films go.")
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="cpu, cuda, optix, hip, oneapi or metal; refused where Blender does not find it.",
)
@click.option("--shard", metavar="K/N", help="Film every N-th clip from the K-th on (job arrays).")
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Film on a Ray cluster: local, auto or its address; --workers actors, or all it has room for.",
)
@click.option(
    "--budget",
    metavar="TIME",
    help="Film the part of the plan that fits into 8h, 90m or 2d, in the plan's shares of everything.",
)
@click.option("--max-gb", type=float, help="Film the part of the plan that fits into this room.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Film a few frames, say what the plan covers and how long and large it will be; keep nothing.",
)
@click.pass_context
def render_videos(
    context: click.Context,
    plan_file: Path | None,
    out: Path,
    device: str,
    shard: str | None,
    ray: str | None,
    budget: str | None,
    max_gb: float | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Film the motions in the textures, with ground truth, in SURREAL's layout.

    Interrupt it at any time; the same command goes on where it stopped.
    """
    from mocap.bodies.loading import BodySource
    from mocap.errors import BadInput
    from synth.films import render_videos as films
    from synth.films.cost import parse_duration
    from synth.films.inputs import open_inputs
    from synth.films.prediction import require_room
    from synth.films.run_options import Running, require_means
    from synth.plans.coverage import coverage
    from synth.plans.plan_row import parse_shard, read_plan

    if max_gb is not None and not max_gb > 0:
        raise BadInput(f"--max-gb {max_gb:g}: expected more than 0")
    running = Running(
        workers=options["workers"],
        device=device.lower(),
        shard=parse_shard(shard) if shard else None,
        ray=ray,
        budget=parse_duration(budget) if budget else None,
        room=None if max_gb is None else max_gb * 1e9,
        began=time.monotonic(),
    )
    require_means(out, running)
    if plan_file is None:
        inputs, plans = _plans(options, {"": options["textures"]})
        (rows,) = plans.values()
    else:
        _refuse_planning(context)
        rows = read_plan(plan_file)
        inputs = open_inputs(
            motions=options["motions"],
            textures={"": options["textures"]},
            backgrounds=options["backgrounds"],
            environments=options["environments"],
            bodies=BodySource(options["body"], options["uv"]),
            report=_left_out,
        )
    if dry_run:
        click.echo(coverage(rows))
        prediction = films.predict_videos(rows, inputs, out, running)
        if prediction is None:
            click.echo(f"every clip is there already: {out}")
        else:
            click.echo(str(prediction))
            require_room(prediction.bytes, out)
        return
    summary = films.render_videos(rows, inputs, out, running, report=_say)
    left = f", {summary.left} left" if summary.left else ""
    click.echo(
        f"{summary.made} clips made, {summary.already} already there, "
        f"{len(summary.failures)} failed{left}: {summary.out} (ledger: {summary.ledger})"
    )
    if options["strict"] and summary.failures:
        raise click.exceptions.Exit(1)


_PLANNING = ("preset", "overrides", "clips", "frames", "fps", "samples", "engine", "layout")
_PLANNING += ("channels", "seed")


def _refuse_planning(context: click.Context) -> None:
    """Raises UsageError where a plan is given and also what would make one."""
    given = [
        name
        for name in _PLANNING
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        names = ", ".join("--set" if name == "overrides" else f"--{name}" for name in given)
        raise click.UsageError(f"{names}: already decided by --plan; plan again with `synth plan`")
