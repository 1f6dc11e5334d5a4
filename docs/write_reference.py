"""Write what the pages say of the code from the code: commands, Python names, scores, fields, cards.

A page has a pair of lines, `<!-- begin NAME ... -->` and `<!-- end NAME -->`; what stands between them is
made by the function of that name in BLOCKS. `python docs/write_reference.py` writes the pages anew; with
`--check` it writes nothing, names the pages that are stale, and exits with 1.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PACKAGES = ("mocap", "textures", "synth", "action_recog")
BLOCK = re.compile(r"(<!-- begin (\S+)[^\n]*-->\n).*?(<!-- end \2 -->)", re.DOTALL)


def escaped(text: str) -> str:
    """Text in which Markdown sees no signs of its own, but for what stands between backticks."""
    pieces = re.split(r"(`[^`]*`)", text)
    for index in range(0, len(pieces), 2):
        piece = re.sub(r"([\\*_\[\]#])", r"\\\1", pieces[index])
        pieces[index] = piece.replace(
            "<", "&lt;"
        )  # which, unlike \<, GitHub and the site both take
    return "".join(pieces)


def code(text: str) -> str:
    """Text as code in a line."""
    return f"`{text}`"


def fenced(text: str, language: str = "") -> str:
    """Text as a block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def listed(rows: Iterable[tuple[str, str]]) -> str:
    """Terms as code and what they mean, a line of a list each."""
    return "".join(f"- {code(term)}: {escaped(' '.join(text.split()))}\n" for term, text in rows)


class MarkdownHelp(click.HelpFormatter):
    """What a command writes of itself, as Markdown; its commands and options become lists."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self.write(fenced(f"{prog} {args}") + "\n")

    def write_heading(self, heading: str) -> None:
        self.write(f"**{escaped(heading)}**\n\n")

    def write_paragraph(self) -> None:
        pass

    def write_text(self, text: str) -> None:
        for paragraph in inspect.cleandoc(text).split("\n\n"):
            line = " ".join(paragraph.replace("\b", "").split())  # click keeps lines after it
            example = line.removeprefix("Example: ")
            if example.startswith("synth "):
                self.write(fenced(example, "sh") + "\n")
            else:
                self.write(f"{escaped(line)}\n\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], *_: Any, **__: Any) -> None:
        self.write(listed(row for row in rows if "--help" not in row[0]) + "\n")


def command_texts(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    """The text of a command and, below it, of the commands in it."""
    yield f"{'#' * level} {context.command_path.removeprefix('synth ')}\n\n"
    formatter = MarkdownHelp()
    command.format_help(context, formatter)
    yield formatter.getvalue()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            assert member is not None
            yield from command_texts(
                member, click.Context(member, info_name=name, parent=context), level + 1
            )


def commands() -> str:
    """Every command, in the sections of `synth --help`."""
    from synth.cli import SECTIONS, cli

    top = click.Context(cli, info_name="synth")
    texts = []
    for section, entries in SECTIONS.items():
        texts.append(f"## {section}\n\n")
        for name in entries:
            command = cli.get_command(top, name)
            assert command is not None
            context = click.Context(command, info_name=name, parent=top)
            texts += command_texts(command, context, 3)
    return "".join(texts)


def command_list() -> str:
    """Every command with its first sentence, linked to the reference."""
    from synth.cli import SECTIONS, cli
    from synth.cli.whole_help import first_sentence

    top = click.Context(cli, info_name="synth")
    texts = []
    for section, entries in SECTIONS.items():
        texts.append(f"\n**{section}**\n\n")
        for name in entries:
            command = cli.get_command(top, name)
            assert command is not None
            text = escaped(first_sentence(command.help or ""))
            texts.append(f"- [{name}](commands.md#{name}): {text}\n")
    return "".join(texts)


SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):$")


def docstring_text(docstring: str) -> str:
    """A docstring as Markdown: its sections in bold, their entries as lists, examples as code."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        rows = block.splitlines()
        heading = SECTION.match(rows[0])
        if ">>>" in rows[0]:
            lines.append(fenced(inspect.cleandoc(block), "python"))
        elif heading:
            lines.append(f"{heading[1]}:\n\n{_entries(rows[1:])}")
        else:
            lines.append(escaped(" ".join(block.split())) + "\n")
    return "\n".join(lines)


