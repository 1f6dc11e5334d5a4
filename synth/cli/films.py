"""`synth plan` and `synth render-videos`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from synth.cli.options import (
    COUNT,
    FILE,
    POSITIVE,
    ChannelNames,
    FilmDestination,
    Number,
    body_option,
    body_source,
    device_option,
    json_option,
    layout_option,
    out_option,
    parsed_by,
    quiet_option,
    report_line,
    seed_option,
    strict_option,
    uv_option,
    workers_option,
)
from synth.cli.result_output import print_result

# Short names of numbers of the preset. What makes a plan is refused together with --plan.
_PRESET_FIELDS = {
    "frames": "windows.frames",
    "fps": "film.fps",
    "samples": "film.samples",
    "engine": "film.engine",
    "layout": "film.layout",
    "channels": "film.channels",
}
_PLANNING = ("preset", "overrides", "count_clips", *_PRESET_FIELDS, "seed")


def _source_options(command: Callable) -> Callable:
    """What both commands need: where motions, textures, backgrounds and bodies are, and the preset."""
    options = [
        click.option("--motions", type=FILE, required=True, help="Folder of motions of any kind."),
        click.option(
            "--textures",
            type=FILE,
            required=True,
            help="Folder of textures with textures.jsonl, as `synth harvest-textures` writes it.",
        ),
        click.option(
            "--backgrounds",
            type=FILE,
            help="Folder of the photographs behind the people; default painted scenes.",
        ),
        click.option(
            "--environments", type=FILE, help="Folder of .hdr or .exr environments to light with."
        ),
        body_option,
        uv_option,
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
            "--count-clips",
            type=COUNT,
            help="How many clips; default one for each window of each motion.",
        ),
        click.option("--frames", type=click.IntRange(2), help="Frames per clip (windows.frames)."),
        click.option(
            "--fps", type=Number(0, 1000, min_open=True), help="Frames per second (film.fps)."
        ),
        click.option(
            "--samples",
            type=click.IntRange(0),
            help="Samples per pixel (film.samples); 0 for the engine's own.",
        ),
        click.option(
            "--engine", type=click.Choice(["cycles", "raster"]), help="Renderer (film.engine)."
        ),
        layout_option("default the preset's (film.layout)"),
        click.option(
            "--channels",
            type=ChannelNames(),
            help="Channels with commas between, or none (film.channels).",
        ),
        seed_option,
        workers_option,
        strict_option,
        quiet_option(),
        json_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _left_out(line: str) -> None:
    report_line(f"left out: {line}")


def _preset(options: dict[str, Any]) -> Any:
    from synth.plans.preset import read_preset

    overrides = []
    for name, field in _PRESET_FIELDS.items():
        value = options[name]
        if value is not None:
            text = str(list(value)) if isinstance(value, tuple) else str(value)
            overrides.append(f"{field}={text}")
    return read_preset(options["preset"], [*options["overrides"], *overrides])


def _plans(options: dict[str, Any], textures: dict[str, Path]) -> tuple[Any, dict[str, list]]:
    """The opened inputs and the plan of each texture library."""
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
        bodies=body_source(options["body"], options["uv"]),
        report=leave_out,
    )
    plans = plan_films(
        inputs,
        preset,
        clips=options["count_clips"],
        seed=options["seed"],
        workers=options["workers"],
        report=leave_out,
    )
    if options["strict"] and left_out:
        raise BadInput(
            f"{len(left_out)} inputs cannot be used (--strict); the first: {left_out[0]}"
        )
    return inputs, plans


def _parse_shard(text: str) -> tuple[int, int]:
    from synth.plans.plan_row import parse_shard

    return parse_shard(text)


def _parse_duration(text: str) -> float:
    from synth.films.cost import parse_duration

    return parse_duration(text)


def _parse_clip_limit(text: str) -> float:
    from synth.films.cost import parse_duration

    return parse_duration(text, option="--clip-limit")


@click.command("plan")
@_source_options
@click.option(
    "--against",
    type=FILE,
    help="A second texture folder: two plans whose k-th clips differ in the texture alone.",
)
@out_option("the plan, a .jsonl file; with --against, a folder")
def plan(out: Path, against: Path | None, **options: Any) -> None:
    """Plan films, one row per clip, and print what the plan covers.

    `synth render-videos --plan` films it.
    """
    from mocap.errors import BadInput
    from synth.plans.coverage import coverage, coverage_counts
    from synth.plans.plan_row import write_plan

    textures: dict[str, Path] = {"": options["textures"]}
    if against is not None:
        names = [Path(folder).resolve().name for folder in (options["textures"], against)]
        if names[0] == names[1]:
            raise BadInput(f"--against {against}: a folder of the same name; rename one of the two")
        textures = dict(zip(names, (options["textures"], against)))
    _, plans = _plans(options, textures)
    lines, written = [], []
    for name, rows in plans.items():
        path = Path(out) / f"{name}.jsonl" if name else Path(out)
        write_plan(path, rows)
        lines += [f"{path}", coverage(rows)]
        written.append({"plan": path, **coverage_counts(rows)})
    print_result({"plans": written}, lines, as_json=options["as_json"])


@click.command("render-videos")
@_source_options
@click.option("--plan", "plan_file", type=FILE, help="A plan that `synth plan` wrote.")
@click.option(
    "--out",
    type=FilmDestination(),
    required=True,
    help="Where to write the films: a folder, or an address as s3://bucket/path (see --pack).",
)
@click.option(
    "--pack",
    "packed",
    is_flag=True,
    help="Write WebDataset shards while filming, as is always done at an address; clips leave the disk "
    "when their shard is whole.",
)
@click.option("--count-clips-per-shard", type=COUNT, help="Clips per shard of --pack; default 100.")
@click.option(
    "--scratch",
    type=FILE,
    help="Folder of clips until their shard is whole, of the ledger and of claims, which runs share; "
    "default --out.",
)
@device_option("cpu", "cuda", "optix", "hip", "oneapi", "metal")
@click.option(
    "--shard",
    metavar="K/N",
    callback=parsed_by(_parse_shard),
    help="Film every N-th clip from the K-th on (job arrays); with --pack, every N-th shard.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Film on a Ray cluster: local, auto or its address; --workers actors, or all it has room for.",
)
@click.option(
    "--budget",
    metavar="TIME",
    callback=parsed_by(_parse_duration),
    help="Film the part of the plan that fits into 8h, 90m or 2d, in the plan's shares of everything. "
    "With --dry-run: say how many jobs film all of it within that time.",
)
@click.option(
    "--max-gb", type=POSITIVE, help="Film the part of the plan that fits into so many gigabytes."
)
@click.option(
    "--clip-limit",
    metavar="TIME",
    callback=parsed_by(_parse_clip_limit),
    help="End a clip that takes longer, and count it as failed; default 1h, or a minute for each of its "
    "frames where that is more.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Film a few frames, say what the plan covers, how long and large it will be and how many "
    "core-hours it takes; keep nothing.",
)
@click.pass_context
def render_videos(
    context: click.Context,
    plan_file: Path | None,
    out: Path | str,
    packed: bool,
    count_clips_per_shard: int | None,
    scratch: Path | None,
    device: str,
    shard: tuple[int, int] | None,
    ray: str | None,
    budget: float | None,
    max_gb: float | None,
    clip_limit: float | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Film the motions in the textures, with ground truth, in SURREAL's layout.

    Interrupt it at any time; the same command goes on where it stopped. With --strict, a clip that
    fails is an error, too.
    """
    from synth.films import render_videos as films
    from synth.films.inputs import open_inputs
    from synth.films.prediction import require_room
    from synth.films.run_options import RunOptions, require_resources
    from synth.films.shard_plan import CLIPS_PER_SHARD
    from synth.plans.coverage import coverage, coverage_counts
    from synth.plans.plan_row import read_plan

    folder, store = _folder_and_store(out, packed, count_clips_per_shard, scratch)
    run_options = RunOptions(
        store=store,
        clips_per_shard=count_clips_per_shard or CLIPS_PER_SHARD,
        workers=options["workers"],
        device=device,
        shard=shard,
        ray=ray,
        budget=budget,
        room=None if max_gb is None else max_gb * 1e9,
        began=time.monotonic(),
        clip_limit=clip_limit,
    )
    require_resources(folder, run_options)
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
            bodies=body_source(options["body"], options["uv"]),
            report=_left_out,
        )
    as_json = options["as_json"]
    if dry_run:
        prediction = films.predict_videos(rows, inputs, folder, run_options)
        text = f"every clip is there already: {out}" if prediction is None else str(prediction)
        content = {"out": out, **coverage_counts(rows), "prediction": prediction}
        print_result(content, [coverage(rows), text], as_json=as_json)
        if prediction is not None and isinstance(out, Path):
            require_room(prediction.bytes, out)
        return
    summary = films.render_videos(rows, inputs, folder, run_options, report=report_line)
    left = f", {summary.left} left" if summary.left else ""
    content = {
        "out": out,
        "ledger": summary.ledger,
        "planned": summary.planned,
        "rendered": summary.rendered,
        "already": summary.already,
        "left": summary.left,
        "failures": [{"clip": f.task.stem, "reason": f.reason} for f in summary.failures],
    }
    line = (
        f"{summary.rendered} clips made, {summary.already} already there, "
        f"{len(summary.failures)} failed{left}: {out} (ledger: {summary.ledger})"
    )
    print_result(content, line, as_json=as_json)
    if options["strict"] and summary.failures:
        raise click.exceptions.Exit(1)


def _folder_and_store(
    out: Path | str, packed: bool, clips_per_shard: int | None, scratch: Path | None
) -> tuple[Path, str | None]:
    """The film folder, and where its clips go as shards, if they do. Raises UsageError."""
    if isinstance(out, str):
        if scratch is None:
            raise click.UsageError(
                f"--out {out}: give --scratch, a folder for clips until their shard is whole"
            )
        return scratch, out
    if packed:
        return scratch or out, str(out)
    for name, value in (("--count-clips-per-shard", clips_per_shard), ("--scratch", scratch)):
        if value is not None:
            raise click.UsageError(f"{name}: films stay in --out as they are; give --pack, too")
    return out, None


def _refuse_planning(context: click.Context) -> None:
    """Raises UsageError where a plan is given and also what would make one."""
    refused = [
        parameter.opts[0]
        for name in _PLANNING
        for parameter in context.command.params
        if parameter.name == name
        and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if refused:
        raise click.UsageError(
            f"{', '.join(refused)}: already decided by --plan; plan again with `synth plan`"
        )
