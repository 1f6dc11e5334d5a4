"""Every option of every command: one meaning, a help text, and a test that gives it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from synth.cli import COMMANDS, SECTIONS, cli
from synth.cli.options import ChannelNames, DeviceName, Number, listed
from tests.synth.cli.command_lines import take

TESTS = Path(__file__).resolve().parents[2]
ROOT = TESTS.parent


def commands(
    command: click.Command = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that is no group, with the words that call it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from commands(command.get_command(context, name), (*path, name))


ALL = list(commands())
OPTIONS = [
    (path, command, spelling)
    for path, command in ALL
    for parameter in command.params
    if isinstance(parameter, click.Option)
    for spelling in [*parameter.opts, *parameter.secondary_opts]
]


def command_words(tree: ast.AST) -> set[str]:
    """What a test gives to commands: its strings that are one word or begin with a command.

    Docstrings and messages (strings of several words) are left out; functions imported from the
    command line's modules count under their names there.
    """
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = node.value.split()
            if len(parts) == 1 or (parts and parts[0] in COMMANDS):
                words.update(part.partition("=")[0] for part in parts)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("synth.cli."):
            words.update(alias.name for alias in node.names)
    return words


@cache
def words_of_test_files() -> dict[Path, set[str]]:
    paths = [path for path in TESTS.rglob("*.py") if path != Path(__file__).resolve()]
    return {path: command_words(ast.parse(path.read_text())) for path in paths}


def invokes(words: set[str], path: tuple[str, ...]) -> bool:
    """Whether a file with those words calls the command, by its words or its function."""
    function = path[0].replace("-", "_")
    return (path[0] in words or function in words) and set(path[1:]) <= words


@pytest.mark.parametrize(
    ("path", "command", "spelling"),
    OPTIONS,
    ids=[f"{' '.join(path)} {spelling}" for path, _, spelling in OPTIONS],
)
def test_every_option_is_given_by_a_test_of_its_command(path, command, spelling):
    files = words_of_test_files().values()
    assert any(spelling in words and invokes(words, path) for words in files)


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_and_option_says_what_it_is(path, command):
    first = (command.help or "").split("\n\n")[0]
    assert first.endswith(".") and first[0].isupper()
    texts = {p.opts[0]: p.help for p in command.params if isinstance(p, click.Option)}
    assert [name for name, text in texts.items() if not (text or "").endswith(".")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_is_one_that_it_takes(name):
    program, first, *words = COMMANDS[name].example.split()
    assert program == "synth" and first == name
    command = cli.get_command(click.Context(cli), name)
    assert command.epilog.endswith(COMMANDS[name].example)
    assert take([first, *words]).command_path.split()[:2] == ["synth", name]


def test_help_shows_every_command_whole_within_80_columns():
    text = subprocess.run(
        [sys.executable, "-c", "from synth.cli import main; main()", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80"},
        check=True,
    ).stdout
    assert "..." not in text.partition("\n\n")[2] and max(map(len, text.splitlines())) <= 80
    for section, entries in SECTIONS.items():
        assert f"\n{section}:\n" in text
        assert all(f"\n  {name} " in text for name in entries)


def parameters(name: str) -> dict[str, click.Option]:
    """The option of that spelling, by command."""
    return {
        " ".join(path): parameter
        for path, command in ALL
        for parameter in command.params
        if isinstance(parameter, click.Option) and name in parameter.opts
    }


@pytest.mark.parametrize(
    "name", ["--workers", "--seed", "--strict", "--body", "--uv", "--source-fps"]
)
def test_a_shared_option_is_the_same_everywhere(name):
    found = parameters(name)
    kinds = {(p.help, p.default, str(p.type), p.required, p.is_flag) for p in found.values()}
    assert len(kinds) == 1, found


def test_options_of_shared_names_are_of_one_kind():
    for name, beginning in (("--out", "Where to write "), ("--device", "Where to compute: ")):
        texts = {command: p.help for command, p in parameters(name).items()}
        assert [command for command, text in texts.items() if not text.startswith(beginning)] == []
    counts = {name for _, _, name in OPTIONS if name.startswith("--count-")}
    for name in counts:
        for command, option in parameters(name).items():
            assert isinstance(option.type, click.IntRange) and option.type.min in (0, 1, 2), command


def test_what_commands_offer_is_what_the_code_knows():
    from synth.plans.plan_row import LAYOUTS
    from synth.scene.blender import DEVICES
    from synth.scene.engines import ENGINES
    from synth.scene.ground_truth import CHANNELS

    assert set(parameters("--engine")["plan"].type.choices) == set(ENGINES)
    for option in parameters("--layout").values():
        assert set(option.type.choices) == set(LAYOUTS)
    assert parameters("--device")["render-videos"].type.names == DEVICES
    text = parameters("--channels")["ground-truth"].help
    assert all(name in text for name in CHANNELS)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Number(0, min_open=True), {"2": 2.0, "1e9": 1e9}, ["0", "nan", "inf", "two"]),
        (ChannelNames(), {"depth, segm": ("depth", "segm"), "none": ()}, ["albedo", ",", ""]),
        (ChannelNames(none_allowed=False), {"uv": ("uv",)}, ["none"]),
        (DeviceName(("cpu", "cuda:N")), {"CPU": "cpu", "cuda:1": "cuda:1"}, ["cuda", "cuda:N"]),
    ],
    ids=["number", "channels", "channels but none", "device"],
)
def test_values_are_read_or_refused(kind, good, bad):
    assert {text: kind.convert(text, None, None) for text in good} == good
    for text in bad:
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)


def test_names_are_listed_in_words():
    assert listed(("a",)) == "a" and listed(("a", "b", "c")) == "a, b or c"


def test_help_names_all_commands_and_imports_neither_torch_nor_blender():
    code = "import sys\nfrom synth.cli import cli\ncli.main(['--help'], standalone_mode=False)\n"
    code += "assert not {'torch', 'bpy', 'scipy', 'numba'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
