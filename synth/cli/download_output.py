"""What every command that downloads says at its end."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.result_output import print_result
from synth.download.download_run import Fetched


def print_download(out: Path, fetched: Fetched, *, as_json: bool) -> None:
    """Print what a download did, and end the command with status 1 where files failed.

    Args:
        out: the folder.
        fetched: what was done.
        as_json: whether --json was given.

    Raises:
        click.exceptions.Exit: where files failed.
    """
    for file, reason in fetched.failed:
        click.echo(f"failed: {file}: {reason}", err=True)
    if fetched.stopped:
        click.echo(f"Stopped: {fetched.stopped}", err=True)
    print_result({"out": out, **vars(fetched)}, f"{out}: {fetched.summary()}", as_json=as_json)
    if fetched.failed:
        raise click.exceptions.Exit(1)
