"""Wrong calls of all commands: one line that names the option or the file, before any work is done."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from synth.cli import COMMANDS, main
from tests.synth.cli.test_options import ALL

LONGEST = 600  # characters of a message: what was found, what was expected, what to do
NEEDS_NOTHING = {
    "body",
    "doctor",
    "fetch-cmu",
    "fetch-environments",
    "fetch-networks",
    "schemas",
    "standins",
    "train",
}
"""Commands whose example is good in an empty folder, or fails on the network alone."""


def example_words(path: tuple[str, ...]) -> list[str]:
    """A call of the command with all that it must be given: its example, or placeholders."""
    words = COMMANDS[path[0]].example.split()[1:]
    if words[: len(path)] == list(path):
        return words
    command = dict(ALL)[path]
    needed: list[str] = list(path)
    for parameter in command.params:
        if parameter.required:
            value = "1" if isinstance(parameter.type, click.types.IntParamType) else "nowhere"
            if isinstance(parameter.type, click.Choice):
                value = str(next(iter(parameter.type.choices)))
            needed += (
                [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], value]
            )
    return needed


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """What a wrong call says: one line on stderr; it ends in failure and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["synth", *words])
        with pytest.raises(SystemExit) as ending:
            main()
        output = capsys.readouterr()
        assert ending.value.code not in (0, None), (words, output.out)
        lines = [line for line in output.err.splitlines() if line.strip()]
        assert len(lines) == 1, (words, output.err)
        (line,) = lines
        assert line.startswith("Error: ") and len(line) < LONGEST, line
        assert "Traceback" not in line and "Errno" not in line, line
        assert list(tmp_path.iterdir()) == [], words
        return line

    return call


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_an_option_that_there_is_not_is_named_with_its_nearest(path, said):
    line = said(*path, "--colour-of-hat", "red")
    assert "--colour-of-hat" in line


REQUIRED = [
    (path, parameter)
    for path, command in ALL
    for parameter in command.params
    if parameter.required and isinstance(parameter, click.Option)
]


@pytest.mark.parametrize(
    ("path", "parameter"), REQUIRED, ids=[f"{' '.join(p)} {o.opts[0]}" for p, o in REQUIRED]
)
def test_what_must_be_given_is_asked_for_by_its_name(path, parameter, said):
    words = example_words(path)
    position = next((k for k, word in enumerate(words) if word in parameter.opts), None)
    if position is not None:
        del words[position : position + 2]
    line = said(*words)
    # Folders that the example names are not there, which may be said first.
    assert any(option.opts[0] in line for option in dict(ALL)[path].params), line


def wrong_values(parameter: click.Option) -> list[str]:
    """Texts that an option of its type cannot mean."""
    kind = parameter.type
    if isinstance(kind, click.Choice):
        return ["mauve", ""]
    if isinstance(kind, click.IntRange | click.FloatRange):
        values = ["many", "nan", ""]
        if kind.min is not None:
            values.append(str(kind.min - 1))
        if kind.max is not None:
            values.append(str(kind.max + 1))
        return values
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return ["many", ""]
    if isinstance(kind, click.Path) and kind.exists:
        return ["nowhere"]
    if kind.name in ("names", "device"):
        return ["mauve"]
    return []


WRONG = [
    (path, parameter, value)
    for path, command in ALL
    for parameter in command.params
    if isinstance(parameter, click.Option) and not parameter.is_flag
    for value in wrong_values(parameter)
]


@pytest.mark.parametrize(
    ("path", "parameter", "value"),
    WRONG,
    ids=[f"{' '.join(path)} {option.opts[0]}={value}" for path, option, value in WRONG],
)
def test_a_value_that_cannot_be_meant_is_refused_with_the_options_name(
    path, parameter, value, said
):
    words = example_words(path)
    line = said(*words, f"{parameter.opts[0]}={value}")
    folders = [p for p in dict(ALL)[path].params if isinstance(p.type, click.Path)]
    assert any(option.opts[0] in line for option in (parameter, *folders)), line


@pytest.mark.parametrize(
    "path", [path for path, _ in ALL if path[0] not in NEEDS_NOTHING], ids=" ".join
)
def test_files_that_are_not_there_are_named(path, said):
    words = example_words(path)
    line = said(*words)
    names = {word.partition("=")[2] or word for word in words[len(path) :]}
    assert any(Path(name).name in line for name in names), (words, line)
