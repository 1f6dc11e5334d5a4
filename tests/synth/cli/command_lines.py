"""A command line of `synth`, taken as far as the command takes it before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import click

from synth.cli import cli


@contextmanager
def any_path() -> Iterator[None]:
    """While it lasts, every path that an option is given exists."""

    def path(kind: click.Path, value: Any, *_: Any) -> Any:
        return value if kind.type is None else kind.type(value)

    with patch.object(click.Path, "convert", path):
        yield


def take(words: Sequence[str], *, partial: bool = False) -> click.Context:
    """The context of the command that the words after `synth` call, its options read and checked.

    Nothing runs, and paths need not exist. Raises click.ClickException for what the command refuses; with
    `partial`, a required option or the value of the last one may be missing.
    """
    context = click.Context(cli, info_name="synth")
    command: click.Command = cli
    words = list(words)
    while isinstance(command, click.Group):
        if not words:
            if partial:
                return context
            raise click.UsageError("no command is named", context)
        name = words.pop(0)
        member = command.get_command(context, name)
        if member is None:
            raise click.UsageError(f"no command {name}", context)
        command, context = member, click.Context(member, info_name=name, parent=context)
    with any_path():
        try:
            return command.make_context(context.info_name, words, parent=context.parent)
        except (click.MissingParameter, click.BadOptionUsage):
            if partial:
                return context
            raise
