"""The `synth` command: every subcommand parses, calls one function and prints."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

import click

from synth import __version__
from synth.cli.whole_help import WholeHelpGroup


@dataclass(frozen=True)
class CommandEntry:
    """Where a command is, and how it is shown: the click command's module and name, and an example."""

    module: str
    attribute: str
    example: str


# Modules are imported only when their command runs, so that `synth --help` is instant and training
# never imports Blender.
SECTIONS: dict[str, dict[str, CommandEntry]] = {
    "The pipeline": {
        "harvest-textures": CommandEntry(
            "synth.cli.textures",
            "harvest_textures",
            "synth harvest-textures --images photos --licence CC-BY-4.0 --out textures",
        ),
        "render-videos": CommandEntry(
            "synth.cli.films",
            "render_videos",
            "synth render-videos --motions cmu --textures textures --out films --count-clips 100",
        ),
        "eval-ucf101": CommandEntry(
            "synth.cli.recognition",
            "eval_ucf101",
            "synth eval-ucf101 --films films --videos UCF-101 --lists ucfTrainTestlist --out results",
        ),
        "report": CommandEntry(
            "synth.cli.report",
            "report",
            "synth report --textures textures --films films --out report.html",
        ),
    },
    "Bodies and motions": {
        "preview": CommandEntry(
            "synth.cli.preview",
            "preview",
            "synth preview cmu 02_01 --texture textures/0001.png --out walk.mp4",
        ),
        "motions": CommandEntry("synth.cli.motions", "motions", "synth motions cmu"),
        "body": CommandEntry("synth.cli.body", "body", "synth body"),
    },
    "Textures": {
        "eval-fit": CommandEntry(
            "synth.cli.body_fits",
            "eval_fit",
            "synth eval-fit --images Market-1501 --joints joints.csv",
        ),
        "eval-textures": CommandEntry(
            "synth.cli.texture_scores",
            "eval_textures",
            "synth eval-textures ours theirs --images Market-1501 --references --out scores",
        ),
        "eval-reid": CommandEntry(
            "synth.cli.reid_scores",
            "eval_reid",
            "synth eval-reid reid.safetensors --images Market-1501",
        ),
        "eval-generator": CommandEntry(
            "synth.cli.generator_tables",
            "eval_generator",
            "synth eval-generator ddff.safetensors --method ddff --pedestrians bank.safetensors",
        ),
        "split-cameras": CommandEntry(
            "synth.cli.texture_scores",
            "split_cameras",
            "synth split-cameras --images Market-1501 --out halves",
        ),
        "convert-textures": CommandEntry(
            "synth.cli.layouts",
            "convert_textures",
            "synth convert-textures textures --to smpl --uv smpl_uv.obj --out smpl-textures",
        ),
        "import-textures": CommandEntry(
            "synth.cli.layouts",
            "import_textures",
            "synth import-textures pngs --uv-layout smpl --licence CC-BY-4.0 --out library",
        ),
        "score": CommandEntry(
            "synth.cli.textures", "score", "synth score rendered.png photograph.png"
        ),
    },
    "Films": {
        "plan": CommandEntry(
            "synth.cli.films",
            "plan",
            "synth plan --motions cmu --textures textures --out plan.jsonl",
        ),
        "places": CommandEntry(
            "synth.cli.places", "inspect_places", "synth places photographs --out places.jpg"
        ),
        "status": CommandEntry("synth.cli.status", "status", "synth status films"),
        "check": CommandEntry("synth.cli.check", "check", "synth check films"),
        "ground-truth": CommandEntry(
            "synth.cli.ground_truth",
            "ground_truth",
            "synth ground-truth films --channels depth,uv --out labels",
        ),
        "pack": CommandEntry("synth.cli.pack", "pack", "synth pack films --out shards"),
    },
    "Doors to other tools": {
        "export": CommandEntry(
            "synth.cli.export",
            "export",
            "synth export textures/0001.png --motion cmu/02/02_01.amc --out walk.glb",
        ),
        "turntable": CommandEntry(
            "synth.cli.turntable", "turntable", "synth turntable textures/0001.png --out turn.gif"
        ),
        "dress": CommandEntry(
            "synth.cli.preview",
            "dress",
            "synth dress textures/0001.png cmu 02_01 --out walk.mp4",
        ),
        "view": CommandEntry(
            "synth.cli.view", "view", "synth view films/train/run0/02_01/02_01_c0001 --out all.mp4"
        ),
        "export-coco": CommandEntry(
            "synth.cli.export_coco", "export_coco", "synth export-coco films --out labels.json"
        ),
    },
    "The user study": {
        "study": CommandEntry(
            "synth.cli.study",
            "study",
            "synth study make --textures ours --against theirs --out study",
        ),
    },
    "Training and stand-ins": {
        "train": CommandEntry("synth.cli.train", "train", "synth train recipes"),
        "standins": CommandEntry(
            "synth.cli.standins", "standins", "synth standins motions --out motions"
        ),
    },
    "This machine and downloads": {
        "doctor": CommandEntry("synth.cli.doctor", "doctor", "synth doctor --prepare"),
        "schemas": CommandEntry("synth.cli.schemas", "schemas", "synth schemas --out schemas"),
        "fetch-cmu": CommandEntry(
            "synth.cli.fetch_cmu", "fetch_cmu", "synth fetch-cmu --out cmu --subjects 2,7"
        ),
        "fetch-networks": CommandEntry(
            "synth.cli.fetch_networks", "fetch_networks", "synth fetch-networks --list"
        ),
        "fetch-environments": CommandEntry(
            "synth.cli.fetch_environments",
            "fetch_environments",
            "synth fetch-environments --category indoor --out environments",
        ),
        "convert-weights": CommandEntry(
            "synth.cli.convert_weights",
            "convert_weights",
            "synth convert-weights model.pkl model.safetensors",
        ),
    },
}
COMMANDS = {name: entry for entries in SECTIONS.values() for name, entry in entries.items()}


