"""Lists of commands that are never cut: each with what its help text begins with, however long."""

from __future__ import annotations

import re

import click


class WholeHelpGroup(click.Group):
    """A group of commands whose list shows each one's whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands as one section."""
        with formatter.section("Commands"):
            self.write_commands(ctx, formatter, self.list_commands(ctx))

    def write_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter, names: list[str]
    ) -> None:
        """The named commands, a row or more each."""
        commands = {name: self.get_command(ctx, name) for name in names}
        formatter.write_dl(
            [(name, first_sentence(c.help or "")) for name, c in commands.items() if c]
        )


def first_sentence(text: str) -> str:
    """What a help text begins with, up to a stop, a semicolon or a colon, on one line."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[.;:]) ", paragraph, maxsplit=1)[0].rstrip(".;:")
