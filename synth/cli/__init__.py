"""The `synth` command: every subcommand parses, calls one function and prints."""

from __future__ import annotations

import importlib
import sys

import click

from synth import __version__

# Command name -> (module that holds it, name of the click command there). Modules are imported only
# when their command runs, so that `synth --help` is instant and training never imports Blender.
COMMANDS: dict[str, tuple[str, str]] = {
    "harvest-textures": ("synth.cli.textures", "harvest_textures"),
    "convert-textures": ("synth.cli.layouts", "convert_textures"),
    "import-textures": ("synth.cli.layouts", "import_textures"),
    "eval-fit": ("synth.cli.body_fits", "eval_fit"),
    "eval-textures": ("synth.cli.texture_scores", "eval_textures"),
    "split-cameras": ("synth.cli.texture_scores", "split_cameras"),
    "score": ("synth.cli.textures", "score"),
    "plan": ("synth.cli.films", "plan"),
    "render-videos": ("synth.cli.films", "render_videos"),
    "check": ("synth.cli.check", "check"),
    "ground-truth": ("synth.cli.ground_truth", "ground_truth"),
    "eval-ucf101": ("synth.cli.recognition", "eval_ucf101"),
    "body": ("synth.cli.body", "body"),
    "motions": ("synth.cli.motions", "motions"),
    "preview": ("synth.cli.preview", "preview"),
    "dress": ("synth.cli.preview", "dress"),
    "turntable": ("synth.cli.turntable", "turntable"),
    "view": ("synth.cli.view", "view"),
    "export": ("synth.cli.export", "export"),
    "export-coco": ("synth.cli.export_coco", "export_coco"),
    "fetch-cmu": ("synth.cli.fetch_cmu", "fetch_cmu"),
    "fetch-networks": ("synth.cli.fetch_networks", "fetch_networks"),
    "convert-weights": ("synth.cli.convert_weights", "convert_weights"),
    "train": ("synth.cli.train", "train"),
    "standins": ("synth.cli.standins", "standins"),
    "pack": ("synth.cli.pack", "pack"),
    "report": ("synth.cli.report", "report"),
    "doctor": ("synth.cli.doctor", "doctor"),
}


class _Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        return getattr(importlib.import_module(module), attribute)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="synth")
def cli() -> None:
    """Pedestrian photos to body textures, textures to films, films to recognition."""


def main() -> None:
    """Run the command; bad input is one line on stderr and exit status 1."""
    from action_recog.errors import BadInput as BadRecognitionInput
    from mocap.errors import BadInput

    try:
        # Without standalone mode click returns the status of a command that ended by Exit.
        status = cli.main(standalone_mode=False)
        if isinstance(status, int) and status:
            sys.exit(status)
    except click.exceptions.Abort:
        click.echo("Interrupted; run the same command again to go on.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
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
