"""What names may be called, and what a public function says of its arguments."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.test_house_rules import OURS, ROOT, sources

# Words that say nothing of what a name holds. `left`, `up`, `down`, `near` and `far` are terms of the
# field, `out` is numpy's word for an array that is written into.
FUNCTION_WORDS = frozenset(
    [
        "own",
        "at",
        "found",
        "place",
        "places",
        "part",
        "rest",
        "wanted",
        "there",
        "told",
        "worn",
        "seen",
        "known",
        "asked",
        "drawn",
        "made",
        "here",
        "else",
        "given",
        "taken",
        "kept",
        "them",
        "their",
        "its",
        "it",
        "this",
        "that",
        "these",
        "those",
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "where",
        "when",
        "why",
        "how",
        "as",
        "by",
        "for",
        "from",
        "in",
        "into",
        "of",
        "off",
        "on",
        "onto",
        "over",
        "per",
        "than",
        "then",
        "to",
        "under",
        "until",
        "upon",
        "via",
        "with",
        "within",
        "without",
        "about",
        "above",
        "again",
        "along",
        "among",
        "around",
        "behind",
        "below",
        "beneath",
        "beside",
        "between",
        "beyond",
        "during",
        "like",
        "since",
        "so",
        "through",
        "throughout",
        "till",
        "toward",
        "towards",
        "unlike",
        "just",
        "only",
        "also",
        "even",
        "still",
        "yet",
        "too",
        "never",
        "always",
        "often",
        "ever",
        "not",
        "no",
        "nor",
        "none",
        "any",
        "both",
        "each",
        "either",
        "every",
        "few",
        "many",
        "more",
        "most",
        "much",
        "neither",
        "others",
        "several",
        "some",
        "such",
        "same",
        "another",
        "enough",
        "less",
        "least",
        "little",
        "half",
        "be",
        "is",
        "are",
        "was",
        "were",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "done",
        "doing",
        "have",
        "has",
        "had",
        "having",
        "can",
        "could",
        "may",
        "might",
        "must",
        "shall",
        "should",
        "will",
        "would",
    ]
)
# Words of the theatre, of the court and of the film crew, which once named workers and checks.
METAPHORS = frozenset(
    [
        "crew",
        "rota",
        "reel",
        "proof",
        "suspect",
        "settle",
        "settled",
        "settling",
        "foothold",
        "footholds",
        "crossing",
        "inert",
        "studio",
        "studios",
        "witness",
    ]
)


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Every name that a file gives to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def words_of(name: str) -> list[str]:
    """The words of a name in lower case: ``FilmCrew`` and ``film_crew`` are film, crew."""
    spaced = "".join(f"_{c}" if c.isupper() else c for c in name)
    return [word.strip("0123456789") for word in spaced.lower().split("_") if word]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_nouns_and_verbs_of_the_trade(path):
    names = sorted(set(bound_names(ast.parse(path.read_text()))))
    alone = [name for name in names if name.strip("_").lower() in FUNCTION_WORDS]
    metaphors = [name for name in [*names, path.stem] if METAPHORS & set(words_of(name))]
    assert not alone and not metaphors


def is_compiled(function: ast.FunctionDef) -> bool:
    """Whether numba compiles the function, whose arguments have no annotations then."""
    return any("jit" in ast.unparse(decorator) for decorator in function.decorator_list)


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Public functions of a module and public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                    yield member


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_are_annotated(path):
    bare = []
    for function in public_functions(ast.parse(path.read_text())):
        if is_compiled(function):
            continue
        arguments = function.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        given += [a for a in (arguments.vararg, arguments.kwarg) if a]
        lacking = [a.arg for a in given if a.annotation is None and a.arg not in ("self", "cls")]
        if lacking or function.returns is None:
            bare.append((function.name, lacking))
    assert not bare


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_begin_with_one_sentence_on_one_line(path):
    tree = ast.parse(path.read_text())
    broken = (
        [] if (ast.get_docstring(tree) or "x.").splitlines()[0].endswith((".", "?", ":")) else [""]
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            docstring = ast.get_docstring(node)
            if docstring and not docstring.splitlines()[0].rstrip().endswith((".", "?", ":")):
                broken.append(node.name)
    assert not broken


@pytest.mark.parametrize("package", OURS)
def test_no_two_public_things_of_a_package_share_a_name(package):
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        if path.parts[-2] == "cli":  # a command has the name of what it calls
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(ROOT)))
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}
