"""Every command line on a page is one that its command takes, and every `make` has its target."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from tests.docs.pages import PAGES, ROOT, code_blocks, inline_code, page_name
from tests.synth.cli.command_lines import take

ENDS = {"&&", "||", "|", ";", "&", ">", ">>", "2>", "done", "2>&1"}


def shell_lines(block: str) -> Iterator[list[str]]:
    """The words of each line of a block of shell code, with its variables put in.

    A loop's variable has the first of its values, a variable that nothing sets is 1.
    """
    values: dict[str, str] = {}
    for line in re.sub(r"\\\n\s*", " ", block).splitlines():
        loop = re.match(r"\s*for (\w+) in (\S+)", line)
        if loop:
            values[loop[1]] = loop[2]
            continue
        if " synth " not in f" {line}" and not re.match(r"\s*(\w+=|make )", line):
            continue
        line = re.sub(r"\$\(\(.*?\)\)", "1", line)
        line = re.sub(r"\$\{?(\w+)[^}\s/\"']*\}?", lambda m: values.get(m[1], "1"), line)
        words = shlex.split(line, comments=True)
        assignment = re.fullmatch(r"(\w+)=(.*)", words[0], re.DOTALL) if len(words) == 1 else None
        if assignment:
            values[assignment[1]] = assignment[2]
        elif words:
            yield words


def synth_commands(words: list[str]) -> Iterator[list[str]]:
    """What follows each `synth` in the words of a line, up to the end of that command."""
    for start, word in enumerate(words):
        if word != "synth":
            continue
        command = []
        for follower in words[start + 1 :]:
            if follower in ENDS:
                break
            command.append(follower.removesuffix(";"))
            if follower.endswith(";"):
                break
        yield command


def page_commands(text: str) -> list[tuple[list[str], bool]]:
    """The words after `synth` of every command on a page, and whether it is shown in part only."""
    commands = []
    for block in code_blocks(text, "sh"):
        for words in shell_lines(block):
            for command in synth_commands(words):
                left_out = "..." in command
                commands.append(([word for word in command if word != "..."], left_out))
    for code in inline_code(text):
        if code.startswith("synth "):
            words = shlex.split(code.replace("\\|", "|"))[1:]
            commands.append((words, True))
    return commands


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_command_lines_are_taken_by_their_commands(page):
    wrong = []
    for words, partial in page_commands(page.read_text(encoding="utf-8")):
        if words[0] in ("COMMAND", "--help"):
            continue
        try:
            take(words, partial=partial)
        except click.ClickException as error:
            wrong.append(f"synth {' '.join(words)}: {error.format_message()}")
    assert not wrong


def test_pages_have_commands_and_wrong_ones_are_seen():
    assert sum(len(page_commands(page.read_text(encoding="utf-8"))) for page in PAGES) > 150
    text = (
        '```sh\nfilms="--frames 4"\nfor n in 1 2; do\n    synth plan $films --set a=$n \\\n'
        "        --out b > log; done\nsrun synth check x && synth pack y --out z # more\n```\n"
        "and `synth check films\n--strict` and `synth COMMAND`"
    )
    assert page_commands(text) == [
        (["plan", "--frames", "4", "--set", "a=1", "--out", "b"], False),
        (["check", "x"], False),
        (["pack", "y", "--out", "z"], False),
        (["check", "films", "--strict"], True),
        (["COMMAND"], True),
    ]
    for words in (
        ["harvest"],
        ["check"],
        ["check", "films", "--no-such"],
        ["plan", "--motions", "m", "--textures", "t", "--out", "p", "--engine", "eevee"],
        ["eval-textures", "a", "--images", "b", "--seed", "-1"],
    ):
        with pytest.raises(click.ClickException):
            take(words)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE)) | {".venv/.installed"}
    text = page.read_text(encoding="utf-8")
    lines = [words for block in code_blocks(text, "sh") for words in shell_lines(block)]
    lines += [code.split() for code in inline_code(text)]
    for words in lines:
        if words[0] == "make":
            assert {w for w in words[1:] if "=" not in w} <= targets, words
