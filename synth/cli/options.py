"""Options that several commands share, each with one name, one meaning and one wording."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.decorators import FC

if TYPE_CHECKING:  # not imported for `synth --help`
    from mocap.bodies.loading import BodySource

Decorator = Callable[[FC], FC]

FILE = click.Path(path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
COUNT = click.IntRange(1)


class Number(click.FloatRange):
    """A finite number within a range (click's own range lets `nan` pass)."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number. Fails with the option's name where it is not finite or out of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


POSITIVE = Number(min=0, min_open=True)


class FilmDestination(click.ParamType):
    """A path, or an address of fsspec's as a text."""

    name = "path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """A text for what begins as `s3://` does, a path for all else."""
        from synth.films.shard_store import is_url

        return str(value) if is_url(str(value)) else Path(value)


class ChannelNames(click.ParamType):
    """Channels of the ground truth with commas between, as a tuple of their names.

    Attributes:
        none_allowed: whether the word `none` stands for no channel at all.
    """

    name = "names"

    def __init__(self, *, none_allowed: bool = True) -> None:
        self.none_allowed = none_allowed

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names. Fails with the option's name where one is no channel or there is none."""
        from synth.scene.ground_truth import CHANNELS

        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        if names == ("none",) and self.none_allowed:
            return ()
        unknown = sorted(set(names) - set(CHANNELS))
        if unknown or not names:
            ending = ", or none." if self.none_allowed else "."
            self.fail(
                f"{','.join(unknown) or 'no channel'}: expected some of {','.join(CHANNELS)}{ending}",
                param,
                ctx,
            )
        return names


class DeviceName(click.ParamType):
    """A device by its name in lower case; `cuda:N` among the names stands for every number N."""

    name = "device"

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name. Fails with the option's name where it is none of the allowed ones."""
        device = str(value).lower()
        if re.sub(r":\d+$", ":N", device) not in self.names or device.endswith(":n"):
            self.fail(f"{value}: expected {listed(self.names)}.", param, ctx)
        return device


def listed(names: tuple[str, ...]) -> str:
    """Names as words: `a`, `a or b`, `a, b or c`."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def parsed_by(parse: Callable[[str], Any]) -> Callable[..., Any]:
    """A click callback that parses an option's text, if there is any.

    Args:
        parse: gives the value of a text and raises BadInput for a text that it cannot read.

    Returns:
        The callback, which fails with the option's name where `parse` raises BadInput.
    """

    def callback(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        from mocap.errors import BadInput

        if text is None:
            return None
        try:
            return parse(text)
        except BadInput as error:
            raise click.BadParameter(str(error), context, parameter) from None

    return callback


def body_source(body: Path | None, uv: Path | None) -> BodySource:
    """The bodies that `--body` and `--uv` name. Raises UsageError for `--uv` without `--body`."""
    from mocap.bodies.loading import BodySource

    if uv is not None and body is None:
        raise click.UsageError("--uv: the free body has its own UVs; give --body, too")
    return BodySource(body, uv)


def out_option(
    subject: str, *, required: bool = True, default: str | None = None
) -> Decorator[Any]:
    """`--out`, where a command writes.

    Args:
        subject: what is written there, as `the films`.
        required: whether the option must be given; one with a default need not be.
        default: a path relative to the working directory, shown in the help.
    """
    if default is None:
        help_text = f"Where to write {subject}."
        return click.option("--out", type=FILE, required=required, help=help_text)
    return click.option(
        "--out",
        type=FILE,
        default=Path(default),
        show_default=True,
        help=f"Where to write {subject}.",
    )


def device_option(*names: str, default: str = "cpu") -> Decorator[Any]:
    """`--device`, where a command computes.

    Args:
        names: of the devices that the command can use; `cpu`, `cuda` and `cuda:N` where none is named.
        default: the device where none is given.
    """
    names = names or ("cpu", "cuda", "cuda:N")
    return click.option(
        "--device",
        type=DeviceName(names),
        default=default,
        show_default=True,
        help=f"Where to compute: {listed(names)}.",
    )


def layout_option(ending: str) -> Decorator[Any]:
    """`--layout`, of the films' files; `ending` ends its help text."""
    return click.option(
        "--layout",
        type=click.Choice(["surreal", "compact"]),
        help="Layout of the files; surreal is that of SURREAL's release, mirrored, and takes only "
        f"cameras that stand still and level; {ending}.",
    )


category_option = click.option(
    "--category",
    default="people",
    show_default=True,
    help="What the photographs show: people, or birds in CUB-200-2011's layout.",
)


_OF_THE_OUTPUT = {"quiet", "as_json"}  # which mean the same whatever is shown


def refuse_others(category: str, allowed: set[str]) -> None:
    """Refuse options of the running command that mean nothing for a category besides people.

    Args:
        category: named by --category.
        allowed: names of the parameters that mean something for it.

    Raises:
        UsageError: where another one was given on the command line.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if (
            name not in allowed | _OF_THE_OUTPUT
            and source is click.core.ParameterSource.COMMANDLINE
        ):
            raise click.UsageError(
                f"{parameter.opts[0]} is for people; leave it out with --category {category}"
            )


workers_option = click.option(
    "--workers", type=COUNT, help="Processes that share the work; default one for each core."
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of all that is drawn at random: the same seed gives the same bytes.",
)
strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Exit with an error where any of the input is missing or cannot be used.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON, not as lines."
)


def _hide_bars(context: click.Context, _parameter: click.Parameter, quiet: bool) -> bool:
    """Hide bars, and signs of life between them, while the command runs."""
    if quiet:
        from synth.cli.heartbeat import end_heartbeat
        from synth.cli.line_output import hide_bars

        end_heartbeat()
        context.call_on_close(hide_bars())
    return quiet


def quiet_option(*, passed_on: bool = False) -> Decorator[Any]:
    """`--quiet`, which hides bars.

    Args:
        passed_on: whether the command gets it, too, for processes that show bars of their own.
    """
    return click.option(
        "--quiet",
        is_flag=True,
        callback=_hide_bars,
        expose_value=passed_on,
        help="Show no progress bars; messages stay.",
    )


def report_line(line: str) -> None:
    """Say a message on standard error, where results are not."""
    click.echo(line, err=True)


body_option = click.option(
    "--body", type=FILE, help="SMPL, SMPL-H or SMPL-X file; default the free body."
)
uv_option = click.option("--uv", type=FILE, help="The .obj file with the UVs of the body's file.")
source_fps_option = click.option(
    "--source-fps",
    type=Number(1, 1000),
    help="Frames per second of motions whose rate no index tells.",
)


def evidence_options(command: FC) -> FC:
    """Where a body fit's evidence comes from: sources, downloaded networks, our network's weights."""
    options = [
        click.option(
            "--evidence",
            multiple=True,
            metavar="SOURCE",
            help="What bodies are fitted by: blazepose, network, a CSV of joints, a folder of OpenPose's "
            "JSON, or fits as hmr:PATH, spin:PATH, 4d-humans:PATH; may be repeated. All that is "
            "installed when left out.",
        ),
        click.option("--networks", type=FOLDER, help="Folder that `synth fetch-networks` filled."),
        click.option(
            "--body-fit", type=FILE, help="Weights of the body fit's network, not the shipped ones."
        ),
        click.option(
            "--smpl", type=FILE, help="SMPL's file, for fits of SMPL (else the free body's)."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command