class _Commands(WholeHelpGroup):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        entry = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(entry.module), entry.attribute)
        command.epilog = f"Example: {entry.example}"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands in their sections, each with its whole first sentence."""
        for section, entries in SECTIONS.items():
            with formatter.section(section):
                self.write_commands(ctx, formatter, list(entries))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="synth")
def cli() -> None:
    """Pedestrian photos to body textures, textures to films, films to recognition."""


def main() -> None:
    """Run the command; bad input is one line on stderr and exit status 1."""
    from action_recog.errors import BadInput as BadRecognitionInput
    from mocap.errors import BadInput
    from synth.cli.heartbeat import end_heartbeat, start_heartbeat
    from synth.cli.line_output import plain_progress

    plain_progress()
    start_heartbeat(" ".join(["synth", *(word for word in sys.argv[1:2] if word in COMMANDS)]))
    try:
        # Without standalone mode click returns the status of a command that ended by Exit.
        status = cli.main(prog_name="synth", standalone_mode=False)
        if isinstance(status, int) and status:
            sys.exit(status)
    except click.exceptions.Abort:
        click.echo("Interrupted; run the same command again to go on.", err=True)
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"Error: {_one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except (BadInput, BadRecognitionInput) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except Exception as error:
        line = _system_trouble(error)
        if line is None:
            raise
        click.echo(f"Error: {line}", err=True)
        sys.exit(1)
    finally:
        end_heartbeat()


def _one_line(error: click.ClickException) -> str:
    """What click has against a call, and whose help says more."""
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    return message if context is None else f"{message} See `{context.command_path} --help`."


def _system_trouble(error: Exception) -> str | None:
    """One line on what the system refused, which is no fault of the program; None for other errors."""
    from mocap.files import disk_trouble

    if trouble := disk_trouble(error):
        name, reason = trouble
        return f"{name or 'writing'}: {reason}; make room and run the same command again to go on"
    if isinstance(error, MemoryError):
        return "memory ran out; give fewer --workers, or smaller input"
    if isinstance(error, OSError):
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        return f"{error.filename}: {reason}" if error.filename is not None else reason
    return None