def _entries(rows: list[str]) -> str:
    """The entries of a section of a docstring; further lines of an entry are indented."""
    indent = min((len(row) - len(row.lstrip()) for row in rows), default=0)
    entries: list[list[str]] = []
    for row in rows:
        if entries and row[indent : indent + 1] == " ":
            entries[-1].append(row.strip())
        else:
            entries.append([row.strip()])
    texts = [" ".join(entry) for entry in entries]
    named = [re.match(r"(\w+): (.*)", text) for text in texts]
    if not all(named):
        return f"- {escaped(' '.join(texts))}\n"
    return listed((match[1], match[2]) for match in named if match)


class Annotation:
    """An annotation as it stands in the code, without the quotes of a string."""

    def __init__(self, text: Any) -> None:
        self.text = text if isinstance(text, str) else inspect.formatannotation(text)

    def __repr__(self) -> str:
        return self.text


def signature_text(name: str, value: Any) -> str:
    """How a name is called, its parameters on lines of their own where one line is too long."""
    empty = inspect.Signature.empty
    signature = inspect.signature(value)
    parameters = [
        p if p.annotation is empty else p.replace(annotation=Annotation(p.annotation))
        for p in signature.parameters.values()
    ]
    result = signature.return_annotation
    shown = inspect.isclass(value) or result is empty
    signature = inspect.Signature(
        parameters, return_annotation=empty if shown else Annotation(result)
    )
    line = re.sub(r" = <[^>]*>", " = ...", f"{name}{signature}")
    if len(line) <= 88:
        return fenced(line, "py")
    rows = [re.sub(r" = <.*>$", " = ...", str(p)) for p in parameters]
    kinds = [p.kind for p in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds:
        rows.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    ending = "" if shown else f" -> {Annotation(result)}"
    body = "".join(f"    {row},\n" for row in rows)
    return fenced(f"{name}(\n{body}){ending}", "py")


def noun_text(name: str, value: Any) -> str:
    """A name that a package offers: how it is called and what its docstring says."""
    text = f"### {name}\n\n"
    if isinstance(value, Mapping):
        keys = ", ".join(code(key) for key in value)
        return f"{text}A mapping with the keys {keys}.\n"
    if not (inspect.isclass(value) and issubclass(value, Exception)):
        text += signature_text(name, value) + "\n"
    text += docstring_text(value.__doc__ or "")
    methods = (
        [
            (member, function)
            for member, function in vars(value).items()
            if not member.startswith("_") and inspect.isfunction(function)
        ]
        if inspect.isclass(value)
        else []
    )
    if methods:
        rows = [(member, (function.__doc__ or "").split("\n")[0]) for member, function in methods]
        text += f"\nMethods:\n\n{listed(rows)}"
    return text


def python_names() -> str:
    """What each package offers at its top."""
    texts = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        texts.append(f"## {package}\n\n{docstring_text(module.__doc__ or '')}\n")
        texts += [noun_text(name, getattr(module, name)) + "\n" for name in module._MODULES]
    return "".join(texts)


def examples() -> str:
    """The files of examples/, whole."""
    texts = []
    for path in sorted((ROOT / "examples").glob("*.py")):
        texts.append(f"### {path.name}\n\n{fenced(path.read_text(encoding='utf-8'), 'python')}\n")
    return "".join(texts)


def protocols() -> str:
    """The scores of two images, by name."""
    from textures.metrics import PROTOCOLS

    rows = (
        (name, protocol.definition + (" Needs a mask." if protocol.needs_mask else ""))
        for name, protocol in PROTOCOLS.items()
    )
    return listed(rows)


def measures() -> str:
    """The measures of textures that are no scores of two images."""
    from textures.evaluation.measures import all_measures
    from textures.metrics import PROTOCOLS

    kinds: dict[str, list[str]] = {}
    for name, measure in all_measures().items():
        if name.partition(" (")[0] not in PROTOCOLS:
            kinds.setdefault(measure.definition, []).append(name)
    return listed((names[0].partition(" (")[0], text) for text, names in kinds.items())


def model_cards() -> str:
    """The cards of the shipped weights."""
    folder = ROOT / "textures" / "weights"
    texts = []
    for path in sorted(folder.glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        size = path.with_suffix(".safetensors").stat().st_size / 1e6
        texts.append(f"### {path.stem}\n\n{size:.1f} MB, licence {card['licence']}.\n\n")
        rows = [(name, str(value)) for name, value in card["data"].items()]
        texts.append(f"Data:\n\n{listed(rows)}\n")
        rows = [(name, _figure(value)) for name, value in card["metrics"].items()]
        texts.append(f"Figures:\n\n{listed(rows)}\n")
        texts.append(f"Command, as it was run:\n\n{fenced(card['command'], 'text')}\n")
        if "started from" in card:
            origins = "".join(f"- {escaped(text)}\n" for text in card["started from"])
            texts.append(f"Started from:\n\n{origins}\n")
        settings = {name: card[name] for name in ("config", "recipe") if name in card}
        texts.append(f"Configuration:\n\n{fenced(json.dumps(settings, indent=1), 'json')}\n")
    return "".join(texts)


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def networks() -> str:
    """The networks of others that `synth fetch-networks` fetches."""
    from synth.download.networks import NETWORKS

    rows = [
        (
            network.name,
            f"{network.purpose}; {network.size / 1e6:.1f} MB; licence {network.licence}; "
            f"run by {network.needs}.",
        )
        for network in NETWORKS
    ]
    return listed(rows)


def presets() -> str:
    """Every number of a preset with its default, and what the packaged presets change."""
    from synth.plans.preset import FOLDER, Preset, read_preset

    texts = []
    standard = read_preset("standard")
    for section in dataclasses.fields(Preset):
        if section.name == "name":
            continue
        values = getattr(standard, section.name)
        docstring = docstring_text(type(values).__doc__ or "")
        rows = "".join(
            f"{field.metadata.get('key', field.name)} = {_toml(getattr(values, field.name))}\n"
            for field in dataclasses.fields(values)
        )
        texts.append(f"### {section.name}\n\n{docstring}\n{fenced(rows, 'toml')}\n")
    for path in sorted(FOLDER.glob("*.toml")):
        source = path.read_text(encoding="utf-8")
        tomllib.loads(source)
        texts.append(f"### The preset {path.stem}\n\n{fenced(source, 'toml')}\n")
    return "".join(texts)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_toml(entry)}" for key, entry in value.items())
        return f"{{{inner}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def file_lines() -> str:
    """What a line of plan.jsonl, clips.jsonl and textures.jsonl is, in the words of what reads it."""
    from synth.clips.clip_lines import ClipLine
    from synth.plans.plan_row import PlanRow
    from textures.library import TextureEntry

    lines = {"textures": TextureEntry, "plan": PlanRow, "clips": ClipLine}
    texts = []
    for name, line in lines.items():
        fields = ", ".join(code(field.name) for field in dataclasses.fields(line))
        schema = f"[schemas/{name}.schema.json](schemas/{name}.schema.json)"
        texts.append(f"### {name}.jsonl\n\n{docstring_text(line.__doc__ or '')}\n")
        texts.append(f"Fields: {fields}.\n\nSchema of a line: {schema}.\n\n")
    return "".join(texts)


def info_fields() -> str:
    """The variables of `_info.mat`."""
    from synth.clips.conventions import ADDED_FIELDS, SURREAL_FIELDS

    return (
        f"SURREAL's:\n\n{listed(SURREAL_FIELDS.items())}\n"
        f"What it lacked:\n\n{listed(ADDED_FIELDS.items())}"
    )


def compact_files() -> str:
    """How the files of the layout `compact` are read without this package."""
    from synth.clips.compact_channels import COMPACT

    return listed((name, text) for name, text in COMPACT.items() if isinstance(text, str))


BLOCKS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "command-list": command_list,
    "python-names": python_names,
    "examples": examples,
    "protocols": protocols,
    "measures": measures,
    "model-cards": model_cards,
    "networks": networks,
    "presets": presets,
    "file-lines": file_lines,
    "info-fields": info_fields,
    "compact-files": compact_files,
}


MEASURED = ("rstg-tables",)
"""Blocks that a command writes of a run, as `synth eval-textures --table` does; they stay as they are."""


def written_page(text: str) -> str:
    """A page with its blocks made anew. Raises KeyError for a block that nothing makes."""

    def block(match: re.Match[str]) -> str:
        if match[2] in MEASURED:
            return match[0]
        return f"{match[1]}\n{BLOCKS[match[2]]().strip()}\n\n{match[3]}"

    return BLOCK.sub(block, text)


def main() -> None:
    """Write the pages, or check them."""
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit("usage: python docs/write_reference.py [--check]")
    stale = []
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        page = written_page(text)
        if page != text:
            stale.append(path.name)
            if not check:
                path.write_text(page, encoding="utf-8")
    if check and stale:
        sys.exit(f"stale: {', '.join(stale)}; run python docs/write_reference.py")
    print(f"{'stale' if check else 'written'}: {', '.join(stale) or 'none'}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
